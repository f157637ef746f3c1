package runs

import (
	"fmt"
	"strings"
	"syscall"
	"time"
)

// orphan is what this daemon has done for a run whose parent was killed while its process goes on.
type orphan struct {
	told  bool          // that the parent was killed
	ended time.Duration // when the process group was told to end at its timeout, since the boot; 0: it was not
}

// duty is what is to be done in the place of a killed parent.
type duty int

const (
	nothingDue duty = iota
	callUp          // of type simple: it has settled
	endGroup
	killGroup
)

// due says what is to be done at a time since the boot, where the process group was told to end at ended (0: not yet). The age of
// the process is that of its start, which no step of the wall clock changes. Where nobody named the process, the parent's start
// stands for it, and nothing ends it.
func (r *Record) due(now, ended time.Duration) duty {
	who := r.leader
	if who == (identity{}) {
		who = r.parent
	}
	switch age := now - who.startTime(); {
	case r.Simple && r.Up.IsZero() && age >= r.Settle:
		return callUp
	case r.Simple, r.Timeout == 0, r.leader == identity{}, age < r.Timeout:
		return nothingDue
	case ended == 0:
		return endGroup
	case now >= ended+killAfter:
		return killGroup
	}
	return nothingDue
}

// orphaned says whether the parent began and lives no more. Whether it was killed, the record says that is read after this.
func (r *Run) orphaned() bool {
	return !r.watched() && r.record.parent != (identity{}) && !r.record.parent.lives()
}

// standIn does what the killed parent would do now, and says where the run stands then. What cannot be done is tried again.
func (r *Run) standIn() (State, error) {
	if !r.orphan.told && r.trouble == "" {
		r.orphan.told, r.trouble = true, r.record.orphanText()
	}
	now := r.dir.sinceBoot()
	var err error
	switch r.record.due(now, r.orphan.ended) {
	case callUp:
		err = r.callUp()
	case endGroup:
		if err = r.signal(syscall.SIGTERM); err == nil {
			r.orphan.ended = now
		}
	case killGroup:
		err = r.signal(syscall.SIGKILL)
	}
	if !r.record.Up.IsZero() {
		return Up, err
	}
	return InProgress, err
}

// callUp writes UP, which the parent cannot write any more.
func (r *Run) callUp() error {
	up := time.Now().UTC().Truncate(time.Millisecond)
	if err := writeLine(r.dir.disk(r.file), line(wordUp, r.record.Run, up)); err != nil {
		return fmt.Errorf("write %s of the run: %w", wordUp, plain(err))
	}
	r.record.Up = up
	return nil
}

// signal has the process group end. It fails where the process is not seen to be the one of the run.
func (r *Run) signal(s syscall.Signal) error {
	if err := r.record.leader.signalGroup(s); err != nil {
		return fmt.Errorf("end the run, whose parent was killed, at its timeout of %v: %w", r.record.Timeout, err)
	}
	return nil
}

// orphanText says what becomes of the run.
func (r *Record) orphanText() string {
	var text strings.Builder
	text.WriteString("the parent of the run was killed and its process goes on")
	if r.leader != (identity{}) {
		fmt.Fprintf(&text, " (PID %d)", r.leader.pid)
	}
	text.WriteString(": how it ends will not be known, the run will be unknown")
	switch {
	case r.Simple || r.Timeout == 0:
	case r.leader == identity{}:
		fmt.Fprintf(&text, "; which process it is was not written, so nothing ends it at its timeout of %v", r.Timeout)
	default:
		fmt.Fprintf(&text, "; the daemon keeps its timeout of %v", r.Timeout)
	}
	return text.String()
}

// TimedOut is the timeout of a run whose parent was killed, where this daemon ended the process at it; otherwise 0.
func (r *Run) TimedOut() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.orphan.ended == 0 {
		return 0
	}
	return r.record.Timeout
}
