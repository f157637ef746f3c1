package contactfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// A reader without the lock may meet the file while it is created or while a record is written; then it looks again.
const (
	readAttempts = 5
	readPause    = 2 * time.Millisecond
)

// partLength is the number of bytes that are read or written with one call where there are many records.
const partLength = 256 * RecordLength

// ReadFile reads all records of the contact file at path, in their order. It needs neither the lock nor a daemon. No record
// and no error: the file is cleared. A record that is torn, short or foreign is a *FieldError.
func ReadFile(path string) ([]Record, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read contact file: %w", err)
	}
	defer f.Close()
	var records []Record
	for attempt := range readAttempts {
		if attempt > 0 {
			time.Sleep(readPause)
		}
		if records, err = readAll(f); err == nil {
			return records, nil
		}
	}
	return nil, fmt.Errorf("read contact file %s: %w", path, err)
}

// ReadRecord reads the record of one host. The error is ErrNoRecord where the file has none.
func ReadRecord(path, host string) (Record, error) {
	records, err := ReadFile(path)
	if err != nil {
		return Record{}, err
	}
	for _, r := range records {
		if r.Host == host {
			return r, nil
		}
	}
	return Record{}, fmt.Errorf("read contact file %s: host %q: %w", path, host, ErrNoRecord)
}

func readAll(f *os.File) ([]Record, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	size := info.Size()
	if size > MaxRecords*RecordLength {
		return nil, fmt.Errorf("%d bytes: %w", size, ErrTooLarge)
	}
	var text strings.Builder // the records share its memory
	text.Grow(int(size))
	records := make([]Record, 0, size/RecordLength)
	part := make([]byte, min(size, partLength)) // each is decoded while the processor has it in its cache
	for at := int64(0); at < size; at = int64(text.Len()) {
		n, err := f.ReadAt(part[:min(int64(len(part)), size-at)], at)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		text.Write(part[:n])
		if records, err = decodeMore(records, text.String()); err != nil {
			return nil, err
		}
		if n < len(part) {
			break
		}
	}
	if err := partError(text.Len()); err != nil {
		return nil, err
	}
	return records, nil
}

// decodeMore adds those records of s that come after the given ones. The last one may be there in part.
func decodeMore(records []Record, s string) ([]Record, error) {
	for i := len(records); (i+1)*RecordLength <= len(s); i++ {
		records = append(records, Record{})
		if err := records[i].decode(s[i*RecordLength:][:RecordLength], i); err != nil {
			return nil, err
		}
	}
	return records, nil
}

// readOne reads record i, with b for its bytes.
func (r *Record) readOne(f *os.File, i int, b *[RecordLength]byte) error {
	n, err := f.ReadAt(b[:], int64(i)*RecordLength)
	switch {
	case n == RecordLength:
		return r.decode(string(b[:]), i)
	case !errors.Is(err, io.EOF):
		return err
	case n == 0:
		return fmt.Errorf("record %d: %w", i, ErrNoRecord)
	}
	return shortError(i, n)
}

// partError is nil where that many bytes are whole records.
func partError(length int) error {
	if rest := length % RecordLength; rest != 0 {
		return shortError(length/RecordLength, rest)
	}
	return nil
}

// shortError names the field in which record n, of which only have bytes are there, breaks off.
func shortError(n, have int) error {
	field := FieldEnd
	switch {
	case have < operatingOffset:
		field = FieldHost
	case have < applicationOffset:
		field = FieldOperating
	case have < sinceOffset:
		field = FieldApplication
	case have < fillerOffset:
		field = FieldSince
	case have < endOffset:
		field = FieldFiller
	}
	return &FieldError{Record: n, Offset: int64(n)*RecordLength + int64(have), Field: field, Err: ErrShort,
		Got: fmt.Sprintf("%d of %d bytes", have, RecordLength)}
}
