package screen

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"renraku/cmd/internal/cmdtest"
)

const aWhile = 10 * time.Second

// full is a terminal of this size, and a Full that has it.
func full(t *testing.T, width, height int) (*cmdtest.Terminal, *Full) {
	t.Helper()
	t.Setenv("TERM", "xterm")
	terminal := cmdtest.NewTerminal(t, width, height)
	f, ok, err := NewFull(terminal.Slave, terminal.Slave)
	require.NoError(t, err)
	require.True(t, ok)
	return terminal, f
}

func TestFullShowsItsLinesAndNothingElse(t *testing.T) {
	terminal, f := full(t, 10, 3)
	defer f.Close()
	f.Draw([]Line{{Text: "one"}, {Text: strings.Repeat("é", 30)}, {Text: "three"}, {Text: "below"}})
	assertShows(t, "one\n"+strings.Repeat("é", 9)+"\nthree", terminal)
	f.Draw([]Line{{Text: "1"}})
	assertShows(t, "1", terminal)
}

func TestFullWritesOnlyLinesThatChange(t *testing.T) {
	t.Setenv("NO_COLOR", "")
	terminal, f := full(t, 20, 5)
	defer f.Close()
	f.Draw([]Line{{Text: "one"}, {Text: "two", Style: Bold | Red}})
	assertShows(t, "one\ntwo", terminal)
	before := terminal.Output()
	f.Draw([]Line{{Text: "one"}, {Text: "two", Style: Bold | Red}})
	f.Draw([]Line{{Text: "one"}, {Text: "two", Style: Inverse}, {Text: "three"}})
	assertShows(t, "one\ntwo\nthree", terminal)
	assert.Equal(t, "\x1b[2;1H\x1b[7mtwo\x1b[m\x1b[K\x1b[3;1Hthree\x1b[K", terminal.Output()[len(before):])
	assert.Contains(t, before, "\x1b[2;1H\x1b[1;31mtwo\x1b[m\x1b[K")
}

func TestFullDrawsAllAnewInATerminalOfAnotherSize(t *testing.T) {
	terminal, f := full(t, 10, 5)
	defer f.Close()
	lines := []Line{{Text: "a line that is long"}, {Text: "two"}, {Text: "three"}}
	f.Draw(lines)
	assertShows(t, "a line th\ntwo\nthree", terminal)
	terminal.Resize(t, 30, 2)
	f.Draw(lines)
	assertShows(t, "a line that is long\ntwo", terminal)
}

func TestFullSaysThatTheTerminalHasAnotherSize(t *testing.T) {
	_, f := full(t, 10, 5)
	defer f.Close()
	require.NoError(t, unix.Kill(os.Getpid(), unix.SIGWINCH))
	select {
	case <-f.Resized():
	case <-time.After(aWhile):
		require.FailNow(t, "nothing said")
	}
}

func TestFullGivesBackWhatWasThere(t *testing.T) {
	t.Setenv("TERM", "xterm")
	terminal := cmdtest.NewTerminal(t, 40, 5)
	terminal.Slave.WriteString("before\n")
	state, err := unix.IoctlGetTermios(int(terminal.Slave.Fd()), unix.TCGETS)
	require.NoError(t, err)
	f, ok, err := NewFull(terminal.Slave, terminal.Slave)
	require.NoError(t, err)
	require.True(t, ok)
	assert.True(t, f.HasKeys())
	f.Draw([]Line{{Text: "one"}})
	assertShows(t, "one", terminal)
	f.Close()
	assertShows(t, "before", terminal)
	after, err := unix.IoctlGetTermios(int(terminal.Slave.Fd()), unix.TCGETS)
	require.NoError(t, err)
	assert.Equal(t, state, after)
	_, more := <-f.Keys()
	assert.False(t, more, "nothing reads keys any more")
}

func TestFullPassesKeysOnAndWaitsForTheirRest(t *testing.T) {
	terminal, f := full(t, 40, 5)
	defer f.Close()
	for _, typed := range []string{"j\x1b[A\x1b", "[", "6~xq"} {
		terminal.Type(t, typed)
	}
	for _, want := range []Key{Down, Up, PageDown, Quit} {
		select {
		case k := <-f.Keys():
			assert.Equal(t, want, k)
		case <-time.After(aWhile):
			require.FailNow(t, "no key")
		}
	}
}

func TestFullEndsWhileAKeyIsWaitedForByNobody(t *testing.T) {
	terminal, f := full(t, 40, 5)
	terminal.Type(t, strings.Repeat("j", 100))
	<-f.Keys()
	f.Close()
}

func TestFullNeedsATerminalWithAScreen(t *testing.T) {
	file, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer file.Close()
	_, ok, err := NewFull(file, file)
	assert.NoError(t, err)
	assert.False(t, ok)

	terminal := cmdtest.NewTerminal(t, 40, 5)
	t.Setenv("TERM", "dumb")
	_, ok, err = NewFull(terminal.Slave, terminal.Slave)
	assert.NoError(t, err)
	assert.False(t, ok)

	t.Setenv("TERM", "xterm")
	f, ok, err := NewFull(file, terminal.Slave)
	require.NoError(t, err)
	require.True(t, ok)
	assert.False(t, f.HasKeys())
	f.Draw([]Line{{Text: "one"}})
	assertShows(t, "one", terminal)
	f.Close()
	assertShows(t, "", terminal)
}

func TestKeysAreKnownInAllTheirForms(t *testing.T) {
	for _, c := range []struct {
		typed string
		keys  []Key
		rest  string
	}{
		{"", nil, ""},
		{"q", []Key{Quit}, ""},
		{"\x03", []Key{Quit}, ""},
		{"\x1b[A\x1bOA", []Key{Up, Up}, ""},
		{"\x1b[H\x1b[1~\x1b[F\x1b[4~", []Key{Home, Home, End, End}, ""},
		{"xyz\x1b[Zj", []Key{Down}, ""},
		{"\x1b", nil, "\x1b"},
		{"\x1b[", nil, "\x1b["},
		{"j\x1b[5", []Key{Down}, "\x1b[5"},
		{"\x1bO", nil, "\x1bO"},
		{"\x1bq", []Key{Quit}, ""},
		{"\x1b\x1b[A", []Key{Up}, ""},
		{"\x1b[1;5A", nil, ""},
		{"\x1b[" + strings.Repeat("1", maxKey), nil, ""},
		{"\xff\xfe", nil, ""},
	} {
		keys, rest := decodeKeys([]byte(c.typed))
		assert.Equal(t, c.keys, keys, "%q", c.typed)
		assert.Equal(t, c.rest, string(rest), "%q", c.typed)
	}
	for typed, key := range typedKeys {
		for cut := 1; cut < len(typed); cut++ {
			keys, rest := decodeKeys([]byte(typed[:cut]))
			assert.Empty(t, keys, "%q", typed[:cut])
			keys, _ = decodeKeys(append(rest, typed[cut:]...))
			assert.Equal(t, []Key{key}, keys, fmt.Sprintf("%q cut at %d", typed, cut))
		}
	}
}
