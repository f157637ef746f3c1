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
	"golang.org/x/text/width"
)

// Terminal is a terminal in memory: what is written to Slave can be read with Output, and what Type writes is typed.
type Terminal struct {
	Slave  *os.File
	master *os.File
	output text
}

// NewTerminal opens one of this size; with sizes of zero it does not tell its size.
func NewTerminal(t testing.TB, columns, rows int) *Terminal {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	require.NoError(t, err)
	require.NoError(t, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	require.NoError(t, err)
	require.NoError(t, unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Col: uint16(columns), Row: uint16(rows)}))
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

// Resize gives the terminal another size, and its processes the signal that says so.
func (x *Terminal) Resize(t testing.TB, columns, rows int) {
	t.Helper()
	size := &unix.Winsize{Col: uint16(columns), Row: uint16(rows)}
	require.NoError(t, unix.IoctlSetWinsize(int(x.Slave.Fd()), unix.TIOCSWINSZ, size))
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

var control = regexp.MustCompile(`\x1b\[([?0-9;]*)([A-Za-z])|\r|\n|[^\x1b\r\n]+|\x1b`)

// Screen is what a terminal shows after this output: it knows the controls that the commands use, and shows others as ␛.
func Screen(output string) string {
	s := &screen{lines: []string{""}}
	for _, part := range control.FindAllStringSubmatch(output, -1) {
		switch {
		case part[2] != "" && s.obey(part[1], part[2]):
		case part[0] == "\r":
			s.column = 0
		case part[0] == "\n":
			s.to(s.row+1, s.column)
		default:
			s.write(strings.ReplaceAll(part[0], "\x1b", "␛"))
		}
	}
	return strings.TrimRight(strings.ReplaceAll(strings.Join(s.lines, "\n"), secondCell, ""), "\n")
}

// secondCell stands in the second of the two cells that a wide character of East Asia takes.
const secondCell = "\x00"

// screen is the lines that a terminal shows, and the place of the cursor.
type screen struct {
	lines       []string
	row, column int
	main        *screen // while the alternate screen is shown
}

// obey does what a control says, and says whether it knows it.
func (s *screen) obey(parameters, control string) bool {
	number := func(i int) int {
		n, _ := strconv.Atoi(append(strings.Split(parameters, ";"), "")[i])
		return n
	}
	switch control + parameters {
	case "J":
		s.lines = s.lines[:s.row+1]
		s.lines[s.row] = string([]rune(s.lines[s.row])[:s.column])
		return true
	case "J2":
		s.lines = []string{""}
		s.to(s.row, s.column)
		return true
	case "K":
		s.lines[s.row] = string([]rune(s.lines[s.row])[:min(s.column, len([]rune(s.lines[s.row])))])
		return true
	case "h?1049":
		*s = screen{lines: []string{""}, main: &screen{lines: s.lines, row: s.row, column: s.column}}
		return true
	case "l?1049":
		*s = *s.main
		return true
	case "h?25", "l?25":
		return true
	}
	switch control {
	case "A":
		s.row = max(s.row-number(0), 0)
		return true
	case "H":
		s.to(number(0)-1, number(1)-1)
		return true
	}
	return control == "m"
}

// to moves the cursor to a row that may not be there yet.
func (s *screen) to(row, column int) {
	for len(s.lines) <= row {
		s.lines = append(s.lines, "")
	}
	s.row, s.column = row, column
}

func (s *screen) write(text string) {
	var written []rune
	for _, r := range text {
		written = append(written, r)
		if k := width.LookupRune(r).Kind(); k == width.EastAsianWide || k == width.EastAsianFullwidth {
			written = append(written, []rune(secondCell)...)
		}
	}
	line := []rune(fmt.Sprintf("%-*s", s.column, s.lines[s.row]))
	line = append(line[:s.column], append(written, line[min(s.column+len(written), len(line)):]...)...)
	s.lines[s.row], s.column = string(line), s.column+len(written)
}
