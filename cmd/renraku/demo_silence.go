package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"
)

// The demo holds the time in which a slave is found STOPPED against the very time that validate prints: from the kill to the line
// of the manager's log, which is written when the contact file is. That time is a promise for a machine that runs the manager when
// its timers are due. Where the machine does not, the demo must not call the manager wrong. How late the machine is, is measured
// meanwhile, with the timers of this very process; only lateness that was seen excuses the manager, and only as far as it goes.

const (
	// soonest is the moment after an answer at which a slave is killed: nearly the worst, which is the answer itself. It is what
	// timers may be late in all on an ordinary machine.
	soonest = 20 * time.Millisecond
	// ordinary is what each of the demo's timers may be late then: that of the interval, and that of each response wait.
	ordinary = soonest / (demoRetries + 2)
	// renewing is lateness from which on the manager may have begun a response wait anew (it does so from 20 ms on, by its own
	// measure), since an answer may wait unread.
	renewing = 10 * time.Millisecond

	lagEvery = time.Millisecond
)

// allowed is the time in which silence has to be found on a machine whose timers are up to lag late.
func allowed(printed, lag time.Duration) time.Duration {
	const inquiries = demoRetries + 1
	switch {
	case lag <= ordinary:
		return printed
	case lag < renewing:
		return printed + (inquiries+1)*lag
	}
	return printed + inquiries*demoTimeout + (2*inquiries+1)*lag
}

// beginLag measures how late timers are, until the function that it gives is called: the worst of many. after is time.After.
func beginLag(after func(time.Duration) <-chan time.Time) (end func() time.Duration) {
	stop, worst := make(chan struct{}), make(chan time.Duration)
	go func() {
		for most := time.Duration(0); ; {
			began, ended := time.Now(), false
			select {
			case <-after(lagEvery):
			case <-stop:
				ended = true // in the middle of one that may be late already
			}
			if most = max(most, time.Since(began)-lagEvery); ended {
				worst <- most
				return
			}
		}
	}()
	return func() time.Duration {
		close(stop)
		return <-worst
	}
}

// die: a slave is gone from one moment to the next, and is found STOPPED in time.
func die(ctx context.Context, f *fleet, s *stage, victim *member, afterAnswer time.Duration) error {
	answered, err := anAnswer(ctx, f, victim)
	if err != nil {
		return err
	}
	if err := pause(ctx, time.Until(answered.Add(afterAnswer))); err != nil {
		return err
	}
	endLag := beginLag(time.After)
	silent := time.Now()
	victim.kill()
	gone := time.Now()
	s.say("%s is killed, %v after an answer", victim.host, silent.Sub(answered).Round(time.Millisecond))
	var found time.Time
	_, err = waitFor(ctx, demoPatience, victim.host+" STOPPED", func() error {
		found = f.stopped.last(victim.host)
		if found.Before(silent) {
			return errors.New("the manager's log does not say so")
		}
		return nil
	})
	lag := endLag()
	if err != nil {
		return err
	}
	if err := f.managerSays(victim, isStopped, demoProcess); err != nil {
		return err
	}
	if _, last := f.wire.runningAnswers(victim.host); last.After(silent) { // to an inquiry of before
		if last.Sub(gone) > demoTimeout {
			return fmt.Errorf("%s was killed and has answered since", victim.host)
		}
		silent = last
	}
	took, printed := found.Sub(silent).Round(time.Microsecond), f.detection()
	late := ""
	if took > printed && lag > ordinary {
		late = fmt.Sprintf("; this machine's timers were up to %v late meanwhile", lag.Round(time.Microsecond))
	}
	if took > allowed(printed, lag) {
		return fmt.Errorf("%s was found STOPPED after %v: at most %v is right%s", victim.host, took, printed, late)
	}
	s.say("%s is found STOPPED, after %v (at most %v%s)", victim.host, took.Round(time.Millisecond), printed, late)
	return nil
}

// anAnswer waits for the slave's next answer, and gives when it came.
func anAnswer(ctx context.Context, f *fleet, m *member) (came time.Time, err error) {
	before, _ := f.wire.runningAnswers(m.host)
	_, err = waitFor(ctx, demoPatience, "another answer of "+m.host, func() error {
		now, last := f.wire.runningAnswers(m.host)
		if now == before {
			return errors.New("none has come")
		}
		came = last
		return nil
	})
	return came, err
}

// momentOfDeath is how long after an answer the slave of death n is killed: the first nearly at the worst moment, the others at any.
func momentOfDeath(n int) time.Duration {
	if n == 0 {
		return soonest
	}
	return soonest + rand.N(demoInterval-soonest)
}

// stopped is when each slave was last found STOPPED, by the manager's log.
type stopped struct {
	mu sync.Mutex
	at map[string]time.Time
}

func (s *stopped) last(host string) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at[host]
}

// overheard is a log from which stopped learns.
type overheard struct {
	slog.Handler
	stopped *stopped
	hosts   []string
}

// Handle takes the time at which the line was written.
func (o overheard) Handle(ctx context.Context, r slog.Record) error {
	for _, host := range o.hosts {
		if r.Message == host+" STOPPED" {
			o.stopped.mu.Lock()
			o.stopped.at[host] = r.Time
			o.stopped.mu.Unlock()
		}
	}
	return o.Handler.Handle(ctx, r)
}
