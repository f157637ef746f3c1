package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

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

func TestWatchOfOneHostKeepsToIt(t *testing.T) {
	t.Parallel()
	file, command := watched(t, "app01")
	p := cmdtest.Begin(t, command)
	cmdtest.Until(t, aWhile, "its first line", func() bool { return strings.Contains(p.Stdout(), "app01 RUNNING") })
	stop(t, file)
	cmdtest.Until(t, aWhile, "its change", func() bool { return strings.Contains(p.Stdout(), "app01 STOPPED") })
	assert.Equal(t, 2, strings.Count(p.Stdout(), "\n"), p.Stdout())
}

func TestWatchInATerminalDrawsOneTableInPlace(t *testing.T) {
	t.Parallel()
	file, command := watched(t)
	terminal := cmdtest.NewTerminal(t, 200, 24)
	p := terminal.Begin(t, command)
	shows := func(text string) {
		t.Helper()
		cmdtest.Until(t, aWhile, text, func() bool {
			screen := terminal.Screen()
			return strings.Contains(screen, text) && strings.HasSuffix(screen, " left it") // all of it
		})
	}
	shows("1 NOT-STARTED, 1 ONLINE")
	assert.Regexp(t, `\AHOST   OPERATING  APPLICATION  SINCE                 FOR
mgr01  RUNNING    NOT-STARTED  2026-11-22T12:00:00Z  \w+
app01  RUNNING    ONLINE       2026-11-22T12:00:00Z  \w+
app02  STOPPED    -            2026-11-22T12:00:00Z  \w+

2 running, 1 stopped, 1 -, 1 NOT-STARTED, 1 ONLINE · [0-9:]{8} UTC · Ctrl-C ends
no daemon is running in .*: the contact file is as the last one left it\z`, terminal.Screen())
	stop(t, file)
	shows("1 running, 2 stopped")
	assert.Regexp(t, `\AHOST .*\nmgr01 .*\napp01  STOPPED .* 2026-11-22T13:00:00Z .*\napp02 .*\n\n1 running.*\n.* left it\z`, terminal.Screen())
	require.NoError(t, file.Clear())
	shows("no monitoring · ")
	assert.Equal(t, 3, strings.Count(terminal.Screen(), "\n"), terminal.Screen())

	terminal.Type(t, "\x03")
	assert.Equal(t, 0, p.Wait(t))
}

func TestWatchInALowTerminalSaysWhatItHides(t *testing.T) {
	t.Parallel()
	_, command := watched(t)
	terminal := cmdtest.NewTerminal(t, 200, 7)
	terminal.Begin(t, command)
	cmdtest.Until(t, aWhile, "counts", func() bool { return strings.HasSuffix(terminal.Screen(), " left it") })
	assert.Regexp(t, `\AHOST .*\nmgr01 .*\n… and 2 more; name hosts to see them\n\n2 running, 1 stopped.*\nno daemon is running .*\z`, terminal.Screen())
}
