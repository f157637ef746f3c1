package contactfile

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestReservedSpaceNeedsNoSystemCallUntilItIsUsed(t *testing.T) {
	h, f, path := newFaulty(t)
	require.NoError(t, h.Reserve(1))
	assert.Equal(t, []string{"allocate 0 65792"}, f.notes())
	assert.Empty(t, content(t, path), "the size of the file stays")
	for range 257 {
		require.NoError(t, h.Reserve(1))
		f.notes()
		_, err := h.Append(launched())
		require.NoError(t, err)
		assert.Equal(t, 2, len(f.notes()), "write and sync")
	}
	require.NoError(t, h.Reserve(1))
	assert.Equal(t, []string{"allocate 65792 65792"}, f.notes())
	require.NoError(t, h.Reserve(1000))
	assert.Equal(t, []string{"allocate 131584 255744"}, f.notes())
	require.NoError(t, h.Reserve(0))
	require.NoError(t, h.Reserve(1000))
	assert.Empty(t, f.notes())
}

// Records that are being written use up what is reserved.
func TestReserveCountsTheAppendsInProgress(t *testing.T) {
	h, f, _ := newFaulty(t)
	require.NoError(t, h.Reserve(3))
	f.notes()
	release := pile(t, h, f, 1)
	assert.True(t, h.hasRoom(256))
	assert.False(t, h.hasRoom(257), "3 + 256 are reserved, 3 are being written")
	release()
	assert.True(t, h.hasRoom(256))
	assert.False(t, h.hasRoom(257))
}

func TestReserveTakesWhatIsNeededWhereThereIsNoRoomForAStep(t *testing.T) {
	h, f, _ := newFaulty(t)
	h.file = &smallDisk{faultyFile: f, room: 2 * HistoryRecordLength}
	require.NoError(t, h.Reserve(2))
	assert.Equal(t, []string{"allocate 0 512"}, f.notes())
	assert.ErrorIs(t, h.Reserve(3), unix.ENOSPC)
	require.NoError(t, h.Reserve(2))
}

// smallDisk has room for so many bytes of the file.
type smallDisk struct {
	*faultyFile
	room int64
}

func (d *smallDisk) allocate(offset, length int64) error {
	if offset+length > d.room {
		return os.NewSyscallError("fallocate", unix.ENOSPC)
	}
	return d.faultyFile.allocate(offset, length)
}

func TestReserveSaysThatTheDiskIsFull(t *testing.T) {
	h, f, _ := newFaulty(t)
	f.fail("allocate", unix.ENOSPC)
	for range 2 {
		assert.ErrorIs(t, h.Reserve(1), unix.ENOSPC)
	}
	f.fail("allocate", unix.EIO)
	assert.ErrorIs(t, h.Reserve(1), unix.EIO)
	f.fail("allocate", nil)
	assert.NoError(t, h.Reserve(1))
}

func TestNothingIsPromisedWhereTheFileSystemCannotReserve(t *testing.T) {
	for _, unsupported := range []error{unix.EOPNOTSUPP, unix.ENOSYS} {
		h, f, _ := newFaulty(t)
		f.fail("allocate", os.NewSyscallError("fallocate", unsupported))
		for range 3 {
			require.NoError(t, h.Reserve(5))
		}
		assert.Len(t, f.notes(), 1, "it is asked once")
		_, err := h.Append(launched())
		require.NoError(t, err)
	}
}

// After a failed write Reserve tries whether the file can be written again, on any file system, and leaves nothing of it.
func TestReserveAfterAFailedWriteTriesTheDisk(t *testing.T) {
	for _, call := range []string{"write", "sync", "truncate"} {
		for _, allocates := range []error{nil, unix.EOPNOTSUPP} {
			h, f, path := newFaulty(t)
			f.fail("allocate", allocates)
			_, err := h.Append(launched())
			require.NoError(t, err)
			f.fail("write", unix.EIO)
			f.short = 300
			_, err = h.Append(launched(), launched())
			require.ErrorIs(t, err, unix.EIO)
			f.fail("write", nil)

			f.fail(call, unix.EIO)
			for range 2 {
				assert.ErrorIs(t, h.Reserve(1), unix.EIO, call)
			}
			f.fail(call, nil)
			f.notes()
			require.NoError(t, h.Reserve(1))
			assert.NotEmpty(t, f.notes())
			assert.Len(t, content(t, path), HistoryRecordLength)
			require.NoError(t, h.Reserve(1))
			assert.Empty(t, f.notes(), "one trial is enough")
			first, err := h.Append(launched())
			require.NoError(t, err)
			assert.Equal(t, 1, first)
		}
	}
}

// The truncation after a failed write gives the reserved space back; it is taken again.
func TestReservedSpaceOutlivesAFailedWrite(t *testing.T) {
	h, f, path := newFaulty(t)
	require.NoError(t, h.Reserve(1000))
	require.GreaterOrEqual(t, blocks(t, path), int64(1000*HistoryRecordLength))
	f.fail("write", unix.EIO)
	_, err := h.Append(launched())
	require.Error(t, err)
	assert.GreaterOrEqual(t, blocks(t, path), int64(1000*HistoryRecordLength))
	assert.ErrorIs(t, h.Reserve(1), unix.EIO, "space alone is not enough")
	f.fail("write", nil)
	f.notes()
	require.NoError(t, h.Reserve(1000))
	assert.Equal(t, []string{"write 0 255", "sync", "truncate 0", "sync", "allocate 0 321536"}, f.notes())
	_, err = h.Append(launched())
	require.NoError(t, err)
	f.notes()
	require.NoError(t, h.Reserve(999))
	assert.Empty(t, f.notes())

	f.fail("write", unix.EIO)
	f.fail("allocate", unix.ENOSPC)
	_, err = h.Append(launched())
	require.Error(t, err)
	f.fail("write", nil)
	assert.ErrorIs(t, h.Reserve(1), unix.ENOSPC, "what could not be taken again is not promised")
}

// blocks is how many bytes a file has on its disk.
func blocks(t *testing.T, path string) int64 {
	var s unix.Stat_t
	require.NoError(t, unix.Stat(path, &s))
	return s.Blocks * 512
}

// A disk that is really full, and has room again.
func TestFullDiskOfTheSystem(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to mount a small disk; the limit of a file's size is tested without it")
	}
	dir := t.TempDir()
	require.NoError(t, unix.Mount("tmpfs", dir, "tmpfs", 0, "size=256k"))
	t.Cleanup(func() { assert.NoError(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	path := filepath.Join(dir, "history.dat")
	h, _, err := OpenHistory(path)
	require.NoError(t, err)
	defer h.Close()
	_, err = h.Append(numbered("a", 1)...)
	require.NoError(t, err)

	require.NoError(t, h.Reserve(100))
	ballast := filepath.Join(dir, "ballast")
	fill(t, ballast)
	_, err = h.Append(numbered("b", 100)...)
	require.NoError(t, err, "what was reserved is there on a full disk")

	assert.ErrorIs(t, h.Reserve(1000), unix.ENOSPC)
	_, err = h.Append(numbered("lost", 1000)...)
	require.ErrorIs(t, err, unix.ENOSPC)
	assert.Len(t, texts(t, path), 101)
	assert.Len(t, content(t, path), 101*HistoryRecordLength)
	assert.ErrorIs(t, h.Reserve(1000), unix.ENOSPC)

	require.NoError(t, os.Remove(ballast))
	require.NoError(t, h.Reserve(500))
	first, err := h.Append(numbered("c", 500)...)
	require.NoError(t, err)
	assert.Equal(t, 101, first)
	assert.Len(t, texts(t, path), 601)
}

// fill writes a file until the disk is full.
func fill(t *testing.T, path string) {
	f, err := os.Create(path)
	require.NoError(t, err)
	defer f.Close()
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	require.ErrorIs(t, err, unix.ENOSPC)
}

// The limit of a file's size has the system write a part of what was asked for, and no root is needed.
func TestFileSizeLimitOfTheSystem(t *testing.T) {
	h, path := newHistory(t)
	_, err := h.Append(numbered("a", 1)...)
	require.NoError(t, err)
	var before unix.Rlimit
	require.NoError(t, unix.Getrlimit(unix.RLIMIT_FSIZE, &before))
	limited := before
	limited.Cur = 2*HistoryRecordLength + 100
	require.NoError(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &limited))
	_, tooLarge := h.Append(numbered("lost", 3)...)
	_, fits := h.Append(numbered("b", 1)...)
	require.NoError(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &before))
	assert.ErrorIs(t, tooLarge, unix.EFBIG)
	assert.NoError(t, fits)
	assert.Equal(t, []string{"a0", "b0"}, texts(t, path))
	assert.Len(t, content(t, path), 2*HistoryRecordLength)
}
