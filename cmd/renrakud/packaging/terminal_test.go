//go:build interop

package main

import (
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
)

// nobody is the number of the user without rights, and of his group.
const nobody = 65534

// terminal is a shell that somebody types into, with jobs as in a terminal.
type terminal struct {
	t     *testing.T
	shell *cmdtest.Process
	in    io.WriteCloser
	typed int
	read  int // bytes of standard output
}

// open starts a shell in a directory, as root or as an ordinary user, with the environment that Debian gives him. What it has started is
// killed at the end of the test, if it runs still.
func open(t *testing.T, dir string, root bool) *terminal {
	t.Helper()
	c := exec.Command("setpriv", fmt.Sprintf("--reuid=%d", nobody), fmt.Sprintf("--regid=%d", nobody), "--clear-groups", "bash", "--noprofile", "--norc")
	c.Env = []string{"HOME=" + dir, "PATH=/usr/local/bin:/usr/bin:/bin", "TZ=" + zone(time.Now())}
	if root {
		c = exec.Command("bash", "--noprofile", "--norc")
		c.Env = []string{"HOME=/root", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive"}
	}
	c.Dir = dir
	in, err := c.StdinPipe()
	require.NoError(t, err)
	x := &terminal{t: t, shell: cmdtest.Begin(t, c), in: in}
	t.Cleanup(func() {
		if jobs, _ := x.do("jobs -p"); jobs != "" {
			x.do("kill -KILL " + strings.Join(strings.Fields(jobs), " "))
		}
		in.Close()
		x.shell.Wait(t)
	})
	x.do("set -m")
	if !root {
		x.do("umask 002") // as where each user has a group of his own
	}
	return x
}

// doUnlocked is do, and types the line again while another program has dpkg's lock.
func (x *terminal) doUnlocked(line string) (out string, status int) {
	x.t.Helper()
	for began := time.Now(); ; <-time.After(time.Second) {
		said := len(x.shell.Stderr())
		out, status = x.do(line)
		locked := strings.HasPrefix(line, "dpkg ") && strings.Contains(x.shell.Stderr()[said:], "lock was locked by another process")
		if status == 0 || !locked || time.Since(began) > lockWait {
			return out, status
		}
	}
}

// zone is one in which it is far from 22:00, when the example's day ends by itself.
func zone(now time.Time) string {
	if now.UTC().Hour() < 20 {
		return "UTC"
	}
	return "Etc/GMT+12"
}

var end = regexp.MustCompile(`(?m)^end of (\d+): (\d+)\n`)

// do types a line, waits until it has ended and gives what it printed and its exit status.
func (x *terminal) do(line string) (out string, status int) {
	x.t.Helper()
	x.typed++
	_, err := fmt.Fprintf(x.in, "%s\nprintf '\\nend of %d: %%d\\n' $?\n", line, x.typed)
	require.NoError(x.t, err, "%s\n%s", line, x.shell.Stderr())
	var found []int
	cmdtest.Until(x.t, patience, line, func() bool {
		found = end.FindStringSubmatchIndex(x.shell.Stdout()[x.read:])
		return found != nil
	})
	text := x.shell.Stdout()[x.read:]
	require.Equal(x.t, strconv.Itoa(x.typed), text[found[2]:found[3]], line)
	status, err = strconv.Atoi(text[found[4]:found[5]])
	require.NoError(x.t, err)
	x.read += found[1]
	return strings.TrimSuffix(text[:found[0]], "\n"), status
}
