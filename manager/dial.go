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

	// maxHandshakes is how many handshakes of TLS are in progress at once, but for slow ones, and how many connections are made for the
	// next ones meanwhile. They are work for the processor: more of them at once would be no faster, but make all of them late. So a slow
	// one makes room only after a time that no handshake takes for want of the processor: on one that makes 32 in a second, or fewer, the
	// late ones would become more and more.
	maxHandshakes = 64
	slowHandshake = 2 * time.Second

	// maxPerAddress is how many connections to one address are open or being made at once; further orders wait. A program that answers
	// as many slaves (renraku simulate) takes twice as many, and may be late to see the end of some.
	maxPerAddress = slave.MaxConnections / 2

	// maxJoinsPerAddress is how many of these at once are being made and do their handshake; slow ones make no room. One machine does that
	// work at the other end, and gives up each after credentials.HandshakeWait from when it was made: two in a second are enough.
	maxJoinsPerAddress = 16
)

// dials bounds the connections of orders, so that many at once do not overrun the peers.
type dials struct {
	making   chan struct{}
	joining  chan struct{} // the same for connections that begin with a handshake
	securing chan struct{} // handshakes

	mu   sync.Mutex
	open map[netip.AddrPort]*places // of addresses that somebody uses
}

// places are those at one address.
type places struct {
	taken   chan struct{}
	joining chan struct{} // those that begin with a handshake, until its end
	users   int           // that have a place or wait for one
}

func newDials() *dials {
	return &dials{making: make(chan struct{}, maxDials), joining: make(chan struct{}, maxHandshakes),
		securing: make(chan struct{}, maxHandshakes), open: map[netip.AddrPort]*places{}}
}

// dialFunc is DialContext of net.Dialer.
type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// secureFunc does the handshake of a connection, within credentials.HandshakeWait; with an error it has closed the connection.
type secureFunc func(ctx context.Context, conn net.Conn) (net.Conn, error)

// dial waits for its places, connects and, where secure is not nil, does the handshake. leave is for when the connection has been
// closed.
func (d *dials) dial(ctx context.Context, to netip.AddrPort, connect dialFunc, secure secureFunc) (conn net.Conn, leave func(), err error) {
	at, leave, err := d.enter(ctx, to)
	if err != nil {
		return nil, nil, err
	}
	if conn, err = d.begin(ctx, at, to, connect, secure); err != nil {
		leave()
		return nil, nil, err
	}
	return conn, leave, nil
}

// begin is dial with a place at the address.
func (d *dials) begin(ctx context.Context, at *places, to netip.AddrPort, connect dialFunc, secure secureFunc) (net.Conn, error) {
	places := d.making
	if secure != nil {
		select {
		case at.joining <- struct{}{}:
			defer func() { <-at.joining }()
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		places = d.joining
	}
	making, err := takePlace(ctx, places, slowDial)
	if err != nil {
		return nil, err
	}
	defer making.leave()
	dialing, cancel := context.WithTimeout(ctx, dialWait)
	defer cancel()
	conn, err := connect(dialing, "tcp", to.String())
	if err != nil || secure == nil {
		return conn, err
	}
	return d.secure(ctx, conn, secure, &making)
}

// secure waits for a place among the handshakes, and does that of the connection; with an error it has closed it.
func (d *dials) secure(ctx context.Context, conn net.Conn, handshake secureFunc, making *heldPlace) (net.Conn, error) {
	making.keep() // so that few peers wait for a handshake to begin: they give it up too
	securing, err := takePlace(ctx, d.securing, slowHandshake)
	if err != nil {
		conn.Close()
		return nil, err
	}
	defer securing.leave()
	making.leave()
	return handshake(ctx, conn)
}

// heldPlace is one among the connections that are being made, or among the handshakes. A server that does not answer at all keeps it for a
// moment only: behind a thousand of them nobody would wait for long.
type heldPlace struct {
	slow  *time.Timer
	leave func() // gives it back, once
}

// takePlace waits for a place, at most until ctx ends. It is given back when it has been held for so long.
func takePlace(ctx context.Context, places chan struct{}, slow time.Duration) (heldPlace, error) {
	select {
	case places <- struct{}{}:
	case <-ctx.Done():
		return heldPlace{}, ctx.Err()
	}
	once := sync.OnceFunc(func() { <-places })
	timer := time.AfterFunc(slow, once)
	return heldPlace{timer, func() {
		timer.Stop()
		once()
	}}, nil
}

// keep has a place that is held still stay so until leave.
func (p *heldPlace) keep() { p.slow.Stop() }

// enter waits for a place among the connections to the address, at most until ctx ends. leave gives it back, once.
func (d *dials) enter(ctx context.Context, to netip.AddrPort) (p *places, leave func(), err error) {
	d.mu.Lock()
	p = d.open[to]
	if p == nil {
		p = &places{taken: make(chan struct{}, maxPerAddress), joining: make(chan struct{}, maxJoinsPerAddress)}
		d.open[to] = p
	}
	p.users++
	d.mu.Unlock()
	select {
	case p.taken <- struct{}{}:
		return p, sync.OnceFunc(func() {
			<-p.taken
			d.forget(to, p)
		}), nil
	case <-ctx.Done():
		d.forget(to, p)
		return nil, nil, ctx.Err()
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
