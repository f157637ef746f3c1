package trigger

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"renraku/contactfile"
)

const (
	stateLength = len(stateLayout) + 1
	stateLayout = "2006-01-02T15:04:00Z" // UTC; then LF
)

// stateFile keeps the last minute that was handled: one line of 21 bytes such as 2026-11-22T10:43:00Z, written in place.
type stateFile struct {
	path   string // "": there is none
	failed bool   // the last store did, and the log says so
}

// load gives the minute; ok is false where there is no file.
func (f *stateFile) load() (last minute, ok bool, err error) {
	if f.path == "" {
		return 0, false, nil
	}
	file, err := os.Open(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("read the last minute that was handled: %w", err)
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, int64(stateLength)+1))
	if err != nil {
		return 0, false, fmt.Errorf("read the last minute that was handled: %w", err)
	}
	t, err := time.Parse(stateLayout+"\n", string(b))
	if err != nil || string(stateLine(minuteOf(t))) != string(b) { // Parse takes an hour of one digit
		return 0, false, fmt.Errorf("read the last minute that was handled: %s has %q, want a line such as 2026-11-22T10:43:00Z", f.path, b)
	}
	return minuteOf(t), true, nil
}

func stateLine(last minute) []byte { return []byte(last.time().Format(stateLayout) + "\n") }

// store keeps the minute, on disk when it returns.
func (f *stateFile) store(last minute) error {
	if f.path == "" {
		return nil
	}
	file, err := contactfile.OpenFile(f.path, os.O_WRONLY)
	if err != nil {
		return fmt.Errorf("keep the last minute that was handled: %w", err)
	}
	defer file.Close()
	if _, err := file.WriteAt(stateLine(last), 0); err != nil {
		return fmt.Errorf("keep the last minute that was handled: %w", err)
	}
	// A file that was longer was no state of ours.
	if err := file.Truncate(int64(stateLength)); err != nil {
		return fmt.Errorf("keep the last minute that was handled: %w", err)
	}
	if err := unix.Fdatasync(int(file.Fd())); err != nil {
		return fmt.Errorf("keep the last minute that was handled: %w", err)
	}
	return nil
}
