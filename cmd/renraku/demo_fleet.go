package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"renraku/cmd/internal/control"
	"renraku/cmd/internal/daemon"
	"renraku/cmd/internal/definition"
	"renraku/contactfile"
	"renraku/slave"
	"renraku/slave/runs"
)

const (
	demoProcess  = "ONLINE"
	demoManager  = "mgr01"
	demoInterval = 500 * time.Millisecond
	demoTimeout  = 200 * time.Millisecond
	demoRetries  = 2

	isRunning = contactfile.Running
	isStopped = contactfile.Stopped
)

// fleet is the daemons of the demo: all in this process, each with sockets and a directory of its own.
type fleet struct {
	definition *definition.Definition
	manager    *member
	slaves     []*member
	wire       *wire
	stopped    *stopped
}

// member is one daemon of the fleet, whether it runs or not.
type member struct {
	host       string
	dir        string
	definition *definition.Definition // with its own address as it is; the others' relays stand at theirs
	overhear   func(slog.Handler) slog.Handler
	log        *os.File

	daemon *daemon.Daemon
	stop   context.CancelFunc
	ended  chan error
}

// newFleet writes a definition for n slaves into dir and reads it back.
func newFleet(dir string, n int) (*fleet, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "renraku.toml")
	hosts := []string{demoManager}
	for i := range n {
		hosts = append(hosts, fmt.Sprintf("app%02d", i+1))
	}
	f := &fleet{wire: newWire(), stopped: &stopped{at: map[string]time.Time{}}}
	own, err := freePorts(len(hosts))
	if err != nil {
		return nil, err
	}
	relays := make([]int, len(hosts))
	for i := range relays {
		if relays[i], err = f.wire.relay(own[i]); err != nil {
			return nil, err
		}
	}
	text, err := demoDefinition(dir, hosts, relays)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, err
	}
	if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
		return nil, err
	}
	if f.definition, err = definition.Load(path); err != nil {
		return nil, err
	}
	for i, host := range hosts {
		m := &member{host: host, dir: filepath.Join(dir, host), definition: behindRelay(f.definition, host, own[i]),
			overhear: func(h slog.Handler) slog.Handler { return h }}
		if err := os.MkdirAll(m.dir, 0o750); err != nil {
			return nil, err
		}
		for _, left := range m.traces() { // of a demo before in the same directory
			if err := os.RemoveAll(left); err != nil {
				return nil, err
			}
		}
		if host == demoManager {
			m.overhear = func(h slog.Handler) slog.Handler { return overheard{h, f.stopped, hosts[1:]} }
			f.manager = m
		} else {
			f.slaves = append(f.slaves, m)
		}
	}
	return f, nil
}

// behindRelay is the definition for a daemon that listens on another port than the others know.
func behindRelay(d *definition.Definition, host string, port int) *definition.Definition {
	own, address := *d, "127.0.0.1:"+strconv.Itoa(port)
	own.Slaves = slices.Clone(d.Slaves)
	if role, i, _ := own.Role(host); role == definition.SlaveRole {
		own.Slaves[i].Address = address
	} else {
		own.Manager.Address = address
	}
	return &own
}

func demoDefinition(dir string, hosts []string, ports []int) (string, error) {
	program, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find this program: %w", err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "[manager]\nhost    = %q\naddress = \"127.0.0.1:%d\"\n\n", hosts[0], ports[0])
	fmt.Fprintf(&b, "[monitor]\ninterval = %q\ntimeout  = %q\nretries  = %d\n", demoInterval, demoTimeout, demoRetries)
	for i, host := range hosts[1:] {
		fmt.Fprintf(&b, "\n[[slave]]\nhost    = %q\naddress = \"127.0.0.1:%d\"\n", host, ports[i+1])
	}
	command := fmt.Sprintf("[%q, \"demo-application\", %q]", program, dir)
	fmt.Fprintf(&b, "\n[[process]]\nid      = %q\ncommand = %s\nfrom    = [\"NOT-STARTED\"]\nstatus  = %q\ntimeout = \"10s\"\n",
		demoProcess, command, demoProcess)
	b.WriteString(demoBatchDefinition(command, hosts[1]))
	return b.String(), nil
}

// freePorts finds ports of 127.0.0.1 that are free for UDP and TCP just now.
func freePorts(n int) ([]int, error) {
	var ports []int
	for range n {
		packets, listener, err := listenBoth()
		if err != nil {
			return nil, err
		}
		defer packets.Close() // held until all are found, so that none is given twice
		defer listener.Close()
		ports = append(ports, portOf(listener))
	}
	return ports, nil
}

func (f *fleet) all() []*member { return append([]*member{f.manager}, f.slaves...) }

// detection is the time that validate prints.
func (f *fleet) detection() time.Duration { return f.definition.Groups[0].Detection() }

func (f *fleet) startAll() error {
	for _, m := range f.all() {
		if err := m.start(); err != nil {
			return err
		}
	}
	return nil
}

// order gives the operator's order through the manager's control socket, for some hosts or, where none is named, for all.
func (f *fleet) order(ctx context.Context, process string, hosts ...string) ([]control.Row, error) {
	var rows []control.Row
	err := control.NewClient(f.manager.dir).Order(ctx, control.Order{Process: process, Hosts: hosts, All: len(hosts) == 0}, func(control.Head) {},
		func(r control.Row) { rows = append(rows, r) })
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return rows, err
}

// managerSays says what is otherwise in the manager's contact file.
func (f *fleet) managerSays(m *member, operating contactfile.Operating, application string) error {
	return says(f.manager.contactFile(), m.host, operating, application)
}

// end shuts every daemon down as SIGTERM does, the manager last, and looks that the contact files are empty.
func (f *fleet) end() error {
	for _, m := range append(f.slaves, f.manager) {
		if err := m.end(); err != nil {
			return fmt.Errorf("shut %s down: %w", m.host, err)
		}
	}
	return nil
}

func (f *fleet) killAll() {
	for _, m := range f.all() {
		m.kill()
	}
}

func (m *member) contactFile() string { return filepath.Join(m.dir, daemon.ContactFile) }

// trace is what the demo's application leaves behind on this server.
func (m *member) trace() string { return tracePath(filepath.Dir(m.dir), m.host, demoProcess) }

// traces is what a demo leaves on this server beside its log and its contact file.
func (m *member) traces() []string {
	return []string{m.trace(), tracePath(filepath.Dir(m.dir), m.host, demoBatch),
		filepath.Join(m.dir, runs.Name), filepath.Join(m.dir, slave.HistoryFile)}
}

func (m *member) start() error {
	log, err := os.OpenFile(filepath.Join(m.dir, "renrakud.log"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o640)
	if err != nil {
		return err
	}
	d, err := daemon.Open(daemon.Options{
		Definition: m.definition, Host: m.host, Dir: m.dir, Log: slog.New(m.overhear(slog.NewTextHandler(log, nil)))})
	if err != nil {
		log.Close()
		return fmt.Errorf("start %s: %w", m.host, err)
	}
	ctx, stop := context.WithCancel(context.Background())
	m.daemon, m.stop, m.ended, m.log = d, stop, make(chan error, 1), log
	go func() { m.ended <- d.Run(ctx) }()
	return nil
}

// kill ends the daemon without a word to anybody.
func (m *member) kill() {
	if m.daemon == nil {
		return
	}
	m.daemon.Kill()
	<-m.ended
	m.forget()
}

// end shuts the daemon down, and looks that its contact file is empty then.
func (m *member) end() error {
	if m.daemon == nil {
		return nil
	}
	m.stop()
	err := <-m.ended
	m.forget()
	if err != nil {
		return err
	}
	records, err := contactfile.ReadFile(m.contactFile())
	if err == nil && len(records) > 0 {
		err = errors.New("its contact file is not empty")
	}
	return err
}

func (m *member) forget() {
	m.stop()
	m.log.Close()
	m.daemon = nil
}

func (m *member) ownFileSays(operating contactfile.Operating, application string) error {
	return says(m.contactFile(), m.host, operating, application)
}

// hasRunApplication looks that the ordered process has really run on this server.
func (m *member) hasRunApplication() error {
	if _, err := os.Stat(m.trace()); err != nil {
		return fmt.Errorf("%s has not run on %s: %w", demoProcess, m.host, err)
	}
	return nil
}

// says reads a contact file and gives what is otherwise in it; an empty application stands for any.
func says(path, host string, operating contactfile.Operating, application string) error {
	r, err := contactfile.ReadRecord(path, host)
	if err != nil {
		return err
	}
	if r.Operating != operating || application != "" && r.Application != application {
		return fmt.Errorf("%s is %s %s in %s", host, r.Operating, orDash(r.Application), path)
	}
	return nil
}
