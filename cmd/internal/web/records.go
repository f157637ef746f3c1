package web

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"renraku/contactfile"
)

// records reads the contact file again and again. A read that finds nothing new costs a copy and a comparison of the bytes, and takes no
// lock of the manager.
type records struct {
	path string

	known   []contactfile.Record
	bytes   []byte // that known stands for
	buffer  []byte // of the next read
	settled int64  // a size that was met once, and is taken when it is met again; -1: none
}

// read gives which records have changed since the last time; whole says that the hosts are others, in other places or another number. A
// record that is just being written keeps what it was until the next read, and so does a file that is just being made.
func (r *records) read() (changed []int, whole bool, err error) {
	b, err := r.load()
	if err != nil {
		return nil, false, fmt.Errorf("read contact file: %w", err)
	}
	switch {
	case len(b) == len(r.bytes):
		changed, whole = r.compare(b)
	case r.settled != int64(len(b)):
		r.settled = int64(len(b))
		return nil, false, nil
	default:
		whole = true
	}
	if whole {
		return nil, r.replace(b), nil
	}
	return changed, false, nil
}

// load reads the file into the buffer.
func (r *records) load() ([]byte, error) {
	f, err := os.Open(r.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // the manager makes it anew
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	size := min(info.Size(), contactfile.MaxRecords*contactfile.RecordLength)
	if int64(cap(r.buffer)) < size {
		r.buffer = make([]byte, size)
	}
	r.buffer = r.buffer[:size]
	n, err := f.ReadAt(r.buffer, 0)
	if n < len(r.buffer) && !isEnd(err) {
		return nil, err
	}
	return r.buffer[:n-n%contactfile.RecordLength], nil
}

// compare takes over the records that differ; others says that a host is another.
func (r *records) compare(b []byte) (changed []int, others bool) {
	r.settled = int64(len(b))
	if bytes.Equal(b, r.bytes) {
		return nil, false
	}
	for i := range r.known {
		line := b[i*contactfile.RecordLength:][:contactfile.RecordLength]
		before := r.bytes[i*contactfile.RecordLength:][:contactfile.RecordLength]
		if bytes.Equal(line, before) {
			continue
		}
		record, err := contactfile.Decode((*[contactfile.RecordLength]byte)(line), i)
		if err != nil {
			continue // it is being written
		}
		if record.Host != r.known[i].Host {
			return nil, true
		}
		copy(before, line)
		r.known[i] = record
		changed = append(changed, i)
	}
	return changed, false
}

// replace takes over all records, unless one is being written.
func (r *records) replace(b []byte) bool {
	known := make([]contactfile.Record, len(b)/contactfile.RecordLength)
	for i := range known {
		var err error
		if known[i], err = contactfile.Decode((*[contactfile.RecordLength]byte)(b[i*contactfile.RecordLength:]), i); err != nil {
			return false
		}
	}
	r.known, r.bytes = known, append(r.bytes[:0], b...)
	return true
}
