package contactfile

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// File is the contact file as its one writer holds it. Its methods may be called from several goroutines.
type File struct {
	path string

	mu    sync.Mutex // makes reading and writing of one update one step
	file  *os.File
	bytes [RecordLength]byte // of one record, and
	after Record             // what an update makes of it, so that nothing is allocated for them
}

// Open opens the contact file at path, creating an empty one where there is none, and takes its lock until Close. What an
// earlier daemon left in it stays until Create. The error is ErrLocked where another daemon holds it.
func Open(path string) (*File, error) {
	file, err := openLocked(path)
	if err != nil {
		return nil, err
	}
	return &File{path: path, file: file}, nil
}

func openLocked(path string) (*os.File, error) {
	file, err := OpenFile(path, os.O_RDWR)
	if err != nil {
		return nil, fmt.Errorf("open contact file: %w", err)
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		file.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = ErrLocked
		}
		return nil, fmt.Errorf("lock contact file %s: %w", path, err)
	}
	return file, nil
}

// InPlace says whether the file that is held is the one that stands at the path: somebody may have removed or replaced it, and then
// readers find nothing of what is written.
func (f *File) InPlace() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	in, err := f.inPlace()
	return in && err == nil
}

func (f *File) inPlace() (bool, error) {
	held, err := f.file.Stat()
	if err != nil {
		return false, err
	}
	there, err := os.Stat(f.path)
	return err == nil && os.SameFile(there, held), nil
}

// takePlace has the file that is held be the one at the path again.
func (f *File) takePlace() error {
	if in, err := f.inPlace(); in || err != nil {
		return err
	}
	file, err := openLocked(f.path)
	if err != nil {
		return err
	}
	f.file.Close()
	f.file = file
	return nil
}

// Create replaces all that stands in the file by the given records (14, 31). Where somebody has removed or replaced the file, it is
// made anew.
func (f *File) Create(records []Record) error {
	if err := checkAll(0, records); err != nil {
		return fmt.Errorf("create contact file: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.takePlace(); err != nil {
		return fmt.Errorf("create contact file: %w", err)
	}
	if err := f.file.Truncate(0); err != nil {
		return fmt.Errorf("create contact file: %w", err)
	}
	if err := f.write(0, records); err != nil {
		return fmt.Errorf("create contact file: %w", err)
	}
	return nil
}

// Replace replaces record first and all after it by the given records. Those before it are not touched, and a reader never finds
// them gone.
func (f *File) Replace(first int, records []Record) error {
	if err := checkAll(first, records); err != nil {
		return fmt.Errorf("replace records of the contact file: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.write(first, records); err != nil {
		return fmt.Errorf("replace records of the contact file: %w", err)
	}
	if err := f.file.Truncate(int64(first+len(records)) * RecordLength); err != nil {
		return fmt.Errorf("replace records of the contact file: %w", err)
	}
	return nil
}

// checkAll checks records that are to stand in the file from record first on.
func checkAll(first int, records []Record) error {
	if first+len(records) > MaxRecords {
		return fmt.Errorf("%d records: %w", first+len(records), ErrTooLarge)
	}
	for i := range records {
		if err := records[i].check(); err != nil {
			return placed(err, first+i)
		}
	}
	return nil
}

// write writes records that were found right into the file, from record first on. It is done in small parts: the kernel keeps a file
// that was written with one large call in large pages, and then each later change of one record costs the more.
func (f *File) write(first int, records []Record) error {
	part := make([]byte, 0, min(len(records)*RecordLength, partLength))
	for some := range slices.Chunk(records, partLength/RecordLength) {
		part = part[:0]
		for i := range some {
			part = some[i].append(part)
		}
		if _, err := f.file.WriteAt(part, int64(first)*RecordLength); err != nil {
			return err
		}
		first += len(some)
	}
	return nil
}

// Update has change change the fields 132 and 133 of record i and writes the record in place, with now as its time of last
// change. Where change leaves both as they are, nothing is written. The record as it then stands and whether it changed are
// returned. The host name cannot be changed. The record is change's for the call only.
func (f *File) Update(i int, now time.Time, change func(*Record)) (Record, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var before Record
	if err := before.readOne(f.file, i, &f.bytes); err != nil {
		return Record{}, false, fmt.Errorf("update contact file: %w", err)
	}
	f.after = before
	change(&f.after)
	f.after.Host = before.Host
	if f.after.Operating == before.Operating && f.after.Application == before.Application {
		return before, false, nil
	}
	f.after.Since = now.UTC().Truncate(time.Second)
	b, err := f.after.Append(f.bytes[:0])
	if err != nil {
		return before, false, fmt.Errorf("update contact file: %w", placed(err, i))
	}
	if _, err := f.file.WriteAt(b, int64(i)*RecordLength); err != nil {
		return before, false, fmt.Errorf("update contact file: record %d: %w", i, err)
	}
	return f.after, true, nil
}

// Record reads record i from the file. The error is ErrNoRecord where the file is shorter, as it is when cleared.
func (f *File) Record(i int) (Record, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var r Record
	if err := r.readOne(f.file, i, &f.bytes); err != nil {
		return Record{}, fmt.Errorf("read contact file: %w", err)
	}
	return r, nil
}

// Records reads all records from the file.
func (f *File) Records() ([]Record, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	records, err := readAll(f.file)
	if err != nil {
		return nil, fmt.Errorf("read contact file: %w", err)
	}
	return records, nil
}

// Clear truncates the file to length zero (26, 36).
func (f *File) Clear() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.file.Truncate(0); err != nil {
		return fmt.Errorf("clear contact file: %w", err)
	}
	return nil
}

// Close gives the lock back and closes the file; what stands in it stays.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.file.Close()
}

// placed gives the error of a record's fields the record's place in the file.
func placed(err error, i int) error {
	var e *FieldError
	if !errors.As(err, &e) {
		return err
	}
	moved := *e
	moved.Record = i
	moved.Offset += int64(i) * RecordLength
	return &moved
}
