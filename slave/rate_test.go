package slave

import (
	"context"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/slave/slavetest"
)

func TestAnAllowanceLetsThroughItsRateAndNoMore(t *testing.T) {
	cases := []struct {
		name   string
		rate   Rate
		offers int           // datagrams in a second, evenly
		last   time.Duration // for so long
		want   int
	}{
		{"below the rate", Rate{100, 10}, 80, 10 * time.Second, 800},
		{"at the rate", Rate{100, 10}, 100, 10 * time.Second, 1000},
		{"above it: what comes at once, and then the rate", Rate{100, 10}, 200_000, 10 * time.Second, 10 + 1000 - 1},
		{"all at once", Rate{100, 10}, 1_000_000_000, 20, 10},
		{"a rate of nothing is one a second", Rate{}, 1000, 10 * time.Second, 10},
		{"more than one a nanosecond is not to be had", Rate{1e12, 1000}, 1_000_000_000, 5000, 5000},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a, taken := c.rate.Allowance(), 0
			step := time.Second / time.Duration(c.offers)
			for at := time.Duration(0); at < c.last; at += step {
				if a.Take(at) {
					taken++
				}
			}
			assert.Equal(t, c.want, taken)
		})
	}
}

func TestAnAllowanceIsFullAgainAfterAPause(t *testing.T) {
	a := Rate{PerSecond: 10, AtOnce: 5}.Allowance()
	drain := func(at time.Duration) (taken int) {
		for a.Take(at) {
			taken++
		}
		return taken
	}
	assert.Equal(t, []int{5, 1, 5, 5}, []int{drain(0), drain(100 * time.Millisecond), drain(time.Second), drain(time.Hour)})
	none := (*Allowance)(nil)
	assert.True(t, none.Take(0), "no allowance is no bound")
	assert.Zero(t, testing.AllocsPerRun(100, func() { a.Take(2 * time.Hour) }))
}

// What comes from the manager's address may be anybody's.
func TestASlaveLooksAtABoundedNumberOfDatagramsASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network slavetest.Network
		at, packets := netip.MustParseAddrPort("192.0.2.1:10320"), network.Listen("192.0.2.1:10320")
		manager, stranger := network.Listen("192.0.2.10:10320"), network.Listen("192.0.2.66:10320")
		file, _ := openContactFile(t)
		log, _ := newLog()
		s := newServer(t, Config{Manager: must(NewAddress("192.0.2.10:10320")), Log: log}, file, packets, newQueueListener())
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx) }()
		tell := func(from *slavetest.Socket, b []byte, n int) {
			for range n {
				from.WriteToUDPAddrPort(b, at)
			}
			synctest.Wait()
		}
		answers := func() (n int) {
			in := NewBatch()
			for {
				require.NoError(t, manager.Receive(in, time.Unix(1, 0)))
				if in.Len() == 0 {
					return n
				}
				n += in.Len()
			}
		}
		synctest.Wait()
		require.Equal(t, 1, answers(), "the announcement")
		tell(manager, sq("app01", 0x0001), MaxInquiries+500)
		assert.Equal(t, MaxInquiries, answers())
		tell(manager, []byte("nonsense"), 100)
		assert.Equal(t, map[string]uint64{"too many datagrams": 600}, s.Drops().All(), "it is not even decoded")
		time.Sleep(time.Second)
		tell(stranger, sq("app01", 0x0004), 3*MaxInquiries)
		tell(manager, sq("app01", 0x0001), MaxInquiries)
		assert.Equal(t, MaxInquiries, answers(), "a stranger takes nothing of the manager's")
		assert.Equal(t, map[string]uint64{"too many datagrams": 600, "unknown address": 3 * MaxInquiries}, s.Drops().All())
		cancel()
		require.NoError(t, <-ended)
	})
}
