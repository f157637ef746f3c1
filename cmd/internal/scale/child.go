package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// A child answers each line of its standard input with one line of JSON, and ends with its input. Its first line says that it
// serves; that of one with a socket is the address.

// child is a process of this program with a role.
type child struct {
	role    string
	command *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
	address string
}

// start starts a child, and waits until it serves.
func start(ctx context.Context, cpu int, role string, args ...string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &child{role: role, command: exec.CommandContext(ctx, self, append([]string{"-role", role, "-cpu", strconv.Itoa(cpu)}, args...)...)}
	c.command.Stderr = os.Stderr
	if c.in, err = c.command.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := c.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.out = bufio.NewReader(out)
	if err := c.command.Start(); err != nil {
		return nil, err
	}
	if err := c.read(&c.address); err != nil {
		c.stop()
		return nil, err
	}
	return c, nil
}

// ask asks something of the child; answer may be nil.
func (c *child) ask(answer any, question ...any) error {
	if _, err := fmt.Fprintln(c.in, question...); err != nil {
		return fmt.Errorf("ask %s: %w", c.role, err)
	}
	return c.read(answer)
}

func (c *child) read(answer any) error {
	line, err := c.out.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("answer of %s: %w", c.role, err)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(line, answer)
}

// pause has the child do nothing until resume.
func (c *child) pause() error { return c.command.Process.Signal(syscall.SIGSTOP) }

func (c *child) resume() error { return c.command.Process.Signal(syscall.SIGCONT) }

// stop ends the child.
func (c *child) stop() {
	c.in.Close()
	c.command.Wait()
}

// serveRole is the child's side.
func serveRole(role string, args []string) error {
	switch role {
	case "echo", "echo-single":
		return serveEcho(role == "echo-single")
	case "asker", "asker-single":
		return serveAsker(args[0], role == "asker-single")
	case "simulation":
		return serveSimulation(args[0], mode(args[1]), args[2:]...)
	case "poll":
		return servePoll(args[0], mode(args[1]), args[2], args[3])
	}
	return fmt.Errorf("no such role")
}

// answerQuestions answers the lines of standard input until it ends. The first line that goes out is the address.
func answerQuestions(address string, answer func(question []string) (any, error)) error {
	out := json.NewEncoder(os.Stdout)
	if err := out.Encode(address); err != nil {
		return err
	}
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
