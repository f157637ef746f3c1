package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"renraku/cmd/internal/control"
	"renraku/cmd/internal/keygen"
	"renraku/cmd/internal/trial"
	"renraku/slave/credentials"
)

// What the held slaves are asked with.
const (
	heldInterval = time.Second
	heldTimeout  = 200 * time.Millisecond
	heldRetries  = 3
)

// mustBeHeld is how many slaves have to be held at least.
var mustBeHeld = map[mode]int{plain: 100_000, sealed: 50_000}

// The limits of holding.
const (
	mostStart    = 2 * time.Second
	mostCores    = 1.0
	mostResident = 100 << 20
	goalResident = 64 << 20
	startWait    = 30 * time.Second // for all to be RUNNING
	settle       = 2 * time.Second
)

// held is renrakud as the manager of many simulated slaves.
type held struct {
	slaves     int
	dir        string
	keys       string // of sealed mode, else empty
	simulation *trial.Child
	daemon     *exec.Cmd
	journal    *journal
	begun      time.Time // when the daemon was started
}

// measureHold has renrakud hold the slaves, and then find those that fall silent, and then be stopped for a while.
func measureHold(ctx context.Context, o *options, must *trial.Claims) error {
	dir, err := os.MkdirTemp("", "renraku-scale-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	slaves := o.slaves
	if slaves == 0 {
		slaves = mustBeHeld[o.mode]
	}
	h, err := startHeld(ctx, dir, slaves, o.mode)
	if err != nil {
		return err
	}
	defer h.stop()
	for _, measure := range []func(context.Context, *options, *trial.Claims) error{h.measureStart, h.measureHold, h.measureFall, h.measurePause} {
		if err := measure(ctx, o, must); err != nil {
			return fmt.Errorf("%w; the manager's log ends with\n%s", err, h.journal.said())
		}
	}
	return nil
}

func startHeld(ctx context.Context, dir string, slaves int, how mode) (*held, error) {
	h := &held{slaves: slaves, dir: dir, journal: &journal{}}
	binary := filepath.Join(dir, "renrakud")
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, "renraku/cmd/renrakud")
	build.Stderr = os.Stderr
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if err := build.Run(); err != nil {
		return nil, fmt.Errorf("build renrakud: %w", err)
	}
	simulation := []string{strconv.Itoa(slaves), string(how)}
	if how == sealed {
		h.keys = filepath.Join(dir, "keys")
		manager := keygen.Options{Dir: h.keys, Manager: managerHost.String(), Life: credentials.HostLife, Now: time.Now()}
		if _, err := keygen.Run(manager); err != nil {
			return nil, err
		}
		simulation = append(simulation, h.keys)
	}
	var err error
	if h.simulation, err = start(ctx, anyCPU, "simulation", simulation...); err != nil {
		return nil, err
	}
	if err := h.startDaemon(ctx, binary); err != nil {
		h.simulation.Stop()
		return nil, err
	}
	return h, nil
}

func (h *held) startDaemon(ctx context.Context, binary string) error {
	definition := filepath.Join(h.dir, "renraku.toml")
	address, err := freeAddress()
	if err != nil {
		return err
	}
	text := fmt.Sprintf("[manager]\nhost = \"mgr01\"\naddress = %q\n\n[monitor]\ninterval = \"%v\"\ntimeout = \"%v\"\nretries = %d\n\n"+
		"[[slave]]\nhost = \"%s[%0*d-%d]\"\naddress = %q\n", address, heldInterval, heldTimeout, heldRetries,
		simulatedPrefix, len(strconv.Itoa(h.slaves)), 1, h.slaves, h.simulation.Address)
	if h.keys != "" {
		text += fmt.Sprintf("\n[security]\nmode = \"sealed\"\nkeys = %q\n", filepath.Join(h.keys, "{host}"))
	}
	if err := os.WriteFile(definition, []byte(text), 0o600); err != nil {
		return err
	}
	h.daemon = exec.CommandContext(ctx, binary, "--config", definition, "--host", "mgr01", "--dir", h.dir, "--log-format", "json")
	log, err := h.daemon.StderrPipe()
	if err != nil {
		return err
	}
	h.begun = time.Now()
	if err := h.daemon.Start(); err != nil {
		return err
	}
	go h.journal.follow(log)
	return nil
}

// freeAddress is one at which nobody listens now.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", loopback)
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

func (h *held) stop() {
	h.daemon.Process.Kill()
	h.daemon.Wait()
	h.simulation.Stop()
}

func (h *held) contactFile() string { return filepath.Join(h.dir, "contact.dat") }

// measureStart waits until the manager is ready, and then until all run.
func (h *held) measureStart(ctx context.Context, o *options, must *trial.Claims) error {
	for h.journal.readyAt().IsZero() {
		if time.Since(h.begun) > startWait {
			return fmt.Errorf("the manager is not ready after %v", startWait)
		}
		if err := trial.Sleep(ctx, lookAgain); err != nil {
			return err
		}
	}
	took := h.journal.readyAt().Sub(h.begun).Round(time.Millisecond)
	must.Add(took <= mostStart, fmt.Sprintf("start of renrakud with %d slaves, until it is ready", h.slaves), took.String(),
		"at most "+mostStart.String())
	if err := awaitRunning(ctx, h.contactFile(), h.slaves+1, startWait); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "all %d are RUNNING %v after the start\n", h.slaves, time.Since(h.begun).Round(time.Millisecond))
	return trial.Sleep(ctx, settle)
}

// measureHold has nothing happen.
func (h *held) measureHold(ctx context.Context, o *options, must *trial.Claims) error {
	h.journal.takeStopped()
	var first, last []uint32
	if err := h.simulation.Ask(&first, "inquiries"); err != nil {
		return err
	}
	skippedBefore, err := h.skipped(ctx)
	if err != nil {
		return err
	}
	before, err := usageOf(h.daemon.Process.Pid)
	if err != nil {
		return err
	}
	resident := before.Resident
	after := before
	for until := before.At.Add(o.hold); time.Now().Before(until); {
		if err := trial.Sleep(ctx, min(time.Second, time.Until(until))); err != nil {
			return err
		}
		if after, err = usageOf(h.daemon.Process.Pid); err != nil {
			return err
		}
		resident = max(resident, after.Resident)
	}
	if err := h.simulation.Ask(&last, "inquiries"); err != nil {
		return err
	}
	took := after.At.Sub(before.At)
	least, most := ^uint32(0), uint32(0)
	for i := range first {
		n := last[i] - first[i]
		least, most = min(least, n), max(most, n)
	}
	rounds := uint32(took / heldInterval)
	skipped, err := h.skipped(ctx)
	if err != nil {
		return err
	}
	what := fmt.Sprintf("%d slaves at %v for %v: ", h.slaves, heldInterval, o.hold)
	stopped := len(h.journal.takeStopped())
	must.Add(stopped == 0, what+"found STOPPED", fmt.Sprint(stopped), "0")
	must.Add(skipped == skippedBefore && least+1 >= rounds, what+"rounds skipped; a slave was asked", fmt.Sprintf("%d; %d to %d times",
		skipped-skippedBefore, least, most), fmt.Sprintf("0; at least %d times", rounds-1))
	cores := (after.CPU - before.CPU).Seconds() / took.Seconds()
	must.Add(cores <= mostCores, what+"cores used", fmt.Sprintf("%.2f", cores), fmt.Sprintf("at most %.0f", mostCores))
	must.Add(resident <= mostResident, what+"resident", fmt.Sprintf("%d MiB", resident>>20),
		fmt.Sprintf("at most %d MiB; the goal is %d", mostResident>>20, goalResident>>20))
	return nil
}

// skipped is how many rounds the manager has not begun in time.
func (h *held) skipped(ctx context.Context) (uint64, error) {
	state, err := control.NewClient(h.dir).State(ctx)
	return state.Dropped["rounds skipped"], err
}

// signal sends the daemon a signal.
func (h *held) signal(s syscall.Signal) error { return h.daemon.Process.Signal(s) }
