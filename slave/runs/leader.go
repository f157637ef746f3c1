package runs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// EndedNormally begins the text of a process that ended with status 0.
const EndedNormally = "ended normally"

const (
	killAfter   = 5 * time.Second        // from TERM to KILL of a process group
	groupLook   = 50 * time.Millisecond  // between two looks at a process group that was told to end
	outputGrace = 250 * time.Millisecond // for the rest of the output after the end of a process
)

// leader is the process of a run: the leader of a process group of its own.
type leader struct {
	pid     int
	started time.Time
	output  *capture
	exited  chan struct{} // closed when it has ended and was not waited for yet, so that its number stays taken
	drained chan struct{} // closed when nobody holds the output's pipe any more

	status   syscall.WaitStatus
	err      error         // what kept its end from being known
	timedOut time.Duration // its timeout, where that ended it
	took     time.Duration
}

// startLeader starts the process and writes who it is. Standard input is empty; standard output and error are one pipe.
func startLeader(p *parent) (*leader, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	out, in, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make a pipe for its output: %w", err)
	}
	defer in.Close()
	lock, err := inherited(p.lock)
	if err != nil {
		return nil, fmt.Errorf("hand the lock of the run down: %w", err)
	}
	defer unix.Close(lock)
	l := &leader{started: time.Now(), output: p.output, exited: make(chan struct{}), drained: make(chan struct{})}
	c := &p.command
	l.pid, err = syscall.ForkExec(c.Argv[0], c.Argv, &syscall.ProcAttr{
		Dir:   c.Dir,
		Env:   c.Env,
		Files: []uintptr{null.Fd(), in.Fd(), in.Fd()},
		Sys:   &syscall.SysProcAttr{Setpgid: true, Credential: c.Credential},
	})
	if err != nil {
		out.Close()
		return nil, startError(err, c)
	}
	at("forked")
	if who, err := identify(l.pid); err == nil { // without it the lock and the session tell whether it lives
		putLine(p.disk, identityLine(wordLeader, p.run, l.started, who))
	}
	at("named")
	go func() {
		defer close(l.drained)
		defer out.Close()
		io.Copy(l.output, out)
	}()
	go func() {
		defer close(l.exited)
		l.awaitExit()
	}()
	return l, nil
}

// awaitExit returns when the process has ended and leaves it to be waited for.
func (l *leader) awaitExit() {
	for {
		err := unix.Waitid(unix.P_PID, l.pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// settles says whether the process still runs after that time.
func (l *leader) settles(after time.Duration) bool {
	timer := time.NewTimer(after)
	defer timer.Stop()
	select {
	case <-l.exited:
		return false
	case <-timer.C:
		return true
	}
}

// wait waits for the end of the process; at its timeout (0: none) the process group gets TERM, and KILL after killAfter. The
// process is waited for last, so that the group's number stays taken while signals are sent to it.
func (l *leader) wait(timeout time.Duration) {
	if timeout > 0 {
		deadline := time.NewTimer(timeout)
		defer deadline.Stop()
		select {
		case <-l.exited:
		case <-deadline.C:
			l.timedOut = timeout
			l.endGroup()
		}
	}
	<-l.exited
	l.took = time.Since(l.started)
	for {
		_, l.err = syscall.Wait4(l.pid, &l.status, 0, nil)
		if !errors.Is(l.err, syscall.EINTR) {
			break
		}
	}
	grace := time.NewTimer(outputGrace)
	defer grace.Stop()
	select {
	case <-l.drained:
	case <-grace.C:
	}
}

// endGroup sends TERM, and KILL after killAfter to those that are left.
func (l *leader) endGroup() {
	l.signalGroup(syscall.SIGTERM)
	patience := time.NewTimer(killAfter)
	defer patience.Stop()
	look := time.NewTicker(groupLook)
	defer look.Stop()
	for groupLives(l.pid) {
		select {
		case <-look.C:
		case <-patience.C:
			l.signalGroup(syscall.SIGKILL)
			return
		}
	}
}

// signalGroup: the group may have ended meanwhile, which is what the signal is for.
func (l *leader) signalGroup(s syscall.Signal) { syscall.Kill(-l.pid, s) }

// drain returns when nobody holds the output any more.
func (l *leader) drain() { <-l.drained }

func (l *leader) isDrained() bool {
	select {
	case <-l.drained:
		return true
	default:
		return false
	}
}

// normal says whether the process ended normally.
func (l *leader) normal() bool {
	return l.err == nil && l.timedOut == 0 && l.status.Exited() && l.status.ExitStatus() == 0
}

// text reads like "exit status 3: cannot open the database".
func (l *leader) text() string {
	var how string
	switch {
	case l.err != nil:
		how = fmt.Sprintf("its end is not known: %v", l.err)
	case l.timedOut > 0:
		how = fmt.Sprintf("timed out after %v, %s", l.timedOut, statusText(l.status))
	case l.normal():
		how = fmt.Sprintf(EndedNormally+" after %v", l.took.Round(time.Millisecond))
	default:
		how = statusText(l.status)
	}
	if last := l.output.lastLine(); last != "" {
		how += ": " + last
	}
	return how
}

// statusText says how a process ended in the words of Go's os package.
func statusText(s syscall.WaitStatus) string {
	if s.Signaled() {
		text := "signal: " + s.Signal().String()
		if s.CoreDump() {
			text += " (core dumped)"
		}
		return text
	}
	return fmt.Sprintf("exit status %d", s.ExitStatus())
}

// startError names the path and the reason. The child's error does not say whether chdir(2) or execve(2) failed, so the
// directory is looked at again.
func startError(err error, c *Command) error {
	var dirErr *fs.PathError
	if _, e := os.Stat(c.Dir + "/."); errors.As(e, &dirErr) {
		return fmt.Errorf("cannot change to directory %s: %w", c.Dir, dirErr.Err)
	}
	return fmt.Errorf("cannot start %s: %w", c.Argv[0], err)
}

// inherited is a copy of the descriptor that the program that is started next inherits, at a number that programs do not use.
func inherited(f *os.File) (int, error) {
	return unix.FcntlInt(f.Fd(), unix.F_DUPFD, inheritedFrom)
}

const inheritedFrom = 100
