package runs

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"renraku/slave/slavetest"
)

// captured is a capture of process P in a directory of a daemon.
func captured(t testing.TB) (c *capture, dir string) {
	dir = t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, Name), dirMode))
	f, err := os.Create(filepath.Join(dir, Name, "P.out"))
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	return &capture{file: f, run: 7}, dir
}

func TestTheLastLineIsTheLastThatIsNotBlank(t *testing.T) {
	long := strings.Repeat("x", lineTail)
	cases := []struct {
		name   string
		writes []string
		want   string
	}{
		{"nothing", nil, ""},
		{"an empty write", []string{""}, ""},
		{"blank lines only", []string{"\n \n\t\r\n\n"}, ""},
		{"one line", []string{"one\n"}, "one"},
		{"no line feed at the end", []string{"one\ntwo"}, "two"},
		{"blank lines after it", []string{"one\ntwo\n\n  \n"}, "two"},
		{"spaces around it", []string{"  one  two \r\n"}, "one  two"},
		{"in pieces", []string{"o", "ne\nt", "", "w", "o\n"}, "two"},
		{"invalid UTF-8", []string{"a\xFFb\n"}, "a\uFFFDb"},
		{"a character in two pieces", []string{"\xE6\xA5", "\xAD\n"}, "業"},
		{"as long as is kept", []string{long}, long},
		{"longer than is kept", []string{"head" + long}, long},
		{"longer than is kept, in pieces", []string{"head", long[:10], long[10:], "\n"}, long[1:]},
		{"cut inside a character", []string{"業" + long[2:]}, "\uFFFD" + long[2:]},
		{"after much output", []string{strings.Repeat("line\n", 10_000), "last\n"}, "last"},
		{"before more blank lines than are kept", []string{"lost", strings.Repeat("\n", lineTail)}, ""},
	}
	for _, c := range cases {
		output, _ := captured(t)
		for _, w := range c.writes {
			n, err := output.Write([]byte(w))
			require.NoError(t, err)
			assert.Equal(t, len(w), n)
		}
		assert.Equal(t, c.want, output.lastLine(), c.name)
		assert.LessOrEqual(t, len(output.tail.buf), lineTail, c.name)
	}
}

// pattern is n bytes in which every place looks different from its neighbours.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i%251) ^ byte(i/65536)
	}
	return b
}

// requireKept compares what is read from the directory with all that was printed.
func requireKept(t testing.TB, dir string, all []byte, name string) {
	t.Helper()
	o, err := ReadOutput(dir, processID("P"))
	require.NoError(t, err, name)
	head := all[:min(len(all), OutputPart)]
	tail := all[len(head):]
	omitted := max(0, len(tail)-OutputPart)
	require.True(t, bytes.Equal(head, o.Head), "%s: head", name)
	require.True(t, bytes.Equal(tail[omitted:], o.Tail), "%s: tail", name)
	require.EqualValues(t, omitted, o.Omitted, name)
}

func TestHeadAndTailOfAnOutputAreKeptAtEverySize(t *testing.T) {
	all := pattern(5 * OutputPart)
	sizes := []int{0, 1, 2, 4095, 4096, 300_000}
	for edge := OutputPart; edge <= 4*OutputPart; edge += OutputPart {
		sizes = append(sizes, edge-1, edge, edge+1, edge+OutputPart/2)
	}
	for _, size := range sizes {
		for _, piece := range []int{1000, 32 << 10, OutputPart - 1, OutputPart, OutputPart + 1, 5 * OutputPart} {
			c, dir := captured(t)
			for rest := all[:size]; len(rest) > 0; rest = rest[min(piece, len(rest)):] {
				c.Write(rest[:min(piece, len(rest))])
			}
			name := fmt.Sprintf("%d bytes in pieces of %d", size, piece)
			requireKept(t, dir, all[:size], name)
			info, err := c.file.Stat()
			require.NoError(t, err)
			require.LessOrEqual(t, info.Size(), int64(131_136), name)
			require.NoError(t, c.err, name)
			require.NoError(t, c.file.Close())
		}
	}
}

func TestAnOutputIsReadRightAfterEachPiece(t *testing.T) {
	c, dir := captured(t)
	all := pattern(3*OutputPart + 77)
	for at := 0; at < len(all); {
		n := min(10_007, len(all)-at)
		c.Write(all[at:][:n])
		at += n
		requireKept(t, dir, all[:at], fmt.Sprint(at))
	}
}

func TestAnOutputThatIsNotThereSaysSo(t *testing.T) {
	_, dir := captured(t)
	_, err := ReadOutput(dir, processID("Q"))
	require.ErrorIs(t, err, ErrNoOutput)
	_, err = ReadOutput(t.TempDir(), processID("P"))
	require.ErrorIs(t, err, ErrNoOutput, "a daemon that has run nothing yet")
	_, err = ReadOutput(filepath.Join(dir, "absent"), processID("P"))
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NotErrorIs(t, err, ErrNoOutput)
	for _, id := range []string{"../P", "a/b", ".", ".."} {
		_, err = ReadOutput(dir, processID(id))
		require.ErrorIs(t, err, ErrNoOutput, "no file outside of the directory is read: %s", id)
	}
}

// An output file that is damaged gives an error or what is left of it, and never a panic.
func TestADamagedOutputIsReadAsFarAsItGoes(t *testing.T) {
	c, dir := captured(t)
	all := pattern(3 * OutputPart)
	c.Write(all)
	path := c.file.Name()
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, length := range []int{0, 1, 63, 64, 65, headOffset + OutputPart - 1, ringOffset, ringOffset + 1, outputFileMost - 1} {
		require.NoError(t, os.WriteFile(path, whole[:length], fileMode))
		o, err := ReadOutput(dir, processID("P"))
		require.NoError(t, err, "%d", length)
		assert.Len(t, o.Head, min(max(0, length-64), OutputPart), "%d", length)
		assert.Len(t, o.Tail, max(0, length-ringOffset), "%d", length)
	}
	// The parent writes what was printed first, and then how much it is.
	uncounted := append(make([]byte, outputLine), "first"...)
	require.NoError(t, os.WriteFile(path, uncounted, fileMode))
	o, err := ReadOutput(dir, processID("P"))
	require.NoError(t, err)
	assert.Zero(t, o)
	for _, total := range []string{"x", "-1", "", "99999999999999999999"} {
		damaged := bytes.Clone(whole)
		copy(damaged[29:49], fmt.Sprintf("%-20s", total))
		require.NoError(t, os.WriteFile(path, damaged, fileMode))
		_, err := ReadOutput(dir, processID("P"))
		assert.ErrorContains(t, err, "does not begin with its length", total)
	}
}

// A memory file that is sealed refuses every write, as a full disk does.
func TestAnOutputThatCannotBeWrittenDoesNotStopWhoPrints(t *testing.T) {
	fd, err := unix.MemfdCreate("output", unix.MFD_ALLOW_SEALING)
	require.NoError(t, err)
	f := os.NewFile(uintptr(fd), "output")
	defer f.Close()
	_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_WRITE|unix.F_SEAL_GROW)
	require.NoError(t, err)
	c := &capture{file: f}
	n, err := c.Write([]byte("the last line\n"))
	require.NoError(t, err)
	assert.Equal(t, 14, n)
	assert.Equal(t, "the last line", c.lastLine(), "the text of the result has it all the same")
	assert.ErrorIs(t, c.err, unix.EPERM)
}

// outputFile tells the file of the output of process P from another one of the same name.
func outputFile(t testing.TB, d *Dir) uint64 {
	t.Helper()
	var s unix.Stat_t
	require.NoError(t, unix.Stat(filepath.Join(d.path, "P"+outputSuffix), &s))
	return s.Ino
}

func TestARunTakesTheFileOfTheOutputBeforeUnlessSomebodyStillWritesToIt(t *testing.T) {
	d, g := kept(t), slavetest.NewGate(t)
	ended := func(script, want string) *Run {
		t.Helper()
		r := launched(t, d, Command{Argv: sh(script)})
		_, record := awaitEnd(t, r)
		require.Equal(t, Normal, record.End)
		require.NoError(t, r.SetFiled("LAUNCHED"))
		o, err := ReadOutput(filepath.Dir(d.path), processID("P"))
		require.NoError(t, err)
		require.Equal(t, want, string(o.Head))
		return r
	}
	ended("echo a longer first one", "a longer first one\n").AwaitParent(t.Context())
	file := outputFile(t, d)
	ended("echo second", "second\n").AwaitParent(t.Context())
	assert.Equal(t, file, outputFile(t, d))
	ended("", "").AwaitParent(t.Context())
	assert.Equal(t, file, outputFile(t, d))

	held := ended("("+g.Script()+"; echo late) & echo held", "held\n")
	g.Await(1)
	assert.Equal(t, file, outputFile(t, d))
	ended("echo other", "other\n").AwaitParent(t.Context())
	other := outputFile(t, d)
	assert.NotEqual(t, file, other, "a child of the run before has it")
	g.LetGo(1)
	held.AwaitParent(t.Context())
	last := ended("echo last", "last\n")
	assert.NotEqual(t, other, outputFile(t, d), "which of the two runs was over last is not looked at")
	last.AwaitParent(t.Context())

	again := must(Open(filepath.Dir(d.path)))
	file = outputFile(t, d)
	intent := intentOf()
	r, err := again.Launch(intent, Command{Argv: sh("echo next"), Dir: "/"}, lastRun(again))
	require.NoError(t, err)
	defer r.Close()
	awaitEnd(t, r)
	assert.NotEqual(t, file, outputFile(t, d), "another daemon does not know who writes to it")
}
