package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A child answers each line of its standard input with one line of JSON, and ends with its input. Its first line says that it
// serves.

// child is a process of this program with a role.
type child struct {
	name    string
	command *exec.Cmd
	in      io.WriteCloser
	ended   chan struct{}

	mu  sync.Mutex // one question at a time
	out *bufio.Reader
}

// startWait is the longest time until a child serves.
const startWait = 30 * time.Second

// start starts a child, and waits until it serves. What it writes to standard error goes to log.
func start(ctx context.Context, name string, log io.Writer, role string, args ...string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &child{name: name, command: exec.CommandContext(ctx, self, append([]string{"-role", role}, args...)...), ended: make(chan struct{})}
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
		out.SetReadDeadline(time.Unix(1, 0))
		close(c.ended)
	}()
	out.SetReadDeadline(time.Now().Add(startWait))
	if err := c.read(nil); err != nil {
		c.kill()
		return nil, err
	}
	out.SetReadDeadline(time.Time{})
	return c, nil
}

// ask asks something of the child; answer may be nil. It waits as long as the child is stopped.
func (c *child) ask(answer any, question ...any) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, err := fmt.Fprintln(c.in, question...); err != nil {
		return fmt.Errorf("ask %s: %w", c.name, err)
	}
	return c.read(answer)
}

func (c *child) read(answer any) error {
	line, err := c.out.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("answer of %s: %w", c.name, err)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(line, answer)
}

func (c *child) pid() int { return c.command.Process.Pid }

func (c *child) signal(s syscall.Signal) error { return c.command.Process.Signal(s) }

// kill ends the child with SIGKILL.
func (c *child) kill() {
	c.command.Process.Kill()
	<-c.ended
}

// terminate ends it with SIGTERM, and says how it ended.
func (c *child) terminate(patience time.Duration) error {
	if err := c.signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-c.ended:
	case <-time.After(patience):
		c.kill()
		return fmt.Errorf("%s has not ended %v after SIGTERM", c.name, patience)
	}
	if code := c.command.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("%s ended with %d after SIGTERM", c.name, code)
	}
	return nil
}

// hasEnded says whether the child is no more.
func (c *child) hasEnded() bool {
	select {
	case <-c.ended:
		return true
	default:
		return false
	}
}

// answerQuestions answers the lines of standard input until it ends.
func answerQuestions(answer func(question []string) (any, error)) error {
	out := json.NewEncoder(os.Stdout)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		a, err := answer(strings.Fields(lines.Text()))
		if err == nil {
			err = out.Encode(a)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// sayServing is a child's first line.
func sayServing() { fmt.Println("true") }

// sleep waits, at most until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
