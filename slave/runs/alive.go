package runs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// stat is what proc_pid_stat(5) says of a process.
type stat struct {
	state          string
	group, session int
	start          uint64 // clock ticks since the boot
}

// ended says whether the process has ended, be it waited for or not.
func (s *stat) ended() bool { return s.state == "Z" || s.state == "X" }

func readStat(path string) (stat, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return stat{}, err
	}
	// The name, in parentheses, may hold anything; after it come state, parent, group and session.
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	if len(fields) < 20 {
		return stat{}, fmt.Errorf("%s has %d fields", path, len(fields))
	}
	s := stat{state: fields[0]}
	s.group, _ = strconv.Atoi(fields[2])
	s.session, _ = strconv.Atoi(fields[3])
	s.start, err = strconv.ParseUint(fields[19], 10, 64)
	return s, err
}

// identify gives the identity of a process that lives or was not waited for.
func identify(pid int) (identity, error) {
	s, err := readStat(fmt.Sprintf("/proc/%d/stat", pid))
	return identity{pid, s.start}, err
}

// lives says whether this very process still runs. Where that cannot be seen, a process of that number is taken for it.
func (i identity) lives() bool {
	if i.pid == 0 {
		return false
	}
	s, err := readStat(fmt.Sprintf("/proc/%d/stat", i.pid))
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ESRCH):
		return unix.Kill(i.pid, 0) != unix.ESRCH && hidden(i.pid)
	case err != nil:
		return true
	}
	return s.start == i.start && !s.ended()
}

// tick is the unit of a process's start: USER_HZ is 100 on every machine that Go runs on.
const tick = 10 * time.Millisecond

// startTime is the start since the boot; it is never earlier than the process itself.
func (i identity) startTime() time.Duration { return time.Duration(i.start+1) * tick }

// ticks is a time since the boot as the starts of processes are given.
func ticks(sinceBoot time.Duration) uint64 { return uint64(sinceBoot / tick) }

// sinceBoot is the time since the boot, by the clock of the starts of processes.
func sinceBoot() time.Duration {
	var now unix.Timespec
	unix.ClockGettime(unix.CLOCK_BOOTTIME, &now) // where it fails it is 0: nothing is due then
	return time.Duration(now.Nano())
}

// signalGroup sends a signal to the group that this process leads. It does so only where this very process is seen to be there:
// then nobody else has its number, nor that of its group.
func (i identity) signalGroup(s syscall.Signal) error {
	if i.pid <= 1 { // kill(2) takes -1 for everybody
		return fmt.Errorf("process %d has no group of its own", i.pid)
	}
	seen, err := identify(i.pid)
	if err != nil {
		return err
	}
	if seen != i {
		return fmt.Errorf("process %d is another one now", i.pid)
	}
	return unix.Kill(-i.pid, s)
}

// hidden says whether the process is kept from our sight (hidepid in proc(5)).
func hidden(pid int) bool { return errors.Is(unix.Kill(pid, 0), unix.EPERM) }

// anyProcess says whether the condition holds for a process that has not ended.
func anyProcess(holds func(*stat) bool) bool {
	paths, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is right, and Glob has no other error
	for _, path := range paths {
		if s, err := readStat(path); err == nil && !s.ended() && holds(&s) {
			return true
		}
	}
	return false
}

// groupLives says whether a process of the group still runs.
func groupLives(group int) bool {
	return anyProcess(func(s *stat) bool { return s.group == group })
}

// sessionLives says whether a process of the session that this process led still runs, but for those that were started before
// the given ticks since the boot. The number of a session stays taken until its last process has ended, so another start of the
// leader means that all of them have.
func (i identity) sessionLives(since uint64) bool {
	if i.pid == 0 {
		return false
	}
	if leader, err := identify(i.pid); err == nil && leader != i {
		return false
	}
	return anyProcess(func(s *stat) bool { return s.session == i.pid && s.start >= since })
}

// lockRun marks a run as alive for as long as a copy of the descriptor is open anywhere: a lock on one byte, which goes to the
// parent and to the process with the descriptor (F_OFD_SETLK in fcntl(2)). Every run has a byte of its own.
func lockRun(f *os.File, run uint64) error {
	return unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, runByte(unix.F_RDLCK, run))
}

// runLocked says whether somebody has the lock of the run. The given descriptor must not be one that has it.
func runLocked(f *os.File, run uint64) (bool, error) {
	l := runByte(unix.F_WRLCK, run)
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_GETLK, l); err != nil {
		return false, fmt.Errorf("look for the lock of a run: %w", err)
	}
	return l.Type != unix.F_UNLCK, nil
}

func runByte(kind int16, run uint64) *unix.Flock_t {
	return &unix.Flock_t{Type: kind, Whence: 0, Start: int64(run), Len: 1}
}
