package runs_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
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

// Steps that a fault can name. Those of the daemon kill the daemon; "told" is this test's own.
var (
	daemonSteps = []string{"intent", "launched", "filing", "filed", "told"}
	parentSteps = []string{"begun", "started", "forked", "named", "ended", "done"}
)

// armDaemon kills this daemon at its step.
func armDaemon(f fault) {
	arm(f, func() {
		if f.daemon {
			killSelf()
		}
	}, f.daemon && !f.parent)
	runs.SetParentEnv(envFault+"="+f.String(), envBy+"="+strconv.Itoa(os.Getpid()))
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
// output "ordering NUMBER RECORDS" before the order, and "told NUMBER OUTCOME" after it.
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
	records := try(slave.OpenRecords(dir, log))
	own := slave.NewOwnRecord(app01, file, 0)
	own.Remember(records.Memory)
	check(slave.NewStatusControl(app01, own, file, log).Begin())
	begin := func(p ...slave.Process) *slave.ExecutionControl {
		return slave.NewExecutionControl(slave.ExecutionConfig{Host: app01, Own: own, Processes: p, Records: records, Log: log})
	}
	first := begin()
	first.Recover()
	first.Close(context.Background())

	number, kind, ordered := strings.Cut(os.Getenv(envOrder), " ")
	if !ordered {
		fmt.Println("recovered", records.History.Len())
		return
	}
	p := program(kind, number, filepath.Join(dir, "marks"))
	second := begin(p)
	fmt.Println("ordering", number, records.History.Len())
	result, err := second.Execute(context.Background(), slave.Order{Process: p.ID, Trigger: slave.ByOperator})
	check(err)
	fmt.Println("told", number, result.Outcome)
	if f.step == "told" {
		killSelf()
	}
	second.Close(context.Background())
}

// program leaves a mark at its start and at its end.
func program(kind, number, marks string) slave.Process {
	id := try(telegram.NewProcessID("JOB"))
	start, end := "echo start "+number+" >>"+marks, "echo end "+number+" >>"+marks
	script := func(lines ...string) []string { return []string{"/bin/sh", "-c", strings.Join(lines, "\n")} }
	p := slave.Process{ID: id}
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
	}
	return p
}

var kinds = []string{"plain", "slow", "fails", "forks", "closes"}

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
