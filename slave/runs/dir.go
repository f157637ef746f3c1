package runs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"renraku/contactfile"
	"renraku/telegram"
)

// Name is the place of the records in the daemon's directory.
const Name = "runs"

// bootIDPath tells one boot of the machine from another (proc_sys_kernel(5)).
const bootIDPath = "/proc/sys/kernel/random/boot_id"

const (
	bootIDLength = 36
	recordSuffix = ".run"
	outputSuffix = ".out"
	newSuffix    = ".new" // after outputSuffix
)

// Dir is the directory of the runs. Its daemon is the only one: it holds the lock of the contact file.
type Dir struct {
	path string
	boot string
	disk func(*os.File) disk

	parents parents
	outputs outputs

	sinceBoot func() time.Duration
}

// Open opens the runs in the daemon's directory, and makes an empty place where there is none.
func Open(dir string) (*Dir, error) {
	boot, err := BootID()
	if err != nil {
		return nil, err
	}
	return OpenInBoot(dir, boot)
}

// OpenInBoot is Open in a boot of the given ID.
func OpenInBoot(dir, boot string) (*Dir, error) {
	d := &Dir{path: filepath.Join(dir, Name), boot: boot, disk: func(f *os.File) disk { return osDisk{f} }, sinceBoot: sinceBoot}
	if err := contactfile.MakeDir(d.path); err != nil {
		return nil, fmt.Errorf("open the records of runs: %w", err)
	}
	return d, nil
}

// BootID is the ID of this boot of the machine, 36 characters.
func BootID() (string, error) {
	b, err := os.ReadFile(bootIDPath)
	if err != nil {
		return "", fmt.Errorf("read the boot ID: %w", err)
	}
	id := strings.TrimSpace(string(b))
	if len(id) != bootIDLength {
		return "", fmt.Errorf("read the boot ID: %q has %d bytes, want %d", id, len(id), bootIDLength)
	}
	return id, nil
}

// fileName is the name of a process's files without the suffix. IDs of a definition are names of files as they are; of other
// IDs nothing is kept.
func fileName(id telegram.ProcessID) (name string, ok bool) {
	name = id.String()
	return name, name != "" && name[0] != '.' && !strings.Contains(name, "/")
}

// Boot is the ID of the boot that this daemon runs in.
func (d *Dir) Boot() string { return d.boot }

// Path is where the runs are kept.
func (d *Dir) Path() string { return d.path }

// Last gives the last run of every process that ever ran here, oldest first. They are as an earlier daemon left them: the caller
// closes each. A file that cannot be read as a run is named in the error; the others are given all the same.
func (d *Dir) Last() ([]*Run, error) {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return nil, fmt.Errorf("read the records of runs: %w", err)
	}
	var found []*Run
	var bad []error
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), recordSuffix) {
			continue
		}
		r, err := d.adopt(filepath.Join(d.path, entry.Name()))
		if err != nil {
			bad = append(bad, fmt.Errorf("read the record of a run: %w", err))
		} else if r != nil {
			found = append(found, r)
		}
	}
	slices.SortStableFunc(found, func(a, b *Run) int { return a.record.Time.Compare(b.record.Time) })
	return found, errors.Join(bad...)
}

// adopt gives the run of an earlier daemon, nil where the file holds none.
func (d *Dir) adopt(path string) (*Run, error) {
	id, err := telegram.NewProcessID(strings.TrimSuffix(filepath.Base(path), recordSuffix))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	record, ok, err := readRecord(f, id)
	if err != nil || !ok {
		f.Close()
		return nil, err
	}
	r := newRun(d, f, record)
	close(r.unwatched)
	return r, nil
}

// readRecord reads the file of a run; it is not ok where the file holds none, as after a launch that could not be written.
func readRecord(f *os.File, id telegram.ProcessID) (Record, bool, error) {
	b := make([]byte, FileLength)
	n, err := f.ReadAt(b, 0)
	if n < len(b) && !isEOF(err) {
		return Record{}, false, err
	}
	r, ok := parse(id, b[:n])
	return r, ok, nil
}

// next is the number of the next run after this record. The clock keeps it apart from runs whose record was lost.
func next(after Record, now time.Time) uint64 {
	return max(after.Run+1, uint64(now.UnixMilli()))
}

// syncDir puts a new name on disk.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return unix.Fsync(int(d.Fd()))
}
