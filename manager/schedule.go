package manager

import (
	"math/bits"
	"time"
)

const (
	tickLength = time.Millisecond // monitors are given out up to so much late, those of one tick together
	ringTicks  = 4096             // a power of two
)

// schedule is the monitors by the time at which they are due: a ring with a place for each of the next ringTicks ticks, and in each
// place the monitors of that tick, linked one to the other. Whatever the number of monitors, a move costs the same. Those that
// are due beyond the ring wait in its last place, and are placed anew from there.
type schedule struct {
	start  time.Time // of tick 0
	tick   int64     // the first one that may have monitors; it has come
	placed int
	ring   [ringTicks]*monitor // the first of each tick; the last is linked before it
	used   [ringTicks / 64]uint64
}

// newSchedule has all the given monitors, of which none is due before start.
func newSchedule(start time.Time, monitors []*monitor) *schedule {
	s := &schedule{start: start}
	for _, m := range monitors {
		m.place = unplaced
	}
	s.movedAll(monitors)
	return s
}

// place is where a monitor stands in the schedule.
type place struct {
	tick         int64
	before, next *monitor // within the tick, in a circle
}

// unplaced is the place of a monitor that is in no schedule.
var unplaced = place{tick: -1}

// moved puts a monitor whose due time changed into its place, and takes one in that has none.
func (s *schedule) moved(m *monitor) {
	tick := int64((m.due.Sub(s.start) + tickLength - 1) / tickLength)
	tick = min(max(tick, s.tick), s.tick+ringTicks-1)
	if tick == m.place.tick {
		return
	}
	s.remove(m)
	m.place = place{tick, m, m}
	s.placed++
	at := tick % ringTicks
	first := s.ring[at]
	if first == nil {
		s.ring[at] = m
		s.used[at/64] |= 1 << (at % 64)
		return
	}
	last := first.place.before
	m.place.before, m.place.next = last, first
	last.place.next, first.place.before = m, m
}

func (s *schedule) movedAll(monitors []*monitor) {
	for _, m := range monitors {
		s.moved(m)
	}
}

// remove takes a monitor out, if it is in.
func (s *schedule) remove(m *monitor) {
	p := m.place
	if p.tick < 0 {
		return
	}
	m.place = unplaced
	s.placed--
	at := p.tick % ringTicks
	switch {
	case p.next == m:
		s.ring[at] = nil
		s.used[at/64] &^= 1 << (at % 64)
		return
	case s.ring[at] == m:
		s.ring[at] = p.next
	}
	p.before.place.next, p.next.place.before = p.next, p.before
}

// due gives the first monitor whose tick has come, and which is due, and nil where there is none. It stays where it is until it is
// moved or removed.
func (s *schedule) due(now time.Time) *monitor {
	if now.Before(s.start) {
		return nil
	}
	for come := int64(now.Sub(s.start) / tickLength); ; {
		next, ok := s.first()
		s.tick = max(s.tick, come)
		if ok {
			s.tick = min(s.tick, next)
		}
		if !ok || next > come {
			return nil
		}
		m := s.ring[next%ringTicks]
		if !m.due.After(now) {
			return m
		}
		s.moved(m) // it waited in the last place
	}
}

// next is the time at which the next monitor may be due, zero where there is none.
func (s *schedule) next() time.Time {
	tick, ok := s.first()
	if !ok {
		return time.Time{}
	}
	return s.start.Add(time.Duration(tick) * tickLength)
}

// first is the first tick that has monitors.
func (s *schedule) first() (tick int64, ok bool) {
	if s.placed == 0 {
		return 0, false
	}
	from := s.tick % ringTicks
	word := s.used[from/64] >> (from % 64) << (from % 64)
	for i := from / 64; ; i, word = (i+1)%(ringTicks/64), s.used[(i+1)%(ringTicks/64)] {
		if word != 0 {
			at := i*64 + int64(bits.TrailingZeros64(word))
			return s.tick + (at-from+ringTicks)%ringTicks, true
		}
	}
}

// firstPause is the least time between the first inquiries to two slaves, where the interval has room for it.
const firstPause = time.Millisecond

// spread gives the times of monitor i of n: its first inquiry, soon after the start and without a burst, and the slot at
// which it is asked from then on, so that the inquiries of all are spread evenly over the interval.
func spread(start time.Time, interval time.Duration, i, n int) (first, slot time.Time) {
	offset := interval * time.Duration(i) / time.Duration(n)
	early := min(offset, firstPause*time.Duration(i))
	first, slot = start.Add(early), start.Add(offset)
	if early == offset {
		slot = slot.Add(interval)
	}
	return first, slot
}
