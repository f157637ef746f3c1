package manager

import (
	"maps"
	"slices"
	"sync"
	"time"

	"renraku/slave"
	"renraku/telegram"
)

// roundTripBounds are those of round trips on a local network, and of ones that end just before the response wait does.
var roundTripBounds = []time.Duration{
	100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond,
	10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 5 * time.Second, 30 * time.Second,
}

// runBounds are those of processes, from a command that is done at once to a batch of a night.
var runBounds = []time.Duration{
	100 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 5 * time.Second, 15 * time.Second,
	time.Minute, 5 * time.Minute, 15 * time.Minute,
	time.Hour, 4 * time.Hour, 12 * time.Hour,
}

// Histogram is durations, counted by their length.
type Histogram struct {
	Bounds []time.Duration // the longest durations of the buckets, ascending
	Counts []uint64        // of each bucket alone; the last, one more than there are bounds, has what is longer
	Sum    float64         // of all, in nanoseconds: as a time.Duration, that of many slaves would overflow within months
}

func newHistogram(bounds []time.Duration) Histogram {
	return Histogram{Bounds: bounds, Counts: make([]uint64, len(bounds)+1)}
}

// add counts one; below zero it is zero, since a clock was set meanwhile.
func (h *Histogram) add(d time.Duration) {
	d = max(d, 0)
	bucket := 0
	for bucket < len(h.Bounds) && d > h.Bounds[bucket] {
		bucket++
	}
	h.Counts[bucket]++
	h.Sum += float64(d)
}

// copy is the histogram as it stands now.
func (h *Histogram) copy() Histogram {
	return Histogram{h.Bounds, slices.Clone(h.Counts), h.Sum}
}

// runTimes is how long runs took, by process. Those that the definition does not have count together, as the zero ID, so that there are no
// more than it has.
type runTimes struct {
	defined *definitions

	mu sync.Mutex
	of map[telegram.ProcessID]*Histogram
}

func newRunTimes(defined *definitions) *runTimes {
	return &runTimes{defined: defined, of: map[telegram.ProcessID]*Histogram{}}
}

// add counts the run that a result tells of, if it tells of one.
func (t *runTimes) add(r *slave.Result, took time.Duration) {
	if r.Outcome != slave.Launched && r.Outcome != slave.Failed {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	id := r.Process
	if t.defined.process(id) == nil {
		id = telegram.ProcessID{}
	}
	h := t.of[id]
	if h == nil {
		made := newHistogram(runBounds)
		h = &made
		t.of[id] = h
	}
	h.add(took)
}

// prune forgets processes that the definition does not have any more.
func (t *runTimes) prune() {
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.DeleteFunc(t.of, func(id telegram.ProcessID, _ *Histogram) bool {
		return id != telegram.ProcessID{} && t.defined.process(id) == nil
	})
}

func (t *runTimes) all() map[telegram.ProcessID]Histogram {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make(map[telegram.ProcessID]Histogram, len(t.of))
	for id, h := range t.of {
		all[id] = h.copy()
	}
	return all
}
