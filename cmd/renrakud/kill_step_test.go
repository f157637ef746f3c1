package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"renraku/cmd/internal/cmdtest"
)

// watch sees the files of a server and of the manager change.
type watch struct {
	t     *testing.T
	fleet *cmdtest.Fleet
	host  string
	file  *os.File
	dirs  map[int32]string
}

func newWatch(t *testing.T, f *cmdtest.Fleet, host string) *watch {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	require.NoError(t, err)
	w := &watch{t: t, fleet: f, host: host, file: os.NewFile(uintptr(fd), "inotify"), dirs: map[int32]string{}}
	for _, h := range []string{host, manager} {
		for _, dir := range []string{f.Dir(h), f.File(h, "runs")} {
			wd, err := unix.InotifyAddWatch(fd, dir, unix.IN_MODIFY)
			require.NoError(t, err)
			w.dirs[int32(wd)] = dir
		}
	}
	return w
}

func (w *watch) close() { w.file.Close() }

// lookAgain is the time between two looks whether the step can still come.
const lookAgain = 10 * time.Millisecond

// await waits for the hit's step, or for its time. It is false where the step has not come when all is over.
func (w *watch) await(h *hit, over func() bool) bool {
	end := time.Now().Add(h.after)
	for {
		until := time.Now().Add(lookAgain)
		if h.step == (step{}) {
			if until = end; !time.Now().Before(end) {
				return true
			}
		}
		require.NoError(w.t, w.file.SetReadDeadline(until))
		b := make([]byte, 1<<16)
		n, err := w.file.Read(b)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			if h.step != (step{}) && over() {
				return false
			}
		default:
			require.NoError(w.t, err)
			if h.step != (step{}) && w.has(h, b[:n]) {
				return true
			}
		}
	}
}

// has says whether the step is among the events.
func (w *watch) has(h *hit, b []byte) bool {
	host := w.host
	if h.step.atManager {
		host = manager
	}
	path := w.fleet.File(host, h.step.file)
	for len(b) >= unix.SizeofInotifyEvent {
		dir := w.dirs[int32(binary.NativeEndian.Uint32(b))]
		length := int(binary.NativeEndian.Uint32(b[12:]))
		name := strings.TrimRight(string(b[unix.SizeofInotifyEvent:][:length]), "\x00")
		b = b[unix.SizeofInotifyEvent+length:]
		if filepath.Join(dir, name) == path && (h.step.word == "" || readRun(path).has(h.step.word)) {
			return true
		}
	}
	return false
}

// runFile is the file of a run, as its document has it.
type runFile struct {
	run   string // its number; empty: there is none
	lines map[string]string
}

const (
	runLine     = 256
	runInterest = 54 // where the fields of a line begin
)

func readRun(path string) runFile {
	b, err := os.ReadFile(path)
	if err != nil || len(b) < runLine {
		return runFile{}
	}
	r := runFile{run: string(b[8:28]), lines: map[string]string{}}
	for ; len(b) >= runLine; b = b[runLine:] {
		if word := strings.TrimSpace(string(b[:8])); word != "" && string(b[8:28]) == r.run {
			r.lines[word] = string(b[:runLine])
		}
	}
	if r.lines["INTENT"] == "" {
		return runFile{}
	}
	return r
}

func (r runFile) has(word string) bool { return r.lines[word] != "" }

// inProgress says whether there is a run without an end.
func (r runFile) inProgress() bool { return r.run != "" && !r.has("DONE") && !r.has("FILED") }

// filed says whether nothing of the run is still to be filed.
func (r runFile) filed() bool {
	if r.run == "" {
		return true
	}
	outcome := ""
	if r.has("FILED") {
		outcome = strings.TrimSpace(r.lines["FILED"][runInterest : runInterest+12])
	}
	simple := strings.TrimSpace(r.lines["INTENT"][91:99]) == "simple"
	return outcome != "" && !(simple && outcome == "LAUNCHED")
}

// killParent kills the parent of the run by SIGKILL, and says whether it lived. A process of the same number is not taken for it.
func (r runFile) killParent() (bool, error) {
	if !r.has("STARTED") || r.has("DONE") {
		return false, nil
	}
	pid, err := strconv.Atoi(strings.TrimSpace(r.lines["STARTED"][54:64]))
	if err != nil {
		return false, err
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer unix.Close(fd)
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil { // it has ended
		return false, nil
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if fields[0] == "Z" || fields[19] != strings.TrimSpace(r.lines["STARTED"][65:85]) {
		return false, nil
	}
	err = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
	return err == nil, err
}
