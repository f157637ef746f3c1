package contactfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
)

// historyStep is how many bytes beyond what was asked for are reserved at a time.
const historyStep = 64 << 10

// History is the history as its one writer holds it: the daemon that has the contact file of the same directory open. It has
// no lock of its own. Its methods may be called from several goroutines.
type History struct {
	file historyFile
	path string

	// write is held by who changes the file. The fields after it are its own.
	write sync.Mutex
	dirty bool // bytes that do not count may stand after size

	// mu is never held during a system call; it may be taken while write is held, not the other way round.
	mu          sync.Mutex
	size        int64         // bytes that count: all on disk, a multiple of the record length
	next        *historyBatch // what the next write takes; nil where nobody waits for one
	waiting     int64         // bytes of appends that have not returned
	reserved    int64         // the disk has room up to here, in bytes from the start of the file
	unpromising bool          // the file system cannot reserve
	failed      error         // of the last write; nil where it went well
}

// historyBatch is what one write puts into the file: the records of all appends that came while another write went on.
type historyBatch struct {
	b     []byte
	done  chan struct{} // closed when the fields below stand
	first int           // record number of b[0]
	err   error
}

// OpenHistory opens the history at path, creating an empty one where there is none. What a power cut left of an append at
// the end is cut off: cut says how many bytes. The caller holds the lock of the contact file in the same directory.
func OpenHistory(path string) (h *History, cut int64, err error) {
	return openHistory(path, openHistoryFile, syncDirectory)
}

func openHistory(path string, open func(string) (historyFile, error), syncDirectory func(string) error) (*History, int64, error) {
	file, err := open(path)
	if err != nil {
		return nil, 0, fmt.Errorf("open history: %w", err)
	}
	h := &History{file: file, path: path}
	cut, err := h.cutTail()
	if err == nil {
		err = syncDirectory(filepath.Dir(path))
	}
	if err != nil {
		file.Close()
		return nil, 0, fmt.Errorf("open history %s: %w", path, err)
	}
	return h, cut, nil
}

// cutTail finds the size that counts and cuts off what stands after it: an incomplete record, a last one that does not decode,
// and the zeros before it that a write of several records leaves where only its end reached the disk.
func (h *History) cutTail() (int64, error) {
	size, err := h.file.size()
	if err != nil {
		return 0, err
	}
	h.size = size - size%HistoryRecordLength
	for last := true; h.size > 0; last = false {
		var b [HistoryRecordLength]byte
		if _, err := h.file.ReadAt(b[:], h.size-HistoryRecordLength); err != nil {
			return 0, err
		}
		if !last && b != [HistoryRecordLength]byte{} {
			break
		}
		if _, err := decodeHistory(string(b[:]), 0); err == nil {
			break
		}
		h.size -= HistoryRecordLength
	}
	h.reserved = h.size
	if h.size == size {
		return 0, nil
	}
	return size - h.size, h.repair()
}

// Append writes the records one after the other, and returns when they are on disk. first is the record number of the first.
// Appends that come while another is being written share one write and one fdatasync(2). Where that fails, none of it counts,
// every one of them has the error, and what was written is cut off again; later appends work as soon as the disk does. A
// record that does not encode is a *FieldError, counted within the call, and nothing is written.
func (h *History) Append(records ...HistoryRecord) (first int, err error) {
	b := make([]byte, 0, len(records)*HistoryRecordLength)
	for i := range records {
		if b, err = records[i].Append(b); err != nil {
			var e *FieldError
			errors.As(err, &e)
			return 0, fmt.Errorf("append to history: %w", placedInHistory(e, i))
		}
	}
	if len(b) == 0 {
		return h.Len(), nil
	}
	h.mu.Lock()
	batch, leads := h.next, h.next == nil
	if leads {
		batch = &historyBatch{done: make(chan struct{})}
		h.next = batch
	}
	at := len(batch.b) / HistoryRecordLength
	batch.b = append(batch.b, b...)
	h.waiting += int64(len(b))
	h.mu.Unlock()
	if leads {
		h.lead(batch)
	} else {
		<-batch.done
	}
	if batch.err != nil {
		return 0, fmt.Errorf("append to history: %w", batch.err)
	}
	return batch.first + at, nil
}

// lead writes a batch, with all that joins it until the write before it has ended.
func (h *History) lead(batch *historyBatch) {
	h.write.Lock()
	defer h.write.Unlock()
	h.mu.Lock()
	h.next = nil
	h.mu.Unlock()

	err := h.commit(batch.b)

	h.mu.Lock()
	batch.first, batch.err = int(h.size/HistoryRecordLength), err
	h.waiting -= int64(len(batch.b))
	h.failed = err
	if err == nil {
		h.size += int64(len(batch.b))
	}
	h.mu.Unlock()
	close(batch.done)
}

// commit has b on disk at the end of the file, or nothing of it in the file. The caller holds write.
func (h *History) commit(b []byte) error {
	if h.dirty {
		if err := h.repair(); err != nil {
			return err
		}
	}
	h.dirty = true
	if err := h.put(b); err != nil {
		h.repair() // where it fails, the next commit begins with it
		return err
	}
	h.dirty = false
	return nil
}

// put writes b at the end of what counts.
func (h *History) put(b []byte) error {
	if _, err := h.file.WriteAt(b, h.size); err != nil {
		return err
	}
	return h.file.sync()
}

// repair cuts off what does not count, on disk too, so that no power cut brings it back. The caller holds write.
func (h *History) repair() error {
	h.dirty = true
	if err := h.file.Truncate(h.size); err != nil {
		return err
	}
	h.mu.Lock()
	before := h.reserved
	h.reserved = h.size // the file system has given the rest back
	h.mu.Unlock()
	if err := h.file.sync(); err != nil {
		return err
	}
	h.dirty = false
	if before > h.size && h.file.allocate(h.size, before-h.size) == nil {
		h.mu.Lock()
		h.reserved = before
		h.mu.Unlock()
	}
	return nil
}

// Reserve makes sure that n records more than those of the appends in progress can be written without want of space, or says
// why not. Two calls do not add up: n is all that the callers together still mean to write. After a failed write it tries
// whether the file can be written again. On a file system that cannot reserve nothing is promised, and there is no error.
func (h *History) Reserve(n int) error {
	if h.hasRoom(n) {
		return nil
	}
	h.write.Lock()
	defer h.write.Unlock()
	if h.hasRoom(n) {
		return nil
	}
	if err := h.reserve(n); err != nil {
		return fmt.Errorf("reserve space in history: %w", err)
	}
	return nil
}

func (h *History) hasRoom(n int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.failed == nil && (h.unpromising || h.need(n) <= h.reserved)
}

// need is the length of the file with n more records. The caller holds mu.
func (h *History) need(n int) int64 { return h.size + h.waiting + int64(n)*HistoryRecordLength }

// reserve is Reserve for who holds write.
func (h *History) reserve(n int) error {
	if err := h.try(); err != nil {
		return err
	}
	h.mu.Lock()
	from, to, unpromising := max(h.size, h.reserved), h.need(n), h.unpromising
	h.mu.Unlock()
	if unpromising || to <= from {
		return nil
	}
	err := h.file.allocate(from, to+historyStep-from)
	if err == nil {
		to += historyStep
	} else if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		err = h.file.allocate(from, to-from)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOSYS):
		h.unpromising = true
		return nil
	case err != nil:
		return err
	}
	h.reserved = to
	return nil
}

// try finds out, after a failed write, whether the file can be written now: with what every reader takes for an incomplete
// record and the next start would cut off. The caller holds write.
func (h *History) try() error {
	h.mu.Lock()
	failed := h.failed
	h.mu.Unlock()
	if failed == nil {
		return nil
	}
	b := appendPadded(nil, "", HistoryRecordLength-1)
	err := h.commit(b)
	if err == nil {
		err = h.repair()
	}
	h.mu.Lock()
	h.failed = err
	h.mu.Unlock()
	return err
}

// InPlace says whether the file that is held is the one that stands at the path: somebody may have removed or replaced it, and then
// readers find nothing of what is written.
func (h *History) InPlace() bool {
	held, err := h.file.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(h.path)
	return err == nil && os.SameFile(there, held)
}

// Len is the number of records.
func (h *History) Len() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return int(h.size / HistoryRecordLength)
}

// Close waits for the write in progress and closes the file. Appends after it fail.
func (h *History) Close() error {
	h.write.Lock()
	defer h.write.Unlock()
	return h.file.Close()
}
