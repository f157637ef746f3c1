package manager

import (
	"context"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/contactfile"
	"renraku/slave"
	"renraku/slave/credentials"
	"renraku/slave/slavetest"
	"renraku/telegram"
	"renraku/telegram/seal"
)

const (
	floodRate   = 200_000       // datagrams a second that the stranger aims at
	leastRate   = floodRate / 2 // that it has to reach where the sender shares two processors with those that it floods
	floodFor    = 4 * time.Second
	smallBuffer = 212_992 // of the manager's socket: what a daemon without rights gets where nobody has set net.core.rmem_max
)

// A stranger can fill the socket's buffer, but not have the manager find anybody STOPPED, even where one lost answer would be enough.
func TestAFloodOfAStrangerHasNobodyFoundStopped(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode.name, func(t *testing.T) {
			keys := mode.keys(t)
			const slaves, interval = 1000, time.Second
			simulation, err := slave.NewSimulation("sim", slaves)
			require.NoError(t, err)
			if keys != nil {
				simulation.Issuer = keys.Issuer(t)
			}
			theirPackets, theirListener, theirs := sockets(t, "127.0.0.2")
			stopSimulation := inBackground(t, func(ctx context.Context) error {
				return simulation.Serve(ctx, theirPackets, theirListener, quiet())
			})
			var all []Slave
			for i := range slaves {
				all = append(all, Slave{Host: host(t, simulation.Host(i)), Address: address(t, theirs), Interval: interval,
					Timeout: 500 * time.Millisecond})
			}
			packets, listener, ours := sockets(t, "127.0.0.1")
			packets.SetReadBuffer(smallBuffer)
			file, path := contact(t)
			events := &eventBook{}
			server := NewServer(Config{Host: host(t, "mgr01"), Slaves: all, Security: securityOf(t, keys, "mgr01"), Records: records(t),
				Tell: events.tell, Log: quiet()}, file, packets, listener)
			stop := inBackground(t, server.Run)
			running := func() (n int) {
				for _, r := range recordsOf(t, path) {
					if r.Operating == contactfile.Running {
						n++
					}
				}
				return n
			}
			require.Eventually(t, func() bool { return running() == 1+slaves }, patience, 10*time.Millisecond)
			events.forget()

			asked := simulation.Inquiries()
			forged := telegram.StatusResponse{Host: all[0].Host, Control: telegram.Stopped}
			stopFlood, err := slavetest.Flood("127.0.0.77", netip.MustParseAddrPort(ours), mode.forge(encoded(t, forged), seal.ToManager), floodRate)
			require.NoError(t, err)
			endFlood, begun, drops := sync.OnceValue(stopFlood), time.Now(), server.Drops()
			defer endFlood()
			require.Eventually(t, func() bool {
				came := drops.Of(slave.DropAddress) + drops.Of(slave.DropOverflow)
				return time.Since(begun) >= floodFor && came > uint64(floodRate/4*floodFor/time.Second)
			}, patience, 10*time.Millisecond, "it is a flood")
			lasted, sent := time.Since(begun), endFlood()
			rate := float64(sent) / lasted.Seconds()
			least := uint32(1 << 31)
			for i, n := range simulation.Inquiries() {
				least = min(least, n-asked[i])
			}
			t.Logf("%d datagrams sent, %.0f in a second for %v; dropped: %v; each slave was asked at least %d times",
				sent, rate, lasted.Round(time.Millisecond), drops.All(), least)
			if !slavetest.Race { // which makes the sender slow too
				assert.GreaterOrEqual(t, rate, float64(leastRate), "it is a flood that was shown")
			}
			assert.Empty(t, events.told())
			assert.Equal(t, 1+slaves, running())
			assert.GreaterOrEqual(t, least, uint32(floodFor/interval-1), "all are asked all the time")
			require.NoError(t, stop())
			require.NoError(t, stopSimulation())
		})
	}
}

// Who sends from the manager's own address can have a slave drop what the manager sends on UDP: it is more than may be looked at. But it
// answers on TCP.
func TestASlaveThatIsFloodedFromTheManagersAddressStaysRunning(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode.name, func(t *testing.T) {
			const rate, rounds = 50 * slave.MaxInquiries, 3
			keys := mode.keys(t)
			packets, listener, addr := sockets(t, "127.0.0.2")
			file, path := contact(t)
			server, err := slave.NewServer(slave.Config{Host: host(t, "app0"), Manager: address(t, "127.0.0.1:9"),
				Security: securityOf(t, keys, "app0"), Records: records(t), Log: quiet()}, file, packets, listener)
			require.NoError(t, err)
			inBackground(t, server.Run)
			data := Slave{Host: host(t, "app0"), Address: address(t, addr), Interval: 200 * time.Millisecond, Timeout: time.Second}
			w := newWatch(t, Config{Slaves: []Slave{data}, Security: securityOf(t, keys, "mgr01"), Fallback: true})
			w.await(1, " RUNNING")
			require.Zero(t, w.server.Drops().Of(slave.DropUDP))

			forged := telegram.StatusInquiry{Host: host(t, "another"), Control: telegram.End}
			stopFlood, err := slavetest.Flood("127.0.0.1", netip.MustParseAddrPort(addr), mode.forge(encoded(t, forged), seal.ToSlave), rate)
			require.NoError(t, err)
			stop := sync.OnceValue(stopFlood)
			defer stop()
			require.Eventually(t, func() bool { return w.server.Drops().Of(slave.DropUDP) >= rounds }, patience, time.Millisecond, "by TCP alone")
			assert.Positive(t, w.log.count("app0 is RUNNING, but UDP is blocked"))
			sent := stop()
			require.Eventually(t, func() bool { _, n := w.server.Blocked(); return n == 0 }, patience, time.Millisecond, "UDP works again")
			drops := server.Drops()
			t.Logf("%d datagrams sent; dropped: %v", sent, drops.All())
			assert.Positive(t, drops.Of(slave.DropRate))
			assert.Positive(t, drops.Of(mode.reason), "what was looked at")
			assert.Zero(t, w.told(" STOPPED"))
			assert.Equal(t, "app0 RUNNING NOT-STARTED", lines(t, path)[0])
		})
	}
}

// modes are plain and sealed mode, and what somebody without the keys can send in each.
var modes = []struct {
	name   string
	keys   func(t testing.TB) *slavetest.Keys // nil: plain
	forge  func(b []byte, d seal.Direction) []byte
	reason slave.Drop // of such an inquiry for another host
}{
	{"plain", func(testing.TB) *slavetest.Keys { return nil }, func(b []byte, _ seal.Direction) []byte { return b }, slave.DropForeignHost},
	{"sealed", func(t testing.TB) *slavetest.Keys { return slavetest.NewKeys(t, "mgr01") }, func(b []byte, d seal.Direction) []byte {
		key := seal.NewKey(&seal.Secret{})
		return seal.NewMAC().Seal(b, &seal.Trailer{Direction: d, KeyID: 1, Session: 1, Sequence: 1, Epoch: 1 << 40}, &key)
	}, slave.DropMAC},
}

// securityOf is the sealed mode of a server; without keys there is none.
func securityOf(t testing.TB, keys *slavetest.Keys, name string) *credentials.Security {
	if keys == nil {
		return nil
	}
	return keys.Security(t, name)
}
