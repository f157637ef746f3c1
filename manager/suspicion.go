package manager

import (
	"context"
	"iter"
	"log/slog"
	"time"

	"renraku/slave"
)

// What the manager says of itself as events, after its own host name.
const (
	EventIsolated = "ISOLATED"
	eventInTouch  = "isolation ended"
)

// SetHold has the manager suspect itself, and hold its judgement for so long at most, where more than half of the slaves that run,
// and at least 3, fall silent within one interval; 0: it never does. A hold that goes on ends at its time, or at once where it is 0.
func (s *StatusControl) SetHold(longest time.Duration) {
	defer s.events.deliver()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.isolation.hold = longest
	if longest == 0 {
		s.endHold("it is switched off")
	}
}

// Isolated says whether the manager suspects itself: judgement is held, and triggers are to order nothing.
func (s *StatusControl) Isolated() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.isolation.isolated()
}

// HoldsTrigger says whether a trigger, or one of its orders, is to order nothing, since the manager suspects itself, and counts it then.
func (s *StatusControl) HoldsTrigger() bool {
	held := s.Isolated()
	if held {
		s.drops.Count(slave.DropIsolated)
	}
	return held
}

// asked is for every inquiry that is made (18, 22), and how late.
func (s *StatusControl) asked(now time.Time, m *monitor, late time.Duration, last bool) {
	if m.attempts == 1 {
		s.closeProbe(m)
		m.answersBefore = s.isolation.answers
	} else {
		s.isolation.missed(m)
	}
	if last {
		s.lastChance(now, m, late)
	}
}

// lastChance is for a slave of which nothing but the last attempt, or the second half of the only one, is between its silence and
// its judgement: what else can be known is sought meanwhile.
func (s *StatusControl) lastChance(now time.Time, m *monitor, late time.Duration) {
	s.askOnTCP(m, late)
	if s.isolation.wantsToAsk(now, m) {
		s.askOthers(now, m.due)
	}
}

// askOthers asks the slaves that are not being asked already, over half of the time until the given one, so that each has the
// other half for its answer.
func (s *StatusControl) askOthers(now, until time.Time) {
	i := &s.isolation
	i.askedAt, i.askedUntil = now, until
	over := until.Sub(now) / 2
	for n, m := range s.monitors {
		if m.counts() && !m.waiting && !m.ending {
			m.askAt(now.Add(over * time.Duration(n) / time.Duration(len(s.monitors))))
			i.asked[m] = true
			s.schedule.moved(m)
		}
	}
}

// answered is for every answer that counts, before it is judged.
func (s *StatusControl) answered(now time.Time, m *monitor, running bool) {
	s.closeProbe(m)
	if !running {
		delete(s.fallback.blocked, m)
	}
	if s.isolation.answered(m, running) && s.isolation.wantsToAskAgain() {
		for at, silent := range s.spreadSilent(now) {
			silent.askAt(at)
			s.schedule.moved(silent)
		}
	}
}

// holds holds the judgement of a slave that has answered no attempt, where the manager suspects itself.
func (s *StatusControl) holds(now time.Time, m *monitor) bool {
	s.isolation.missed(m)
	held, begins := s.isolation.holdsFor(now, m)
	if begins {
		silent, all := s.isolation.count(now)
		s.sayIsolation(slog.LevelWarn, EventIsolated, "silent", silent, "slaves", all, "hold", s.isolation.hold.String(),
			"reason", "more than half of the slaves fell silent together: judgement is held, and triggers order nothing")
	}
	return held
}

// endHoldIfHeard ends the hold where enough slaves answer again. The others were asked while nobody could answer: each is asked anew.
func (s *StatusControl) endHoldIfHeard(now time.Time) {
	if !s.isolation.recovers(now) {
		return
	}
	s.sayIsolation(slog.LevelInfo, eventInTouch, "silent", len(s.isolation.silent), "reason", "slaves answer again")
	for at, m := range s.spreadSilent(now) {
		s.closeProbe(m)
		m.askAnew(at)
		s.schedule.moved(m)
	}
}

// spreadSilent gives each silent slave a time from now on, so that they are not asked in a burst.
func (s *StatusControl) spreadSilent(now time.Time) iter.Seq2[time.Time, *monitor] {
	return func(yield func(time.Time, *monitor) bool) {
		all := s.isolation.allSilent()
		for n, m := range all {
			if !yield(now.Add(min(firstPause*time.Duration(n), m.timeout*time.Duration(n)/time.Duration(len(all)))), m) {
				return
			}
		}
	}
}

// judgeHeld ends the hold at its time, and judges those that are still silent (23): not all of them under the lock. It says whether
// some are left.
func (s *StatusControl) judgeHeld(now time.Time) (more bool) {
	if s.isolation.over(now) {
		s.sayIsolation(slog.LevelWarn, eventInTouch, "silent", len(s.isolation.verdicts),
			"reason", "the time to hold judgement is over: who is still silent is judged")
	}
	for range maxHandled {
		m := s.isolation.verdict()
		if m == nil {
			return false
		}
		s.judgeSilence(now, m, "no answer while judgement was held, since more than half of the slaves were silent")
		s.reschedule(m)
	}
	return true
}

// endHold ends the hold, if there is one, without judging anybody.
func (s *StatusControl) endHold(why string) {
	if s.isolation.isolated() {
		s.isolation.until = time.Time{}
		s.sayIsolation(slog.LevelInfo, eventInTouch, "reason", why)
	}
	s.isolation.verdicts = nil
}

// forget is for a slave that the definition does not have any more.
func (s *StatusControl) forget(m *monitor) {
	s.closeProbe(m)
	delete(s.fallback.blocked, m)
	s.isolation.left(m)
}

// sayIsolation says in the log and as an event what the manager thinks of itself.
func (s *StatusControl) sayIsolation(level slog.Level, what string, more ...any) {
	name := s.own.Host().String()
	s.log.Log(context.Background(), level, name+" "+what, append([]any{"host", name}, more...)...)
	s.events.add(name + " " + what)
}
