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
	floodRate   = 200_000           // datagrams a second that have to come
	floodAim    = 3 * floodRate / 2 // that are sent where the machine can
	floodRounds = 4                 // of inquiries to every slave
	floodTries  = 5                 // until so many have come in a second: other programs may take the processors meanwhile
	smallBuffer = 212_992           // of the manager's socket: what a daemon without rights gets where nobody has set net.core.rmem_max
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

			forged := telegram.StatusResponse{Host: all[0].Host, Control: telegram.Stopped}
			stopFlood, err := slavetest.Flood("127.0.0.77", netip.MustParseAddrPort(ours), mode.forge(encoded(t, forged), seal.ToManager), floodAim)
			require.NoError(t, err)
			endFlood, drops := sync.OnceValue(stopFlood), server.Drops()
			defer endFlood()
			f := flooded{interval: interval, asked: simulation.Inquiries,
				came: func() int { return int(drops.Of(slave.DropAddress) + drops.Of(slave.DropOverflow)) }}
			best := f.wait(t)
			if slavetest.Race { // which makes all of them slow
				assert.Greater(t, best, floodRate/20, "it is a flood that was shown")
			} else {
				for try := 1; try < floodTries && best < floodRate; try++ {
					best = max(best, f.wait(t))
				}
				assert.GreaterOrEqual(t, best, floodRate, "this machine is too busy: %d tries, and never came so many datagrams in a second", floodTries)
			}
			t.Logf("%d datagrams sent; %d in a second came; dropped: %v; %d rounds took more than one inquiry",
				endFlood(), best, drops.All(), server.Figures().Retried)
			assert.Empty(t, events.told())
			assert.Equal(t, 1+slaves, running())
			require.NoError(t, stop())
			require.NoError(t, stopSimulation())
		})
	}
}

// flooded is who is flooded while it polls.
type flooded struct {
	interval time.Duration
	came     func() int      // datagrams of the flood
	asked    func() []uint32 // inquiries, of each slave
}

// wait waits until every slave was asked some times more, and gives how many datagrams came in a second meanwhile.
func (f flooded) wait(t *testing.T) int {
	t.Helper()
	begun, came, asked := time.Now(), f.came(), f.asked()
	require.Eventually(t, func() bool {
		for i, n := range f.asked() {
			if n-asked[i] < floodRounds {
				return false
			}
		}
		return true
	}, 2*floodRounds*f.interval, 10*time.Millisecond, "all are asked all the time")
	return int(float64(f.came()-came) / time.Since(begun).Seconds())
}

// Who sends from the manager's own address can have a slave drop what the manager sends on UDP: it is more than may be looked at. But it
// answers on TCP.
func TestASlaveThatIsFloodedFromTheManagersAddressStaysRunning(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode.name, func(t *testing.T) {
			const rounds = 3
			rate := 50 * slave.MaxInquiries
			if slavetest.Race { // which makes the handshakes on TCP late
				rate = 10 * slave.MaxInquiries
			}
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
