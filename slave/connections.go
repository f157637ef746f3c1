package slave

import (
	"net/netip"
	"sync"
)

// MaxPeerConnections is how many connections of the manager's address a slave has at once; one more is closed at once. A manager
// makes no more than half of MaxConnections to one address, and may be late to see the end of some.
const MaxPeerConnections = MaxConnections / 4 * 3

// connections counts those that are open, in all and by peer.
type connections struct {
	mu      sync.Mutex
	perPeer int // may be open
	all     int
	of      map[netip.Addr]int // of peers that have some
}

func newConnections(perPeer int) *connections {
	return &connections{perPeer: perPeer, of: map[netip.Addr]int{}}
}

// enter has one more be open, or says why not.
func (c *connections) enter(peer netip.Addr) Drop {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.all >= MaxConnections:
		return DropConnections
	case c.of[peer] >= c.perPeer:
		return DropPeerConnections
	}
	c.all++
	c.of[peer]++
	return NoDrop
}

func (c *connections) leave(peer netip.Addr) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all--
	if c.of[peer]--; c.of[peer] == 0 {
		delete(c.of, peer)
	}
}
