package manager

import (
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"sync"
	"time"

	"renraku/contactfile"
	"renraku/slave"
	"renraku/telegram"
)

// endlessWait is how long an order of a process without a timeout counts as in progress when no connection waits for its
// response any more. A response that comes later is recorded all the same.
const endlessWait = 24 * time.Hour

// target is one process on one server.
type target struct {
	host    telegram.Host
	process telegram.ProcessID
}

// history is the part of *contactfile.History that the manager needs.
type history interface {
	Append(records ...contactfile.HistoryRecord) (first int, err error)
	Len() int
	Backwards() iter.Seq2[int, contactfile.HistoryRecord]
}

// targets is what the manager knows of the orders for each target: the one in progress, and the last response. What it decides
// stands in the history first; the lock of one target alone is held meanwhile, so that all others share the same write.
type targets struct {
	manager telegram.Host // its host
	history history
	journal *journal
	status  *StatusControl
	file    *contactfile.File
	defined *definitions
	log     *slog.Logger
	wake    chan struct{} // an order was left alone

	unrecorded *sayOnce // what is wrong with the history
	unnoted    *sayOnce // what is wrong with the journal
	runs       *runTimes

	mu   sync.Mutex // never held during a system call; it may be taken while an entry's is held, not the other way round
	all  map[target]*entry
	left map[*sentOrder]bool // orders for which no connection waits
}

// entry is what is known of one target.
type entry struct {
	mu      sync.Mutex // held while the history is written: check and order, response and record are one step each
	gone    bool       // it is not in the table any more
	claimed bool       // an order is being made
	sent    *sentOrder // an order without an outcome in the history; nil: none
	trigger slave.Trigger

	answered bool // there is a last response
	last     telegram.ExecutionResponse
	applied  bool // field 133 follows it
	restored bool // from a record of the history
}

func newTargets(cfg *Config, journal *journal, status *StatusControl, file *contactfile.File, defined *definitions) *targets {
	log := cfg.Log
	return &targets{
		manager: cfg.Host, history: cfg.Records.History, journal: journal, status: status, file: file, defined: defined,
		log:        log,
		wake:       make(chan struct{}, 1),
		unrecorded: newSayOnce(log, "history not written", "history written again"),
		unnoted:    newSayOnce(log, "journal of orders not written", "journal of orders written again"),
		runs:       newRunTimes(defined),
		all:        map[target]*entry{},
		left:       map[*sentOrder]bool{},
	}
}

// lock gives the target's entry, locked. Of a process or host that the definition does not have none is kept: a slave may know
// others from an older definition, and remembering them all would have no bound.
func (k *targets) lock(t target) *entry {
	for {
		e := k.find(t)
		e.mu.Lock()
		if !e.gone {
			return e
		}
		e.mu.Unlock()
	}
}

func (k *targets) find(t target) *entry {
	known := k.knows(t)
	k.mu.Lock()
	defer k.mu.Unlock()
	e := k.all[t]
	if e == nil {
		e = &entry{}
		if known {
			k.all[t] = e
		}
	}
	return e
}

// knows says whether the target is one of the definition, on some slave.
func (k *targets) knows(t target) bool {
	return k.defined.process(t.process) != nil && k.status.addressOf(t.host) != nil
}

// claim has an order of the target count as in progress; the caller holds the entry. The definition may have changed since the
// entry was found: the one in the table is the one that responses find, so it is false where another stands there.
func (k *targets) claim(t target, e *entry) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if other := k.all[t]; other != nil && other != e {
		return false
	}
	k.all[t] = e
	e.claimed = true
	return true
}

// prune forgets targets that the definition does not have any more.
func (k *targets) prune() {
	k.mu.Lock()
	all := maps.Clone(k.all)
	k.mu.Unlock()
	for t, e := range all {
		if k.knows(t) {
			continue
		}
		e.mu.Lock()
		if !e.inProgress() {
			e.gone = true
			k.mu.Lock()
			delete(k.all, t)
			k.mu.Unlock()
		}
		e.mu.Unlock()
	}
}

// inProgress says whether an order is. The caller holds the entry, here and below.
func (e *entry) inProgress() bool { return e.claimed || e.sent != nil }

// isDone says whether the order's outcome stands in the history.
func (s *sentOrder) isDone() bool {
	s.entry.mu.Lock()
	defer s.entry.mu.Unlock()
	return s.entry.sent != s
}

// release ends the making of an order.
func (e *entry) release() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.claimed = false
}

// record writes an outcome to the history. What is wrong with it is logged once.
func (k *targets) record(r *slave.Result) error {
	_, err := k.history.Append(r.Record())
	k.unrecorded.say(k.manager, err)
	return err
}

// send notes an order before it is sent. wait is how long its response is waited for, 0: for ever. From now on the next response
// is a new one even if its bytes are those of the last.
func (k *targets) send(e *entry, t target, trigger slave.Trigger, wait time.Duration) (*sentOrder, error) {
	if wait == 0 {
		wait = endlessWait
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	at := now()
	s := &sentOrder{target: t, trigger: trigger, at: at, until: at.Add(wait), records: k.history.Len(), entry: e,
		due: time.Now().Add(wait)}
	err := k.journal.note(s)
	k.unnoted.say(k.manager, err)
	if err != nil {
		return nil, err
	}
	e.sent, e.trigger, e.answered = s, trigger, false
	return s, nil
}

// take records a response, unless it is the last one come again, and has field 133 follow it (59); fresh says that it was
// recorded. own is the order on whose connection it came, nil where the slave delivered it by itself.
func (k *targets) take(x *telegram.ExecutionResponse, own *sentOrder) (r slave.Result, fresh bool, err error) {
	e := k.lock(target{x.Host, x.Process})
	defer e.mu.Unlock()
	r = slave.ResultOf(x)
	r.Trigger, r.Time = e.trigger, now()
	there, askedThere := r.AskedThere()
	switch {
	case askedThere:
		r.Trigger = there
	case r.Trigger == "":
		r.Trigger = slave.ByOrder // nobody ordered it here: something on the slave itself did
	}
	if !e.answered || e.last != *x {
		if err := k.record(&r); err != nil {
			return r, false, fmt.Errorf("the response could not be written: %w", err)
		}
		fresh = true
		e.last, e.answered, e.applied = *x, true, false
	}
	if !askedThere {
		k.end(e, &r, own)
	}
	if !e.applied {
		err = k.status.SetApplication(x.Host, x.Status)
		e.applied = err == nil
	}
	return r, fresh, err
}

// end ends the order that the response answers; the report of an earlier run's end answers none. One that came by itself while
// the order's own connection lives may be an older order's: it counts only if that connection brings none.
func (k *targets) end(e *entry, r *slave.Result, own *sentOrder) {
	switch {
	case e.sent == nil || r.Outcome == slave.Ended:
	case e.sent == own || e.sent.alone:
		k.answered(e, r)
	default:
		delivered := *r
		e.sent.delivered = &delivered
	}
}

// answered ends an order with its response.
func (k *targets) answered(e *entry, r *slave.Result) {
	k.runs.add(r, r.Time.Sub(e.sent.at))
	k.done(e)
}

// done says that the order's outcome stands in the history.
func (k *targets) done(e *entry) {
	s := e.sent
	e.sent = nil
	k.unnoted.say(k.manager, k.journal.done(s))
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.left, s)
}

// application is field 133 of the host's record as it stands in the contact file.
func (k *targets) application(h telegram.Host) telegram.Status {
	record, err := k.status.Record(h)
	if err != nil {
		return telegram.Status{}
	}
	application, _ := telegram.NewStatus(record.Application)
	return application
}

// unrecorded is added to the text of a result that the history does not have.
func unrecorded(err error) string { return "; not in the history: " + err.Error() }

// now has the milliseconds that the history and the journal keep.
func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }
