package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"renraku/cmd/internal/cmdtest"
	"renraku/contactfile"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// watched is a contact file with three records, and the command that watches it.
func watched(t *testing.T, args ...string) (*contactfile.File, *exec.Cmd) {
	t.Helper()
	dir := cmdtest.Dir(t)
	file, err := contactfile.Open(filepath.Join(dir, "contact.dat"))
	require.NoError(t, err)
	t.Cleanup(func() { file.Close() })
	require.NoError(t, file.Create([]contactfile.Record{
		{Host: "mgr01", Operating: contactfile.Running, Application: "NOT-STARTED", Since: noon},
		{Host: "app01", Operating: contactfile.Running, Application: "ONLINE", Since: noon},
		{Host: "app02", Operating: contactfile.Stopped, Since: noon},
	}))
	return file, exec.Command(cmdtest.Binary(t, "renraku"), append([]string{"status", "--watch", "--dir", dir}, args...)...)
}

// stop sets field 132 of app01.
func stop(t *testing.T, file *contactfile.File) {
	t.Helper()
	_, changed, err := file.Update(1, noon.Add(time.Hour), func(r *contactfile.Record) { r.Operating = contactfile.Stopped })
	require.NoError(t, err)
	require.True(t, changed)
}

func TestWatchWithoutATerminalPrintsALineForEachChange(t *testing.T) {
	t.Parallel()
	file, command := watched(t)
	p := cmdtest.Begin(t, command)
	lines := ""
	expect := func(more string) {
		t.Helper()
		lines += more
		cmdtest.Until(t, aWhile, more, func() bool { return strings.Count(p.Stdout(), "\n") >= strings.Count(lines, "\n") })
		require.Equal(t, lines, p.Stdout())
	}
	expect("2026-11-22T12:00:00Z mgr01 RUNNING NOT-STARTED\n" +
		"2026-11-22T12:00:00Z app01 RUNNING ONLINE\n" +
		"2026-11-22T12:00:00Z app02 STOPPED -\n")
	stop(t, file)
	expect("2026-11-22T13:00:00Z app01 STOPPED ONLINE\n")

	require.NoError(t, file.Clear())
	cmdtest.Until(t, aWhile, "the end of monitoring", func() bool { return strings.HasSuffix(p.Stdout(), "Z no monitoring\n") })
	p.Signal(t, unix.SIGINT)
	assert.Equal(t, 0, p.Wait(t))
	assert.Equal(t, 5, strings.Count(p.Stdout(), "\n"), p.Stdout())
	assert.Regexp(t, `\Arenraku: status: no daemon is running in .*: the contact file is as the last one left it\n\z`, p.Stderr(), "once")
}

func TestWatchSaysWhoGoesIntoMaintenanceAndComesOutOfIt(t *testing.T) {
	t.Parallel()
	_, command := watched(t, "app01")
	path := filepath.Join(command.Args[len(command.Args)-2], "maintenance.dat")
	p := cmdtest.Begin(t, command)
	cmdtest.Until(t, aWhile, "its first line", func() bool { return strings.Contains(p.Stdout(), "app01 RUNNING") })
	until := time.Now().UTC().Add(time.Hour).Truncate(time.Second)
	for _, c := range []struct {
		all  []contactfile.Maintenance
		want string
	}{
		{[]contactfile.Maintenance{{Host: "app01", Until: until}, {Host: "app02", Until: until}}, "Z app01 in maintenance until " + until.Format(time.RFC3339) + "\n"},
		{[]contactfile.Maintenance{{Host: "app01", Until: until.Add(time.Hour)}}, "Z app01 in maintenance until " + until.Add(time.Hour).Format(time.RFC3339) + "\n"},
		{nil, "Z app01 not in maintenance any more\n"},
	} {
		require.NoError(t, contactfile.WriteMaintenance(path, c.all))
		cmdtest.Until(t, aWhile, c.want, func() bool { return strings.HasSuffix(p.Stdout(), c.want) })
	}
	assert.Equal(t, 4, strings.Count(p.Stdout(), "\n"), p.Stdout())
}

func TestWatchOfOneHostKeepsToIt(t *testing.T) {
	t.Parallel()
	file, command := watched(t, "app01")
	p := cmdtest.Begin(t, command)
	cmdtest.Until(t, aWhile, "its first line", func() bool { return strings.Contains(p.Stdout(), "app01 RUNNING") })
	stop(t, file)
	cmdtest.Until(t, aWhile, "its change", func() bool { return strings.Contains(p.Stdout(), "app01 STOPPED") })
	assert.Equal(t, 2, strings.Count(p.Stdout(), "\n"), p.Stdout())
}

// watchTerminal begins the command in a terminal of this size, and waits for its first screen.
func watchTerminal(t *testing.T, command *exec.Cmd, width, height int) (*cmdtest.Terminal, *cmdtest.Process) {
	t.Helper()
	terminal := cmdtest.NewTerminal(t, width, height)
	command.Env = append(os.Environ(), "TERM=xterm")
	p := terminal.Begin(t, command)
	awaitScreen(t, terminal, `q quits(?: · arrows.*)?\z`)
	return terminal, p
}

// awaitScreen waits until the screen is like the pattern.
func awaitScreen(t *testing.T, terminal *cmdtest.Terminal, pattern string) {
	t.Helper()
	wanted := regexp.MustCompile(pattern)
	assert.Eventually(t, func() bool { return wanted.MatchString(terminal.Screen()) }, aWhile, 5*time.Millisecond, pattern)
	require.Regexp(t, wanted, terminal.Screen())
}

// manyRecords is a contact file of n servers, RUNNING and ONLINE, and the command that watches it.
func manyRecords(t *testing.T, n int) (*contactfile.File, *exec.Cmd) {
	t.Helper()
	file, command := watched(t)
	var records []contactfile.Record
	for i := range n {
		records = append(records, contactfile.Record{Host: fmt.Sprintf("app%05d", i+1), Operating: contactfile.Running, Application: "ONLINE", Since: noon})
	}
	require.NoError(t, file.Create(records))
	return file, command
}

func TestWatchInATerminalShowsTroubleFirstAndWhatChanges(t *testing.T) {
	t.Parallel()
	file, command := watched(t)
	terminal, p := watchTerminal(t, command, 80, 24)
	awaitScreen(t, terminal, `\A3 servers: 2 RUNNING, 1 STOPPED · [0-9:]{8} UTC
1 -, 1 NOT-STARTED, 1 ONLINE
  HOST   OPERATING  APPLICATION  SINCE                 FOR
  app02  STOPPED    -            2026-11-22T12:00:00Z  \w+
  mgr01  RUNNING    NOT-STARTED  2026-11-22T12:00:00Z  \w+
  app01  RUNNING    ONLINE       2026-11-22T12:00:00Z  \w+
\n{15,16}(.*\n)?.* left it
q quits\z`)
	assertFits(t, terminal, 80, 24)
	assert.NotContains(t, terminal.Output(), "* ", "nothing has changed yet")
	assert.Contains(t, terminal.Output(), "\x1b[1;7mno daemon is running ")

	stop(t, file)
	awaitScreen(t, terminal, `\A3 servers: 1 RUNNING, 2 STOPPED .*
.*\n.*
\* app01  STOPPED    ONLINE       2026-11-22T13:00:00Z  \w+
  app02  STOPPED    -            .*
  mgr01  RUNNING    NOT-STARTED  .*\n\n`)
	assert.Contains(t, terminal.Output(), "\x1b[1;7;31m* app01  STOPPED")
	awaitScreen(t, terminal, `\n  app01  STOPPED `) // it has stood out long enough

	require.NoError(t, file.Clear())
	awaitScreen(t, terminal, `\Ano monitoring · [0-9:]{8} UTC\n\n`)
	terminal.Type(t, "q")
	assert.Equal(t, 0, p.Wait(t))
}

func TestWatchInJapaneseLinesUpInATerminal(t *testing.T) {
	t.Parallel()
	file, command := watched(t, "--lang", "ja")
	terminal, p := watchTerminal(t, command, 80, 24)
	awaitScreen(t, terminal, `\A3 servers: 2 稼働中, 1 停止中 · [0-9:]{8} UTC
1 -, 1 未起動, 1 オンライン中
  HOST   OPERATING  APPLICATION   SINCE                 FOR
  app02  停止中     -             2026-11-22T12:00:00Z  \w+
  mgr01  稼働中     未起動        2026-11-22T12:00:00Z  \w+
  app01  稼働中     オンライン中  2026-11-22T12:00:00Z  \w+
\n`)
	assertFits(t, terminal, 80, 24)
	stop(t, file)
	awaitScreen(t, terminal, `\n\* app01  停止中     オンライン中  2026-11-22T13:00:00Z  \w+\n  app02  停止中     -  `)
	assert.Contains(t, terminal.Output(), "\x1b[1;7;31m* app01  停止中", "its colour")
	terminal.Type(t, "q")
	assert.Equal(t, 0, p.Wait(t))
}

// assertFits: no line is wider than the terminal, and there are no more lines than it has.
func assertFits(t *testing.T, terminal *cmdtest.Terminal, width, height int) {
	t.Helper()
	lines := strings.Split(terminal.Screen(), "\n")
	assert.LessOrEqual(t, len(lines), height)
	for _, line := range lines {
		assert.LessOrEqual(t, utf8.RuneCountInString(line), width, line)
	}
}

func TestWatchScrollsAndFollowsTheSizeOfTheTerminal(t *testing.T) {
	t.Parallel()
	_, command := manyRecords(t, 10_000)
	terminal, p := watchTerminal(t, command, 200, 24)
	shows := func(first, last int, help string) {
		t.Helper()
		awaitScreen(t, terminal, fmt.Sprintf(`(?s)\A10000 servers: .* FOR\n  app%05d .*  app%05d [^\n]*\n[^\n]* left it\n%s · q quits · arrows, page up/down, home, end scroll\z`,
			first, last, regexp.QuoteMeta(help)))
	}
	shows(1, 19, "+9981 more")
	terminal.Type(t, "\x1b[B")
	shows(2, 20, "1 above, +9980 more")
	terminal.Type(t, "\x1b[6~")
	shows(20, 38, "19 above, +9962 more")
	terminal.Type(t, "\x1b[F")
	shows(9982, 10000, "9981 above")
	terminal.Type(t, "\x1b[A")
	shows(9981, 9999, "9980 above, +1 more")

	terminal.Resize(t, 200, 10)
	shows(9981, 9985, "9980 above, +15 more")
	terminal.Type(t, "\x1b[F")
	shows(9996, 10000, "9995 above")
	terminal.Resize(t, 200, 30)
	shows(9976, 10000, "9975 above")
	terminal.Type(t, "\x1b[H")
	shows(1, 25, "+9975 more")
	terminal.Type(t, "q")
	assert.Equal(t, 0, p.Wait(t))
}

func TestWatchInANarrowTerminalLeavesOutWhatHasNoRoom(t *testing.T) {
	t.Parallel()
	_, command := watched(t)
	terminal, _ := watchTerminal(t, command, 80, 24)
	terminal.Resize(t, 50, 12)
	awaitScreen(t, terminal, `\n  HOST   OPERATING  APPLICATION  FOR\n  app02  STOPPED    -            \w+\n`)
	terminal.Resize(t, 36, 12)
	awaitScreen(t, terminal, `\n  HOST   OPERATING  APPLICATION  FO\n(?s).*q quits\z`)
	assertFits(t, terminal, 36, 12)
}

func TestWatchGivesTheTerminalBackAsItWas(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*cmdtest.Terminal, *cmdtest.Process){
		"q":       func(x *cmdtest.Terminal, _ *cmdtest.Process) { x.Type(t, "q") },
		"Ctrl-C":  func(x *cmdtest.Terminal, _ *cmdtest.Process) { x.Type(t, "\x03") },
		"SIGHUP":  func(_ *cmdtest.Terminal, p *cmdtest.Process) { p.Signal(t, unix.SIGHUP) },
		"SIGTERM": func(_ *cmdtest.Terminal, p *cmdtest.Process) { p.Signal(t, unix.SIGTERM) },
		"SIGINT":  func(_ *cmdtest.Terminal, p *cmdtest.Process) { p.Signal(t, unix.SIGINT) },
	} {
		_, command := watched(t)
		terminal := cmdtest.NewTerminal(t, 80, 24)
		before, err := unix.IoctlGetTermios(int(terminal.Slave.Fd()), unix.TCGETS)
		require.NoError(t, err)
		terminal.Slave.WriteString("what was there\n")
		command.Env = append(os.Environ(), "TERM=xterm")
		p := terminal.Begin(t, command)
		awaitScreen(t, terminal, `\A3 servers: (?s).*q quits\z`)
		raw, err := unix.IoctlGetTermios(int(terminal.Slave.Fd()), unix.TCGETS)
		require.NoError(t, err)
		require.NotEqual(t, before, raw, name)
		end(terminal, p)
		assert.Equal(t, 0, p.Wait(t), name)
		after, err := unix.IoctlGetTermios(int(terminal.Slave.Fd()), unix.TCGETS)
		require.NoError(t, err)
		assert.Equal(t, before, after, name)
		awaitScreen(t, terminal, `\Awhat was there\z`)
		assert.True(t, strings.HasSuffix(terminal.Output(), "\x1b[?25h\x1b[?1049l"), name)
	}
}

func TestWatchWritesOnlyWhatChanges(t *testing.T) {
	t.Parallel()
	file, command := watched(t)
	terminal, _ := watchTerminal(t, command, 80, 24)
	before := terminal.Output()
	stop(t, file)
	awaitScreen(t, terminal, `\n\* app01  STOPPED `)
	more := terminal.Output()[len(before):]
	assert.NotContains(t, more, "OPERATING", "the heading stands")
	assert.NotContains(t, more, "q quits")
	assert.NotContains(t, more, "\x1b[2J")
}

func TestWatchHasNoColoursWhereNobodyWantsThem(t *testing.T) {
	t.Parallel()
	_, command := watched(t)
	terminal := cmdtest.NewTerminal(t, 80, 24)
	command.Env = append(os.Environ(), "TERM=xterm", "NO_COLOR=1")
	terminal.Begin(t, command)
	awaitScreen(t, terminal, `q quits\z`)
	assert.Contains(t, terminal.Output(), "\x1b[1m  app02  STOPPED")
	assert.NotRegexp(t, `\x1b\[[0-9;]*3[0-9]m`, terminal.Output())
}

func TestWatchInATerminalWithoutAScreenPrintsLines(t *testing.T) {
	t.Parallel()
	_, command := watched(t)
	terminal := cmdtest.NewTerminal(t, 80, 24)
	command.Env = append(os.Environ(), "TERM=dumb")
	terminal.Begin(t, command)
	awaitScreen(t, terminal, `(?m)^2026-11-22T12:00:00Z app02 STOPPED -$`)
	assert.NotContains(t, terminal.Output(), "\x1b")
}
