package manager

import (
	"maps"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/slave"
	"renraku/slave/datagram"
	"renraku/slave/slavetest"
)

// The manager is late itself, and nobody is judged for it.

// stalled is a socket whose manager is stopped for a while, as by SIGSTOP. What comes meanwhile waits in the socket's buffer.
type stalled struct {
	*slavetest.Socket
	waiting, judging atomic.Int64 // nanoseconds: the next time that it has waited, or has read all and is to judge
	more             atomic.Uint32
}

func (s *stalled) Receive(b *datagram.Batch, until time.Time) error {
	err := s.Socket.Receive(b, until)
	if !until.Before(time.Now()) {
		time.Sleep(time.Duration(s.waiting.Swap(0)))
	}
	return err
}

// Overflows has some more than the socket's own.
func (s *stalled) Overflows() uint32 {
	time.Sleep(time.Duration(s.judging.Swap(0)))
	return s.Socket.Overflows() + s.more.Load()
}

// stalledFleet is a fleet of one slave, which answers after latency, and the socket of its manager.
func stalledFleet(t *testing.T, latency time.Duration) (*fleet, *stalled) {
	var socket *stalled
	p := plan{slaves: 1, interval: 10 * time.Second, timeout: 100 * time.Millisecond}
	p.socket = func(s *slavetest.Socket) slave.PacketConn {
		socket = &stalled{Socket: s}
		return socket
	}
	f := newFleet(t, p)
	f.slaves[0].latency = latency
	f.begin()
	f.at(9 * time.Second)
	require.Equal(t, "app1 RUNNING ONLINE", f.record(f.slaves[0]))
	f.happened()
	return f, socket
}

func TestWhatWaitsInTheBufferIsReadBeforeAnyoneIsJudged(t *testing.T) {
	for name, stop := range map[string]time.Duration{
		"less than a response wait": 80 * time.Millisecond,
		"more than it":              900 * time.Millisecond,
		"three rounds":              30 * time.Second,
	} {
		for where, at := range map[string]func(*stalled) *atomic.Int64{
			"while it waits":   func(s *stalled) *atomic.Int64 { return &s.waiting },
			"before it judges": func(s *stalled) *atomic.Int64 { return &s.judging },
		} {
			t.Run(name+" "+where, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f, socket := stalledFleet(t, 50*time.Millisecond)
					f.at(10*time.Second + 40*time.Millisecond) // the answer is on its way
					at(socket).Store(int64(stop))
					f.status.rouse()
					f.at(10*time.Second + stop + 500*time.Millisecond)
					assert.Equal(t, "app1 RUNNING ONLINE", f.record(f.slaves[0]))
					assert.Empty(t, f.happened())
					assert.Empty(t, f.drops.All())
				})
			})
		}
	}
}

func TestRoundsThatThePauseOfTheManagerSkipsAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, socket := stalledFleet(t, 0)
		f.at(15 * time.Second)
		socket.waiting.Store(int64(30 * time.Second))
		f.status.rouse()
		f.at(51 * time.Second)
		assert.Equal(t, []string{"0s START", "10s CHECK", "45s CHECK", "50s CHECK"}, f.inquiries(f.slaves[0]))
		assert.Equal(t, map[string]uint64{slave.DropRound.String(): 2}, f.drops.All(), "those of 20s and 30s")
	})
}

func TestManyThatAreDueAtOnceAreAskedInBurstsThatABufferHolds(t *testing.T) {
	for name, silent := range map[string]bool{"they answer": false, "they do not": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var socket *stalled
				f := newFleet(t, plan{slaves: 3000, shared: true, interval: 10 * time.Second, timeout: time.Second,
					socket: func(s *slavetest.Socket) slave.PacketConn {
						socket = &stalled{Socket: s}
						return socket
					}})
				f.begin()
				f.at(15 * time.Second)
				for _, s := range f.slaves {
					s.latency, s.silent = 100*time.Microsecond, silent
					f.forget(s)
				}
				socket.waiting.Store(int64(30 * time.Second))
				f.status.rouse()
				f.at(45*time.Second + 20*time.Millisecond)
				asked := map[time.Duration]int{}
				for _, s := range f.slaves {
					require.NotEmpty(t, s.inquired)
					asked[s.inquired[0].at]++
				}
				if silent {
					assert.LessOrEqual(t, slices.Max(slices.Collect(maps.Values(asked))), maxBurst)
				} else {
					assert.LessOrEqual(t, asked[45*time.Second], maxBurst, "before the first answers")
				}
			})
		})
	}
}

func TestSilentSlavesDoNotHoldUpTheInquiriesOfOthers(t *testing.T) {
	var b burst
	for tick := range 10_000 {
		now := b.at.Add(tickLength)
		b.sent(now, 4) // nobody answers them
		for range 2 {
			b.sent(now, datagram.Size)
			b.answered(datagram.Size)
		}
		require.False(t, b.full(), "after %d ticks", tick)
	}
}

func TestFewAreHandledAtOnceAlsoWhereNobodyCanBeAsked(t *testing.T) {
	file, _ := contact(t)
	var slaves []Slave
	for i := range 3 * maxHandled {
		slaves = append(slaves, at(t, hostNumber(t, i).String(), "nobody.invalid:10320"))
	}
	var drops slave.Drops
	s := NewStatusControl(slave.NewOwnRecord(host(t, "mgr01"), file, 0), slaves, file, nowhere{}, quiet(), &drops)
	require.NoError(t, s.Begin())
	later := time.Now().Add(time.Hour)
	out := slave.NewBatch()
	_, more := s.expire(later, later, out)
	assert.True(t, more)
	assert.Zero(t, out.Len())
	assert.EqualValues(t, maxHandled, drops.Of(slave.DropSend), "the lock is not held for all of them")
}

func TestSilenceIsFoundAlsoAfterThePauseOfTheManager(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, socket := stalledFleet(t, 0)
		f.set(f.slaves[0], func(s *pretended) { s.silent = true })
		f.at(10*time.Second + 40*time.Millisecond)
		socket.waiting.Store(int64(500 * time.Millisecond))
		f.status.rouse()
		f.at(10*time.Second + 540*time.Millisecond)
		assert.Equal(t, "app1 STOPPED ONLINE", f.record(f.slaves[0]), "nothing was lost: at once")
	})
}

func TestNobodyIsJudgedForAnAnswerThatTheBufferHadNoRoomFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, socket := stalledFleet(t, 0)
		f.set(f.slaves[0], func(s *pretended) { s.lose = 1 })
		f.at(10*time.Second + 50*time.Millisecond)
		socket.more.Store(3)
		f.status.rouse()
		f.at(11 * time.Second)
		assert.Equal(t, "app1 RUNNING ONLINE", f.record(f.slaves[0]))
		assert.Equal(t, []string{"10s CHECK", "10.1s CHECK"}, f.inquiries(f.slaves[0])[1:], "it is asked once more")
		assert.EqualValues(t, 3, f.drops.Of(slave.DropOverflow))
		f.set(f.slaves[0], func(s *pretended) { s.lose = 1 })
		f.at(21 * time.Second)
		assert.Equal(t, "app1 STOPPED ONLINE", f.record(f.slaves[0]), "but not for what was lost before")
	})
}
