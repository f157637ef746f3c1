package web

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"renraku/contactfile"
)

func isEnd(err error) bool { return errors.Is(err, io.EOF) }

// lastRecords keeps the last record of each host in the history, of as many records as are looked back for it.
type lastRecords struct {
	path string

	of   map[string]contactfile.HistoryRecord
	read int // records that are read: all before this number
}

// begin looks back from the end of the history.
func (l *lastRecords) begin() error {
	l.of, l.read = map[string]contactfile.HistoryRecord{}, 0
	f, end, err := openHistory(l.path)
	if f == nil {
		return err
	}
	defer f.Close()
	for i, r := range contactfile.Backwards(f, end) {
		if _, known := l.of[r.Host]; !known {
			l.of[r.Host] = r
		}
		if end-i >= maxLookBack {
			break
		}
	}
	l.read = end
	return nil
}

// follow reads what has been added, and gives the hosts that it is of.
func (l *lastRecords) follow() (hosts []string, err error) {
	info, err := os.Stat(l.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read history: %w", err)
	}
	end := int(info.Size() / contactfile.HistoryRecordLength)
	switch {
	case end == l.read:
		return nil, nil
	case end < l.read: // somebody has made it anew, or the disk did not take what was added
		l.read = end
		return nil, nil
	case end-l.read > maxLookBack:
		l.read = end - maxLookBack
	}
	for r, err := range contactfile.ReadHistoryFrom(l.path, l.read) {
		if err == nil {
			l.of[r.Host] = r
			hosts = append(hosts, r.Host)
		}
	}
	l.read = end
	return hosts, nil
}

// openHistory opens the history; nil and no error where there is none.
func openHistory(path string) (f *os.File, end int, err error) {
	f, err = os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read history: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, fmt.Errorf("read history: %w", err)
	}
	return f, int(info.Size() / contactfile.HistoryRecordLength), nil
}
