package slave

import (
	"fmt"
	"time"

	"renraku/slave/runs"
	"renraku/telegram"
)

// noRecord is the number of a result that could not be written to the history.
const noRecord = -1

// fileAgain is the pause before a result that could not be written to the history is tried again.
const fileAgain = time.Second

// filed is a result with its number in the history.
type filed struct {
	Result
	index int
}

// follow waits for what becomes of a run and files it: of type simple, first that it is up, then its end. It ends early with
// the daemon, which leaves the rest to the next one.
func (e *ExecutionControl) follow(x *execution) {
	reason := "" // of a run that was never started or is unknown
	trouble := func(text string) {
		reason = text
		e.log.Error(fmt.Sprintf("%v@%v in trouble", x.Process, e.host), "host", e.host.String(), "process", x.Process.String(), "reason", text)
	}
	for {
		state, err := x.Await(e.ctx, !x.launched, trouble)
		switch {
		case e.ctx.Err() != nil:
			x.Close()
			return
		case err != nil: // its record is gone: nothing will ever say how it ends
			state, reason = runs.Unknown, err.Error()
		case state == runs.Unknown:
			reason = parentKilled(x.TimedOut())
		}
		results := e.results(x, state, reason)
		for i := range results {
			if !e.file(x, &results[i], state.Ended() && i == len(results)-1) {
				x.Close()
				return
			}
		}
		if state.Ended() {
			break
		}
	}
	x.Close()
	e.hold(x)
}

// results are what is to be filed of a run that stands there.
func (e *ExecutionControl) results(x *execution, state runs.State, reason string) []Result {
	record := x.Record()
	r := Result{Host: e.host, Process: x.Process, Trigger: Trigger(x.Trigger), Outcome: Failed, Text: record.Text, Time: now()}
	since := x.Time.Format(time.RFC3339)
	switch state {
	case runs.Up:
		r.Outcome, r.Text, r.Time = Launched, fmt.Sprintf("up after %v", record.Up.Sub(x.Time).Round(time.Millisecond)), record.Up
		return []Result{r}
	case runs.NeverStarted:
		if record.Boot != e.runs.Boot() {
			reason = "the machine was restarted before the launch"
		}
		r.Text = "never started: " + orElse(reason, "the daemon or the parent of the run was ended before the launch")
		return []Result{r}
	case runs.Unknown:
		r.Text = fmt.Sprintf("unknown: %s; started at %s", reason, since)
	case runs.Interrupted:
		r.Text = "interrupted: the machine was restarted while it ran, started at " + since
	case runs.Done:
		r.Time = record.Done
		if record.End == runs.Normal {
			r.Outcome = Launched
		}
	}
	if !x.Simple {
		return []Result{r}
	}
	if x.launched || !record.Up.IsZero() {
		r.Outcome = Ended
		if x.launched {
			return []Result{r}
		}
		up := r
		up.Outcome, up.Text, up.Time = Launched, "up", record.Up
		return []Result{up, r}
	}
	if record.End == runs.Normal && state == runs.Done { // (settle) it did what it was for sooner
		end := r
		end.Outcome = Ended
		return []Result{r, end}
	}
	return []Result{r}
}

// parentKilled is why it is unknown how a run ended. Timeout is that at which the daemon ended its process; 0: it did not.
func parentKilled(timeout time.Duration) string {
	text := "the parent of the run was killed"
	if timeout > 0 {
		text += fmt.Sprintf("; timed out after %v", timeout)
	}
	return text
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// file takes a result into field 133 (65) and writes it to the history, as long as that takes; only then is anyone told (66).
// Last says that nothing of the run comes after it. It says whether the result is filed: not where the daemon ends first.
func (e *ExecutionControl) file(x *execution, r *Result, last bool) bool {
	stands := e.own.Application()
	after := e.statusAfter(x, r, stands)
	if e.isFiled(x, r) { // and then the daemon ended: field 133 may not have followed
		e.setStatus(after, stands)
		e.noteFiled(x, r)
		e.settle(x, r, noRecord, last)
		return true
	}
	r.Application = stands
	if !after.IsZero() {
		r.Application = after
	}
	e.distinguish(r)
	index, ok := e.write(r)
	if !ok {
		return false
	}
	e.setStatus(after, stands)
	e.noteFiled(x, r)
	r.Log(e.log)
	waiting := e.settle(x, r, index, last)
	if event := e.eventOf(r, x.Simple); event != "" {
		e.tell(event)
	}
	if waiting != nil {
		waiting <- filed{*r, index}
	}
	return true
}

// distinguish is that of the distinguisher with the lock taken.
func (e *ExecutionControl) distinguish(r *Result) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.marks.distinguish(r)
}

// eventOf is what the triggers are told of a result of this server: without the mark of an ordered run.
func (e *ExecutionControl) eventOf(r *Result, simple bool) string {
	plain := *r
	if r.Trigger == ByOrder {
		plain.Text = r.Unmarked()
	}
	return plain.Event(simple)
}

func (e *ExecutionControl) noteFiled(x *execution, r *Result) {
	if err := x.SetFiled(string(r.Outcome)); err != nil {
		e.log.Warn("outcome noted in the history only", "host", e.host.String(), "process", x.Process.String(), "error", err)
	}
}

// write appends the result to the history, again and again until it is there or the daemon ends.
func (e *ExecutionControl) write(r *Result) (index int, ok bool) {
	var broken lastError
	for {
		index, err := e.history.Append(r.Record())
		if err == nil {
			if broken.changed(nil) {
				e.log.Info("history written again", "host", e.host.String())
			}
			return index, true
		}
		if broken.changed(err) {
			e.log.Error("history not written; it is tried again", "host", e.host.String(), "process", r.Process.String(), "error", err)
		}
		if !pause(e.ctx, fileAgain) {
			return noRecord, false
		}
	}
}

// settle has the result of an order reach those who wait for it: Execute, and the manager. With its last result a run counts as
// ended, so that whoever has the result may order the process again.
func (e *ExecutionControl) settle(x *execution, r *Result, index int, last bool) (waiting chan<- filed) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if last {
		delete(e.running, x.Process)
		e.settled[x.Process] = x.Record().Run
	}
	first := !x.launched
	x.launched = x.launched || r.Outcome == Launched && x.Simple
	waits := first && x.waiting != nil && r.Outcome != Ended
	e.offer(index, r, waits && r.Trigger == ByOrder)
	if waits {
		waiting, x.waiting = x.waiting, nil
	}
	if !e.inProgress() {
		e.rest()
	}
	return waiting
}

// offer has the manager told of a record of the history.
func (e *ExecutionControl) offer(index int, r *Result, held bool) {
	if e.outbox != nil && index != noRecord {
		e.outbox.add(index, r, held)
	}
}

// rest says that no order is in progress any more.
func (e *ExecutionControl) rest() {
	select {
	case <-e.idle:
	default:
		close(e.idle)
	}
}

// statusAfter is field 133 as the run's definition has it for this result; zero: it stays.
func (e *ExecutionControl) statusAfter(x *execution, r *Result, stands telegram.Status) telegram.Status {
	record := x.Record()
	switch {
	case record.Boot != e.runs.Boot(): // what it was is forgotten with the boot
	case r.Outcome == Launched:
		return x.Status
	case r.Outcome == Ended && !x.Status.IsZero() && stands != x.Status: // somebody has changed it since it was up
	case r.Outcome == Ended:
		return x.afterEnd(record.End == runs.Normal && !record.Done.IsZero())
	case record.Started.IsZero(): // it never ran
	default:
		return x.Failed
	}
	return telegram.Status{}
}

// setStatus is apply with the lock taken.
func (e *ExecutionControl) setStatus(after, stands telegram.Status) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.apply(after, stands)
}

// afterEnd is the status after the end of a process of type simple that was up; zero: it stays.
func (x *execution) afterEnd(normal bool) telegram.Status {
	after := x.After
	if after.IsZero() && !x.Status.IsZero() {
		after = x.Before
	}
	if !normal && !x.Failed.IsZero() {
		after = x.Failed
	}
	return after
}

// apply sets field 133 where there is a status to set, and gives what then stands.
func (e *ExecutionControl) apply(after, stands telegram.Status) telegram.Status {
	if after.IsZero() || after == stands {
		return stands
	}
	if err := e.own.SetApplication(time.Now(), after); err != nil {
		e.log.Error("contact file not written", "host", e.host.String(), "error", err)
	}
	return after
}

// fileRefusal writes an order that launched nothing to the history. It is answered even where that fails: nothing was done that
// could be lost.
func (e *ExecutionControl) fileRefusal(r *Result) int {
	e.marks.distinguish(r)
	r.Log(e.log)
	index, err := e.history.Append(r.Record())
	if err != nil {
		e.log.Error("history not written", "host", e.host.String(), "process", r.Process.String(), "outcome", string(r.Outcome), "error", err)
		return noRecord
	}
	e.offer(index, r, r.Trigger == ByOrder)
	if r.Outcome == Failed {
		e.tell(e.eventOf(r, false))
	}
	return index
}

// hold counts the run as long as children of the ended process keep its output open.
func (e *ExecutionControl) hold(x *execution) {
	e.count(1)
	defer e.count(-1)
	x.AwaitParent(e.ctx)
}

func (e *ExecutionControl) count(held int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.held += held
}
