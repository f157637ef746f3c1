package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"renraku/cmd/internal/cmdtest"
)

const aWhile = time.Minute

// beginDemo starts the demo with a directory of its own for temporary files.
func beginDemo(t *testing.T, args ...string) (p *cmdtest.Process, temporary string) {
	t.Helper()
	temporary = cmdtest.Dir(t)
	c := exec.Command(cmdtest.Binary(t, "renraku"), append([]string{"demo"}, args...)...)
	c.Env = append(os.Environ(), "TMPDIR="+temporary)
	return cmdtest.Begin(t, c), temporary
}

// assertNothingLeft: no temporary file, and no process that works there.
func assertNothingLeft(t *testing.T, temporary string) {
	t.Helper()
	left, err := os.ReadDir(temporary)
	require.NoError(t, err)
	assert.Empty(t, left)
	assertNothingRuns(t, temporary)
}

// assertNothingRuns: no process has the directory among its arguments.
func assertNothingRuns(t *testing.T, dir string) {
	t.Helper()
	processes, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	require.NotEmpty(t, processes)
	for _, path := range processes {
		arguments, _ := os.ReadFile(path) // it may have ended meanwhile
		assert.NotContains(t, string(arguments), dir, path)
	}
}

func TestDemoShowsAllActs(t *testing.T) {
	t.Parallel()
	p, temporary := beginDemo(t)
	cmdtest.Until(t, 2*aWhile, "the last act", func() bool { // or an end of its own, which is wrong
		return strings.Contains(p.Stdout(), " is RUNNING again") || p.Stderr() != ""
	})
	if p.Stderr() == "" {
		p.Signal(t, unix.SIGINT) // --for ends it in the same way
	}
	require.Equal(t, 0, p.Wait(t), p.Stdout()+p.Stderr())
	assert.Empty(t, p.Stderr())
	assert.Regexp(t, `(?s)3 slaves and a manager on 127\.0\.0\.1; a slave that falls silent is found within 1\.1s at most
.* all slaves are RUNNING, after .*
.* the operator orders NIGHTBATCH on app01
.* app01: LAUNCHED: up after .*
.* NIGHTBATCH has ended by itself; its message triggers ONLINE on app01
.* app01 is ONLINE, .* later
.* the operator orders ONLINE on every server
.* app03 is killed, \d+ms after an answer
.* app03 is found STOPPED, after .*s \(at most 1\.1s.*\)
.* app03 is started again
.* app03 is RUNNING again, after .*; its application is ONLINE still
.*all of it happened: contact files, telegrams on the wire and what the processes left agree
\z`, p.Stdout())
	assert.Contains(t, p.Stdout(), "app01: ALREADY: ONLINE stands already")
	assert.Contains(t, p.Stdout(), "Z app01 RUNNING BATCH\n")
	for _, host := range []string{"mgr01", "app01", "app02", "app03"} {
		assert.Contains(t, p.Stdout(), host+": LAUNCHED: ")
		assert.Contains(t, p.Stdout(), "Z "+host+" RUNNING NOT-STARTED\n")
		assert.Contains(t, p.Stdout(), "Z "+host+" RUNNING ONLINE\n")
	}
	assert.Contains(t, p.Stdout(), "Z app03 STOPPED ONLINE\n")
	assertNothingLeft(t, temporary)
}

func TestDemoThatIsTooShortSaysSo(t *testing.T) {
	t.Parallel()
	p, temporary := beginDemo(t, "--slaves", "1", "--for", "100ms")
	assert.Equal(t, 1, p.Wait(t))
	assert.Contains(t, p.Stdout(), " and a manager on 127.0.0.1; ")
	assert.Regexp(t, `\Arenraku: demo: 100ms was too short: [01] of 5 acts were shown\n\z`, p.Stderr())
	assertNothingLeft(t, temporary)
}

func TestDemoEndsOnCtrlC(t *testing.T) {
	t.Parallel()
	p, temporary := beginDemo(t)
	cmdtest.Until(t, aWhile, "first act", func() bool { return strings.Contains(p.Stdout(), "all slaves are RUNNING") })
	p.Signal(t, unix.SIGINT)
	assert.Equal(t, 1, p.Wait(t))
	assert.Regexp(t, `\Arenraku: demo: ended after [12] of 5 acts\n\z`, p.Stderr())
	assertNothingLeft(t, temporary)
}

func TestDemoWithADirectoryKeepsItsFiles(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(cmdtest.Dir(t), "kept")
	p, temporary := beginDemo(t, "--dir", dir)
	cmdtest.Until(t, aWhile, "ONLINE everywhere", func() bool { return strings.Count(p.Stdout(), ": LAUNCHED: ") == 4 })
	p.Signal(t, unix.SIGTERM)
	assert.Equal(t, 1, p.Wait(t))
	for _, host := range []string{"mgr01", "app01", "app02", "app03"} {
		assert.FileExists(t, filepath.Join(dir, host, "ONLINE.started"))
		assert.FileExists(t, filepath.Join(dir, host, "renrakud.log"))
		contact, err := os.ReadFile(filepath.Join(dir, host, "contact.dat"))
		assert.NoError(t, err)
		assert.Empty(t, contact)
		assert.NoFileExists(t, filepath.Join(dir, host, "control.sock"))
	}
	assert.Equal(t, 0, cmdtest.Renraku(t, "validate", filepath.Join(dir, "renraku.toml")).Code)
	assertNothingLeft(t, temporary)
	assertNothingRuns(t, dir)

	// The same directory again: what the demo before left does not matter.
	again, _ := beginDemo(t, "--dir", dir)
	cmdtest.Until(t, aWhile, "both processes", func() bool { return strings.Contains(again.Stdout(), " app01 is ONLINE, ") })
}
