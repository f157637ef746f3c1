package runs

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// filedWait is how long the end of a run waits for the daemon's history before it is put on disk by itself.
const filedWait = 100 * time.Millisecond

// writeAgain is the pause before a line that could not be written is tried again.
const writeAgain = time.Second

// IsParent says whether this process was started as the parent of a run. A program that launches runs asks first of all, and
// then calls Parent and exits. One that has not asked launches nothing: its parents would do its own work again, without end.
func IsParent() bool {
	asked.Store(true)
	return len(os.Args) == 2 && os.Args[0] == parentName
}

// asked says that this program acts as the parent of a run when it is started as one.
var asked atomic.Bool

// fdDaemon is the descriptor of a parent, after its standard ones: the socket of its daemon.
const fdDaemon = 3

// parent is a parent, a process of its own, and the run that it has.
type parent struct {
	daemon int      // socket; nobody may listen any more
	me     identity // its own

	run     uint64 // number
	file    *os.File
	disk    disk // the same, as it is written
	lock    *os.File
	output  *capture
	command Command
	over    bool // nobody holds the output any more
	filed   bool // the daemon has said that it needs nothing more of this run
	jobs    int  // how many runs it was given
}

// Parent does the work of a parent, for one run after the other, as long as its daemon gives it any, and gives its exit status.
// Whatever it has to say stands in the record of the run.
func Parent() int {
	p, err := newParent()
	if err != nil {
		return 1
	}
	for {
		p.show("")
		err := p.receive()
		if errors.Is(err, io.EOF) {
			return 0
		}
		if err != nil {
			p.tell(noteTrouble + "the parent of the run read no command: " + err.Error())
			return 1
		}
		if !p.do() {
			return 1
		}
		if !p.over || !p.filed {
			p.tell(noteFree + strconv.Itoa(p.jobs))
		}
	}
}

// newParent has nothing of what it was started with go on to a process, except by inherited.
func newParent() (*parent, error) {
	unix.CloseRange(fdDaemon, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC) // whatever else the daemon was started with
	me, err := identify(os.Getpid())
	if err != nil {
		return nil, err
	}
	heedNoSignal()
	return &parent{daemon: fdDaemon, me: me}, nil
}

// receive waits for a run; io.EOF: there will be none.
func (p *parent) receive() error {
	j, files, err := receiveJob(p.daemon)
	if err != nil {
		return err
	}
	p.run, p.command = j.Run, j.Command
	p.jobs++
	p.file, p.lock = files[fileRecord], files[fileLock]
	p.disk, p.output = parentDisk(p.file), &capture{file: files[fileOutput], run: j.Run}
	p.show(j.Process)
	return nil
}

// do does what there is to do for the run. Where it could not begin it is false: then it may not be on record that the run is
// over, and the parent has to end.
func (p *parent) do() bool {
	defer p.output.file.Close()
	if err := p.begin(); err != nil {
		text := "not started: " + plain(err).Error()
		p.tell(noteTrouble + text)
		writeLine(p.disk, doneLine(p.run, time.Now(), NotStarted, text)) // once: without it, too, nothing was run
		return false
	}
	leader, err := startLeader(p)
	if err != nil {
		p.over = true
		p.sayDone(NotStarted, err.Error())
		p.release()
		return true
	}
	p.await(leader)
	p.release()
	leader.drain() // whoever of its descendants still prints must not be ended by a closed pipe
	return true
}

// show has the list of processes show the process ID of the run, which takes the place of what it was started with.
func (p *parent) show(id string) {
	place := unsafe.Slice(unsafe.StringData(os.Args[1]), len(os.Args[1])) // the system's own, which reads it there
	clear(place[copy(place, id):])
}

// heedNoSignal has the parent outlive what ends its process, so that it can say how that ended. Signals are caught, not
// ignored: what is ignored would be ignored by the process too.
func heedNoSignal() {
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGPIPE)
}

// begin says STARTED on disk. Before that, nothing is run; after it, nobody but an operator runs it again.
func (p *parent) begin() error {
	at("begun")
	if err := writeLine(p.disk, startedLine(p.run, time.Now(), p.me, ticks(sinceBoot()))); err != nil {
		return err
	}
	at("started")
	return nil
}

// await follows the process to its end and says what the daemon has to know.
func (p *parent) await(l *leader) {
	if p.command.Simple {
		if l.settles(p.command.Settle) {
			p.say(line(wordUp, p.run, time.Now()))
		}
		l.wait(0)
	} else {
		l.wait(p.command.Timeout)
	}
	at("ended")
	if err := p.output.failed(); err != nil {
		p.tell(noteTrouble + "the output of the run is not kept whole: " + plain(err).Error())
	}
	end := Abnormal
	if l.normal() {
		end = Normal
	}
	p.over = l.isDrained()
	p.sayDone(end, l.text())
}

// sayDone writes the end of the run and tells the daemon, which has the outcome on disk in its history before anyone is told. Only
// where it does not say so soon, the line is put on disk too.
func (p *parent) sayDone(end End, text string) {
	b := doneLine(p.run, time.Now(), end, text)
	p.insist(b, func() error { return putLine(p.disk, b) })
	if p.over {
		p.tell(noteOver)
	} else {
		p.tell(noteChanged)
	}
	at("done")
	if p.filed = p.awaitFiled(); !p.filed {
		p.insist(b, p.disk.sync)
	}
	at("kept")
}

// say writes a line on disk and tells the daemon.
func (p *parent) say(b []byte) {
	p.insist(b, func() error { return writeLine(p.disk, b) })
	p.tell(noteChanged)
}

// insist does what a line needs of the disk, as long as it takes.
func (p *parent) insist(b []byte, do func() error) {
	told := ""
	for {
		err := do()
		if err == nil {
			return
		}
		text := fmt.Sprintf("%s of the run cannot be written and is tried again: %v", columnWord.get(b), plain(err))
		if text != told {
			told = text
			p.tell(noteTrouble + text)
		}
		time.Sleep(writeAgain)
	}
}

// awaitFiled waits a short while for the daemon to say that all of the run is in the history.
func (p *parent) awaitFiled() bool {
	ready := []unix.PollFd{{Fd: int32(p.daemon), Events: unix.POLLIN}}
	for until := time.Now().Add(filedWait); ; {
		n, err := unix.Poll(ready, int(max(0, time.Until(until)).Milliseconds()))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n == 0 {
			return false
		}
		length, _, err := receiveHead(p.daemon)
		return err == nil && length == 0
	}
}

// tell notes one line for the daemon, where it still listens.
func (p *parent) tell(note string) {
	unix.Write(p.daemon, []byte(strings.ReplaceAll(note, "\n", " ")+"\n"))
}

// release gives up all that says that the run is in progress.
func (p *parent) release() {
	p.lock.Close()
	p.file.Close()
}
