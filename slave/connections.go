package slave

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// MaxPeerConnections is how many connections of the manager's address a slave has at once; for one more an unproven one gives way, or it
// is closed at once. A manager makes no more than half of MaxConnections to one address, and may be late to see the end of some.
const MaxPeerConnections = MaxConnections / 4 * 3

const (
	// MaxGivingWay is how many connections that gave way may still be at their end, beside MaxConnections; none gives way meanwhile. They
	// are closed at once, but a wait for the disk ends when the disk is done.
	MaxGivingWay = MaxConnections / 4

	// OnlyConnectionStays is how long the only connection of a peer does not give way: many peers that come at once would end each
	// other's before anything came of them.
	OnlyConnectionStays = 10 * time.Second

	// UnprovenStays is how long a connection that has proven nothing does not give way to another one of its address. A manager proves its
	// own in that time: as many handshakes as it has at once take less, but on a processor that makes 32 in a second, or fewer.
	UnprovenStays = 2 * time.Second
)

// connections are those that are open, in all and by peer. When all places are taken, the oldest connection of the peer that has most gives
// way to one of a peer that has two fewer, or none. So whoever has no connection gets one, whatever few others hold. When a peer has all
// that it may, the oldest of its own that has proven nothing gives way: whoever shares the manager's address, and has no certificate, does
// not keep the manager's orders out by connections on which nothing comes.
type connections struct {
	mu        sync.Mutex
	perPeer   int // may be open
	all       int
	of        map[netip.Addr][]*connection // of peers that have some, the oldest first
	givingWay int                          // that have no place any more, and have not ended
}

// connection is one that has a place, or gave it up for another.
type connection struct {
	net.Conn
	from  netip.Addr
	end   context.CancelFunc // of what serves it
	begun time.Time
	among *connections

	// with the lock of among
	proven  bool
	gaveWay bool
}

func newConnections(perPeer int) *connections {
	return &connections{perPeer: perPeer, of: map[netip.Addr][]*connection{}}
}

// enter has one more be open, or says why not. One that gives way to it is counted and ended.
func (c *connections) enter(one *connection, drops *Drops) Drop {
	c.mu.Lock()
	defer c.mu.Unlock()
	if drop := c.full(one.from); drop != NoDrop {
		gone := c.giving(one.from)
		if gone == nil {
			return drop
		}
		c.giveWay(gone)
		drops.Count(DropGaveWay)
	}
	one.begun, one.among = time.Now(), c
	c.all++
	c.of[one.from] = append(c.of[one.from], one)
	return NoDrop
}

// full is why there is no place for one more of the peer: NoDrop where there is one.
func (c *connections) full(peer netip.Addr) Drop {
	switch {
	case c.all >= MaxConnections:
		return DropConnections
	case len(c.of[peer]) >= c.perPeer:
		return DropPeerConnections
	}
	return NoDrop
}

// giving is the connection that gives way to one more of the peer, nil where none does.
func (c *connections) giving(peer netip.Addr) *connection {
	switch has := len(c.of[peer]); {
	case c.givingWay >= MaxGivingWay:
		return nil
	case has >= c.perPeer:
		return c.unproven(peer)
	default:
		return c.ofMost(has)
	}
}

// unproven is the oldest connection of the peer that has proven nothing, nil where there is none that may give way.
func (c *connections) unproven(peer netip.Addr) *connection {
	all := c.of[peer]
	oldest := slices.IndexFunc(all, func(one *connection) bool { return !one.proven })
	if oldest < 0 || time.Since(all[oldest].begun) < UnprovenStays {
		return nil
	}
	return all[oldest]
}

// ofMost is the connection that gives way to another peer which has so many, nil where none does.
func (c *connections) ofMost(has int) *connection {
	var most []*connection
	for _, all := range c.of {
		if len(all) > len(most) || len(all) == len(most) && all[0].begun.Before(most[0].begun) {
			most = all
		}
	}
	if len(most) > has+1 || has == 0 && time.Since(most[0].begun) >= OnlyConnectionStays {
		return most[0]
	}
	return nil
}

// giveWay takes the place from a connection and ends it: its context first, so that it is counted for nothing else.
func (c *connections) giveWay(gone *connection) {
	c.remove(gone)
	gone.gaveWay = true
	c.givingWay++
	gone.end()
	gone.Close()
}

// prove says that a connection is of use: its handshake is done or, in plain mode, a whole telegram came. It does not give way to one of its
// own address any more. It is false where it has given way already, and its context has ended. Other connections, such as those within TLS,
// have nothing to prove.
func prove(conn net.Conn) bool {
	one, ok := conn.(*connection)
	if !ok {
		return true
	}
	one.among.mu.Lock()
	defer one.among.mu.Unlock()
	one.proven = true
	return !one.gaveWay
}

// leave is for a connection that has ended.
func (c *connections) leave(one *connection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if one.gaveWay {
		c.givingWay--
		return
	}
	c.remove(one)
}

// remove takes the place back from a connection that has one.
func (c *connections) remove(one *connection) {
	left := slices.DeleteFunc(c.of[one.from], func(other *connection) bool { return other == one })
	if c.of[one.from] = left; len(left) == 0 {
		delete(c.of, one.from)
	}
	c.all--
}
