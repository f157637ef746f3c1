package datagram

import (
	"encoding/binary"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// alarm is an eventfd(2): it rings from ring until take.
type alarm int

// noAlarm never rings: poll(2) leaves a negative descriptor out.
const noAlarm alarm = -1

func newAlarm() (alarm, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	return alarm(fd), os.NewSyscallError("eventfd", err)
}

// ring cannot fail but where it rings already, 2⁶⁴ - 2 times.
func (a alarm) ring() {
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	unix.Write(int(a), one[:])
}

func (a alarm) take() {
	var count [8]byte
	unix.Read(int(a), count[:])
}

func (a alarm) close() error { return os.NewSyscallError("close", unix.Close(int(a))) }

// readiness is what a wait has ended for.
type readiness int

const (
	nothing readiness = iota // its time is over, or a signal came
	ready
	rung
)

// waiting is the memory of poll(2), for one that waits.
type waiting struct {
	descriptors [2]unix.PollFd
	timeout     unix.Timespec
}

// wait waits until the descriptor is ready, the alarm rings or the time has come (zero: never). An error of the socket is for the one
// that then uses it.
func (w *waiting) wait(fd int, events int16, a alarm, until time.Time) (readiness, error) {
	w.descriptors = [2]unix.PollFd{{Fd: int32(fd), Events: events}, {Fd: int32(a), Events: unix.POLLIN}}
	timeout := &w.timeout
	if until.IsZero() {
		timeout = nil
	} else {
		w.timeout = unix.NsecToTimespec(max(time.Until(until), 0).Nanoseconds())
	}
	n, err := unix.Ppoll(w.descriptors[:], timeout, nil)
	switch {
	case err == unix.EINTR || err == nil && n == 0:
		return nothing, nil
	case err != nil:
		return nothing, os.NewSyscallError("ppoll", err)
	case w.descriptors[0].Revents != 0:
		return ready, nil
	}
	return rung, nil
}
