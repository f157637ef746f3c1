package contactfile

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
)

// historyChunk is how many records are read at once.
const historyChunk = 256

// ReadHistory reads the records of the history at path, oldest first, in constant memory. It needs neither a lock nor a daemon,
// and ends with what stood in the file when it began. An incomplete last record is left out: it is being written, or a power
// cut left it. A damaged record is a *FieldError, and the next one follows. Any other error is the last of the sequence.
func ReadHistory(path string) iter.Seq2[HistoryRecord, error] { return ReadHistoryFrom(path, 0) }

// ReadHistoryFrom is ReadHistory from record first on, counted from 0.
func ReadHistoryFrom(path string, first int) iter.Seq2[HistoryRecord, error] {
	return func(yield func(HistoryRecord, error) bool) {
		f, err := os.Open(path)
		if err != nil {
			yield(HistoryRecord{}, fmt.Errorf("read history: %w", err))
			return
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			yield(HistoryRecord{}, fmt.Errorf("read history: %w", err))
			return
		}
		end := int(info.Size() / HistoryRecordLength)
		b := make([]byte, historyChunk*HistoryRecordLength)
		for i := first; i < end; {
			n, err := f.ReadAt(b[:min(historyChunk, end-i)*HistoryRecordLength], int64(i)*HistoryRecordLength)
			whole := n / HistoryRecordLength
			for k := range whole {
				r, err := decodeHistory(string(b[k*HistoryRecordLength:][:HistoryRecordLength]), i+k)
				if err != nil {
					r, err = readHistoryRecord(f, i+k) // the writer may have cut it off and written another meanwhile
				}
				if errors.Is(err, ErrNoRecord) {
					return
				}
				if err != nil {
					err = fmt.Errorf("read history %s: %w", path, err)
				}
				if !yield(r, err) || isReadError(err) {
					return
				}
			}
			i += whole
			switch {
			case errors.Is(err, io.EOF):
				return
			case err != nil:
				yield(HistoryRecord{}, fmt.Errorf("read history %s: record %d: %w", path, i, err))
				return
			}
		}
	}
}

// isReadError says whether the disk is to blame and not a record.
func isReadError(err error) bool {
	var damage *FieldError
	return err != nil && !errors.As(err, &damage)
}

// readHistoryRecord reads record n. The error is ErrNoRecord where the file ends before it or inside it.
func readHistoryRecord(f io.ReaderAt, n int) (HistoryRecord, error) {
	var b [HistoryRecordLength]byte
	if _, err := f.ReadAt(b[:], int64(n)*HistoryRecordLength); err != nil {
		if errors.Is(err, io.EOF) {
			err = ErrNoRecord
		}
		return HistoryRecord{}, fmt.Errorf("record %d: %w", n, err)
	}
	return decodeHistory(string(b[:]), n)
}

// Record reads record i, counted from 0. The error is ErrNoRecord where there is none, a *FieldError where it is damaged.
func (h *History) Record(i int) (HistoryRecord, error) {
	if i < 0 || i >= h.Len() {
		return HistoryRecord{}, fmt.Errorf("read history: record %d: %w", i, ErrNoRecord)
	}
	r, err := readHistoryRecord(h.file, i)
	if err != nil {
		return HistoryRecord{}, fmt.Errorf("read history: %w", err)
	}
	return r, nil
}

// Backwards gives the records and their numbers, newest first, from the last one that counts when it begins. A record that is
// damaged or cannot be read is left out: its number is missing, and Record says why.
func (h *History) Backwards() iter.Seq2[int, HistoryRecord] { return Backwards(h.file, h.Len()) }

// Backwards is History.Backwards for the first end records of the history in f, such as a file that somebody else writes.
func Backwards(f io.ReaderAt, end int) iter.Seq2[int, HistoryRecord] {
	return func(yield func(int, HistoryRecord) bool) {
		b := make([]byte, historyChunk*HistoryRecordLength)
		for end := end; end > 0; {
			start := max(end-historyChunk, 0)
			chunk := b[:(end-start)*HistoryRecordLength]
			_, err := f.ReadAt(chunk, int64(start)*HistoryRecordLength)
			for i := end - 1; i >= start; i-- {
				var r HistoryRecord
				var bad error
				if err == nil {
					r, bad = decodeHistory(string(chunk[(i-start)*HistoryRecordLength:][:HistoryRecordLength]), i)
				} else {
					r, bad = readHistoryRecord(f, i) // what can be read of a chunk that cannot
				}
				if bad == nil && !yield(i, r) {
					return
				}
			}
			end = start
		}
	}
}
