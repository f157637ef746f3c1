package manager

import (
	"cmp"
	"slices"
	"time"
)

// minIsolated is how many slaves must fall silent together, at least, for the manager to suspect itself.
const minIsolated = 3

// isolation is the manager's suspicion of itself: where more than half of the slaves that run fall silent within one interval, it is
// more likely to be cut off itself. Then it holds its judgement for a while. It is pure: it takes the time, and does nothing but count.
// Each slave that falls silent or answers costs the same, however many there are.
//
// A slave counts as silent from the first response wait that is over without an answer until it answers; one that was called STOPPED
// for its silence counts for one interval more. That interval is the longest of all slaves. A slave that said STOPPED never counts,
// and one in maintenance counts as one that does not run.
type isolation struct {
	hold     time.Duration // the longest; 0: the manager never suspects itself
	interval time.Duration // the longest of all slaves
	bound    time.Duration // the longest time until silence is found out

	running int              // slaves as judged, but for those in maintenance
	answers uint32           // of slaves that run
	silent  map[*monitor]int // slaves that run, and did not answer; the hold in which their judgement was due, 0 for none
	fell    map[*monitor]time.Time
	falls   []fall // those in fell in the order of their times, and some that are in it no more

	asked      map[*monitor]bool // slaves that were asked before their time and have not answered
	askedAt    time.Time
	askedUntil time.Time // by then each has had time to answer, and counts as silent

	holds    int       // so far
	held     int       // silent slaves whose judgement was due in the last of them
	end      time.Time // of the last of them
	until    time.Time // the same while it goes on; zero: there is none
	again    bool      // silent slaves were asked at once in this hold
	rest     time.Time // no hold begins before it
	verdicts []*monitor
}

// fall is when a slave was called STOPPED for its silence.
type fall struct {
	monitor *monitor
	at      time.Time
}

// reset is for the start of monitoring: nobody runs yet.
func (i *isolation) reset() {
	*i = isolation{hold: i.hold, interval: i.interval, bound: i.bound, holds: i.holds,
		silent: map[*monitor]int{}, fell: map[*monitor]time.Time{}, asked: map[*monitor]bool{}}
}

// measure has the control data of these slaves count from now on.
func (i *isolation) measure(monitors []*monitor) {
	i.interval, i.bound = 0, 0
	for _, m := range monitors {
		i.interval = max(i.interval, m.interval)
		i.bound = max(i.bound, m.interval+time.Duration(m.retries+1)*m.timeout)
	}
}

func (i *isolation) isolated() bool { return !i.until.IsZero() }

// wake is the time at which something is to be done: the given one (zero: none), or the hold's end where that comes first.
func (i *isolation) wake(next time.Time) time.Time {
	if i.isolated() && (next.IsZero() || i.until.Before(next)) {
		return i.until
	}
	return next
}

// missed is for a slave that let a response wait pass.
func (i *isolation) missed(m *monitor) {
	if i.hold == 0 || !m.counts() || m.ending {
		return
	}
	delete(i.asked, m)
	if _, known := i.silent[m]; !known {
		i.silent[m] = 0
	}
}

// answered is for any answer, before it is judged. It says whether the slave was silent.
func (i *isolation) answered(m *monitor, running bool) (wasSilent bool) {
	if len(i.silent) > 0 {
		_, wasSilent = i.silent[m]
	}
	i.forget(m)
	if running && !m.maintained {
		i.answers++
	}
	i.judged(m, running)
	return wasSilent
}

// judged is for any judgement, before it is made.
func (i *isolation) judged(m *monitor, running bool) {
	switch {
	case m.maintained:
	case running && !m.running:
		i.running++
	case !running && m.running:
		i.running--
	}
}

// fallen is for a slave that is called STOPPED for its silence, before it is.
func (i *isolation) fallen(now time.Time, m *monitor) {
	i.forget(m)
	if i.hold > 0 && m.counts() {
		i.fell[m] = now
		i.falls = append(i.falls, fall{m, now})
	}
	i.judged(m, false)
}

// left is for a slave that the definition does not have any more.
func (i *isolation) left(m *monitor) {
	i.forget(m)
	i.judged(m, false)
}

// maintain has the slave count as one that does not run, or as what it is again.
func (i *isolation) maintain(m *monitor, maintained bool) {
	if maintained == m.maintained {
		return
	}
	if maintained {
		i.left(m)
	}
	m.maintained = maintained
	if m.counts() {
		i.running++
	}
}

// forget has the slave not count as silent. Almost always nobody does.
func (i *isolation) forget(m *monitor) {
	if len(i.silent) > 0 {
		if in, silent := i.silent[m]; silent && in != 0 && in == i.holds {
			i.held--
		}
		delete(i.silent, m)
	}
	if len(i.asked) > 0 {
		delete(i.asked, m)
	}
	if len(i.fell) > 0 {
		delete(i.fell, m)
	}
}

// count is how many slaves have fallen silent within the last interval, and of how many.
func (i *isolation) count(now time.Time) (silent, all int) {
	for len(i.falls) > 0 && now.Sub(i.falls[0].at) > i.interval {
		if f := i.falls[0]; i.fell[f.monitor].Equal(f.at) {
			delete(i.fell, f.monitor)
		}
		i.falls = i.falls[1:]
	}
	silent = len(i.silent) + len(i.fell)
	if !now.Before(i.askedUntil) {
		silent += len(i.asked)
	}
	return silent, i.running + len(i.fell)
}

func (i *isolation) suspects(now time.Time) bool {
	silent, all := i.count(now)
	return i.hold > 0 && silent >= minIsolated && 2*silent > all
}

// holdsFor is for a slave that runs and has answered no attempt of a round: whether its judgement is held, and whether the hold begins with
// it. Where slaves are silent still since a hold that has ended before its time, that one goes on, to its end: no silence is held longer.
func (i *isolation) holdsFor(now time.Time, m *monitor) (held, begins bool) {
	in, silent := i.silent[m]
	switch {
	case i.hold == 0 || !silent:
		return false, false
	case i.isolated():
		held = in == 0 || in == i.holds
	case now.Before(i.rest) || !i.suspects(now):
		return false, false
	case i.held > 0 && now.Before(i.end):
		held = in == 0 || in == i.holds
		begins = held
	case in == 0:
		held, begins = true, true
		i.holds++
		i.held, i.end = 0, now.Add(i.hold)
	}
	if begins {
		i.until, i.again = i.end, false
	}
	if held && in != i.holds {
		i.silent[m] = i.holds
		i.held++
	}
	return held, begins
}

// wantsToAsk says whether the other slaves are to be asked before their time, since this one is at its last attempt and those that
// were due since its round began are silent too, half of them at least: only so can it be known in time whether it is more than half
// of all. That is once in an interval at most.
func (i *isolation) wantsToAsk(now time.Time, m *monitor) bool {
	if i.hold == 0 || i.isolated() || !m.counts() || m.ending || i.running < minIsolated || now.Before(i.rest) ||
		!i.askedAt.IsZero() && now.Sub(i.askedAt) < i.interval {
		return false
	}
	silent, _ := i.count(now)
	if _, counted := i.silent[m]; !counted {
		silent++
	}
	return uint32(silent) >= i.answers-m.answersBefore
}

// wantsToAskAgain says whether the silent slaves are to be asked at once, since one of them has answered. That is once in a hold.
func (i *isolation) wantsToAskAgain() bool {
	if !i.isolated() || i.again {
		return false
	}
	i.again = true
	return true
}

// recovers ends the hold where no more than half are silent any more.
func (i *isolation) recovers(now time.Time) bool {
	if !i.isolated() || i.suspects(now) {
		return false
	}
	i.until = time.Time{}
	for m := range i.silent { // they have waited already
		i.silent[m] = i.holds
	}
	i.held = len(i.silent)
	return true
}

// over ends the hold at its time: then verdicts are those whose judgement was held. No other hold begins until everybody else that fell
// silent with them has been judged too.
func (i *isolation) over(now time.Time) bool {
	if !i.isolated() || now.Before(i.until) {
		return false
	}
	i.until = time.Time{}
	i.rest = now.Add(i.interval + i.bound)
	clear(i.asked)
	for m, in := range i.silent {
		if in == i.holds {
			i.verdicts = append(i.verdicts, m)
		}
	}
	slices.SortFunc(i.verdicts, byRecord)
	return true
}

// verdict is the next slave that is to be judged now, nil where there is none.
func (i *isolation) verdict() *monitor {
	for len(i.verdicts) > 0 {
		m := i.verdicts[0]
		if i.verdicts = i.verdicts[1:]; len(i.verdicts) == 0 {
			i.verdicts = nil
		}
		if _, silent := i.silent[m]; silent { // it may have answered since
			return m
		}
	}
	return nil
}

// allSilent is the silent slaves in the order of their records.
func (i *isolation) allSilent() []*monitor {
	all := make([]*monitor, 0, len(i.silent))
	for m := range i.silent {
		all = append(all, m)
	}
	slices.SortFunc(all, byRecord)
	return all
}

func byRecord(a, b *monitor) int { return cmp.Compare(a.record, b.record) }
