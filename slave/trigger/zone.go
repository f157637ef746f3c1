package trigger

import (
	"math"
	"time"
	_ "time/tzdata" // a server without zone files has the same zones
)

// minute counts the minutes since 1970 in UTC.
type minute int64

// wallMinute counts the minutes that a wall clock shows, as if it showed UTC. It has no time zone, and no change of the
// clock: the minutes that a clock skips are there, and those that it repeats are there once.
type wallMinute int64

const (
	minuteSeconds = 60
	hourMinutes   = 60
	dayMinutes    = 24 * hourMinutes

	// longestRepeat is longer than any change by which a clock is set back; the longest known is the day that a place
	// repeats when it changes the side of the date line.
	longestRepeat = 26 * time.Hour
)

func minuteOf(t time.Time) minute { return minute(floorDiv(t.Unix(), minuteSeconds)) }

func (m minute) time() time.Time { return time.Unix(int64(m)*minuteSeconds, 0).UTC() }

// date is the day of the wall minute at midnight, in UTC.
func (w wallMinute) date() time.Time { return time.Unix(w.day()*dayMinutes*minuteSeconds, 0).UTC() }

func (w wallMinute) day() int64 { return floorDiv(int64(w), dayMinutes) }

func (w wallMinute) hour() int { return int((int64(w) - w.day()*dayMinutes) / hourMinutes) }

func (w wallMinute) minute() int { return int((int64(w) - w.day()*dayMinutes) % hourMinutes) }

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// zone is the wall clock of one location. It remembers the period that it was last asked about.
type zone struct {
	location *time.Location

	// From the minute steady on and before changes, the offset is the same and nothing is repeated.
	steady, changes minute
	offset          int64 // seconds east of UTC
}

// shows gives the minutes of the wall clock for which m is the minute to act: those after the first result, up to the second
// one. That is one minute as a rule; none while the clock repeats what it has shown before; several in the first minute after
// a gap, the skipped ones and the minute itself.
//
// A wall minute is thus given exactly once, in the first minute in which the clock has reached or passed it.
func (z *zone) shows(m minute) (after, last wallMinute) {
	if m >= z.steady && m < z.changes {
		w := wallAt(int64(m)*minuteSeconds, z.offset)
		return w - 1, w
	}
	start, end := m.time().In(z.location).ZoneBounds()
	if start.IsZero() || m.time().Sub(start) >= longestRepeat {
		z.steady, z.changes, z.offset = m, math.MaxInt64, z.offsetAt(m.time())
		if !end.IsZero() {
			z.changes = minuteOf(end) // not after m on 31 December of a leap year, where Go 1.26 errs: then the next call asks again
		}
		w := wallAt(int64(m)*minuteSeconds, z.offset)
		return w - 1, w
	}
	last = z.wall(m.time())
	after = z.wall((m - 1).time()) // the highest that was shown before
	for !start.IsZero() && m.time().Sub(start) < longestRepeat {
		before := start.Add(-time.Second)
		after = max(after, z.wall(before))
		start, _ = before.ZoneBounds()
	}
	return min(after, last), last
}

func (z *zone) wall(t time.Time) wallMinute { return wallAt(t.Unix(), z.offsetAt(t)) }

func (z *zone) offsetAt(t time.Time) int64 {
	_, offset := t.In(z.location).Zone()
	return int64(offset)
}

func wallAt(unix, offset int64) wallMinute { return wallMinute(floorDiv(unix+offset, minuteSeconds)) }
