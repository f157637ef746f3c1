package trigger

import (
	"context"
	"sync/atomic"
	"time"
)

// reportEvery is the time between two log lines about what was dropped.
const reportEvery = 10 * time.Second

// Drops says how often something was lost since New.
type Drops struct {
	Messages uint64 // the queue was full, or Run had ended
	Firings  uint64 // too many were in progress
	Cut      uint64 // messages longer than MaxMessage: their end
}

// counters counts while others read.
type counters struct{ messages, firings, cut atomic.Uint64 }

func (c *counters) load() Drops {
	return Drops{Messages: c.messages.Load(), Firings: c.firings.Load(), Cut: c.cut.Load()}
}

// report logs what was dropped since the last line, until ctx ends.
func (e *Engine) report(ctx context.Context) {
	for pause(ctx, reportEvery) {
		e.sayDrops()
	}
}

// sayDrops logs what was dropped since the last line, if anything was. One goroutine at a time calls it.
func (e *Engine) sayDrops() {
	now := e.counts.load()
	if now.Messages > e.said.Messages {
		e.log.Warn("messages dropped", "messages", now.Messages-e.said.Messages, "reason", "the queue was full")
	}
	if now.Firings > e.said.Firings {
		e.log.Error("triggers did not fire", "firings", now.Firings-e.said.Firings, "reason", "too many firings in progress")
	}
	if now.Cut > e.said.Cut {
		e.log.Warn("messages cut", "messages", now.Cut-e.said.Cut, "reason", "too long", "limit", MaxMessage)
	}
	e.said = now
}

// pause waits, and says whether ctx goes on.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
