package slave

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"renraku/slave/runs"
	"renraku/telegram"
)

// SetStatus corrects field 133 on the operator's word, and notes it in the history first.
func (e *ExecutionControl) SetStatus(status telegram.Status) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	r := Result{Host: e.host, Trigger: ByOperator, Outcome: Set, Application: status, Time: now(),
		Text: fmt.Sprintf("corrected by the operator; it was %s", shown(e.own.Application()))}
	index, err := e.history.Append(r.Record())
	if err != nil {
		return fmt.Errorf("status not corrected: %w", err)
	}
	e.offer(index, &r, false)
	e.log.Info(fmt.Sprintf("%v application %v set by the operator", e.host, status), "host", e.host.String(), "application", status.String())
	return e.own.SetApplication(time.Now(), status)
}

// Limits of the checks of applications.
const (
	MaxChecks  = 16               // at once
	checkLeast = 10 * time.Second // a check may take its interval, and at least this long; then it is ended and has failed
	checkGrace = time.Second      // for the output of children that it leaves behind
	lostAfter  = 2                // failed checks in a row after which the application is lost
)

// serveChecks checks the applications of this server (claim 1) until ctx ends: each process definition with a check, while field
// 133 is its status.
func (e *ExecutionControl) serveChecks(ctx context.Context) error {
	for ctx.Err() == nil {
		e.checkUntilRedefined(ctx)
	}
	return nil
}

func (e *ExecutionControl) checkUntilRedefined(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	e.mu.Lock()
	redefined := e.redefined
	places := make(chan struct{}, MaxChecks)
	for _, p := range e.processes {
		if len(p.Check) > 0 && p.On(e.host.String()) {
			all.Go(func() { e.keepChecking(ctx, p, places) })
		}
	}
	e.mu.Unlock()
	select {
	case <-redefined:
	case <-ctx.Done():
	}
}

// keepChecking runs the check of one process at its interval. Two failures in a row, with no other status in between, and the
// application is lost.
func (e *ExecutionControl) keepChecking(ctx context.Context, p *Process, places chan struct{}) {
	failures, unable := 0, ""
	for pause(ctx, p.CheckInterval) {
		if !e.own.Monitored() || e.own.Application() != p.Status {
			failures = 0
			continue
		}
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			return
		}
		why, err := e.runCheck(ctx, p)
		<-places
		switch {
		case ctx.Err() != nil:
			return
		case err != nil: // it says nothing of the application
			if err.Error() != unable {
				unable = err.Error()
				e.log.Error(fmt.Sprintf("check of %v@%v cannot be run", p.ID, e.host), "host", e.host.String(),
					"process", p.ID.String(), "error", err)
			}
			continue
		}
		unable = ""
		if why == "" {
			failures = 0
			continue
		}
		failures++
		e.log.Warn(fmt.Sprintf("check of %v@%v failed", p.ID, e.host), "host", e.host.String(), "process", p.ID.String(),
			"failures", failures, "reason", why)
		if failures >= lostAfter && e.lose(p, why) {
			failures = 0
		}
	}
}

// runCheck runs the check once and says why it failed; "" where it did not. The error is that it could not be run at all.
func (e *ExecutionControl) runCheck(ctx context.Context, p *Process) (why string, err error) {
	c, err := commandOf(p, e.host, p.Status, &Order{Process: p.ID, Trigger: ByCheck})
	if err != nil {
		return "", err
	}
	wait := max(p.CheckInterval, checkLeast)
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	var output runs.Tail
	cmd := exec.CommandContext(ctx, p.Check[0], p.Check[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = c.Dir, c.Env, &output, &output
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: c.Credential}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = checkGrace
	if err := cmd.Start(); err != nil {
		return "", plainStartError(err)
	}
	err = cmd.Wait()
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay): // it ended with 0; only its children went on printing
		return "", nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		why = fmt.Sprintf("the check did not end within %v", wait)
	case errors.As(err, new(*exec.ExitError)):
		why = err.Error()
	default:
		return "", fmt.Errorf("its end is not known: %w", err)
	}
	if last := output.LastLine(); last != "" {
		why += ": " + last
	}
	return why, nil
}

// plainStartError names the file and the reason without the words of Go's os package.
func plainStartError(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return fmt.Errorf("cannot start %s: %w", path.Path, path.Err)
	}
	return err
}

// lose puts the result of a check into the contact file: the application is no longer there. It says whether that is settled; not
// where the history could not be written, so that the next failure tries again.
func (e *ExecutionControl) lose(p *Process, why string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.own.Application() != p.Status || e.changing() != nil {
		return true // an order has changed it meanwhile, or is about to
	}
	after := p.Failed
	if after.IsZero() {
		after = NotStarted
	}
	r := Result{Host: e.host, Process: p.ID, Trigger: ByCheck, Outcome: Lost, Application: after, Text: why, Time: now()}
	index, err := e.history.Append(r.Record())
	if err != nil {
		e.log.Error("history not written", "host", e.host.String(), "process", p.ID.String(), "outcome", string(Lost), "error", err)
		return false
	}
	e.apply(after, p.Status)
	e.offer(index, &r, false)
	r.Log(e.log)
	e.tell(r.Event(false))
	return true
}
