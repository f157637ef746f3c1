package slave

import (
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/slave/slavetest"
	"renraku/telegram"
	"renraku/telegram/seal"
)

func TestASlaveAnswersItsManagerInAFloodOfAStranger(t *testing.T) {
	for _, mode := range []struct {
		name   string
		asking func(t *testing.T) *asking
	}{{"plain", newAsking}, {"sealed", newSealedAsking}} {
		t.Run(mode.name, func(t *testing.T) {
			const rounds, attempts, wait, flood = 50, 10, 100 * time.Millisecond, 50_000
			r := mode.asking(t)
			require.NoError(t, r.packets.SetReadBuffer(212_992)) // what a daemon without rights gets
			to := netip.MustParseAddrPort(r.packets.LocalAddr().String())
			stopFlood, err := slavetest.Flood("127.0.0.77", to, r.inquiry(telegram.End), 200_000)
			require.NoError(t, err)
			stop := sync.OnceValue(stopFlood)
			defer stop()
			drops := r.Drops()
			came := func() uint64 { return drops.Of(DropAddress) + drops.Of(DropOverflow) }
			most := 0
			for round := range rounds {
				require.Eventually(t, func() bool { return came() > uint64(round*flood/rounds) }, patience, time.Millisecond, "it is a flood")
				for attempt := 0; ; attempt++ {
					require.Less(t, attempt, attempts, "round %d", round)
					r.tell(r.inquiry(telegram.Check))
					if answer := r.answer(wait); answer != nil {
						assert.Equal(t, sr("app01", 0x0010, "NOT-STARTED", ""), answer)
						most = max(most, attempt+1)
						break
					}
				}
			}
			t.Logf("%d datagrams sent; dropped: %v; at most %d attempts", stop(), drops.All(), most)
			assert.Zero(t, drops.Of(DropRate), "the stranger takes nothing of the manager's")
			assert.True(t, r.Monitoring(), "nor is he believed")
		})
	}
}

// asking is a server, and the manager that asks it.
type asking struct {
	*rig
	inquiry func(telegram.Control) []byte
	open    func([]byte) []byte // gives the response without its trailer
}

func newAsking(t *testing.T) *asking {
	inquiry := func(c telegram.Control) []byte { return sq("app01", uint16(c)) }
	return &asking{startServer(t), inquiry, func(b []byte) []byte { return b }}
}

func newSealedAsking(t *testing.T) *asking {
	r, peer := startAsked(t)
	sequence := uint64(1)
	inquiry := func(c telegram.Control) []byte {
		sequence++
		return peer.inquiry(c, from1(7, 1, sequence))
	}
	return &asking{r, inquiry, func(b []byte) []byte {
		peer.opened(b)
		return b[:len(b)-seal.TrailerLength]
	}}
}

// answer is what comes within a time; nil: nothing.
func (r *asking) answer(wait time.Duration) []byte {
	r.t.Helper()
	b := make([]byte, 1000)
	require.NoError(r.t, r.manager.SetReadDeadline(time.Now().Add(wait)))
	n, err := r.manager.Read(b)
	if err != nil {
		require.ErrorAs(r.t, err, new(net.Error))
		return nil
	}
	return r.open(b[:n])
}
