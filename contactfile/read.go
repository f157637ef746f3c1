package contactfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// A reader without the lock may meet the file while it is created or while a record is written; then it looks again.
const (
	readAttempts = 5
	readPause    = 2 * time.Millisecond
)

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
	b := make([]byte, size)
	n, err := f.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return decodeAll(string(b[:n]))
}

// decodeAll has the records share the memory of the whole file.
func decodeAll(s string) ([]Record, error) {
	count := len(s) / RecordLength
	records := make([]Record, 0, count)
	for i := range count {
		r, err := decode(s[i*RecordLength:][:RecordLength], i)
		if err != nil {
			return nil, err
		}
		records = append(records, r)
	}
	if rest := len(s) % RecordLength; rest != 0 {
		return nil, shortError(count, rest)
	}
	return records, nil
}

// readOne reads record i.
func readOne(f io.ReaderAt, i int) (Record, error) {
	var b [RecordLength]byte
	n, err := f.ReadAt(b[:], int64(i)*RecordLength)
	switch {
	case n == RecordLength:
		return decode(string(b[:]), i)
	case !errors.Is(err, io.EOF):
		return Record{}, err
	case n == 0:
		return Record{}, fmt.Errorf("record %d: %w", i, ErrNoRecord)
	}
	return Record{}, shortError(i, n)
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
