package manager

import (
	"context"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/slave"
	"renraku/telegram"
	"renraku/telegram/seal"
)

// opened is the plain inquiry of what came to the slaves, and what makes the answer to it: in sealed mode, with the keys of its slave.
func (f *fleet) opened(b []byte) (inquiry []byte, reply func(answer []byte) []byte) {
	if !f.plan.sealed {
		return b, func(answer []byte) []byte { return answer }
	}
	plain, t, err := seal.Split(b)
	if err != nil {
		return nil, nil
	}
	h, _ := telegram.PeekHost(plain)
	s := f.byHost[h]
	if s == nil {
		return nil, nil
	}
	if s.keys == nil {
		m := master(1)
		derived := m.Derive(host(f.t, "mgr01"), h)
		pair := derived.Pair()
		s.keys = &pair
	}
	mac, keys := seal.NewMAC(), s.keys
	if !mac.Check(b, seal.ToSlave, &keys.Inquiry) {
		return nil, nil
	}
	return plain, func(answer []byte) []byte {
		t.Direction, t.Epoch = seal.ToManager, 1
		return mac.Seal(answer, &t, &keys.Response)
	}
}

// handshakes is when those of a fleet in sealed mode began. What becomes of one, the test says.
type handshakes struct {
	mu    sync.Mutex
	begun []time.Time
}

func (f *fleet) handshake(do probeHandshake) *handshakes {
	h := &handshakes{}
	f.status.fallback.bound(func(ctx context.Context, conn net.Conn, host telegram.Host) (net.Conn, error) {
		h.mu.Lock()
		h.begun = append(h.begun, time.Now())
		h.mu.Unlock()
		return do(ctx, conn, host)
	})
	return h
}

// hangs is a handshake that the slave never answers.
func hangs(ctx context.Context, conn net.Conn, _ telegram.Host) (net.Conn, error) {
	<-ctx.Done()
	conn.Close()
	return nil, ctx.Err()
}

// most is the largest number of handshakes that began within so long.
func (h *handshakes) most(within time.Duration) (most int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	first := 0
	for i := range h.begun {
		for h.begun[i].Sub(h.begun[first]) >= within {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

func (h *handshakes) forget() (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n = len(h.begun)
	h.begun = nil
	return n
}

func TestInMassOutageFewSealedHandshakesBeginAndAllAreFoundInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := plan{slaves: 1000, interval: time.Second, timeout: 500 * time.Millisecond, retries: 1, shared: true, sealed: true}
		f := newFleet(t, p)
		w, h := f.wire(never), f.handshake(hangs)
		f.begin()
		f.at(5 * time.Second)
		require.Equal(t, p.slaves, f.told(" RUNNING"))
		require.Empty(t, f.drops.All())
		f.cut(f.slaves...)
		f.at(5*time.Second + p.bound())
		assert.Equal(t, p.slaves, f.told(" STOPPED"), "at the bound that validate prints")
		assert.LessOrEqual(t, w.mostOpen(), maxProbes+maxStoppedProbes)
		const both = maxProbeHandshakes + maxStoppedHandshakes
		assert.LessOrEqual(t, h.most(slowProbeHandshake), both)
		asked := h.forget()
		assert.Greater(t, asked, both, "slow ones make room")
		assert.GreaterOrEqual(t, int(f.drops.Of(slave.DropProbe)), p.slaves-asked, "each without a place is counted")

		f.at(time.Minute)
		h.forget()
		f.at(2 * time.Minute)
		assert.LessOrEqual(t, h.most(slowProbeHandshake), maxStoppedHandshakes, "of those that are STOPPED")
		assert.NotZero(t, h.forget())
		assert.LessOrEqual(t, w.stillOpen(), maxStoppedProbes)
	})
}

// A whole rack falls silent at one moment, all of it asked together, and one slave of it is only behind a firewall that stops UDP.
func TestSealedSlavesThatHangKeepNoOtherFromBeingAskedOnTCP(t *testing.T) {
	for _, c := range []struct {
		name   string
		silent int
		dials  bool // the others take a connection
	}{
		{"they take a connection and say nothing", maxProbeHandshakes*int(time.Second/2/slowProbeHandshake) - 1, true},
		{"they are down", maxProbes - 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := plan{slaves: c.silent + 1, interval: 10 * time.Second, timeout: time.Second, retries: 1, sealed: true}
				f := newFleet(t, p)
				up := f.slaves[c.silent]
				w := f.wire(replies(150*time.Millisecond, telegram.Running))
				f.handshake(func(ctx context.Context, conn net.Conn, host telegram.Host) (net.Conn, error) {
					if host == up.host {
						return conn, nil
					}
					return hangs(ctx, conn, host)
				})
				f.status.fallback.connect = func(ctx context.Context, network, to string) (net.Conn, error) {
					if c.dials || to == up.address.String() {
						return w.connect(ctx, network, to)
					}
					<-ctx.Done()
					return nil, ctx.Err()
				}
				f.begin()
				f.at(15 * time.Second)
				f.events.forget()
				f.cut(f.slaves...)
				f.askAll()
				f.at(15*time.Second + p.bound())
				assert.Equal(t, c.silent, f.told(" STOPPED"))
				assert.Equal(t, up.host.String()+" RUNNING ONLINE", f.record(up))
				assert.Equal(t, 1, f.log.count(up.host.String()+" is RUNNING, but UDP is blocked"))
				assert.Zero(t, f.drops.Of(slave.DropProbe))
			})
		})
	}
}

// askAll has all slaves asked now.
func (f *fleet) askAll() {
	s := f.status
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.monitors {
		m.askNow(time.Now())
		s.schedule.moved(m)
	}
	s.rouse()
}

func TestTurnsOfStoppedSlavesComeAsTheirHandshakesMayWhereAllHang(t *testing.T) {
	var plain, sealed fallback
	plain.bound(nil)
	sealed.bound(hangs)
	assert.Equal(t, 78125*time.Millisecond, plain.stopped.serves(10_000, time.Second/2))
	assert.Equal(t, 250*time.Second, sealed.stopped.serves(10_000, time.Second/2))
	assert.Equal(t, 5000*time.Second/64, sealed.stopped.serves(10, 500*time.Second), "the places are fewer")
}
