package slave

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// MaxPeerConnections is how many connections of the manager's address a slave has at once; one more is closed at once. A manager
// makes no more than half of MaxConnections to one address, and may be late to see the end of some.
const MaxPeerConnections = MaxConnections / 4 * 3

const (
	// MaxGivingWay is how many connections that gave way may still be at their end, beside MaxConnections; none gives way meanwhile. They
	// are closed at once, but a wait for the disk ends when the disk is done.
	MaxGivingWay = MaxConnections / 4

	// OnlyConnectionStays is how long the only connection of a peer does not give way: many peers that come at once would end each
	// other's before anything came of them.
	OnlyConnectionStays = 10 * time.Second
)

// connections are those that are open, in all and by peer. When all places are taken, the oldest connection of the peer that has most gives
// way to one of a peer that has two fewer, or none. So whoever has no connection gets one, whatever few others hold.
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
	from    netip.Addr
	end     context.CancelFunc // of what serves it
	begun   time.Time
	gaveWay bool // with the lock of connections
}

func newConnections(perPeer int) *connections {
	return &connections{perPeer: perPeer, of: map[netip.Addr][]*connection{}}
}

// enter has one more be open, or says why not. One that gives way to it is counted and ended.
func (c *connections) enter(one *connection, drops *Drops) Drop {
	c.mu.Lock()
	defer c.mu.Unlock()
	has := len(c.of[one.from])
	if c.all >= MaxConnections {
		gone := c.giving(has)
		if gone == nil {
			return DropConnections
		}
		c.giveWay(gone)
		drops.Count(DropGaveWay)
	}
	if has >= c.perPeer { // to which none has given way
		return DropPeerConnections
	}
	one.begun = time.Now()
	c.all++
	c.of[one.from] = append(c.of[one.from], one)
	return NoDrop
}

// giving is the connection that gives way to a peer which has so many, nil where none does.
func (c *connections) giving(has int) *connection {
	if c.givingWay >= MaxGivingWay {
		return nil
	}
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
