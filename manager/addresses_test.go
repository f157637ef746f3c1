package manager

import (
	"fmt"
	"log/slog"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/slave"
	"renraku/telegram"
)

// lookAtAll has every datagram of a slave's address be looked at.
func lookAtAll(s *StatusControl) {
	from := s.addresses.Load()
	from.mu.Lock()
	defer from.mu.Unlock()
	for _, o := range from.origins {
		o.allowance = slave.Rate{PerSecond: 1e9, AtOnce: 1e9}.Allowance()
	}
}

func TestWhatComesFromASlavesAddressIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, usual(2)) // two slaves of ten seconds and two retries
		f.begin()
		f.at(time.Second)
		const most = rateFactor*(2+1+maxExcused) + rateUnasked
		for range 1000 {
			f.say(f.slaves[0], []byte("nonsense"))
		}
		synctest.Wait()
		assert.Equal(t, map[string]uint64{"length": most, "too many datagrams": 1000 - most}, f.drops.All())
		f.respond(f.slaves[1], telegram.Stopped, "BATCH")
		assert.Equal(t, "app2 STOPPED BATCH", f.record(f.slaves[1]), "what one sends takes nothing of the other's")
		f.at(9 * time.Second)
		f.respond(f.slaves[0], telegram.Stopped, "BATCH")
		assert.Equal(t, "app1 STOPPED BATCH", f.record(f.slaves[0]), "and it is heard again")
	})
}

// Whatever a fleet does, its answers are looked at: late ones too, and those that come twice.
func TestNoFleetMeetsTheLimitOfItsDatagrams(t *testing.T) {
	for _, p := range []plan{
		{slaves: 30, interval: 100 * time.Millisecond, timeout: 10 * time.Millisecond, retries: 0},
		{slaves: 30, interval: 100 * time.Millisecond, timeout: 10 * time.Millisecond, retries: 20, shared: true},
		{slaves: 30, interval: time.Hour, timeout: time.Second, retries: 5},
		{slaves: 30, interval: time.Hour, timeout: 10 * time.Millisecond, retries: 0, shared: true},
	} {
		t.Run(fmt.Sprintf("%+v", p), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t, p)
				for i, s := range f.slaves {
					s.latency, s.copies = p.timeout*time.Duration(i%5)/2, 1
				}
				for range 5 {
					f.begin()
					f.at(time.Since(f.start) + min(30*p.interval, time.Minute))
					f.reload(f.slaves[:20]...)
					f.at(time.Since(f.start) + p.timeout)
					f.reload(f.slaves...)
					for _, s := range f.slaves { // all start at once
						f.respond(s, telegram.Stopped, "ONLINE")
						f.respond(s, telegram.Running, "ONLINE")
					}
					f.at(time.Since(f.start) + 10*p.timeout)
					f.status.End(t.Context())
				}
				assert.Zero(t, f.drops.Of(slave.DropRate))
				assert.Zero(t, f.drops.Of(slave.DropOverflow))
			})
		})
	}
}

func TestANameCountsAsTheAddressThatItWasLookedUpAs(t *testing.T) {
	one, other := address(t, "localhost:1"), address(t, "localhost:2")
	slaves := []Slave{at(t, "app1", "localhost:1"), at(t, "app2", "localhost:2"), at(t, "app3", "198.18.0.3:1")}
	a := newAddresses(slaves, []*slave.Address{one, other, slaves[2].Address})
	loopback, moved, fixed := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("198.18.0.1"), netip.MustParseAddr("198.18.0.3")
	knows := func() []bool { return []bool{a.knows(loopback), a.knows(moved), a.knows(fixed)} }
	a.follow(one)
	assert.Equal(t, []bool{false, false, true}, knows(), "it is not looked up yet")
	for _, address := range []*slave.Address{one, other} {
		require.NoError(t, address.Resolve(t.Context()))
		a.follow(address)
		a.follow(address)
	}
	assert.Equal(t, []bool{true, false, true}, knows())
	require.NoError(t, one.Set("198.18.0.1:1")) // what another look-up would bring
	a.follow(one)
	assert.Equal(t, []bool{true, true, true}, knows(), "the other slave has it still")
	require.NoError(t, other.Set("198.18.0.3:1"))
	a.follow(other)
	assert.Equal(t, []bool{false, true, true}, knows())
	require.NoError(t, other.Set("127.0.0.1:1"))
	a.follow(other)
	assert.Equal(t, []bool{true, true, true}, knows(), "of two slaves one has it still")
	assert.Equal(t, 1, a.origins[fixed].slaves)
	assert.Equal(t, rateOf(time.Hour, 0), a.origins[fixed].rate)
	a.follow(address(t, "localhost:3"))
	assert.Len(t, a.origins, 3, "nobody's name is none of a slave's")
}

// writer has what is written to it looked at.
type writer func(line string)

func (w writer) Write(b []byte) (int, error) {
	w(string(b))
	return len(b), nil
}

// Connections are taken meanwhile: whoever asks for their addresses waits for no file.
func TestAddressesAreFreeWhileAnAnswerIsTaken(t *testing.T) {
	c := newSealedControl(t, 1)
	q := c.turn()[0]
	free := map[bool]int{}
	c.control.log = slog.New(slog.NewTextHandler(writer(func(string) {
		from := c.control.addresses.Load()
		locked := from.mu.TryLock()
		if locked {
			from.mu.Unlock()
		}
		free[locked]++
	}), nil))
	in := slave.NewBatch()
	in.Add(c.answer(&q), netip.MustParseAddrPort("198.18.0.1:10320"))
	in.Add([]byte("nonsense"), netip.MustParseAddrPort("198.18.0.77:10320"))
	assert.Equal(t, 1, c.control.take(in))
	assert.Equal(t, map[bool]int{true: 1}, free, "RUNNING was logged, after the contact file was written")
	assert.Equal(t, map[string]uint64{"unknown address": 1}, c.drops.All())
}

func TestAnAddressIsFoundWithoutAllocating(t *testing.T) {
	var slaves []Slave
	var all []*slave.Address
	for i := range 10_000 {
		slaves = append(slaves, Slave{Interval: time.Second})
		all = append(all, address(t, netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 18, byte(i >> 8), byte(i)}), 1).String()))
	}
	a := newAddresses(slaves, all)
	in, stranger := netip.MustParseAddr("198.18.3.3"), netip.MustParseAddr("127.0.0.77")
	assert.Equal(t, []slave.Drop{slave.NoDrop, slave.DropAddress}, []slave.Drop{a.admit(in, 0), a.admit(stranger, 0)})
	assert.Zero(t, testing.AllocsPerRun(100, func() { a.admit(in, 0); a.admit(stranger, 0) }))
}
