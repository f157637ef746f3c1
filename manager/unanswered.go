package manager

import (
	"context"
	"sync"
	"time"

	"renraku/slave"
)

const (
	// unknownAgain is the pause before an UNKNOWN that could not be written to the history is tried again.
	unknownAgain = 10 * time.Second

	// unknownAtOnce is how many are written at once.
	unknownAtOnce = 256
)

// noResponse begins the text of every UNKNOWN.
const noResponse = "sent, and no response: "

// giveUp ends an order whose connection brought no response: UNKNOWN, unless the response came on another one. Where that cannot
// be recorded, the order stays in progress until its response comes or it can.
func (k *targets) giveUp(s *sentOrder, why string) slave.Result {
	s.entry.mu.Lock()
	defer s.entry.mu.Unlock()
	r, delivered := k.unknown(s, why)
	if delivered {
		return r
	}
	return k.conclude(s, r)
}

// takeBack ends an order of which it is known that the slave has read nothing: UNREACHABLE.
func (k *targets) takeBack(s *sentOrder, why string) slave.Result {
	s.entry.mu.Lock()
	defer s.entry.mu.Unlock()
	r, delivered := k.unknown(s, why)
	if delivered {
		return r
	}
	r.Outcome, r.Text = slave.Unreachable, why
	return k.conclude(s, r)
}

// conclude records the result of an order, or leaves the order for later.
func (k *targets) conclude(s *sentOrder, r slave.Result) slave.Result {
	if err := k.record(&r); err != nil {
		r.Text += unrecorded(err)
		k.leave(s, time.Now().Add(unknownAgain))
	} else {
		k.done(s.entry)
	}
	r.Log(k.log)
	return r
}

// abandon leaves an order to the next daemon, since this one ends: the result is for who waits for it, and what the history will
// have is the response, or UNKNOWN when the time for it is over. So it has nothing that the slave's has not.
func (k *targets) abandon(s *sentOrder) slave.Result {
	s.entry.mu.Lock()
	defer s.entry.mu.Unlock()
	r, delivered := k.unknown(s, daemonEnded)
	if !delivered {
		k.leave(s, time.Time{})
		r.Log(k.log)
	}
	return r
}

// unknown is the result of an order without a response; a response that came on another connection ends it instead.
func (k *targets) unknown(s *sentOrder, why string) (r slave.Result, delivered bool) {
	if s.delivered != nil {
		k.answered(s.entry, s.delivered)
		return *s.delivered, true
	}
	return slave.Result{Host: s.host, Process: s.process, Trigger: s.trigger, Outcome: slave.Unknown,
		Application: k.application(s.host), Text: noResponse + why, Time: now()}, false
}

// leave has the order given up when it is due, and not before the given time.
func (k *targets) leave(s *sentOrder, notBefore time.Time) {
	s.alone = true
	k.mu.Lock()
	defer k.mu.Unlock()
	if s.due.Before(notBefore) {
		s.due = notBefore
	}
	k.left[s] = true
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// keepDeadlines gives up, until ctx ends, the orders for whose response no connection waits.
func (k *targets) keepDeadlines(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-k.wake:
		case <-ctx.Done():
			return nil
		}
		due, next := k.due(time.Now())
		k.giveUpAll(due)
		if len(due) > 0 {
			_, next = k.due(time.Now())
		}
		if next.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(time.Until(next))
		}
	}
}

// due gives the orders that are to be given up, and when the next one is (zero: none).
func (k *targets) due(now time.Time) (due []*sentOrder, next time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for s := range k.left {
		if !s.due.After(now) {
			due = append(due, s)
		} else if next.IsZero() || s.due.Before(next) {
			next = s.due
		}
	}
	return due, next
}

func (k *targets) giveUpAll(due []*sentOrder) {
	var all sync.WaitGroup
	places := make(chan struct{}, unknownAtOnce)
	for _, s := range due {
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			k.giveUpAlone(s)
		})
	}
	all.Wait()
}

// giveUpAlone is giveUp for an order that was left; its response may have come meanwhile.
func (k *targets) giveUpAlone(s *sentOrder) {
	s.entry.mu.Lock()
	defer s.entry.mu.Unlock()
	if s.entry.sent != s {
		return
	}
	r, _ := k.unknown(s, timeIsOver)
	if err := k.record(&r); err != nil {
		k.leave(s, time.Now().Add(unknownAgain)) // it is said already
		return
	}
	k.done(s.entry)
	r.Log(k.log)
}
