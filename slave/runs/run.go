package runs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// State is where a run stands.
type State int

// The states.
const (
	InProgress   State = iota // the parent or the process lives; of type simple: it has not settled yet
	Up                        // of type simple: it has settled, and runs
	Done                      // it has ended, or could not be started; the record says how
	NeverStarted              // the intent stands, and nothing came of it: nothing was run
	Unknown                   // it was started, and its parent ended without a word of its end
	Interrupted               // it had been started when the machine went down
)

// String is the state in words.
func (s State) String() string {
	return [...]string{"in progress", "up", "done", "never started", "unknown", "interrupted"}[s]
}

// Ended says whether nothing of the run is still to come.
func (s State) Ended() bool { return s != InProgress && s != Up }

// ErrGone says that somebody has removed or overwritten the record of a run.
var ErrGone = errors.New("somebody has removed it")

// pollInterval is the time between two looks at a run whose parent does not tell this daemon.
const pollInterval = 100 * time.Millisecond

// Run is one run as the daemon follows it.
type Run struct {
	PID int // of the parent, where this daemon started it

	dir       *Dir
	file      *os.File
	link      *parentLink   // nil: an earlier daemon's parent
	changed   chan struct{} // the parent has written something
	unwatched chan struct{} // closed when no parent tells this daemon

	mu      sync.Mutex
	left    bool // the parent has done all for the run, and may live for others
	record  Record
	trouble string
	orphan  orphan
}

func newRun(d *Dir, f *os.File, record Record) *Run {
	return &Run{dir: d, file: f, record: record, changed: make(chan struct{}, 1), unwatched: make(chan struct{})}
}

// Record is the run as it was last looked at.
func (r *Run) Record() Record {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.record
}

// Await waits until the run has ended or, where up is true, is up, and gives its state. Where ctx ends first, the error is that
// of ctx; the run goes on. Trouble is called with what the parent cannot do, such as writing the end of the run to a full disk, and
// with its own death. For a process that outlives its parent, the daemon does here what the parent would.
func (r *Run) Await(ctx context.Context, up bool, trouble func(string)) (State, error) {
	unread := ""
	for {
		state, err := r.look()
		if errors.Is(err, ErrGone) {
			return state, err
		}
		if err != nil && err.Error() != unread { // a disk that fails for a moment says nothing of the run
			unread = err.Error()
			trouble(unread)
		}
		if text := r.takeTrouble(); text != "" {
			trouble(text)
		}
		if state.Ended() || up && state == Up {
			return state, nil
		}
		if pauseErr := r.pause(ctx, err != nil); pauseErr != nil {
			return state, pauseErr
		}
	}
}

// pause waits until there may be something new, and for a short while only where nobody tells, or soon is true.
func (r *Run) pause(ctx context.Context, soon bool) error {
	unwatched := r.unwatched
	var poll <-chan time.Time
	if !r.watched() {
		unwatched, soon = nil, true // a closed one would always be ready
	}
	if soon {
		timer := time.NewTimer(pollInterval)
		defer timer.Stop()
		poll = timer.C
	}
	select {
	case <-r.changed:
	case <-unwatched:
	case <-poll:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// look reads the record again and says where the run stands.
func (r *Run) look() (State, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.read(); err != nil {
		if errors.Is(err, ErrGone) { // what was known of it still tells whether it lives
			if lives, livesErr := r.lives(); lives || livesErr != nil {
				return InProgress, nil
			}
		}
		return InProgress, err
	}
	switch {
	case !r.record.Done.IsZero():
		return Done, nil
	case r.record.Boot != r.dir.boot && r.record.Started.IsZero():
		return NeverStarted, nil
	case r.record.Boot != r.dir.boot:
		return Interrupted, nil
	}
	orphaned := r.orphaned()
	lives, err := r.lives()
	if err != nil {
		return InProgress, err
	}
	before := r.record
	if err := r.read(); err != nil { // what lived until now may have written its last word
		return InProgress, err
	}
	switch {
	case !r.record.Done.IsZero():
		return Done, nil
	case !lives && r.watched(): // its notes may still be under way; their end comes now
		return InProgress, nil
	case !lives && before != r.record:
		r.rouse() // look again at once
		return InProgress, nil
	case !lives && r.record.Started.IsZero():
		return NeverStarted, nil
	case !lives:
		return Unknown, nil
	case orphaned:
		return r.standIn()
	case !r.record.Up.IsZero():
		return Up, nil
	}
	return InProgress, nil
}

// watched says whether the parent's notes may still come.
func (r *Run) watched() bool {
	select {
	case <-r.unwatched:
		return false
	default:
		return true
	}
}

// lives says whether the parent or the process lives. Process IDs count with the start of the process only. Where the process
// is not named yet, the lock that it has from its parent tells, and the session that its parent led: a process may close
// every descriptor, and none leaves its session unnoticed before its name is written.
func (r *Run) lives() (bool, error) {
	if !r.left && r.record.parent.lives() || r.record.leader.lives() {
		return true, nil
	}
	if r.record.leader != (identity{}) {
		return false, nil
	}
	locked, err := runLocked(r.file, r.record.Run)
	return locked || r.record.parent.sessionLives(r.record.begun), err
}

// read takes the record from the file. Where it is no more the record of this run, somebody has removed it.
func (r *Run) read() error {
	record, ok, err := readRecord(r.file, r.record.Process)
	if err != nil {
		return fmt.Errorf("read the record of a run: %w", err)
	}
	if !ok || record.Run != r.record.Run {
		return fmt.Errorf("read the record of a run: %w", ErrGone)
	}
	r.record = record
	return nil
}

// SetFiled notes that the outcome stands in the history, on disk, and tells the parent. It costs no wait for the disk: what the
// history has is looked up where the note is lost.
func (r *Run) SetFiled(outcome string) error {
	err := r.noteFiled(outcome)
	if record := r.Record(); r.link != nil && r.watched() && record.settled() {
		r.link.filed(r)
	}
	return err
}

func (r *Run) noteFiled(outcome string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.record.Filed = outcome
	at("filing")
	if err := putLine(r.dir.disk(r.file), filedLine(r.record.Run, time.Now(), outcome)); err != nil {
		return fmt.Errorf("note that the outcome of a run is in the history: %w", err)
	}
	at("filed")
	return nil
}

// released says that the parent has done all for the run.
func (r *Run) released() {
	r.mu.Lock()
	r.left = true
	r.dir.outputs.add(r.record.Process, r.record.Run)
	r.mu.Unlock()
	close(r.unwatched)
}

// AwaitParent waits until the parent that this daemon started has done all for the run, or has ended; it keeps the output for as
// long as somebody holds it open. It returns at once where an earlier daemon did, and where ctx ends.
func (r *Run) AwaitParent(ctx context.Context) {
	select {
	case <-r.unwatched:
	case <-ctx.Done():
	}
}

// Close gives the run's file back. The run goes on.
func (r *Run) Close() error { return r.file.Close() }

func (r *Run) rouse() {
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

func (r *Run) setTrouble(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.trouble = text
}

func (r *Run) takeTrouble() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	text := r.trouble
	r.trouble = ""
	return text
}
