package runs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"renraku/contactfile"
)

// Command is what the parent of a run is to do.
type Command struct {
	Argv       []string // the first is an absolute path
	Dir        string
	Env        []string
	Credential *syscall.Credential // nil: the daemon's own user
	Timeout    time.Duration       // TERM to the process group then; 0: none
	Settle     time.Duration       // of type simple: it is up when it has run this long
	Simple     bool
}

// Notes of a parent, one line each.
const (
	noteChanged = "changed"
	noteTrouble = "trouble: "
	noteOver    = "over"  // as changed, and no more notes come of this run
	noteFree    = "free " // and how many jobs it had: no more notes come of this run, and the parent takes the next one
)

// Errors of Launch.
var (
	ErrCommand   = errors.New("command and environment are too long") // longer than MaxCommand
	ErrUnsettled = errors.New("the run before is not settled")
	ErrNoParent  = errors.New("this program does not act as the parent of a run")
)

// Launch writes the intent and gives the run to a parent, which starts the process once the intent is on disk. On an error
// nothing was started and no intent is left. Settled is the number of the last run of this process that the daemon knows to be
// in the history; a run that is neither that one nor noted as filed is not overwritten (ErrUnsettled). The caller closes the run.
func (d *Dir) Launch(intent Intent, c Command, settled uint64) (*Run, error) {
	if !asked.Load() {
		return nil, ErrNoParent
	}
	if text, err := json.Marshal(c); err != nil {
		return nil, err
	} else if len(text) > MaxCommand {
		return nil, ErrCommand
	}
	intent.Timeout, intent.Settle = c.Timeout, c.Settle
	l := launch{dir: d, intent: intent, settled: settled}
	defer l.close()
	if err := l.prepare(); err != nil {
		return nil, fmt.Errorf("prepare the run: %w", plain(err))
	}
	if err := l.writeIntent(); err != nil {
		return nil, fmt.Errorf("write the intent: %w", plain(err))
	}
	r, err := l.start(&c)
	if err != nil {
		l.withdraw()
		return nil, fmt.Errorf("start the parent of the run: %w", plain(err))
	}
	return r, nil
}

// launch is one launch under way: the files of the run.
type launch struct {
	dir    *Dir
	intent Intent
	run    uint64

	settled uint64 // the run of this process that the daemon has filed last

	record *os.File // nil once it is the run's
	lock   *os.File
	output *os.File
	path   string // without the suffix
}

// prepare opens the files of the run and takes its lock. The output of the run before stays until the intent is written.
func (l *launch) prepare() error {
	name, ok := fileName(l.intent.Process)
	if !ok {
		return fmt.Errorf("process ID %v is no name of a file", l.intent.Process)
	}
	l.path = filepath.Join(l.dir.path, name)
	var err error
	if l.record, err = l.openRecord(); err != nil {
		return err
	}
	before, ok, err := readRecord(l.record, l.intent.Process)
	switch {
	case err != nil:
		return err
	case ok && before.Run != l.settled && !before.settled():
		return ErrUnsettled
	}
	l.run = next(before, l.intent.Time)
	if l.lock, err = os.Open(l.path + recordSuffix); err != nil {
		return err
	}
	if err := lockRun(l.lock, l.run); err != nil {
		return fmt.Errorf("lock %s: %w", l.record.Name(), err)
	}
	l.output, err = l.openOutput(before.Run)
	return err
}

// openOutput opens the output of the run before, or a new one beside it where somebody may still write to that: children of an
// ended process print on.
func (l *launch) openOutput(before uint64) (*os.File, error) {
	if l.dir.outputs.take(l.intent.Process, before) {
		f, err := os.OpenFile(l.path+outputSuffix, os.O_RDWR, 0)
		if !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
	}
	return contactfile.OpenFile(l.path+outputSuffix+newSuffix, os.O_RDWR|os.O_TRUNC)
}

func (l *launch) openRecord() (*os.File, error) {
	f, err := os.OpenFile(l.path+recordSuffix, os.O_RDWR, 0)
	if !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	f, err = contactfile.OpenFile(l.path+recordSuffix, os.O_RDWR)
	if err != nil {
		return nil, err
	}
	if err := syncDir(l.dir.path); err != nil {
		f.Close()
		os.Remove(f.Name()) // or the next launch would take its name for one that is on disk
		return nil, err
	}
	return f, nil
}

// writeIntent writes all lines of the file, so that no later one can want for space. The death of the daemon does not take it back;
// the parent has it on disk, with its own STARTED, before it runs anything.
func (l *launch) writeIntent() error {
	_, err := l.dir.disk(l.record).WriteAt(intentFile(l.run, l.dir.boot, &l.intent), 0)
	if err == nil {
		err = l.emptyOutput()
	}
	if err != nil {
		l.withdraw()
	}
	return err
}

// emptyOutput has an empty file be the output of the process.
func (l *launch) emptyOutput() error {
	if strings.HasSuffix(l.output.Name(), newSuffix) {
		return os.Rename(l.output.Name(), l.path+outputSuffix)
	}
	info, err := l.output.Stat()
	if err != nil || info.Size() == 0 { // a file system makes a change of a size that does not change
		return err
	}
	return l.output.Truncate(0)
}

// withdraw takes the intent back, which needs no space, and on disk, so that a crash of the machine does not bring it back after
// its order was answered. Where even that fails, the next start of the daemon finds a run that was never started.
func (l *launch) withdraw() {
	disk := l.dir.disk(l.record)
	if disk.Truncate(0) == nil {
		disk.sync()
	}
}

// start gives the run to the parent that waits, or to a new one. The one that waited may have been killed meanwhile: then it has
// begun nothing.
func (l *launch) start(c *Command) (*Run, error) {
	at("intent")
	job, err := json.Marshal(job{Process: l.intent.Process.String(), Run: l.run, Command: *c})
	if err != nil {
		return nil, err
	}
	all := &l.dir.parents
	for {
		waiting := all.take()
		link := waiting
		if link == nil {
			if link, err = startParent(all); err != nil {
				return nil, err
			}
		}
		at("launched")
		r := l.newRun()
		if err := link.give(r, job, l.record, l.lock, l.output); err == nil {
			at("given")
			l.record = nil
			time.AfterFunc(replaceAfter, func() { all.refill() }) // without it, the next run starts its own
			return r, nil
		} else if waiting == nil {
			return nil, err
		}
	}
}

func (l *launch) newRun() *Run {
	record, _ := parse(l.intent.Process, intentFile(l.run, l.dir.boot, &l.intent))
	return newRun(l.dir, l.record, record)
}

// close closes what did not become the run's. The lock lives on in the parent.
func (l *launch) close() {
	for _, f := range []*os.File{l.record, l.lock, l.output} {
		if f != nil {
			f.Close()
		}
	}
}

// plain takes the call and the path of this machine's own files off: the reason is what an operator needs.
func plain(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return fmt.Errorf("%s: %w", filepath.Base(path.Path), path.Err)
	}
	return err
}

// parentEnv is the environment of parents: empty, except in tests.
var parentEnv atomic.Pointer[[]string]

// at is called at each step, so that tests can end the daemon or the parent right there.
var at = func(step string) {}
