package contactfile

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// numbered are n records whose texts are the letters and numbers name0, name1, …
func numbered(name string, n int) []HistoryRecord {
	var records []HistoryRecord
	for i := range n {
		r := launched()
		r.Text = fmt.Sprintf("%s%d", name, i)
		records = append(records, r)
	}
	return records
}

func newHistory(t testing.TB) (*History, string) {
	path := filepath.Join(t.TempDir(), "history.dat")
	h, cut, err := OpenHistory(path)
	require.NoError(t, err)
	require.Zero(t, cut)
	t.Cleanup(func() { h.Close() })
	return h, path
}

func content(t testing.TB, path string) string {
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(b)
}

func TestNewHistoryIsAnEmptyFileThatItsGroupCanRead(t *testing.T) {
	h, path := newHistory(t)
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Zero(t, info.Size())
	assert.Zero(t, info.Mode().Perm()&^os.FileMode(fileMode))
	assert.Zero(t, h.Len())
}

func TestNameOfTheHistoryIsOnDiskBeforeAnythingIsWritten(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "history.dat")
	var synced []string
	h, _, err := openHistory(path, openHistoryFile, func(d string) error {
		require.FileExists(t, path)
		synced = append(synced, d)
		return syncDirectory(d)
	})
	require.NoError(t, err)
	require.NoError(t, h.Close())
	assert.Equal(t, []string{dir}, synced)

	_, _, err = openHistory(path, openHistoryFile, func(string) error { return assert.AnError })
	assert.ErrorIs(t, err, assert.AnError)
}

func TestAppendWritesTheRecordsOfTheContract(t *testing.T) {
	h, path := newHistory(t)
	first, err := h.Append(launched())
	require.NoError(t, err)
	assert.Equal(t, 0, first)
	set := HistoryRecord{noon.Add(time.Second), "app02", "", "OPERATOR", "SET", Batch, ""}
	first, err = h.Append(set, launched())
	require.NoError(t, err)
	assert.Equal(t, 1, first)
	assert.Equal(t, launchedLine()+historyLine("2026-11-22T10:43:06.000Z", "app02", "", "OPERATOR", "SET", "BATCH", "")+launchedLine(),
		content(t, path))
	assert.Equal(t, 3, h.Len())
	r, err := h.Record(1)
	require.NoError(t, err)
	assert.Equal(t, set, r)
}

func TestAppendOfNothingWritesNothing(t *testing.T) {
	h, path := newHistory(t)
	_, err := h.Append(launched())
	require.NoError(t, err)
	first, err := h.Append()
	require.NoError(t, err)
	assert.Equal(t, 1, first)
	assert.Len(t, content(t, path), HistoryRecordLength)
}

func TestOneBadRecordKeepsTheWholeCallOut(t *testing.T) {
	h, path := newHistory(t)
	bad := launched()
	bad.Host = ""
	_, err := h.Append(launched(), bad, launched())
	requireFieldError(t, err, 1, 256+24, FieldHost, ErrEmpty)
	assert.Empty(t, content(t, path))
	_, err = h.Append(launched())
	assert.NoError(t, err)
}

func TestReopenedHistoryGoesOnAtItsEnd(t *testing.T) {
	h, path := newHistory(t)
	_, err := h.Append(numbered("a", 3)...)
	require.NoError(t, err)
	require.NoError(t, h.Close())
	h, cut, err := OpenHistory(path)
	require.NoError(t, err)
	defer h.Close()
	assert.Zero(t, cut)
	assert.Equal(t, 3, h.Len())
	first, err := h.Append(numbered("b", 1)...)
	require.NoError(t, err)
	assert.Equal(t, 3, first)
	assert.Equal(t, []string{"a0", "a1", "a2", "b0"}, texts(t, path))
}

func TestClosedHistoryTakesNothing(t *testing.T) {
	h, path := newHistory(t)
	require.NoError(t, h.Close())
	_, err := h.Append(launched())
	assert.ErrorIs(t, err, os.ErrClosed)
	assert.Empty(t, content(t, path))
}

func TestTornEndIsCutOff(t *testing.T) {
	ok := launchedLine()
	bad := ok[:120] + "\x00" + ok[121:]
	zeros := strings.Repeat("\x00", HistoryRecordLength)
	cases := []struct {
		name, content string
		kept          string
	}{
		{"empty", "", ""},
		{"nothing torn", ok + ok, ok + ok},
		{"one byte", "2", ""},
		{"one byte after a record", ok + "2", ok},
		{"short by the line feed", ok + ok[:255], ok},
		{"last record does not decode", ok + bad, ok},
		{"last record is zeros", ok + zeros, ok},
		{"the only record does not decode", bad, ""},
		{"a whole bad one and an incomplete one", ok + bad + ok[:100], ok},
		{"only the end of several reached the disk", ok + zeros + zeros + bad, ok},
		{"several are zeros", ok + zeros + zeros + zeros[:100], ok},
		{"damage before a good one stays", ok + bad + ok, ok + bad + ok},
		{"damage before the last one stays", ok + bad + bad, ok + bad},
		{"zeros before a good one stay", zeros + ok + "x", zeros + ok},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "history.dat")
			require.NoError(t, os.WriteFile(path, []byte(c.content), 0o600))
			h, cut, err := OpenHistory(path)
			require.NoError(t, err)
			defer h.Close()
			assert.Equal(t, int64(len(c.content)-len(c.kept)), cut)
			assert.Equal(t, c.kept, content(t, path))
			assert.Equal(t, len(c.kept)/HistoryRecordLength, h.Len())
			first, err := h.Append(launched())
			require.NoError(t, err)
			assert.Equal(t, len(c.kept)/HistoryRecordLength, first)
			assert.Equal(t, c.kept+ok, content(t, path))
		})
	}
}

// A power cut may leave any start of what was being written: what stood before is kept, whole records of it too.
func TestPowerCutAtAnyByteLosesNoRecordThatStood(t *testing.T) {
	var all []byte
	for _, r := range numbered("r", 3) {
		var err error
		all, err = r.Append(all)
		require.NoError(t, err)
	}
	path := filepath.Join(t.TempDir(), "history.dat")
	for n := range len(all) + 1 {
		require.NoError(t, os.WriteFile(path, all[:n], 0o600))
		h, cut, err := OpenHistory(path)
		require.NoError(t, err)
		require.Equal(t, int64(n%HistoryRecordLength), cut)
		require.Equal(t, n/HistoryRecordLength, h.Len())
		require.NoError(t, h.Close())
		require.Equal(t, string(all[:n-n%HistoryRecordLength]), content(t, path))
	}
}

// All of one call stand one after the other, in its order, where Append said, whoever else appends meanwhile.
func TestAppendsFromSeveralGoroutinesKeepTheirOrder(t *testing.T) {
	h, path := newHistory(t)
	const writers, calls = 20, 10
	firsts := make([][]int, writers)
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for c := range calls {
				first, err := h.Append(numbered(fmt.Sprintf("%d.%d.", w, c), 1+w%4)...)
				assert.NoError(t, err)
				firsts[w] = append(firsts[w], first)
			}
		})
	}
	all.Wait()
	got := texts(t, path)
	total := 0
	for w := range writers {
		for c, first := range firsts[w] {
			for i := range 1 + w%4 {
				assert.Equal(t, fmt.Sprintf("%d.%d.%d", w, c, i), got[first+i])
				total++
			}
			if c > 0 {
				assert.Greater(t, first, firsts[w][c-1])
			}
		}
	}
	assert.Len(t, got, total)
	assert.Equal(t, total, h.Len())
}

func BenchmarkHistoryAppend(b *testing.B) {
	h, _ := newHistory(b)
	r := launched()
	b.ReportAllocs()
	for b.Loop() {
		_, err := h.Append(r)
		require.NoError(b, err)
	}
}

// BenchmarkHistoryAppend64 has 64 callers, as a slave with all its processes has.
func BenchmarkHistoryAppend64(b *testing.B) {
	h, _ := newHistory(b)
	r := launched()
	b.ReportAllocs()
	b.SetParallelism(32) // for each of the processors
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := h.Append(r); err != nil {
				b.Error(err)
			}
		}
	})
}

// BenchmarkPwriteFdatasync is the limit of BenchmarkHistoryAppend: the two system calls that it cannot do without.
func BenchmarkPwriteFdatasync(b *testing.B) {
	h, _ := newHistory(b)
	line := []byte(launchedLine())
	for at := int64(0); b.Loop(); at += HistoryRecordLength {
		_, err := h.file.WriteAt(line, at)
		require.NoError(b, err)
		require.NoError(b, h.file.sync())
	}
}
