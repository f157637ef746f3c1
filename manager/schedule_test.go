package manager

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/slave"
)

func TestSpread(t *testing.T) {
	for _, interval := range []time.Duration{100 * time.Millisecond, 10 * time.Second, time.Hour} {
		for _, n := range []int{1, 3, 1000, 100_000} {
			t.Run(fmt.Sprintf("%d slaves in %v", n, interval), func(t *testing.T) { spreadIsEven(t, interval, n) })
		}
	}
}

func spreadIsEven(t *testing.T, interval time.Duration, n int) {
	share := interval / time.Duration(n)
	pause := min(firstPause, share)
	slots := make([]time.Duration, n)
	last := -pause
	for i := range n {
		firstAt, slotAt := spread(epoch, interval, i, n)
		first, slot := firstAt.Sub(epoch), slotAt.Sub(epoch)
		slots[i] = slot % interval
		switch {
		case first < last+pause:
			t.Fatalf("first inquiry %d is %v after the one before, less than %v", i, first-last, pause)
		case first >= interval || first > time.Duration(i)*firstPause:
			t.Fatalf("first inquiry %d is at %v", i, first)
		case slot <= first || slot-first > interval:
			t.Fatalf("inquiry %d: first at %v, second at %v", i, first, slot)
		}
		last = first
	}
	slices.Sort(slots)
	for i := 1; i < n; i++ {
		if gap := slots[i] - slots[i-1]; gap < share || gap > share+1 {
			t.Fatalf("slots %d and %d are %v apart, not %v", i-1, i, gap, share)
		}
	}
	// what the gaps imply, said as it matters: no window of k shares has more than k+1 inquiries
	for _, k := range []int{1, 10, 100} {
		window := share * time.Duration(k)
		from := 0
		for i := range slots {
			for slots[i]-slots[from] > window {
				from++
			}
			if i-from+1 > k+1 {
				t.Fatalf("%d inquiries within %v", i-from+1, window)
			}
		}
	}
	assert.Less(t, slots[n-1], interval)
}

func TestScheduleGivesEachMonitorInItsTickWhateverMoves(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	now := epoch
	dueIn := func() time.Time { // within the tick, the ring, and beyond
		return now.Add(time.Duration(random.Int64N(int64([]time.Duration{1, tickLength, 50 * tickLength, 3 * ringTicks * tickLength}[random.IntN(4)]))))
	}
	var monitors []*monitor
	for range 50 {
		monitors = append(monitors, &monitor{due: dueIn(), place: unplaced})
	}
	monitors[0].due = epoch
	s := newSchedule(epoch, monitors[:40])
	for _, m := range monitors[40:] {
		s.moved(m)
	}
	require.Nil(t, s.due(epoch.Add(-1)), "its time has not begun")
	given := 0
	for range 20_000 {
		switch random.IntN(4) {
		case 0:
			m := monitors[random.IntN(len(monitors))]
			m.due = dueIn()
			s.moved(m)
		case 1:
			m := monitors[random.IntN(len(monitors))]
			s.remove(m)
			s.remove(m)
			require.Equal(t, unplaced, m.place)
			m.due = dueIn()
			s.moved(m)
		default:
			now = now.Add(time.Duration(random.Int64N(int64(100 * tickLength))))
		}
		require.Equal(t, len(monitors), s.placed)
		earliest := slices.MinFunc(monitors, func(a, b *monitor) int { return a.due.Compare(b.due) })
		require.True(t, s.next().Before(earliest.due.Add(tickLength)), "not after its tick")
		for m := s.due(now); m != nil; m = s.due(now) {
			require.False(t, m.due.After(now))
			given++
			m.due = now.Add(tickLength + time.Duration(random.Int64N(int64(time.Minute))))
			s.moved(m)
		}
		for _, m := range monitors {
			require.True(t, m.due.After(now.Add(-tickLength)), "none is left behind")
		}
	}
	assert.Greater(t, given, 1000)
	for _, m := range monitors {
		s.remove(m)
	}
	assert.Nil(t, s.due(now.Add(time.Hour)))
	assert.Zero(t, s.next())
	assert.Zero(t, s.used)
}

// redefined is a monitor of 10s, 1s and 2 retries, asked and answered at 0s; then its definition changes at the given time.
func redefined(reply func(int, time.Duration) []arrival, at time.Duration, change func(*Slave), i, n int) *play {
	p := newPlay(10*time.Second, time.Second, 2)
	p.reply = reply
	p.until(at)
	sl := &Slave{Interval: p.m.interval, Timeout: p.m.timeout, Retries: int(p.m.retries)}
	change(sl)
	p.m.redefine(epoch.Add(at), sl, i, n)
	return p
}

func TestChangedControlDataTakesEffectAtOnce(t *testing.T) {
	const second = time.Second
	cases := []struct {
		name   string
		reply  func(int, time.Duration) []arrival
		at     time.Duration
		change func(*Slave)
		i, n   int
		until  time.Duration
		want   []string // after the first answer
	}{
		{"nothing", answers(), 4 * second, func(*Slave) {}, 1, 2, 21 * second,
			[]string{"10s CHECK", "10.1s is RUNNING", "20s CHECK", "20.1s is RUNNING"}},
		{"a shorter interval", answers(), 2 * second, func(s *Slave) { s.Interval = 4 * second }, 1, 2, 9 * second,
			[]string{"4s CHECK", "4.1s is RUNNING", "8s CHECK", "8.1s is RUNNING"}},
		{"a shorter interval of the first slave", answers(), 2 * second, func(s *Slave) { s.Interval = 4 * second }, 0, 2, 7 * second,
			[]string{"2s CHECK", "2.1s is RUNNING", "6s CHECK", "6.1s is RUNNING"}},
		{"a longer interval, and it is not asked later for it", answers(), 2 * second, func(s *Slave) { s.Interval = 40 * second }, 1, 2, 63 * second,
			[]string{"10s CHECK", "10.1s is RUNNING", "22s CHECK", "22.1s is RUNNING", "1m2s CHECK", "1m2.1s is RUNNING"}},
		{"an interval while it is asked", answers(1, 3), 10 * second, func(s *Slave) { s.Interval = 4 * second }, 1, 2, 13 * second,
			[]string{"10s CHECK", "11s CHECK", "11.1s is RUNNING", "12s CHECK", "13s CHECK"}},
		{"a longer response wait while it is asked", answers(1), 10 * second, func(s *Slave) { s.Timeout = 3 * second }, 1, 2, 19 * second,
			[]string{"10s CHECK", "13s CHECK", "16s CHECK", "19s silent"}},
		{"a shorter response wait while it is asked, which begins anew", answers(1), 10*second + 900*time.Millisecond,
			func(s *Slave) { s.Timeout = 50 * time.Millisecond }, 1, 2, 12 * second,
			[]string{"10s CHECK", "10.95s CHECK", "11s CHECK", "11.05s silent"}},
		{"a shorter response wait that ends later than the old one", answers(1), 10*second + 900*time.Millisecond,
			func(s *Slave) { s.Timeout = 500 * time.Millisecond }, 1, 2, 13 * second,
			[]string{"10s CHECK", "11s CHECK", "11.5s CHECK", "12s silent"}},
		{"fewer retries while it is asked", answers(1), 11 * second, func(s *Slave) { s.Retries = 0 }, 1, 2, 13 * second,
			[]string{"10s CHECK", "11s CHECK", "12s silent"}},
		{"more retries while it is asked", answers(1), 12 * second, func(s *Slave) { s.Retries = 3 }, 1, 2, 14 * second,
			[]string{"10s CHECK", "11s CHECK", "12s CHECK", "13s CHECK", "14s silent"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := redefined(c.reply, c.at, c.change, c.i, c.n)
			p.until(c.until)
			assert.Equal(t, append([]string{"0s START", "100ms is RUNNING"}, c.want...), p.log)
		})
	}
}

func TestChangedIntervalSpreadsTheSlaves(t *testing.T) {
	const n = 100
	for i := range n {
		p := redefined(answers(), 2*time.Second, func(s *Slave) { s.Interval = time.Second }, i, n)
		assert.Equal(t, 2*time.Second+time.Duration(i)*10*time.Millisecond, p.m.due.Sub(epoch))
	}
}

func TestMovedSlaveIsAskedAtItsNewAddress(t *testing.T) {
	known, name := address(t, "198.18.0.9:10320"), address(t, "app01.example:10320")
	const second = time.Second
	cases := []struct {
		name  string
		reply func(int, time.Duration) []arrival
		at    time.Duration
		to    *slave.Address
		asks  bool
		want  []string // from then on
	}{
		{"at its time, where it runs and is not being asked", answers(), 5 * second, known, false,
			[]string{"10s CHECK", "10.1s is RUNNING", "20s CHECK"}},
		{"at once, where it is being asked, and with all retries", answers(1), 12 * second, known, true,
			[]string{"12.001s CHECK", "13.001s CHECK", "14.001s CHECK", "15.001s silent", "20s START"}},
		{"at once, where it does not run", answers(5, 6), 5 * second, known, true,
			[]string{"5.001s START", "6.001s silent", "10s START", "10.1s is RUNNING", "20s CHECK"}},
		{"when its name had some time to be looked up", answers(1, 5, 6), 12 * second, name, true,
			[]string{"17s CHECK", "17.1s is RUNNING", "20s CHECK"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := newPlay(10*second, second, 2)
			p.reply = c.reply
			p.until(c.at)
			p.log = nil
			at := epoch.Add(c.at)
			assert.Equal(t, c.asks, p.m.move(c.to, at, at.Add(time.Millisecond)))
			assert.Same(t, c.to, p.m.address)
			p.until(20 * second)
			assert.Equal(t, c.want, p.log)
		})
	}
}

func TestSlaveThatLeavesIsToldEndOnce(t *testing.T) {
	p := newPlay(10*time.Second, time.Second, 2)
	p.reply = answers(1)
	p.until(11 * time.Second)
	p.log = nil
	p.m.leave(epoch.Add(12 * time.Second))
	p.until(30 * time.Second)
	assert.Equal(t, []string{"12s END"}, p.log)
	assert.True(t, p.m.ended)
}
