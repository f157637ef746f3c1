package runs

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"renraku/telegram"
)

// MaxIdleParents is how many parents wait for the next run of a daemon: then no order waits for one to be started.
const MaxIdleParents = 1

// replaceAfter is how long a run keeps the parent that waited before another one is started to wait. A shorter run gives its own back.
const replaceAfter = 100 * time.Millisecond

// parentName is what a parent is called in the list of processes, before the process ID of the definition.
const parentName = "renraku-run"

// noRunYet has room for the process ID in the arguments of a parent that has none yet.
var noRunYet = strings.Repeat("-", telegram.ProcessLength)

// self is this very program, even where its file has been replaced or removed since its start.
const self = "/proc/self/exe"

// parents are those that this daemon has started and that have no run.
type parents struct {
	mu   sync.Mutex
	kept bool // some are to wait
	idle []*parentLink
}

// KeepParent has a parent wait for the next run, from now on until DismissParent. It ends with the daemon.
func (d *Dir) KeepParent() error {
	d.parents.mu.Lock()
	d.parents.kept = true
	d.parents.mu.Unlock()
	return d.parents.refill()
}

// DismissParent has no parent wait any more. Those that have a run go on.
func (d *Dir) DismissParent() {
	d.parents.mu.Lock()
	idle := d.parents.idle
	d.parents.idle, d.parents.kept = nil, false
	d.parents.mu.Unlock()
	for _, l := range idle {
		l.dismiss()
	}
}

// refill starts a parent where one is to wait and none does.
func (p *parents) refill() error {
	if !p.wants() {
		return nil
	}
	l, err := startParent(p)
	if err != nil {
		return fmt.Errorf("start a parent for the next run: %w", plain(err))
	}
	p.giveBack(l)
	return nil
}

func (p *parents) wants() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return asked.Load() && p.kept && len(p.idle) < MaxIdleParents
}

// take gives a parent that waits; nil: there is none.
func (p *parents) take() *parentLink {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := len(p.idle) - 1
	if last < 0 {
		return nil
	}
	l := p.idle[last]
	p.idle = p.idle[:last]
	return l
}

// giveBack has a parent without a run wait for the next one, or end.
func (p *parents) giveBack(l *parentLink) {
	p.mu.Lock()
	waits := p.kept && len(p.idle) < MaxIdleParents
	if waits {
		p.idle = append(p.idle, l)
	}
	p.mu.Unlock()
	if !waits {
		l.dismiss()
	}
}

// forget is for a parent that has ended.
func (p *parents) forget(l *parentLink) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.idle {
		if p.idle[i] == l {
			p.idle = append(p.idle[:i], p.idle[i+1:]...)
			return
		}
	}
}

// parentLink is a parent as the daemon that started it has it: its end of a socket on which it gives runs, and takes notes.
type parentLink struct {
	process *os.Process
	socket  *os.File

	all *parents

	mu   sync.Mutex
	jobs int // how many runs it was given
	has  had
}

// had is the run that a parent has. The run is over for it once both sides have said their last: which of them is first is chance.
type had struct {
	run   *Run // nil: none
	over  bool // the parent has nothing left to do but to put the end on disk, where that is needed
	filed bool // the daemon has said that it is not
}

// startParent starts a parent, which waits for a run. It has nothing of any run yet.
func startParent(p *parents) (*parentLink, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	theirs := os.NewFile(uintptr(fds[1]), "socket of a parent")
	defer theirs.Close()
	unix.SetNonblock(fds[0], true) // so that it is read like a connection
	ours := os.NewFile(uintptr(fds[0]), "socket to a parent")
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		ours.Close()
		return nil, err
	}
	defer null.Close()
	env := []string{}
	if set := parentEnv.Load(); set != nil {
		env = append(env, *set...)
	}
	process, err := os.StartProcess(self, []string{parentName, noRunYet}, &os.ProcAttr{
		Dir:   "/",
		Env:   env,
		Files: []*os.File{null, null, null, theirs},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		ours.Close()
		return nil, err
	}
	l := &parentLink{process: process, socket: ours, all: p}
	go l.follow()
	return l, nil
}

// follow takes the notes of the parent until its end.
func (l *parentLink) follow() {
	lines := bufio.NewScanner(l.socket)
	for lines.Scan() {
		if job, ok := strings.CutPrefix(lines.Text(), noteFree); ok {
			l.free(job)
		} else {
			l.note(lines.Text())
		}
	}
	l.all.forget(l)
	l.process.Wait()
	l.socket.Close()
	if r := l.leave(); r != nil {
		close(r.unwatched)
	}
}

// note is for the run that the parent has.
func (l *parentLink) note(text string) {
	l.mu.Lock()
	r := l.has.run
	l.has.over = text == noteOver
	l.mu.Unlock()
	if r == nil {
		return
	}
	defer l.freeIfOver()
	if trouble, ok := strings.CutPrefix(text, noteTrouble); ok {
		r.setTrouble(trouble)
	}
	r.rouse()
}

// free has the parent take the next run, unless it has one already: the daemon may have been first to know.
func (l *parentLink) free(job string) {
	l.mu.Lock()
	r := l.has.run
	if job != strconv.Itoa(l.jobs) || r == nil {
		l.mu.Unlock()
		return
	}
	l.has = had{}
	l.mu.Unlock()
	l.all.giveBack(l)
	r.released()
}

// leave ends what the parent has to do with its run.
func (l *parentLink) leave() *Run {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.has.run
	l.has = had{}
	return r
}

// dismiss has a parent without a run end.
func (l *parentLink) dismiss() {
	if c, err := l.socket.SyscallConn(); err == nil {
		c.Control(func(fd uintptr) { unix.Shutdown(int(fd), unix.SHUT_WR) })
	}
}

// sendAtOnce is how much of a message goes to a parent right away, in bytes; the rest of a longer one must not wait under the
// caller's lock.
const sendAtOnce = 64 << 10

// give gives the parent a run: the job and its files, of which the parent has copies then.
func (l *parentLink) give(r *Run, job []byte, files ...*os.File) error {
	l.mu.Lock()
	l.has = had{run: r}
	l.jobs++
	l.mu.Unlock()
	r.PID, r.link = l.process.Pid, l
	fds := make([]int, len(files))
	for i, f := range files {
		fds[i] = int(f.Fd())
	}
	message := framed(job)
	n, err := l.send(message[:min(len(message), sendAtOnce)], unix.UnixRights(fds...))
	if err != nil {
		l.leave()
		return err
	}
	if n < len(message) {
		go l.socket.Write(message[n:]) // where the parent has ended, the run says so
	}
	return nil
}

// filed says that all of the run is in the history, on disk. A parent that has done the rest may have the next run.
func (l *parentLink) filed(r *Run) {
	l.mu.Lock()
	if l.has.run == r {
		l.has.filed = true
		l.send(framed(nil), nil) // before the next run is given; where the parent has ended, nobody needs to know
	}
	l.mu.Unlock()
	l.freeIfOver()
}

// freeIfOver has the parent take the next run where neither side has anything to say of this one.
func (l *parentLink) freeIfOver() {
	l.mu.Lock()
	over, job := l.has.over && l.has.filed, strconv.Itoa(l.jobs)
	l.mu.Unlock()
	if over {
		l.free(job)
	}
}

// send sends the beginning of a message with its ancillary data.
func (l *parentLink) send(b, ancillary []byte) (n int, err error) {
	c, err := l.socket.SyscallConn()
	if err != nil {
		return 0, err
	}
	if connErr := c.Write(func(fd uintptr) bool {
		for {
			n, err = unix.SendmsgN(int(fd), b, ancillary, nil, unix.MSG_NOSIGNAL)
			if !errors.Is(err, unix.EINTR) {
				return !errors.Is(err, unix.EAGAIN)
			}
		}
	}); connErr != nil {
		return 0, connErr
	}
	return n, err
}
