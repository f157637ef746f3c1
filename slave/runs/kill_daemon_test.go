package runs_test

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
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"renraku/contactfile"
	"renraku/slave"
	"renraku/slave/runs"
	"renraku/telegram"
)

// What this binary is started as, beside the tests, and what it is to do then.
const (
	envMode    = "RENRAKU_TEST_MODE"
	modeDaemon = "daemon"
	modeCloser = "closer"

	envDir   = "RENRAKU_TEST_DIR"   // the daemon's directory
	envOrder = "RENRAKU_TEST_ORDER" // number and kind of the program; empty: nothing is ordered
	envFault = "RENRAKU_TEST_FAULT" // who is killed, and where
	envBy    = "RENRAKU_TEST_BY"    // at a parent: the PID of its daemon
)

// raceOptions keeps daemons and parents of a race build from waiting a second at their end.
const raceOptions = "GORACE=atexit_sleep_ms=0"

// fault has somebody killed by SIGKILL: at a step, or, where there is none, some time after the start of the one that kills.
type fault struct {
	step   string
	after  time.Duration
	daemon bool // is killed
	parent bool // is killed
}

func (f fault) String() string {
	return fmt.Sprintf("%s %d %t %t", orDash(f.step), f.after.Microseconds(), f.daemon, f.parent)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func parseFault(s string) (f fault) {
	var micros int64
	if _, err := fmt.Sscan(s, &f.step, &micros, &f.daemon, &f.parent); err != nil {
		return fault{}
	}
	f.after = time.Duration(micros) * time.Microsecond
	return f
}

// statusLocked is the exit status of a daemon that finds the lock held: the one before was killed while it forked, and the child
// has a copy of the lock until it executes its program.
const statusLocked = 75

// Steps that a fault can name. Those of the daemon kill the daemon. Three are this test's own: "recorded" is between the record
// of the history and field 133, "settled" before the one who waits is told, and "told" after that.
var (
	daemonSteps = []string{"intent", "launched", "given", "recorded", "filing", "filed", "settled", "told"}
	parentSteps = []string{"begun", "started", "forked", "named", "ended", "done", "kept"}
)

// armDaemon kills this daemon at its step.
func armDaemon(f fault) {
	arm(f, func() {
		if f.daemon {
			killSelf()
		}
	}, f.daemon && !f.parent)
	runs.SetParentEnv(envFault+"="+f.String(), envBy+"="+strconv.Itoa(os.Getpid()), raceOptions)
}

// armParent kills this parent, its daemon or both at its step.
func armParent() {
	f := parseFault(os.Getenv(envFault))
	arm(f, func() {
		if by, err := strconv.Atoi(os.Getenv(envBy)); f.daemon && err == nil && os.Getppid() == by {
			syscall.Kill(by, syscall.SIGKILL)
		}
		if f.parent {
			killSelf()
		}
	}, f.parent)
}

func arm(f fault, kill func(), timed bool) {
	runs.SetAt(func(step string) {
		if step == f.step {
			kill()
		}
	})
	if timed && f.step == "-" {
		time.AfterFunc(f.after, kill)
	}
}

func killSelf() {
	syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

var app01, _ = telegram.NewHost("app01")

// daemonMain is a daemon that takes up what the one before left, to its end, and then executes one order. It says on standard
// output "ordering NUMBER RECORDS STATUS" before the order, and "told NUMBER OUTCOME" after it; where nothing is ordered,
// "recovered RECORDS STATUS".
func daemonMain() {
	defer os.Exit(0)
	f := parseFault(os.Getenv(envFault))
	armDaemon(f)
	dir := os.Getenv(envDir)
	file, err := contactfile.Open(filepath.Join(dir, "contact.dat"))
	if errors.Is(err, contactfile.ErrLocked) {
		os.Exit(statusLocked)
	}
	check(err)
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	d := &daemon{records: try(slave.OpenRecords(dir, log)), own: slave.NewOwnRecord(app01, file, 0), log: log, fault: f,
		ended: make(chan struct{}, 1)}
	d.own.Remember(d.records.Memory)
	d.own.Tell(func(string) { d.killAt("recorded") })
	check(slave.NewStatusControl(app01, d.own, file, log).Begin())
	d.takeUp()
	number, kind, ordered := strings.Cut(os.Getenv(envOrder), " ")
	if !ordered {
		fmt.Println("recovered", d.records.History.Len(), d.own.Application())
		return
	}
	fmt.Println("ordering", number, d.records.History.Len(), d.own.Application())
	d.order(number, kind, filepath.Join(dir, "marks"))
}

// daemon is the part of a slave's daemon that has to do with runs.
type daemon struct {
	records *slave.Records
	own     *slave.OwnRecord
	log     *slog.Logger
	fault   fault
	ended   chan struct{} // a process has ended
}

func (d *daemon) killAt(step string) {
	if d.fault.step == step {
		killSelf()
	}
}

func (d *daemon) begin(p ...slave.Process) *slave.ExecutionControl {
	return slave.NewExecutionControl(slave.ExecutionConfig{Host: app01, Own: d.own, Processes: p, Records: d.records, Log: d.log,
		Tell: d.tell})
}

func (d *daemon) tell(event string) {
	d.killAt("settled")
	if !strings.HasSuffix(event, " launched") {
		select {
		case d.ended <- struct{}{}:
		default:
		}
	}
}

// takeUp returns when nothing is left of the runs of earlier daemons.
func (d *daemon) takeUp() {
	for {
		e := d.begin()
		e.Recover()
		for until := time.Now().Add(takeUpMost); e.Running() > 0 && time.Now().Before(until); {
			time.Sleep(lookAgain) // one of type simple is up, and Close does not wait for it
		}
		if left := e.Close(context.Background()); len(left) == 0 {
			break
		}
	}
	select {
	case <-d.ended: // of an earlier one
	default:
	}
}

const (
	lookAgain  = 2 * time.Millisecond
	takeUpMost = 10 * time.Second // of one daemon; then another one tries
	killMost   = time.Minute      // for the parent to kill this daemon
)

func (d *daemon) order(number, kind, marks string) {
	p := program(kind, number, marks)
	if strings.HasSuffix(number, "1") { // often enough; every other parent is started for its run
		check(d.records.Runs.KeepParent())
	}
	e := d.begin(p)
	result, err := e.Execute(context.Background(), slave.Order{Process: p.ID, Trigger: slave.ByOperator})
	check(err)
	fmt.Println("told", number, result.Outcome)
	d.killAt("told")
	if d.fault.daemon && slices.Contains([]string{"ended", "done", "kept"}, d.fault.step) { // the parent may be slower than this daemon's end
		time.Sleep(killMost)
		check(errors.New("the parent of the run did not kill its daemon"))
	}
	if kind == "breaks" && result.Outcome == slave.Launched { // this daemon stays for its end
		<-d.ended
	}
	e.Close(context.Background())
}

// program leaves a mark at its start and at its end. What it makes of field 133 has the number of the order in it.
func program(kind, number, marks string) slave.Process {
	id := try(telegram.NewProcessID("JOB"))
	start, end := "echo start "+number+" >>"+marks, "echo end "+number+" >>"+marks
	script := func(lines ...string) []string { return []string{"/bin/sh", "-c", strings.Join(lines, "\n")} }
	status := func(prefix string) telegram.Status { return try(telegram.NewStatus(prefix + number)) }
	p := slave.Process{ID: id}
	if kind != "forks" {
		p.Status, p.Failed = status(statusUp), status(statusFailed)
	}
	switch kind {
	case "plain":
		p.Command = script(start, end)
	case "slow":
		p.Command = script(start, "sleep 0.1", end)
	case "fails":
		p.Command = script(start, end, "exit 3")
	case "forks":
		p.Command = script(start, "(sleep 0.1; echo late) &", end)
	case "closes":
		p.Command = []string{try(os.Executable()), number, marks}
		p.Env = map[string]string{envMode: modeCloser}
	case "serves":
		p.Command = script(start, "sleep 0.1", end)
	case "breaks":
		p.Command = script(start, "sleep 0.1", end, "exit 3")
	case "early":
		p.Command = script(start, end)
	}
	if isSimple(kind) {
		p.Type, p.Settle, p.After = slave.Simple, 20*time.Millisecond, status(statusAfter)
		if kind == "early" {
			p.Settle = time.Minute // it ends before
		}
	}
	return p
}

// What a program makes of field 133, before the number of its order.
const (
	statusUp     = "UP-"
	statusFailed = "FAILED-"
	statusAfter  = "AFTER-"
)

// The kinds of programs; the last three are of type simple.
var kinds = []string{"plain", "slow", "fails", "forks", "closes", "serves", "breaks", "early"}

func isSimple(kind string) bool { return kind == "serves" || kind == "breaks" || kind == "early" }

// closerMain is a program that closes every descriptor that it was started with, and then goes on for a while.
func closerMain() {
	mark := func(what string) {
		fd := try(unix.Open(os.Args[2], unix.O_WRONLY|unix.O_APPEND|unix.O_CREAT, 0o640))
		try(unix.Write(fd, []byte(what+" "+os.Args[1]+"\n")))
		check(unix.Close(fd))
	}
	mark("start")
	check(unix.CloseRange(0, 1<<16, 0))
	pause := unix.NsecToTimespec(int64(30 * time.Millisecond))
	unix.Nanosleep(&pause, nil)
	mark("end")
	os.Exit(0)
}

func try[T any](value T, err error) T {
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
