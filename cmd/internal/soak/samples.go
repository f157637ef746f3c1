package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"

	"renraku/cmd/internal/trial"
)

// inside is what a daemon says of itself.
type inside struct {
	Goroutines int
	Heap       uint64 // bytes that live, after a collection
}

func ownInside() inside {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return inside{runtime.NumGoroutine(), m.HeapAlloc}
}

// sample is what a daemon uses at one time.
type sample struct {
	inside
	At          time.Time
	Resident    uint64 // bytes
	Descriptors int
	Threads     int
}

// take takes a sample of a child that is a daemon.
func take(c *trial.Child) (s sample, err error) {
	if err = c.Ask(&s.inside); err != nil {
		return sample{}, err
	}
	s.At = time.Now()
	if s.Resident, s.Threads, err = statusOf(c.PID()); err != nil {
		return sample{}, err
	}
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", c.PID()))
	s.Descriptors = len(open)
	return s, err
}

// statusOf is what proc(5) says of a process.
func statusOf(pid int) (resident uint64, threads int, err error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	var kilobytes uint64
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fmt.Sscanf(lines.Text(), "VmRSS: %d kB", &kilobytes)
		fmt.Sscanf(lines.Text(), "Threads: %d", &threads)
	}
	if kilobytes == 0 || threads == 0 {
		return 0, 0, fmt.Errorf("/proc/%d/status has no VmRSS or no Threads", pid)
	}
	return kilobytes << 10, threads, nil
}

// The samples: so often, and so many at least in the time of the faults.
const (
	sampleEvery  = 5 * time.Second
	leastSamples = 60
)

// life is the samples of one daemon from its start to its end.
type life struct {
	name string

	mu  sync.Mutex
	all []sample
}

// follow takes samples of the daemon until it or ctx ends.
func (l *life) follow(ctx context.Context, c *trial.Child, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-c.Ended:
			return
		case <-ctx.Done():
			return
		}
		s, err := take(c)
		if err != nil { // it has ended
			continue
		}
		l.mu.Lock()
		l.all = append(l.all, s)
		l.mu.Unlock()
	}
}

func (l *life) samples() []sample {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]sample(nil), l.all...)
}

// last is the newest sample, zero where there is none.
func (l *life) last() sample {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.all) == 0 {
		return sample{}
	}
	return l.all[len(l.all)-1]
}

// restSamples are taken of a daemon at rest, the least of which counts.
const restSamples = 5

// atRest is what a daemon uses when nothing happens.
func atRest(ctx context.Context, c *trial.Child) (least sample, err error) {
	for i := range restSamples {
		s, err := take(c)
		if err != nil {
			return sample{}, err
		}
		if i == 0 {
			least = s
		}
		least.Goroutines = min(least.Goroutines, s.Goroutines)
		least.Descriptors = min(least.Descriptors, s.Descriptors)
		least.Threads = min(least.Threads, s.Threads)
		least.Heap = min(least.Heap, s.Heap)
		least.Resident = min(least.Resident, s.Resident)
		if err := trial.Sleep(ctx, 300*time.Millisecond); err != nil {
			return sample{}, err
		}
	}
	return least, nil
}
