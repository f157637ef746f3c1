package main

import (
	"fmt"
	"slices"

	"renraku/cmd/internal/trial"
)

// What may grow from the middle third of a life to its last; the first third is for warming up.
const (
	mostMemory      = 6 << 20 // bytes, of resident memory and of the heap, or
	mostMemoryShare = 0.10    // of what it was, whichever is more
	mostGoroutines  = 12      // the least of the one third above the least of the other: orders under way come and go
	mostDescriptors = 12
	mostThreads     = 8 // Go keeps those that it once needed
	mostAtRest      = 4 // goroutines and descriptors, at the end above before the faults

	leastOfThird = 5 // samples
)

// measure is one figure of the samples and how it is judged.
type measure struct {
	name string
	of   func(*sample) uint64
	by   func([]uint64) uint64 // of a third
	more func(before uint64) uint64
	show func(uint64) string
}

var measures = []measure{
	{"resident memory, median", func(s *sample) uint64 { return s.Resident }, median, memory, mebibytes},
	{"living heap, median", func(s *sample) uint64 { return s.Heap }, median, memory, mebibytes},
	{"goroutines, least", func(s *sample) uint64 { return uint64(s.Goroutines) }, slices.Min[[]uint64], constant(mostGoroutines), plainly},
	{"descriptors, least", func(s *sample) uint64 { return uint64(s.Descriptors) }, slices.Min[[]uint64], constant(mostDescriptors), plainly},
	{"threads, least", func(s *sample) uint64 { return uint64(s.Threads) }, slices.Min[[]uint64], constant(mostThreads), plainly},
}

func median(all []uint64) uint64 {
	all = slices.Sorted(slices.Values(all))
	return all[len(all)/2]
}

func memory(before uint64) uint64 { return max(mostMemory, uint64(mostMemoryShare*float64(before))) }

func constant(n uint64) func(uint64) uint64 { return func(uint64) uint64 { return n } }

func mebibytes(n uint64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

func plainly(n uint64) string { return fmt.Sprint(n) }

// claim compares the middle third of a life with its last.
func (l *life) claim(must *trial.Claims) {
	all := l.samples()
	third := len(all) / 3
	if third < leastOfThird {
		must.Add(false, l.name+": samples", fmt.Sprint(len(all)), fmt.Sprintf("at least %d", 3*leastOfThird))
		return
	}
	for _, m := range measures {
		of := func(some []sample) uint64 {
			values := make([]uint64, len(some))
			for i := range some {
				values[i] = m.of(&some[i])
			}
			return m.by(values)
		}
		before, after := of(all[third:2*third]), of(all[len(all)-third:])
		limit := before + m.more(before)
		must.Add(after <= limit, fmt.Sprintf("%s: %s, middle and last third of %d samples", l.name, m.name, len(all)),
			m.show(before)+"; "+m.show(after), "at most "+m.show(limit))
	}
}

// claimRest compares what a daemon uses at rest before and after the faults.
func claimRest(must *trial.Claims, name string, before, after sample) {
	must.Add(after.Goroutines <= before.Goroutines+mostAtRest, name+": goroutines at rest, before and after",
		fmt.Sprintf("%d; %d", before.Goroutines, after.Goroutines), fmt.Sprintf("at most %d", before.Goroutines+mostAtRest))
	must.Add(after.Descriptors <= before.Descriptors+mostAtRest, name+": descriptors at rest, before and after",
		fmt.Sprintf("%d; %d", before.Descriptors, after.Descriptors), fmt.Sprintf("at most %d", before.Descriptors+mostAtRest))
}
