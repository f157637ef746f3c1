package cmdtest

import (
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// Daemon is a renrakud as a process.
type Daemon struct {
	*Process
	Host, Dir string
}

// Start starts renrakud as host and waits until it says that it is ready.
func Start(t testing.TB, config, host, dir string, more ...string) *Daemon {
	t.Helper()
	args := append([]string{"--config", config, "--host", host, "--dir", dir}, more...)
	d := &Daemon{Process: Begin(t, exec.Command(Binary(t, "renrakud"), args...)), Host: host, Dir: dir}
	d.awaitReady(t)
	return d
}

func (d *Daemon) awaitReady(t testing.TB) {
	t.Helper()
	Until(t, patience, d.Host+" ready", func() bool {
		select {
		case <-d.exited:
			require.FailNow(t, d.Host+" ended before it was ready", d.Log())
		default:
		}
		return strings.Contains(d.Log(), "msg=ready") || strings.Contains(d.Log(), `"msg":"ready"`)
	})
}

// Log is its log so far.
func (d *Daemon) Log() string { return d.Stderr() }

// Kill ends it with SIGKILL.
func (d *Daemon) Kill(t testing.TB) {
	t.Helper()
	d.Signal(t, syscall.SIGKILL)
	d.Wait(t)
}

// Terminate sends SIGTERM, waits for the end and gives the exit status.
func (d *Daemon) Terminate(t testing.TB) int {
	t.Helper()
	d.Signal(t, syscall.SIGTERM)
	return d.Wait(t)
}
