package contactfile

import (
	"errors"
	"fmt"
	"io"
)

// CheckLength says whether the file has n records, neither more nor fewer, by its size alone. The error names the first record that is
// not there, not whole, or too many: ErrNoRecord, a *FieldError with ErrShort, or ErrTooMany.
func (f *File) CheckLength(n int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	info, err := f.file.Stat()
	if err != nil {
		return fmt.Errorf("read contact file: %w", err)
	}
	switch have := info.Size(); {
	case have > int64(n)*RecordLength:
		return fmt.Errorf("read contact file: record %d: %w", n, ErrTooMany)
	case have < int64(n)*RecordLength:
		return fmt.Errorf("read contact file: %w", breakOff(have))
	}
	return nil
}

// breakOff is what is wrong with the record in which, or before which, a file of that many bytes ends.
func breakOff(size int64) error {
	if err := partError(int(size)); err != nil {
		return err
	}
	return fmt.Errorf("record %d: %w", size/RecordLength, ErrNoRecord)
}

// ReadPart reads the records from first on, as many as there is room for in records. It gives how many are right before the first that
// is not: the error names that one, as a *FieldError or ErrNoRecord, or is the disk's.
func (f *File) ReadPart(first int, records []Record) (right int, err error) {
	b := make([]byte, len(records)*RecordLength)
	n, err := f.readPart(b, first)
	if err != nil {
		return 0, fmt.Errorf("read contact file: %w", err)
	}
	text := string(b[:n]) // the records share its memory
	for ; (right+1)*RecordLength <= n; right++ {
		if err := records[right].decode(text[right*RecordLength:][:RecordLength], first+right); err != nil {
			return right, fmt.Errorf("read contact file: %w", err)
		}
	}
	if n < len(b) {
		return right, fmt.Errorf("read contact file: %w", breakOff(int64(first)*RecordLength+int64(n)))
	}
	return right, nil
}

func (f *File) readPart(b []byte, first int) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.file.ReadAt(b, int64(first)*RecordLength)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}
