package screen

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
)

// live is a terminal of this size, and a Live on it.
func live(t *testing.T, width, height int) (*cmdtest.Terminal, *Live) {
	t.Helper()
	terminal := cmdtest.NewTerminal(t, width, height)
	l, ok := NewLive(terminal.Slave)
	require.True(t, ok)
	return terminal, l
}

// assertShows waits until the terminal has passed on all that was written.
func assertShows(t *testing.T, want string, terminal *cmdtest.Terminal) {
	t.Helper()
	assert.EventuallyWithT(t, func(c *assert.CollectT) { assert.Equal(c, want, terminal.Screen()) }, 10*time.Second, time.Millisecond)
}

func TestDrawingTakesThePlaceOfTheOneBefore(t *testing.T) {
	terminal, l := live(t, 40, 10)
	l.Draw([]string{"one", "two and more", "three"})
	assertShows(t, "one\ntwo and more\nthree", terminal)
	l.Draw([]string{"ONE", "TWO"})
	assertShows(t, "ONE\nTWO", terminal)
	l.Draw([]string{"1", "2", "3", "4"})
	assertShows(t, "1\n2\n3\n4", terminal)
	l.Draw(nil)
	assertShows(t, "", terminal)
}

func TestPrintedLinesStayAboveTheDrawing(t *testing.T) {
	terminal, l := live(t, 40, 10)
	l.Print("first")
	l.Draw([]string{"table", "of two"})
	assertShows(t, "first\ntable\nof two", terminal)
	l.Print("second")
	assertShows(t, "first\nsecond", terminal)
	l.Draw([]string{"table", "of two"})
	l.Print("third")
	l.Draw([]string{"table"})
	assertShows(t, "first\nsecond\nthird\ntable", terminal)
}

func TestDrawingIsCutAtTheTerminalsEdges(t *testing.T) {
	terminal, l := live(t, 10, 4)
	assert.Equal(t, 3, l.Rows())
	l.Draw([]string{strings.Repeat("x", 9), strings.Repeat("x", 10), strings.Repeat("é", 30), "below"})
	assertShows(t, "xxxxxxxxx\nxxxxxxxxx\n"+strings.Repeat("é", 9), terminal)
	l.Draw([]string{"all", "gone"})
	assertShows(t, "all\ngone", terminal)
}

func TestTerminalThatDoesNotTellItsSizeHasTheUsualOne(t *testing.T) {
	_, l := live(t, 0, 0)
	width, height := size(l.out)
	assert.Equal(t, 80, width)
	assert.Equal(t, 24, height)
	assert.Equal(t, 23, l.Rows())
}

func TestFileIsNoTerminal(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "out"))
	require.NoError(t, err)
	defer f.Close()
	_, ok := NewLive(f)
	assert.False(t, ok)
}

func TestCutKeepsOneCellFree(t *testing.T) {
	for _, c := range []struct {
		line  string
		width int
		want  string
	}{
		{"", 5, ""}, {"abcd", 5, "abcd"}, {"abcde", 5, "abcd"}, {"äöüßx", 5, "äöüß"}, {"abc", 1, ""}, {"abc", 0, ""},
		{"稼働中", 7, "稼働中"}, {"稼働中", 6, "稼働"}, {"a稼働中", 7, "a稼働"},
	} {
		assert.Equal(t, c.want, cut(c.line, c.width), "%q %d", c.line, c.width)
	}
}
