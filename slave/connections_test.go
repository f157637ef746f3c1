package slave

import (
	"bytes"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/slave/credentials"
	"renraku/slave/slavetest"
)

// peers gives connections of addresses that are told by a number.
type peers struct {
	*connections
	drops Drops
	ended []*connection
}

func (p *peers) enter(peer int) (*connection, Drop) {
	near, _ := net.Pipe()
	one := &connection{Conn: near, from: netip.AddrFrom4([4]byte{192, 0, byte(peer >> 8), byte(peer)})}
	one.end = func() { p.ended = append(p.ended, one) }
	return one, p.connections.enter(one, &p.drops)
}

// enterAll has n of the peer enter, and gives them.
func (p *peers) enterAll(t *testing.T, peer, n int) (all []*connection) {
	t.Helper()
	for range n {
		one, drop := p.enter(peer)
		require.Equal(t, NoDrop, drop)
		all = append(all, one)
	}
	return all
}

func TestConnectionsOfOneAddressAreBounded(t *testing.T) {
	c := peers{connections: newConnections(2)}
	ones, others := c.enterAll(t, 1, 2), c.enterAll(t, 2, 1)
	_, drop := c.enter(1)
	assert.Equal(t, DropPeerConnections, drop)
	c.leave(ones[0])
	c.enterAll(t, 1, 1)
	_, drop = c.enter(1)
	assert.Equal(t, DropPeerConnections, drop)
	c.leave(others[0])
	assert.Len(t, c.of, 1, "nothing is kept of who has none")
	assert.Empty(t, c.drops.All())
}

func TestTheOldestOfThePeerWithMostGivesWay(t *testing.T) {
	c := peers{connections: newConnections(MaxConnections)}
	most, fewer := c.enterAll(t, 1, MaxConnections-2), c.enterAll(t, 2, 2)
	_, drop := c.enter(1)
	assert.Equal(t, DropConnections, drop, "not of its own")
	c.enterAll(t, 3, 1)
	require.Equal(t, most[:1], c.ended)
	_, err := most[0].Write([]byte{0})
	assert.ErrorIs(t, err, io.ErrClosedPipe)
	c.leave(most[0])
	c.enterAll(t, 2, 1)
	assert.Equal(t, most[:2], c.ended)
	c.leave(most[1])
	for _, one := range append(most[2:], fewer...) {
		c.leave(one)
	}
	assert.Equal(t, 2, c.all)
	assert.Zero(t, c.givingWay)
	assert.Equal(t, map[string]uint64{"gave way to another connection": 2}, c.drops.All())
}

func TestPeersThatHaveNearlyAsManyDoNotTakeTurns(t *testing.T) {
	c := peers{connections: newConnections(MaxConnections)}
	c.enterAll(t, 1, MaxConnections/2)
	c.enterAll(t, 2, MaxConnections/2)
	c.enterAll(t, 3, 1)
	for peer := 1; peer <= 2; peer++ { // of which one has one fewer now
		_, drop := c.enter(peer)
		assert.Equal(t, DropConnections, drop)
	}
	assert.Len(t, c.ended, 1)
}

func TestTheOnlyConnectionOfAPeerGivesWayAfterAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := peers{connections: newConnections(MaxConnections)}
		var all []*connection
		for peer := range MaxConnections {
			all = append(all, c.enterAll(t, peer, 1)...)
			time.Sleep(time.Millisecond)
		}
		time.Sleep(OnlyConnectionStays - MaxConnections*time.Millisecond - time.Millisecond)
		_, drop := c.enter(MaxConnections)
		assert.Equal(t, DropConnections, drop)
		time.Sleep(time.Millisecond)
		c.enterAll(t, MaxConnections, 1)
		assert.Equal(t, all[:1], c.ended)
		_, drop = c.enter(MaxConnections)
		assert.Equal(t, DropConnections, drop, "it has one")
	})
}

func TestNoMoreGiveWayThanMayBeAtTheirEnd(t *testing.T) {
	c := peers{connections: newConnections(MaxConnections)}
	c.enterAll(t, 1, MaxConnections)
	for peer := range MaxGivingWay {
		c.enterAll(t, 2+peer, 1)
	}
	_, drop := c.enter(2 + MaxGivingWay)
	assert.Equal(t, DropConnections, drop)
	c.leave(c.ended[0])
	c.enterAll(t, 2+MaxGivingWay, 1)
}

func TestTheOldestUnprovenConnectionOfAFullPeerGivesWayAfterAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := peers{connections: newConnections(4)}
		c.enterAll(t, 2, 1)
		all := c.enterAll(t, 1, 2)
		require.True(t, prove(all[0]))
		time.Sleep(time.Millisecond)
		all = append(all, c.enterAll(t, 1, 2)...)
		time.Sleep(UnprovenStays - 2*time.Millisecond)
		_, drop := c.enter(1)
		assert.Equal(t, DropPeerConnections, drop, "all are young")
		time.Sleep(time.Millisecond)
		all = append(all, c.enterAll(t, 1, 1)...)
		assert.Equal(t, all[1:2], c.ended, "neither a proven one, nor that of another peer")
		assert.False(t, prove(all[1]), "it is late")
		_, drop = c.enter(1)
		assert.Equal(t, DropPeerConnections, drop)
		for _, one := range all[2:] {
			assert.True(t, prove(one))
		}
		time.Sleep(time.Hour)
		_, drop = c.enter(1)
		assert.Equal(t, DropPeerConnections, drop, "all are proven")
		assert.Len(t, c.of[all[0].from], 4)
		assert.Equal(t, map[string]uint64{"gave way to another connection": 1}, c.drops.All())
	})
}

func TestNoMoreOfOneAddressGiveWayThanMayBeAtTheirEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := peers{connections: newConnections(MaxPeerConnections)}
		c.enterAll(t, 1, MaxPeerConnections)
		time.Sleep(UnprovenStays)
		c.enterAll(t, 1, MaxGivingWay)
		_, drop := c.enter(1)
		assert.Equal(t, DropPeerConnections, drop)
		c.leave(c.ended[0])
		c.enterAll(t, 1, 1)
	})
}

// crowdModes are a slave, and how its manager connects: so many at once as a manager does.
var crowdModes = []struct {
	name   string
	atOnce int
	start  func(t *testing.T, p Process) (r *rig, connect func() (net.Conn, error))
}{
	{"plain", 256, func(t *testing.T, p Process) (*rig, func() (net.Conn, error)) {
		r := startServer(t, p)
		return r, func() (net.Conn, error) { return r.connect("127.0.0.1"), nil }
	}},
	{"sealed", 16, func(t *testing.T, p Process) (*rig, func() (net.Conn, error)) {
		k := slavetest.NewKeys(t, "mgr01")
		r, manager := startSealed(t, k, p), k.Security(t, "mgr01")
		return r, func() (net.Conn, error) { return r.connectAs(manager) }
	}},
}

// order is the response to an order on a new connection, which stays open; nil: it was closed.
func order(connect func() (net.Conn, error)) []byte {
	conn, err := connect()
	if err != nil {
		return nil
	}
	conn.Write(xq("app01", 0x0100, "ONLINE")) // fails where it was closed
	b := make([]byte, 212)
	if _, err := io.ReadFull(conn, b); err != nil {
		conn.Close()
		return nil
	}
	conn.Write(xq("app01", 0x0200, "ONLINE"))
	return b
}

// Whoever has the manager's address, such as another user of its machine, fills all the places that a slave has for it.
func TestIdleConnectionsOfTheManagersAddressKeepNoOrderOut(t *testing.T) {
	const crowd, orders = MaxPeerConnections + 100, MaxConnections / 2
	for _, mode := range crowdModes {
		t.Run(mode.name, func(t *testing.T) {
			g := slavetest.NewGate(t)
			r, connect := mode.start(t, Process{ID: processID("ONLINE"), Command: gated(g, "", ""), Status: appStatus("ONLINE")})
			held, err := connect() // before all others: it is the oldest
			require.NoError(t, err)
			send(t, held, xq("app01", 0x0100, "ONLINE"))
			g.Await(1)
			for range crowd {
				r.connect("127.0.0.1")
			}

			// Once all of them may give way, and before a handshake on which nothing comes is given up anyway.
			crowded := time.Now()
			refused := xr("app01", 0x4000, "ONLINE", "NOT-STARTED", "")[:108]
			require.Eventually(t, func() bool { return time.Since(crowded) >= UnprovenStays && bytes.HasPrefix(order(connect), refused) },
				credentials.HandshakeWait-UnprovenStays, pollOften, "an order finds a place")
			places := make(chan struct{}, mode.atOnce)
			answers := make([][]byte, orders-1) // with the one that is held
			var all sync.WaitGroup
			for i := range answers {
				all.Go(func() {
					places <- struct{}{}
					defer func() { <-places }()
					answers[i] = order(connect)
				})
			}
			all.Wait()
			for _, b := range answers {
				require.NotNil(t, b, "each finds a place at once")
				require.Equal(t, refused, b[:108])
			}

			for range crowd { // for which the rest of the first ones give way
				r.connect("127.0.0.1")
			}
			g.LetGo(1)
			assert.Equal(t, xr("app01", 0x1000, "ONLINE", "ONLINE", "")[:108], take(t, held, 212)[:108])
			send(t, held, xq("app01", 0x0200, "ONLINE"))
			assert.Positive(t, r.Drops().Of(DropGaveWay))
			assert.Zero(t, r.Drops().Of(DropHandshake), "what gives way is counted for nothing else")
		})
	}
}
