package slavetest

import (
	"flag"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

var seed = flag.Uint64("seed", 0, "the seed of the tests on a bad network; 0: another one each time")

// Seed gives the seed of a test, which the test prints when it fails: -seed N plays the same faults again.
func Seed(t testing.TB) uint64 {
	t.Helper()
	s := *seed
	if s == 0 {
		s = rand.Uint64()
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("to play the same faults again: -run '^%s$' -seed %d", t.Name(), s)
		}
	})
	return s
}

// Impairment is what a bad network does to datagrams. The shares are from 0 to 1, each drawn for every datagram by itself; the
// zero value does nothing.
type Impairment struct {
	Loss      float64       // are lost
	Burst     float64       // begin a burst: they and those after them are lost
	BurstMost int           // datagrams in a burst, at most; each length from 1 on is as likely
	Duplicate float64       // come twice
	Delay     time.Duration // the longest; each copy takes any time up to it, so that they overtake one another
	Flip      float64       // come with one bit flipped

	// Seen says of a flipped datagram whether its receiver can see that; the others are lost. nil: all come.
	Seen func(b []byte) bool
}

// Line is one direction of a bad network. What it does is decided by its seed and the order of the datagrams, and nothing else.
type Line struct {
	mu     sync.Mutex
	random *rand.Rand
	bad    Impairment
	lost   int // datagrams left of a burst
	count  Counts
	watch  func(b []byte) // nil: nobody watches
}

// Counts is what a line has done so far.
type Counts struct{ Carried, Lost, Duplicated, Flipped int }

// NewLine makes a line; lines of one test have one seed and different numbers.
func NewLine(seed, number uint64, bad Impairment) *Line {
	return &Line{random: rand.New(rand.NewPCG(seed, number)), bad: bad}
}

// Copy is one datagram that comes out of a line.
type Copy struct {
	After time.Duration
	Bytes []byte
}

// Carry says what becomes of a datagram: the copies that come out, none where it is lost. The bytes stay the caller's.
func (l *Line) Carry(b []byte) []Copy {
	l.mu.Lock()
	defer l.mu.Unlock()
	copies := make([]Copy, 0, 2)
	if l.loses() {
		l.count.Lost++
		return copies
	}
	l.count.Carried++
	copies = l.copy(copies, b)
	if l.random.Float64() < l.bad.Duplicate {
		l.count.Duplicated++
		copies = l.copy(copies, b)
	}
	if l.watch != nil {
		for i := range copies {
			l.watch(copies[i].Bytes)
		}
	}
	return copies
}

func (l *Line) loses() bool {
	if l.lost > 0 {
		l.lost--
		return true
	}
	if l.random.Float64() < l.bad.Burst {
		l.lost = l.random.IntN(l.bad.BurstMost)
		return true
	}
	return l.random.Float64() < l.bad.Loss
}

// copy adds one copy.
func (l *Line) copy(copies []Copy, b []byte) []Copy {
	c := Copy{Bytes: append([]byte(nil), b...)}
	if l.bad.Delay > 0 {
		c.After = time.Duration(l.random.Int64N(int64(l.bad.Delay) + 1))
	}
	if len(b) > 0 && l.random.Float64() < l.bad.Flip {
		bit := l.random.IntN(8 * len(b))
		c.Bytes[bit/8] ^= 0x80 >> (bit % 8)
		if l.bad.Seen != nil && !l.bad.Seen(c.Bytes) {
			l.count.Lost++
			return copies
		}
		l.count.Flipped++
	}
	return append(copies, c)
}

// Set has the line be bad in another way from now on.
func (l *Line) Set(bad Impairment) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bad, l.lost = bad, 0
}

// Watch has everything that comes out of the line shown to watch, one datagram after the other; the bytes stay the line's.
func (l *Line) Watch(watch func(b []byte)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.watch = watch
}

// Counts is what the line has done so far.
func (l *Line) Counts() Counts {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.count
}

// Draw gives a number below n out of the line's own sequence, for faults that are not of datagrams.
func (l *Line) Draw(n int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.random.IntN(n)
}
