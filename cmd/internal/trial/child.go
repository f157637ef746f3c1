// Package trial is what the trials of the whole have in common: processes of a program itself that answer its questions, the table of
// what must hold, and what a record of a history means for the other side.
//
// child.go is such a process, as the program that starts it has it, and answer.go is the side of that process; claims.go is the table;
// record.go tells records apart.
package trial

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// Child is a process of this program. It answers each line of its standard input with one line of JSON, and ends with its input.
// Its first line says that it serves, and where.
type Child struct {
	Name    string          // for messages
	Address string          // at which it serves, empty where it has none
	Ended   <-chan struct{} // closed when it has

	command *exec.Cmd
	in      io.WriteCloser
	mu      sync.Mutex // one question at a time
	out     *bufio.Reader
}

// startWait is the longest time until a child serves.
const startWait = 30 * time.Second

// Start starts this program with other arguments, and waits until it serves. What it writes to standard error goes to log. It is
// killed when ctx ends.
func Start(ctx context.Context, name string, log io.Writer, args ...string) (*Child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	ended := make(chan struct{})
	c := &Child{Name: name, command: exec.CommandContext(ctx, self, args...), Ended: ended}
	c.command.Stderr = log
	c.command.WaitDelay = time.Second // for what processes that it has left behind keep open
	if c.in, err = c.command.StdinPipe(); err != nil {
		return nil, err
	}
	out, w, err := os.Pipe() // not that of exec, which Wait closes under the reader
	if err != nil {
		return nil, err
	}
	c.command.Stdout, c.out = w, bufio.NewReader(out)
	err = c.command.Start()
	w.Close()
	if err != nil {
		out.Close()
		return nil, err
	}
	go func() {
		c.command.Wait()
		close(ended)
		out.SetReadDeadline(time.Unix(1, 0)) // processes that it has left behind may keep the other end open
	}()
	out.SetReadDeadline(time.Now().Add(startWait))
	if err := c.read(&c.Address); err != nil {
		c.Kill()
		return nil, err
	}
	out.SetReadDeadline(time.Time{})
	return c, nil
}

// Ask asks something of the child, its words with spaces between; answer may be nil. It waits as long as the child is stopped.
func (c *Child) Ask(answer any, question ...any) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, err := fmt.Fprintln(c.in, question...); err != nil {
		return fmt.Errorf("ask %s: %w", c.Name, err)
	}
	return c.read(answer)
}

var errEnded = errors.New("it has ended")

func (c *Child) read(answer any) error {
	line, err := c.out.ReadBytes('\n')
	if errors.Is(err, io.EOF) || errors.Is(err, os.ErrDeadlineExceeded) && c.HasEnded() {
		err = errEnded
	}
	if err != nil {
		return fmt.Errorf("answer of %s: %w", c.Name, err)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(line, answer)
}

// PID is the number of the process.
func (c *Child) PID() int { return c.command.Process.Pid }

// Signal sends a signal; after the child's end it is os.ErrProcessDone.
func (c *Child) Signal(s syscall.Signal) error { return c.command.Process.Signal(s) }

// Pause has the child do nothing until Resume.
func (c *Child) Pause() error { return c.Signal(syscall.SIGSTOP) }

// Resume has it go on.
func (c *Child) Resume() error { return c.Signal(syscall.SIGCONT) }

// Stop ends the child's input, and waits for its end.
func (c *Child) Stop() {
	c.in.Close()
	<-c.Ended
}

// Kill ends the child with SIGKILL, stopped or not.
func (c *Child) Kill() {
	c.command.Process.Kill()
	<-c.Ended
}

// Terminate ends it with SIGTERM, and says how it ended.
func (c *Child) Terminate(patience time.Duration) error {
	if err := c.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-c.Ended:
	case <-time.After(patience):
		c.Kill()
		return fmt.Errorf("%s has not ended %v after SIGTERM", c.Name, patience)
	}
	if code := c.command.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("%s ended with %d after SIGTERM", c.Name, code)
	}
	return nil
}

// HasEnded says whether the child is no more.
func (c *Child) HasEnded() bool {
	select {
	case <-c.Ended:
		return true
	default:
		return false
	}
}

// Sleep waits, at most until ctx ends, whose cause it gives then.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
