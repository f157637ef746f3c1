package slave

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"

	"renraku/contactfile"
	"renraku/slave/runs"
)

// HistoryFile is the name of the history in the daemon's directory.
const HistoryFile = "history.dat"

// Records are what a server keeps on disk beside its contact file, for the daemon that holds the directory.
type Records struct {
	Memory  *Memory              // field 133 within one boot
	Runs    *runs.Dir            // intents, processes that run, results
	History *contactfile.History // what was ordered, and what became of it

	dir string
}

// OpenRecords opens the records in the daemon's directory, and makes empty ones where there are none. What a power cut tore off
// the history is logged.
func OpenRecords(dir string, log *slog.Logger) (*Records, error) {
	boot, err := runs.BootID()
	if err != nil {
		return nil, err
	}
	return openRecordsInBoot(dir, boot, log)
}

func openRecordsInBoot(dir, boot string, log *slog.Logger) (*Records, error) {
	r := &Records{dir: dir}
	var err error
	if r.Runs, err = runs.OpenInBoot(dir, boot); err != nil {
		return nil, err
	}
	if r.Memory, err = openMemory(r.Runs.Path(), boot); err != nil {
		return nil, err
	}
	history, cut, err := contactfile.OpenHistory(filepath.Join(dir, HistoryFile))
	if err != nil {
		return nil, errors.Join(err, r.Memory.Close())
	}
	r.History = history
	if cut > 0 {
		log.Warn("torn end of the history cut off", "file", HistoryFile, "bytes", cut, "records", history.Len())
	}
	return r, nil
}

// Dir is the daemon's directory.
func (r *Records) Dir() string { return r.dir }

// KeepParent has a parent wait for the next run until Close, so that no order waits for one to be started.
func (r *Records) KeepParent(log *slog.Logger) {
	if err := r.Runs.KeepParent(); err != nil { // each run starts its own then
		log.Warn("no parent waits for the next run", "error", err)
	}
}

// WatchHistory logs, once, that the history is not at its place any more, and that it is again; until ctx ends.
func (r *Records) WatchHistory(ctx context.Context, log *slog.Logger) error {
	gone := false
	return KeepFile(ctx, func() {
		switch in := r.History.InPlace(); {
		case !in && !gone:
			log.Error("history removed or replaced: what is written now is lost when this daemon ends", "file", HistoryFile)
		case in && gone:
			log.Info("history in its place again", "file", HistoryFile)
		default:
			return
		}
		gone = !gone
	})
}

// Close closes the files. What stands in them stays.
func (r *Records) Close() error {
	r.Runs.DismissParent()
	if err := errors.Join(r.History.Close(), r.Memory.Close()); err != nil {
		return fmt.Errorf("close the records: %w", err)
	}
	return nil
}
