package contactfile

import (
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// texts are the texts of the records of a history without damage.
func texts(t testing.TB, path string) []string {
	got := []string{}
	for r, err := range ReadHistory(path) {
		require.NoError(t, err)
		got = append(got, r.Text)
	}
	return got
}

func TestReadHistoryNeedsNoWriterAndNoLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.dat")
	require.NoError(t, os.WriteFile(path, []byte(launchedLine()+launchedLine()), 0o600))
	var got []HistoryRecord
	for r, err := range ReadHistory(path) {
		require.NoError(t, err)
		got = append(got, r)
	}
	assert.Equal(t, []HistoryRecord{launched(), launched()}, got)
	for range ReadHistory(path) {
		break // and the rest is not read
	}
}

func TestReadHistoryOfNoFileIsNotExist(t *testing.T) {
	reads := 0
	for r, err := range ReadHistory(filepath.Join(t.TempDir(), "history.dat")) {
		reads++
		assert.Zero(t, r)
		assert.ErrorIs(t, err, fs.ErrNotExist)
	}
	assert.Equal(t, 1, reads)
}

func TestReadHistoryEndsWhereTheDiskCannotBeRead(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("d", 200))
	require.NoError(t, os.Mkdir(dir, 0o700))
	for i := range 10 { // a directory of 256 bytes and more on any file system
		require.NoError(t, os.Mkdir(filepath.Join(dir, strings.Repeat(string(rune('a'+i)), 200)), 0o700))
	}
	reads := 0
	for _, err := range ReadHistory(dir) {
		reads++
		assert.Error(t, err)
		var damage *FieldError
		assert.NotErrorAs(t, err, &damage)
	}
	assert.Equal(t, 1, reads)
}

func TestReadHistoryLeavesAnIncompleteLastRecordOut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.dat")
	for _, rest := range []string{"", "2", launchedLine()[:255]} {
		require.NoError(t, os.WriteFile(path, []byte(launchedLine()+rest), 0o600))
		assert.Len(t, texts(t, path), 1)
	}
}

func TestReadHistoryNamesDamageAndGoesOn(t *testing.T) {
	ok := launchedLine()
	path := filepath.Join(t.TempDir(), "history.dat")
	bad := ok[:112] + " " + ok[113:]
	require.NoError(t, os.WriteFile(path, []byte(strings.Repeat(ok, 300)+bad+ok+strings.Repeat("\x00", 256)+ok), 0o600))
	good := 0
	var damage []error
	for r, err := range ReadHistory(path) {
		if err != nil {
			damage = append(damage, err)
			assert.Zero(t, r)
			continue
		}
		good++
		assert.Equal(t, launched(), r)
	}
	assert.Equal(t, 302, good)
	require.Len(t, damage, 2)
	requireFieldError(t, damage[0], 300, 300*256+112, FieldOutcome, ErrSpace)
	requireFieldError(t, damage[1], 302, 302*256, FieldTime, ErrHistoryTime)
	assert.Contains(t, damage[0].Error(), path)
}

// The daemon may cut off what it could not write, and write something else there, between the reading and the looking.
func TestReadHistoryLooksAgainBeforeItNamesDamage(t *testing.T) {
	ok := launchedLine()
	path := filepath.Join(t.TempDir(), "history.dat")
	for _, c := range []struct {
		name string
		then func()
		want int
	}{
		{"written anew", func() { scribble(t, path, 256, ok) }, 3},
		{"cut off", func() { require.NoError(t, os.Truncate(path, 256)) }, 1},
		{"cut off inside", func() { require.NoError(t, os.Truncate(path, 300)) }, 1},
	} {
		require.NoError(t, os.WriteFile(path, []byte(ok+strings.Repeat("\x00", 256)+ok), 0o600))
		read := 0
		for r, err := range ReadHistory(path) {
			require.NoError(t, err, c.name)
			assert.Equal(t, launched(), r, c.name)
			if read++; read == 1 {
				c.then()
			}
		}
		assert.Equal(t, c.want, read, c.name)
	}
}

func TestRecordIsFoundByItsNumber(t *testing.T) {
	h, path := newHistory(t)
	_, err := h.Append(numbered("r", 3)...)
	require.NoError(t, err)
	for i := range 3 {
		r, err := h.Record(i)
		require.NoError(t, err)
		assert.Equal(t, numbered("r", 3)[i], r)
	}
	for _, i := range []int{-1, 3, math.MaxInt} {
		_, err = h.Record(i)
		assert.ErrorIs(t, err, ErrNoRecord)
	}
	scribble(t, path, 256, "x")
	_, err = h.Record(1)
	requireFieldError(t, err, 1, 256, FieldTime, ErrHistoryTime)
}

// scribble changes a file from outside.
func scribble(t *testing.T, path string, at int64, s string) {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	require.NoError(t, err)
	defer f.Close()
	_, err = f.WriteAt([]byte(s), at)
	require.NoError(t, err)
}

func TestBackwardsGivesTheNewestFirst(t *testing.T) {
	for _, n := range []int{0, 1, historyChunk - 1, historyChunk, historyChunk + 1, 2*historyChunk + 7} {
		h, _ := newHistory(t)
		want := numbered("r", n)
		_, err := h.Append(want...)
		require.NoError(t, err)
		next := n
		for i, r := range h.Backwards() {
			next--
			require.Equal(t, next, i)
			require.Equal(t, want[i], r)
		}
		require.Zero(t, next)
	}
}

func TestBackwardsLeavesDamageOutAndStopsWhenTold(t *testing.T) {
	h, path := newHistory(t)
	_, err := h.Append(numbered("r", 5)...)
	require.NoError(t, err)
	scribble(t, path, 3*256, "x")
	var got []int
	for i := range h.Backwards() {
		got = append(got, i)
		if i == 1 {
			break
		}
	}
	assert.Equal(t, []int{4, 2, 1}, got)
	require.NoError(t, os.Truncate(path, 2*256+1)) // somebody else's doing: what can be read is given
	got = nil
	for i := range h.Backwards() {
		got = append(got, i)
	}
	assert.Equal(t, []int{1, 0}, got)
}

// Readers without a lock see whole records only, each in its place, while the daemon writes.
func TestReadersSeeWholeRecordsOnlyWhileTheDaemonWrites(t *testing.T) {
	h, path := newHistory(t)
	records := numbered("r", 3000)
	done := make(chan error)
	go func() {
		var err error
		for part := range slices.Chunk(records, 7) {
			if _, err = h.Append(part...); err != nil {
				break
			}
		}
		done <- err
	}()
	for ended := false; !ended; {
		select {
		case err := <-done:
			require.NoError(t, err)
			ended = true
		default:
		}
		i := 0
		for r, err := range ReadHistory(path) {
			require.NoError(t, err)
			require.Equal(t, records[i], r)
			i++
		}
		for i, r := range h.Backwards() {
			require.Equal(t, records[i], r)
			break
		}
		if ended {
			require.Equal(t, len(records), i)
		}
	}
}

func TestReadHistoryHasConstantMemory(t *testing.T) {
	const records = 40_000
	path := filepath.Join(t.TempDir(), "history.dat")
	require.NoError(t, os.WriteFile(path, []byte(strings.Repeat(launchedLine(), records)), 0o600))
	held := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := held()
	i := 0
	for range ReadHistory(path) {
		if i++; i == 1 || i == records {
			assert.Less(t, int64(held()-before), int64(records*HistoryRecordLength/4))
		}
	}
}
