package contactfile

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// patience is how long a test waits for what must come.
const patience = 10 * time.Second

// faultyFile is a real file whose calls fail as a test says.
type faultyFile struct {
	historyFile
	mu     sync.Mutex
	faults map[string]error // by call: write, sync, truncate, allocate
	short  int              // bytes that a write that fails writes
	noted  []string         // the calls, with offset and length
	syncs  atomic.Int64
	hold   chan struct{} // where it is not nil, sync waits until it is closed
}

func (f *faultyFile) fail(call string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil {
		delete(f.faults, call)
		return
	}
	f.faults[call] = err
}

func (f *faultyFile) called(call, note string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.noted = append(f.noted, strings.TrimSpace(call+" "+note))
	return f.faults[call]
}

// notes gives the calls since the last notes.
func (f *faultyFile) notes() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	noted := f.noted
	f.noted = nil
	return noted
}

func (f *faultyFile) WriteAt(b []byte, at int64) (int, error) {
	if err := f.called("write", fmt.Sprint(at, " ", len(b))); err != nil {
		if f.short > 0 {
			f.historyFile.WriteAt(b[:min(f.short, len(b))], at)
		}
		return 0, err // os.File, too, does not count what it wrote before the error
	}
	return f.historyFile.WriteAt(b, at)
}

func (f *faultyFile) Truncate(size int64) error {
	if err := f.called("truncate", fmt.Sprint(size)); err != nil {
		return err
	}
	return f.historyFile.Truncate(size)
}

func (f *faultyFile) sync() error {
	f.syncs.Add(1)
	if f.hold != nil {
		<-f.hold
	}
	if err := f.called("sync", ""); err != nil {
		return err
	}
	return f.historyFile.sync()
}

func (f *faultyFile) allocate(offset, length int64) error {
	if err := f.called("allocate", fmt.Sprint(offset, " ", length)); err != nil {
		return err
	}
	return f.historyFile.allocate(offset, length)
}

func newFaulty(t testing.TB) (*History, *faultyFile, string) {
	path := filepath.Join(t.TempDir(), "history.dat")
	f := &faultyFile{faults: map[string]error{}}
	h, _, err := openHistory(path, func(path string) (historyFile, error) {
		var err error
		f.historyFile, err = openHistoryFile(path)
		return f, err
	}, syncDirectory)
	require.NoError(t, err)
	t.Cleanup(func() { h.Close() })
	return h, f, path
}

func TestAppendReturnsAfterOneWriteAndOneFdatasync(t *testing.T) {
	h, f, _ := newFaulty(t)
	for range 2 {
		_, err := h.Append(numbered("r", 3)...)
		require.NoError(t, err)
	}
	assert.Equal(t, []string{"write 0 768", "sync", "write 768 768", "sync"}, f.notes())
}

// What a failed write leaves is cut off, on disk too, and the next append stands where the failed one would have stood.
func TestFailedAppendLeavesNothing(t *testing.T) {
	for _, c := range []struct {
		name, call string
		err        error
		short      int
	}{
		{"disk full", "write", unix.ENOSPC, 0},
		{"disk full inside a record", "write", unix.ENOSPC, 300},
		{"disk full after a record", "write", unix.ENOSPC, 256},
		{"file too large", "write", unix.EFBIG, 100},
		{"quota", "write", unix.EDQUOT, 100},
		{"write error", "write", unix.EIO, 511},
		{"sync error", "sync", unix.EIO, 0},
		{"no space at the sync", "sync", unix.ENOSPC, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, f, path := newFaulty(t)
			_, err := h.Append(numbered("a", 2)...)
			require.NoError(t, err)
			f.fail(c.call, c.err)
			f.short = c.short
			for range 3 {
				_, err = h.Append(numbered("lost", 2)...)
				require.ErrorIs(t, err, c.err)
				assert.Equal(t, 2, h.Len())
				assert.Len(t, content(t, path), 2*HistoryRecordLength)
				_, err = h.Record(2)
				assert.ErrorIs(t, err, ErrNoRecord)
			}
			f.fail(c.call, nil)
			first, err := h.Append(numbered("b", 1)...)
			require.NoError(t, err)
			assert.Equal(t, 2, first)
			assert.Equal(t, []string{"a0", "a1", "b0"}, texts(t, path))
		})
	}
}

func TestFailedAppendIsCutOffOnDisk(t *testing.T) {
	h, f, _ := newFaulty(t)
	f.fail("write", unix.EIO)
	_, err := h.Append(launched())
	require.Error(t, err)
	assert.Equal(t, []string{"write 0 256", "truncate 0", "sync"}, f.notes())
}

// Where even the truncation fails, it comes before the next write: nothing of the failed append is left behind a shorter one.
func TestTruncationThatFailsIsMadeGoodBeforeTheNextWrite(t *testing.T) {
	h, f, path := newFaulty(t)
	_, err := h.Append(numbered("a", 1)...)
	require.NoError(t, err)
	f.fail("sync", unix.EIO)
	f.fail("truncate", unix.EIO)
	_, err = h.Append(numbered("lost", 3)...)
	require.ErrorIs(t, err, unix.EIO)
	assert.Len(t, content(t, path), 4*HistoryRecordLength)

	f.fail("sync", nil)
	f.notes()
	_, err = h.Append(numbered("b", 1)...)
	require.ErrorIs(t, err, unix.EIO)
	assert.Equal(t, []string{"truncate 256"}, f.notes(), "nothing is written behind what does not count")

	f.fail("truncate", nil)
	first, err := h.Append(numbered("b", 1)...)
	require.NoError(t, err)
	assert.Equal(t, 1, first)
	assert.Equal(t, []string{"truncate 256", "sync", "write 256 256", "sync"}, f.notes())
	assert.Equal(t, []string{"a0", "b0"}, texts(t, path))
}

// pile has one append stand in its sync, and n more come meanwhile; release lets the first one end, and all are waited for.
func pile(t *testing.T, h *History, f *faultyFile, n int) (release func() (others []error, first error)) {
	f.hold = make(chan struct{})
	var first error
	others := make([]error, n)
	var all sync.WaitGroup
	all.Go(func() { _, first = h.Append(launched()) })
	require.Eventually(t, func() bool { return f.syncs.Load() == 1 }, patience, time.Millisecond)
	for i := range n {
		all.Go(func() { _, others[i] = h.Append(numbered(fmt.Sprintf("%d.", i), 2)...) })
	}
	require.Eventually(t, func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.waiting == int64(1+2*n)*HistoryRecordLength
	}, patience, time.Millisecond)
	return func() ([]error, error) {
		close(f.hold)
		all.Wait()
		return others, first
	}
}

func TestAppendsThatComeDuringAWriteShareTheNextOne(t *testing.T) {
	h, f, path := newFaulty(t)
	others, first := pile(t, h, f, 500)()
	require.NoError(t, first)
	for _, err := range others {
		require.NoError(t, err)
	}
	assert.Equal(t, []string{"write 0 256", "sync", "write 256 256000", "sync"}, f.notes())
	got := texts(t, path)
	require.Len(t, got, 1001)
	for i := 1; i < len(got); i += 2 {
		assert.Equal(t, strings.TrimSuffix(got[i], "0"), strings.TrimSuffix(got[i+1], "1"), "records of one call")
	}
}

func TestAllAppendsOfAFailedWriteHaveItsError(t *testing.T) {
	h, f, path := newFaulty(t)
	release := pile(t, h, f, 50)
	f.fail("write", unix.ENOSPC) // the first one has been written already
	f.short = 999
	others, first := release()
	require.NoError(t, first)
	for _, err := range others {
		require.ErrorIs(t, err, unix.ENOSPC)
	}
	assert.Len(t, texts(t, path), 1)
	assert.Equal(t, 1, h.Len())
	f.fail("write", nil)
	at, err := h.Append(launched())
	require.NoError(t, err)
	assert.Equal(t, 1, at)
}

// What is not on disk yet is no record.
func TestRecordsCountWhenTheyAreOnDisk(t *testing.T) {
	h, f, _ := newFaulty(t)
	release := pile(t, h, f, 1)
	assert.Zero(t, h.Len())
	_, err := h.Record(0)
	assert.ErrorIs(t, err, ErrNoRecord)
	for range h.Backwards() {
		assert.Fail(t, "a record")
	}
	release()
	assert.Equal(t, 3, h.Len())
}

func TestOpenFailsWhereTheTornEndCannotBeCutOff(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.dat")
	require.NoError(t, os.WriteFile(path, []byte(launchedLine()+"x"), 0o600))
	f := &faultyFile{faults: map[string]error{"truncate": unix.EIO}}
	_, _, err := openHistory(path, func(path string) (_ historyFile, err error) {
		f.historyFile, err = openHistoryFile(path)
		return f, err
	}, syncDirectory)
	assert.ErrorIs(t, err, unix.EIO)
	assert.ErrorContains(t, err, path)
}
