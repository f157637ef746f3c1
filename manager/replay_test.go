package manager

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/contactfile"
	"renraku/slave"
	"renraku/slave/datagram"
	"renraku/slave/slavetest"
	"renraku/telegram"
)

// recordedDay is a day of a fleet of three slaves, in which statuses change, one slave falls silent and one says STOPPED, and all that
// came to the manager in it.
func recordedDay(t *testing.T) (f *fleet, day [][]byte) {
	f = newFleet(t, usual(3))
	manager := netip.MustParseAddrPort(managerAddress)
	f.network.Lose(func(_, to netip.AddrPort, b []byte) bool {
		if to == manager {
			day = append(day, append([]byte(nil), b...))
		}
		return false
	})
	f.begin()
	change := func(hour int, s *pretended, change func(s *pretended)) {
		f.at(time.Duration(hour) * time.Hour)
		f.set(s, change)
	}
	change(3, f.slaves[0], func(s *pretended) { s.status = status(t, "BATCH") })
	change(4, f.slaves[1], func(s *pretended) { s.silent = true })
	change(5, f.slaves[1], func(s *pretended) { s.silent = false })
	change(6, f.slaves[2], func(s *pretended) { s.stopped = true })
	change(7, f.slaves[2], func(s *pretended) { s.stopped = false })
	change(8, f.slaves[0], func(s *pretended) { s.status = status(t, contactfile.Online) })
	f.at(24*time.Hour + 8*time.Second)
	f.network.Lose(nil)
	assert.Greater(t, len(day), 3*8000)
	return f, day
}

// replay sends the day again, from a socket of the network.
func (f *fleet) replay(day [][]byte, from func(b []byte) *slavetest.Socket) {
	for i, b := range day {
		from(b).WriteToUDPAddrPort(b, netip.MustParseAddrPort(managerAddress))
		if i%500 == 0 { // what a socket's buffer holds
			time.Sleep(10 * tickLength)
		}
	}
	time.Sleep(10 * tickLength)
	synctest.Wait()
}

func (f *fleet) sockets(b []byte) *slavetest.Socket {
	r, err := telegram.DecodeStatusResponse(b)
	require.NoError(f.t, err)
	return f.byHost[r.Host].socket
}

var allOnline = []string{"mgr01 RUNNING NOT-STARTED", "app1 RUNNING ONLINE", "app2 RUNNING ONLINE", "app3 RUNNING ONLINE"}

func TestARecordedDayFromElsewhereChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, day := recordedDay(t)
		f.happened()
		stranger := f.network.Listen("203.0.113.1:10320")
		f.replay(day, func([]byte) *slavetest.Socket { return stranger })
		f.at(24*time.Hour + time.Minute)
		assert.Equal(t, allOnline, lines(t, f.path))
		assert.Empty(t, f.happened())
		assert.Equal(t, map[string]uint64{slave.DropAddress.String(): uint64(len(day))}, f.drops.All())
	})
}

// Telegrams have no number: whoever can send from the slave's own address is believed in what a slave may say unasked. That is
// STOPPED, until the next inquiry. RUNNING, with whatever status, is none.
func TestARecordedDayFromTheSlavesAddressesIsOverAfterOneInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, day := recordedDay(t)
		lookAtAll(f.status) // the day comes at once, and so more of it would count for nothing
		f.happened()
		var running, stopped [][]byte
		for _, b := range day {
			if r, _ := telegram.DecodeStatusResponse(b); r.Control == telegram.Running {
				running = append(running, b)
			} else {
				stopped = append(stopped, b)
			}
		}
		f.replay(running, f.sockets)
		assert.Equal(t, allOnline, lines(t, f.path))
		assert.Empty(t, f.happened())
		assert.Equal(t, map[string]uint64{slave.DropUnasked.String(): uint64(len(running))}, f.drops.All())

		require.NotEmpty(t, stopped)
		f.replay(stopped, f.sockets)
		assert.Equal(t, []string{"app3 STOPPED"}, f.happened())
		f.at(24*time.Hour + 8*time.Second + f.plan.interval)
		assert.Equal(t, allOnline, lines(t, f.path))
		assert.Equal(t, []string{"app3 RUNNING"}, f.happened())
	})
}

// reflecting is a socket whose every datagram comes back as well, as if its receiver had sent it.
type reflecting struct {
	*slavetest.Socket
	f *fleet
}

func (r *reflecting) Send(b *datagram.Batch, failed datagram.Failed) {
	for i := range b.Len() {
		bytes, _ := b.At(i)
		q, err := telegram.DecodeStatusInquiry(bytes)
		require.NoError(r.f.t, err)
		r.f.say(r.f.byHost[q.Host], bytes)
	}
	r.Socket.Send(b, failed)
}

func TestItsOwnInquiriesAreNothingToTheManager(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, mirror := usual(3), &reflecting{}
		p.socket = func(s *slavetest.Socket) slave.PacketConn {
			mirror.Socket = s
			return mirror
		}
		f := newFleet(t, p)
		mirror.f = f
		f.begin()
		f.at(time.Minute + time.Second)
		assert.Equal(t, allOnline, lines(t, f.path))
		asked := 0
		for _, s := range f.slaves {
			asked += len(f.inquiries(s))
		}
		assert.Equal(t, 3*7, asked, "one an interval")
		assert.Equal(t, map[string]uint64{slave.DropType.String(): uint64(asked)}, f.drops.All())
		f.set(f.slaves[0], func(s *pretended) { s.silent = true })
		f.at(time.Minute + time.Second + p.bound())
		assert.Equal(t, "app1 STOPPED ONLINE", f.record(f.slaves[0]), "an inquiry that comes back is no answer")
	})
}
