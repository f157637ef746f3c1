package slave

import (
	"fmt"
	"iter"
	"slices"
	"time"

	"renraku/slave/runs"
)

// Recover files what became of the runs that an earlier daemon left, in the order in which they ended, and follows those that
// go on. It is called once, before the first order. What of it can be neither read nor written is logged.
func (e *ExecutionControl) Recover() {
	last, err := e.runs.Last()
	if err != nil {
		e.log.Error("records of runs not read", "host", e.host.String(), "error", err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.marks.restore(e.history)
	var ended []*execution
	for _, r := range last {
		x := e.recover(r)
		switch {
		case x == nil:
			r.Close()
		case r.Record().Done.IsZero():
			e.add(x)
			e.all.Go(func() { e.follow(x) })
		default:
			e.add(x)
			ended = append(ended, x)
		}
	}
	slices.SortStableFunc(ended, func(a, b *execution) int { return a.Record().Done.Compare(b.Record().Done) })
	e.all.Go(func() {
		for _, x := range ended {
			e.follow(x)
		}
	})
}

// recover gives the execution of a run that an earlier daemon left, nil where all of it is in the history.
func (e *ExecutionControl) recover(r *runs.Run) *execution {
	record := r.Record()
	x := newExecution(r)
	x.recovered = true
	x.launched = x.Simple && (record.Filed == string(Launched) || e.wasUp(x))
	if record.Filed != "" && !x.launched {
		return nil
	}
	e.log.Info(fmt.Sprintf("%v@%v taken up again", x.Process, e.host), "host", e.host.String(), "process", x.Process.String(),
		"since", x.Time.Format(time.RFC3339))
	return x
}

// wasUp says whether the history has a process of type simple as up whose record lost that when the machine went down.
func (e *ExecutionControl) wasUp(x *execution) bool {
	record := x.Record()
	if record.Boot == e.runs.Boot() || !record.Up.IsZero() || record.Filed != "" {
		return false
	}
	for outcome := range e.filedBefore(x) {
		if outcome == Launched {
			return true
		}
	}
	return false
}

// isFiled says whether an earlier daemon has written the result to the history and could not note it. Of one run there are no two
// results with the same outcome, and those of the runs before it stand before its intent. A machine that went down may have lost
// DONE of a run whose last result stands in the history: that one counts then.
func (e *ExecutionControl) isFiled(x *execution, r *Result) bool {
	if !x.recovered {
		return false
	}
	for outcome := range e.filedBefore(x) {
		if outcome == r.Outcome || x.Record().Boot != e.runs.Boot() && x.isLast(outcome) {
			r.Outcome = outcome
			return true
		}
	}
	return false
}

// filedBefore gives the outcomes of the run that the history has, the newest first.
func (e *ExecutionControl) filedBefore(x *execution) iter.Seq[Outcome] {
	return func(yield func(Outcome) bool) {
		for i, h := range e.history.Backwards() {
			if i < x.History {
				return
			}
			ofRun := h.Host == e.host.String() && h.Process == x.Process.String() && h.Trigger == x.Trigger
			if ofRun && slices.Contains([]Outcome{Launched, Failed, Ended}, Outcome(h.Outcome)) && !yield(Outcome(h.Outcome)) {
				return
			}
		}
	}
}

// isLast says whether no result of the run comes after one with this outcome.
func (x *execution) isLast(o Outcome) bool { return o != Launched || !x.Simple }
