package slave

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/slave/slavetest"
)

func TestASlaveAnswersItsManagerInAFloodOfAStranger(t *testing.T) {
	const rounds, attempts, wait = 50, 10, 100 * time.Millisecond
	r := startServer(t)
	require.NoError(t, r.packets.SetReadBuffer(212_992)) // what a daemon without rights gets
	to := netip.MustParseAddrPort(r.packets.LocalAddr().String())
	stop, err := slavetest.Flood("127.0.0.77", to, sq("app01", 0x0004), 200_000)
	require.NoError(t, err)
	answered, most, b := 0, 0, make([]byte, 1000)
	for range rounds {
		for attempt := range attempts {
			r.tell(sq("app01", 0x0001))
			require.NoError(t, r.manager.SetReadDeadline(time.Now().Add(wait)))
			n, err := r.manager.Read(b)
			if err != nil {
				require.ErrorAs(t, err, new(net.Error))
				continue
			}
			require.Equal(t, sr("app01", 0x0010, "NOT-STARTED", ""), b[:n])
			answered, most = answered+1, max(most, attempt+1)
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	sent := stop()
	drops := r.Drops()
	t.Logf("%d datagrams sent; dropped: %v; at most %d attempts", sent, drops.All(), most)
	assert.Equal(t, rounds, answered)
	assert.Greater(t, drops.Of(DropAddress)+drops.Of(DropOverflow), uint64(50_000), "it was a flood")
	assert.Zero(t, drops.Of(DropRate), "the stranger takes nothing of the manager's")
}
