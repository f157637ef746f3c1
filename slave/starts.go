package slave

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"renraku/contactfile"
)

// startsFile is the name, among the records of runs, of the number of a server's last start in sealed mode: 20 digits and LF.
const (
	startsFile   = "start.dat"
	startsDigits = 20
)

// NextStart is the number of this start of the server's daemon, which is greater than that of any before: the manager's term and a
// slave's start, as sealed telegrams have them (epoch). It is on disk, unless there is an error; it is a right number all the same. The
// clock is not needed for that, but where the file is lost, the seconds since 1970 are most likely greater too.
func (r *Records) NextStart(now time.Time) (uint64, error) {
	path := filepath.Join(r.Runs.Path(), startsFile)
	last, err := readStart(path)
	next := max(last+1, uint64(max(now.Unix(), 0)))
	if err = errors.Join(err, writeStart(path, next)); err != nil {
		return next, fmt.Errorf("keep the number of this start: %w", err)
	}
	return next, nil
}

func readStart(path string) (uint64, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	last, err := strconv.ParseUint(string(bytes.TrimRight(b, "\n")), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s is damaged: %w", startsFile, err)
	}
	return last, nil
}

// writeStart writes in place, and waits for the disk.
func writeStart(path string, start uint64) error {
	file, err := contactfile.OpenFile(path, os.O_WRONLY)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := fmt.Fprintf(file, "%0*d\n", startsDigits, start); err != nil {
		return err
	}
	return unix.Fdatasync(int(file.Fd()))
}
