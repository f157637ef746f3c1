package cmdtest

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// Terminal is a terminal in memory: what is written to Slave can be read with Output, and what Type writes is typed.
type Terminal struct {
	Slave  *os.File
	master *os.File
	output text
}

// NewTerminal opens one of this size; with sizes of zero it does not tell its size.
func NewTerminal(t testing.TB, width, height int) *Terminal {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	require.NoError(t, err)
	require.NoError(t, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	require.NoError(t, err)
	require.NoError(t, unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Col: uint16(width), Row: uint16(height)}))
	require.NoError(t, unix.SetNonblock(fd, true)) // so that Close ends a read
	x := &Terminal{master: os.NewFile(uintptr(fd), "ptmx")}
	x.Slave, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		io.Copy(&x.output, x.master)
	}()
	t.Cleanup(func() {
		x.Slave.Close()
		x.master.Close()
		<-ended
	})
	return x
}

// Begin starts a command in the terminal, which takes all that it reads and writes.
func (x *Terminal) Begin(t testing.TB, c *exec.Cmd) *Process {
	t.Helper()
	c.Stdin = x.Slave
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	p := &Process{Cmd: c, exited: make(chan struct{})}
	c.Stdout, c.Stderr = x.Slave, x.Slave
	p.start(t)
	return p
}

// Type types keys, such as "\x03" for Ctrl-C.
func (x *Terminal) Type(t testing.TB, keys string) {
	t.Helper()
	_, err := io.WriteString(x.master, keys)
	require.NoError(t, err)
}

// Output is all that was written so far.
func (x *Terminal) Output() string { return x.output.String() }

// Screen is what a person sees, without blank lines at the end.
func (x *Terminal) Screen() string { return Screen(x.Output()) }

var control = regexp.MustCompile(`\x1b\[(\d+)A|\x1b\[J|\r|\n|[^\x1b\r\n]+|\x1b`)

// Screen is what a terminal shows after this output: it knows the controls that the commands use, and shows others as ␛.
func Screen(output string) string {
	lines, row, column := []string{""}, 0, 0
	for _, part := range control.FindAllStringSubmatch(output, -1) {
		switch {
		case part[1] != "":
			up, _ := strconv.Atoi(part[1])
			row = max(row-up, 0)
		case part[0] == "\x1b[J":
			lines = lines[:row+1]
			lines[row] = string([]rune(lines[row])[:column])
		case part[0] == "\r":
			column = 0
		case part[0] == "\n":
			if row++; row == len(lines) {
				lines = append(lines, "")
			}
		default:
			written := []rune(strings.ReplaceAll(part[0], "\x1b", "␛"))
			line := []rune(fmt.Sprintf("%-*s", column, lines[row]))
			line = append(line[:column], append(written, line[min(column+len(written), len(line)):]...)...)
			lines[row], column = string(line), column+len(written)
		}
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n")
}
