package manager

import (
	"container/heap"
	"time"
)

// schedule is the monitors by the time at which they are due, the earliest first.
type schedule []*monitor

func (s schedule) Len() int           { return len(s) }
func (s schedule) Less(i, j int) bool { return s[i].due.Before(s[j].due) }

func (s schedule) Swap(i, j int) {
	s[i], s[j] = s[j], s[i]
	s[i].place, s[j].place = i, j
}

// Push is heap.Interface's.
func (s *schedule) Push(x any) {
	m := x.(*monitor)
	m.place = len(*s)
	*s = append(*s, m)
}

// Pop is heap.Interface's.
func (s *schedule) Pop() any {
	last := len(*s) - 1
	m := (*s)[last]
	(*s)[last] = nil
	*s = (*s)[:last]
	m.place = -1
	return m
}

// newSchedule has all the given monitors.
func newSchedule(monitors []*monitor) schedule {
	s := make(schedule, len(monitors))
	for i, m := range monitors {
		s[i], m.place = m, i
	}
	heap.Init(&s)
	return s
}

// moved puts a monitor whose due time changed into its place.
func (s *schedule) moved(m *monitor) { heap.Fix(s, m.place) }

// remove takes a monitor out.
func (s *schedule) remove(m *monitor) { heap.Remove(s, m.place) }

// next is the earliest monitor, nil where there is none.
func (s schedule) next() *monitor {
	if len(s) == 0 {
		return nil
	}
	return s[0]
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
