package manager

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"

	"renraku/slave"
)

const (
	maxDials = 256                    // connections that are being made at once, but for slow ones
	slowDial = 100 * time.Millisecond // a connection that takes longer makes room for another
	dialWait = 5 * time.Second        // for a connection

	// maxPerAddress is how many connections to one address are open or being made at once; further orders wait. A program that answers
	// as many slaves (renraku simulate) takes twice as many, and may be late to see the end of some.
	maxPerAddress = slave.MaxConnections / 2
)

// dials bounds the connections of orders, so that many at once do not overrun the peers.
type dials struct {
	making chan struct{}

	mu   sync.Mutex
	open map[netip.AddrPort]*places // of addresses that somebody uses
}

// places are those at one address.
type places struct {
	taken chan struct{}
	users int // that have a place or wait for one
}

func newDials() *dials {
	return &dials{making: make(chan struct{}, maxDials), open: map[netip.AddrPort]*places{}}
}

// dialFunc is DialContext of net.Dialer.
type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// dial waits for its places and connects. leave is for when the connection has been closed.
func (d *dials) dial(ctx context.Context, to netip.AddrPort, connect dialFunc) (conn net.Conn, leave func(), err error) {
	if leave, err = d.enter(ctx, to); err != nil {
		return nil, nil, err
	}
	defer d.place()()
	dialing, cancel := context.WithTimeout(ctx, dialWait)
	defer cancel()
	if conn, err = connect(dialing, "tcp", to.String()); err != nil {
		leave()
		return nil, nil, err
	}
	return conn, leave, nil
}

// place waits for a place among the connections that are being made; leave gives it back. A server that does not answer at all keeps
// its place for a moment only: behind a thousand of them nobody would wait for long.
func (d *dials) place() (leave func()) {
	d.making <- struct{}{}
	once := sync.OnceFunc(func() { <-d.making })
	slow := time.AfterFunc(slowDial, once)
	return func() {
		slow.Stop()
		once()
	}
}

// enter waits for a place among the connections to the address, at most until ctx ends. leave gives it back, once.
func (d *dials) enter(ctx context.Context, to netip.AddrPort) (leave func(), err error) {
	d.mu.Lock()
	p := d.open[to]
	if p == nil {
		p = &places{taken: make(chan struct{}, maxPerAddress)}
		d.open[to] = p
	}
	p.users++
	d.mu.Unlock()
	select {
	case p.taken <- struct{}{}:
		return sync.OnceFunc(func() {
			<-p.taken
			d.forget(to, p)
		}), nil
	case <-ctx.Done():
		d.forget(to, p)
		return nil, ctx.Err()
	}
}

// forget is for who uses the address no more.
func (d *dials) forget(to netip.AddrPort, p *places) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if p.users--; p.users == 0 {
		delete(d.open, to)
	}
}
