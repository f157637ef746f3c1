package manager

import "time"

const (
	maxBurst    = 512 // inquiries under way until some answers are waited for, a tick at most: a default buffer holds so many
	burstMemory = 32  // ticks after which most of what has no answer yet counts no more: it may never have one
)

// burst is how many inquiries are under way, as far as can be told without looking at each: what was sent, without what was answered. Of
// the rest a share is left out with each tick that passes; otherwise some slaves that are silent would hold up the inquiries of all others.
// One that was left out and is answered all the same is taken off twice: of slaves that are far there may be more than the bound.
type burst struct {
	open int
	at   time.Time // until when the ticks that passed have counted
}

func (b *burst) sent(now time.Time, n int) {
	if ticks := now.Sub(b.at) / tickLength; ticks > 0 {
		b.open -= b.open * int(min(ticks, burstMemory)) / burstMemory
		b.at = b.at.Add(ticks * tickLength)
	}
	b.open += n
}

func (b *burst) answered(n int) { b.open = max(b.open-n, 0) }

// settled is for when nothing that is under way comes soon.
func (b *burst) settled() { b.open = 0 }

// full says whether answers are to be waited for before more is sent.
func (b *burst) full() bool { return b.open >= maxBurst }
