package trigger

import (
	"context"
	"time"

	"renraku/slave"
)

const (
	// MaxStep is the largest step of the wall clock that is taken for a correction, forward or back; the sleep of a machine
	// is a step forward. After a larger one the clock is believed anew.
	MaxStep = 3 * time.Hour

	// lookEvery is how often the clock is looked at while a minute lasts, so that a step of it is seen.
	lookEvery = 10 * time.Second

	maxStep = minute(MaxStep / time.Minute)
)

// clock is how far the minutes have been handled. The goroutine of watchClock owns it.
type clock struct {
	handled  minute // it and all before it
	setBack  bool   // the wall clock is behind it, and the log says so
	newState bool   // handled is not in the state file yet
}

// watchClock handles each minute of the wall clock when it begins, until ctx ends.
func (e *Engine) watchClock(ctx context.Context) {
	c := e.begin(ctx)
	for {
		now := e.wallClock()
		e.handle(ctx, &c, minuteOf(now))
		now = e.wallClock()
		next := minuteOf(now) + 1
		if !pause(ctx, min(next.time().Sub(now), lookEvery)) {
			return
		}
	}
}

// begin finds where to begin, and names the minutes that were missed while the daemon was down. What has begun before Run is
// not run, except what begins in this instant.
func (e *Engine) begin(ctx context.Context) clock {
	now := e.wallClock()
	c := clock{handled: minuteOf(now.Add(-1))}
	last, ok, err := e.state.load()
	switch {
	case err != nil:
		e.log.Warn("minutes missed while the daemon was down are not known", "error", err)
	case !ok:
	case last > c.handled+maxStep:
		e.sayFarBack(last, minuteOf(now))
	case last > c.handled:
		c.handled = last
	case last < c.handled:
		e.sayMissed(ctx, last, c.handled, "the daemon was down")
	}
	c.newState = true
	return c
}

// handle fires what is due in the minutes up to now that were not handled yet: each trigger once, however
// many of them it means. After a step of more than MaxStep it handles now alone.
func (e *Engine) handle(ctx context.Context, c *clock, now minute) {
	if now < c.handled {
		e.handleSetBack(c, now)
	}
	from := c.handled
	if now > from {
		c.setBack = false
		if now-from-1 > maxStep {
			e.sayMissed(ctx, from, now-1, "the clock was set forward or the machine slept")
			from = now - 1
		}
		c.handled, c.newState = now, true
	}
	if c.newState { // before anything fires: a minute in the file is never run again
		e.storeState(c.handled)
		c.newState = false
	}
	for _, t := range e.triggers().timed {
		if at, due := t.lastDue(from, now); due {
			e.start(ctx, t, Cause{By: slave.ByTime, At: at.time()})
		}
	}
}

// handleSetBack takes note of a clock that shows a minute before the last one handled.
func (e *Engine) handleSetBack(c *clock, now minute) {
	if c.handled-now > maxStep {
		e.sayFarBack(c.handled, now)
		c.handled, c.setBack = now-1, false
		return
	}
	if !c.setBack {
		e.log.Info("the clock was set back: minutes that were handled are not run again", "now", now.time(), "handled", c.handled.time())
		c.setBack = true
	}
}

func (e *Engine) sayFarBack(handled, now minute) {
	e.log.Warn("the clock was set back far: time triggers go on from its new time", "now", now.time(), "handled", handled.time())
}

// lastDue gives the last minute after from, up to and with to, in which the trigger fires.
func (s *schedule) lastDue(from, to minute) (at minute, due bool) {
	for m := to; m > from; m-- {
		if s.due(m) {
			return m, true
		}
	}
	return 0, false
}

// storeState keeps the minute; the log says once that it cannot.
func (e *Engine) storeState(last minute) {
	err := e.state.store(last)
	if err != nil && !e.state.failed {
		e.log.Error("the next daemon will not know which minutes it missed", "error", err)
	}
	e.state.failed = err != nil
}
