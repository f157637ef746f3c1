package manager

import (
	"strings"
	"time"

	"renraku/slave"
)

// maxRestored is how many records of the history are looked at when the manager starts, the newest first. A slave that has no
// receipt delivers again within a minute of when it can; so many records later, its response would be recorded once more.
const maxRestored = 1 << 16

// restore takes up what an earlier daemon left: the orders of its journal that have no outcome in the history are in progress, and
// the last response of each target is known when it comes again.
func (k *targets) restore(left []*sentOrder) {
	outstanding := k.takeUp(left)
	seen := 0
	for i, h := range k.history.Backwards() {
		if seen++; seen > maxRestored {
			break
		}
		r, err := slave.ResultOfRecord(&h)
		if err != nil || !isOfSentOrder(&r) {
			continue
		}
		t := target{r.Host, r.Process}
		s := outstanding[t]
		if s == nil && !k.knows(t) {
			continue
		}
		_, askedThere := r.AskedThere()
		k.restoreRecord(t, i, &r, askedThere)
		if s != nil && i >= s.records && r.Outcome != slave.Ended && !askedThere {
			k.done(s.entry)
			delete(outstanding, t)
		}
	}
	for _, s := range outstanding {
		s.entry.trigger = s.trigger
		k.log.Info(s.process.String()+"@"+s.host.String()+" was ordered by an earlier daemon; its response is waited for",
			"host", s.host.String(), "process", s.process.String(), "since", s.at.Format(time.RFC3339))
		k.leave(s, time.Time{})
	}
}

// takeUp has each order of the journal count as in progress; of several for one target, which only damage can bring, the last.
func (k *targets) takeUp(left []*sentOrder) map[target]*sentOrder {
	outstanding := map[target]*sentOrder{}
	for _, s := range left {
		if other := outstanding[s.target]; other != nil {
			if other.at.After(s.at) {
				s, other = other, s
			}
			k.unnoted.say(k.manager, k.journal.done(other))
		}
		outstanding[s.target] = s
	}
	for t, s := range outstanding {
		wait := s.until.Sub(s.at) // the wall clock may have been set meanwhile: never longer than at first
		s.due = time.Now().Add(min(time.Until(s.until), wait))
		s.entry = &entry{sent: s}
		k.all[t] = s.entry
	}
	return outstanding
}

// restoreRecord takes up one record, the newest of its target first. Runs that the slave itself asked for answer no order: who
// ordered last stands in another one.
func (k *targets) restoreRecord(t target, index int, r *slave.Result, askedThere bool) {
	e := k.find(t)
	newest := !e.restored
	e.restored = true
	if e.trigger == "" && !askedThere {
		e.trigger = r.Trigger
	}
	if !newest {
		return
	}
	if r.Outcome == slave.Unknown || e.sent != nil && index < e.sent.records {
		return // an order was sent after whatever response came before
	}
	e.last, e.answered, e.applied = r.Response(), true, true
}

// isOfSentOrder says whether a record of the history comes from a response, or from the want of one: not from the manager's check
// and not from an order that was not sent.
func isOfSentOrder(r *slave.Result) bool {
	switch r.Outcome {
	case slave.Launched, slave.Refused, slave.Ended, slave.Unknown:
		return true
	case slave.Already:
		return !strings.HasSuffix(r.Text, nothingSent)
	case slave.Failed:
		return !strings.HasPrefix(r.Text, notSent)
	}
	return false
}
