package slave

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
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

// startAgain is the pause before a number of a start that the disk did not take is written again.
const startAgain = time.Second

// Start is one start of a server's daemon in sealed mode. NextStart makes it; after that it is Keep's alone.
type Start struct {
	// Number is greater than that of any start before: the manager's term and a slave's start, as sealed telegrams have them (epoch).
	Number uint64

	path   string
	onDisk bool
	log    *slog.Logger
}

// NextStart is this start. Its number is on disk, unless the log says that it is not; it is a right number all the same, but the next
// start may take it again: Keep is for that. The clock is not needed for it, but where the file is lost, the seconds since 1970 are most
// likely greater too.
func (r *Records) NextStart(now time.Time, log *slog.Logger) *Start {
	s := &Start{path: filepath.Join(r.Runs.Path(), startsFile), log: log}
	last, err := readStart(s.path)
	if err != nil {
		log.Error("number of the last start not known: this one goes by the clock", "error", err)
	}
	s.Number = max(last+1, uint64(max(now.Unix(), 0)))
	if err := s.write(); err != nil {
		log.Error("number of this start not on disk; it is tried again", "start", s.Number, "error", err)
	}
	return s
}

// Keep writes the number again until it is on disk, or ctx ends. The daemon runs it as one of its services.
func (s *Start) Keep(ctx context.Context) error {
	for !s.onDisk && pause(ctx, startAgain) {
		if s.write() == nil {
			s.log.Info("number of this start on disk", "start", s.Number)
		}
	}
	return nil
}

func (s *Start) write() error {
	err := writeStart(s.path, s.Number)
	s.onDisk = err == nil
	return err
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
		return 0, fmt.Errorf("%s is damaged: %w", path, err)
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
