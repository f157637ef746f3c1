package slavetest

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
	"testing"
)

// Limits of a proxy.
const (
	maxClients     = 64   // that send datagrams; those of one more are lost
	maxConnections = 256  // at once; one more is closed at once
	proxyBuffer    = 4096 // bytes of a datagram, and of a connection at once
)

// Proxy stands before a server on loopback, with UDP and TCP on one port, and treats what passes as a bad network does. Each side
// knows the other by the IP address that the proxy has on its side, so that nobody sees the proxy.
type Proxy struct {
	Address     string // for those who speak to the server
	There, Back *Line  // the datagrams to the server, and from it

	place   Place
	faults  *Line // of connections
	packets *net.UDPConn
	listen  net.Listener
	all     sync.WaitGroup
	places  chan struct{}

	mu      sync.Mutex
	streams Streams
	next    *fate                           // of the next connection; nil: it is drawn
	clients map[netip.AddrPort]*net.UDPConn // to the server, one for each client
	open    map[net.Conn]bool
	closed  bool
	counts  StreamCounts
}

// Place is where a proxy stands.
type Place struct {
	Listen string // the address (host:port) that clients know the server by; port 0 takes a free one
	Target string // that of the server (host:port)
	From   string // the IP address that the server knows the clients by; empty: any
}

// NewProxy makes a proxy before target (host:port); it ends with the test. Proxies of one test have one seed and different numbers.
func NewProxy(t testing.TB, target string, seed, number uint64, bad Impairment, streams Streams) *Proxy {
	t.Helper()
	p, err := OpenProxy(Place{Listen: "127.0.0.1:0", Target: target}, seed, number, bad, streams)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// OpenProxy makes a proxy that ends with Close.
func OpenProxy(place Place, seed, number uint64, bad Impairment, streams Streams) (*Proxy, error) {
	p := &Proxy{place: place, streams: streams, places: make(chan struct{}, maxConnections),
		There: NewLine(seed, 3*number, bad), Back: NewLine(seed, 3*number+1, bad), faults: NewLine(seed, 3*number+2, Impairment{}),
		clients: map[netip.AddrPort]*net.UDPConn{}, open: map[net.Conn]bool{}}
	if err := p.bind(); err != nil {
		return nil, fmt.Errorf("proxy before %s: %w", place.Target, err)
	}
	p.Address = p.listen.Addr().String()
	p.all.Go(p.servePackets)
	p.all.Go(p.serveConnections)
	return p, nil
}

// bind opens a UDP socket and a TCP listener of one port.
func (p *Proxy) bind() (err error) {
	for range 20 {
		if p.listen, err = net.Listen("tcp", p.place.Listen); err != nil {
			return err
		}
		at := netip.MustParseAddrPort(p.listen.Addr().String())
		if p.packets, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(at)); err == nil {
			return nil
		}
		p.listen.Close()
	}
	return err
}

// Heal has the network be a good one from now on: datagrams pass, and new connections are left alone. Those that are half open end.
func (p *Proxy) Heal() {
	p.There.Set(Impairment{})
	p.Back.Set(Impairment{})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.streams = Streams{}
	p.resetOpen()
}

// SetStreams has new connections be treated in another way from now on.
func (p *Proxy) SetStreams(streams Streams) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.streams = streams
}

// Reset resets the connections that are open now.
func (p *Proxy) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.resetOpen()
}

// resetOpen is called with the lock held.
func (p *Proxy) resetOpen() {
	for conn := range p.open {
		reset(conn)
	}
}

// ResetNext has the next connection reset after exactly n bytes, both directions together, whatever else is drawn.
func (p *Proxy) ResetNext(n int) { p.doom(&fate{resets, n}) }

// HalfOpenNext has the next connection carry n bytes and then nothing any more.
func (p *Proxy) HalfOpenNext(n int) { p.doom(&fate{halfOpens, n}) }

func (p *Proxy) doom(next *fate) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next = next
}

// Counts is what the proxy has done to connections so far.
func (p *Proxy) Counts() StreamCounts {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.counts
}

// Close ends the proxy and what passes through it.
func (p *Proxy) Close() {
	p.mu.Lock()
	p.closed = true
	p.listen.Close()
	p.packets.Close()
	for _, c := range p.clients {
		c.Close()
	}
	for conn := range p.open {
		conn.Close()
	}
	p.mu.Unlock()
	p.all.Wait()
}

// dial opens a socket to the server.
func (p *Proxy) dial(network string) (net.Conn, error) {
	d := net.Dialer{}
	if ip := net.ParseIP(p.place.From); ip != nil {
		d.LocalAddr = &net.TCPAddr{IP: ip}
		if network == "udp" {
			d.LocalAddr = &net.UDPAddr{IP: ip}
		}
	}
	return d.Dial(network, p.place.Target)
}

func (p *Proxy) isClosed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}
