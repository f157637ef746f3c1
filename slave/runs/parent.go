package runs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"renraku/telegram"
)

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

// parent is the parent of one run, a process of its own.
type parent struct {
	file    *os.File // of the run
	disk    disk     // the same, as it is written
	record  Record
	lock    *os.File
	output  *capture
	notes   *os.File // nobody may listen any more
	command Command
}

// Parent does the work of a run's parent and gives its exit status. Whatever it has to say stands in the run's record.
func Parent() int {
	p, err := inheritRun()
	if err != nil {
		return 1
	}
	if err := p.readCommand(); err != nil {
		p.tell(noteTrouble + "the parent of the run read no command: " + err.Error())
		return 1
	}
	if err := p.begin(); err != nil {
		text := "not started: " + plain(err).Error()
		p.tell(noteTrouble + text)
		writeLine(p.disk, doneLine(p.record.Run, time.Now(), NotStarted, text)) // once: without it, too, nothing was run
		return 1
	}
	leader, err := startLeader(p)
	if err != nil {
		p.say(doneLine(p.record.Run, time.Now(), NotStarted, err.Error()))
		return 0
	}
	p.await(leader)
	p.release()
	leader.drain() // whoever of its descendants still prints must not be ended by a closed pipe
	return 0
}

// inheritRun takes what the daemon has handed down. Nothing of it goes on to the process except by inherit.
func inheritRun() (*parent, error) {
	id, err := telegram.NewProcessID(os.Args[1])
	if err != nil {
		return nil, err
	}
	unix.CloseRange(fdRecord, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC) // whatever else the daemon was started with
	var files [4]*os.File
	for i := range files {
		fd := fdRecord + i
		unix.CloseOnExec(fd)
		if files[i] = os.NewFile(uintptr(fd), fmt.Sprintf("inherited descriptor %d", fd)); files[i] == nil {
			return nil, fmt.Errorf("descriptor %d is not open", fd)
		}
	}
	p := &parent{file: files[0], disk: parentDisk(files[0]), lock: files[1], notes: files[3]}
	record, ok, err := readRecord(p.file, id)
	if err != nil || !ok {
		return nil, errors.Join(err, errors.New("there is no intent"))
	}
	p.record = record
	p.output = &capture{file: files[2], run: record.Run}
	heedNoSignal()
	return p, nil
}

// heedNoSignal has the parent outlive what ends its process, so that it can say how that ended. Signals are caught, not
// ignored: what is ignored would be ignored by the process too.
func heedNoSignal() {
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGPIPE)
}

func (p *parent) readCommand() error {
	text, err := io.ReadAll(io.LimitReader(os.Stdin, MaxCommand+1))
	if err != nil {
		return err
	}
	return json.Unmarshal(text, &p.command)
}

// begin says STARTED on disk. Before that, nothing is run; after it, nobody but an operator runs it again.
func (p *parent) begin() error {
	me, err := identify(os.Getpid())
	if err != nil {
		return err
	}
	at("begun")
	if err := writeLine(p.disk, identityLine(wordStarted, p.record.Run, time.Now(), me)); err != nil {
		return err
	}
	at("started")
	p.tell(noteChanged)
	return nil
}

// await follows the process to its end and says what the daemon has to know.
func (p *parent) await(l *leader) {
	if p.command.Simple {
		if l.settles(p.command.Settle) {
			p.say(line(wordUp, p.record.Run, time.Now()))
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
	p.say(doneLine(p.record.Run, time.Now(), end, l.text()))
	at("done")
}

// say writes a line on disk, as long as it takes, and tells the daemon.
func (p *parent) say(b []byte) {
	told := ""
	for {
		err := writeLine(p.disk, b)
		if err == nil {
			break
		}
		text := fmt.Sprintf("%s of the run cannot be written and is tried again: %v", columnWord.get(b), plain(err))
		if text != told {
			told = text
			p.tell(noteTrouble + text)
		}
		time.Sleep(writeAgain)
	}
	p.tell(noteChanged)
}

// tell notes one line for the daemon, where it still listens.
func (p *parent) tell(note string) {
	io.WriteString(p.notes, strings.ReplaceAll(note, "\n", " ")+"\n")
}

// release gives up all that says that the run is in progress.
func (p *parent) release() {
	p.notes.Close()
	p.lock.Close()
	p.file.Close()
}
