package slave

import (
	"fmt"
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
	x.launched = x.Simple && record.Filed == string(Launched)
	if record.Filed != "" && !x.launched {
		return nil
	}
	e.log.Info(fmt.Sprintf("%v@%v taken up again", x.Process, e.host), "host", e.host.String(), "process", x.Process.String(),
		"since", x.Time.Format(time.RFC3339))
	return x
}

// isFiled says whether an earlier daemon has written the result to the history and could not note it. Of one run there are no two
// results with the same outcome, and those of the runs before it stand before its intent.
func (e *ExecutionControl) isFiled(x *execution, r *Result) bool {
	if !x.recovered {
		return false
	}
	for i, h := range e.history.Backwards() {
		if i < x.History {
			return false
		}
		if h.Host == e.host.String() && h.Process == x.Process.String() && h.Outcome == string(r.Outcome) && h.Trigger == x.Trigger {
			return true
		}
	}
	return false
}
