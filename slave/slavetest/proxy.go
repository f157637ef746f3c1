package slavetest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// Limits of a proxy.
const (
	maxClients     = 64  // that send datagrams; those of one more are lost
	maxConnections = 256 // at once; one more is closed at once
	streamBuffer   = 4096
)

// Streams is what a bad network does to connections. The shares are from 0 to 1, each drawn for every connection by itself.
type Streams struct {
	Reset    float64 // are reset (RST on both sides)
	HalfOpen float64 // carry nothing any more, and neither side is told
	Within   int     // after so many bytes at most, both directions together; each number from 0 on is as likely
	Split    float64 // come in pieces of 1 to 7 bytes
}

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

// StreamCounts is what a proxy has done to connections so far.
type StreamCounts struct{ Connections, Reset, HalfOpen int }

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

func (p *Proxy) servePackets() {
	b := make([]byte, streamBuffer)
	for {
		n, from, err := p.packets.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		if up := p.client(from); up != nil {
			carry(p.There, b[:n], func(out []byte) { up.Write(out) })
		}
	}
}

// client gives the socket that stands for a client before the server; nil: there is none any more.
func (p *Proxy) client(from netip.AddrPort) *net.UDPConn {
	p.mu.Lock()
	defer p.mu.Unlock()
	if up := p.clients[from]; up != nil || p.closed || len(p.clients) == maxClients {
		return up
	}
	up, err := p.dial("udp")
	if err != nil {
		return nil
	}
	client := up.(*net.UDPConn)
	p.clients[from] = client
	p.all.Go(func() {
		b := make([]byte, streamBuffer)
		for {
			n, err := up.Read(b)
			if p.isClosed() {
				return
			}
			if err == nil { // an error is that nobody listens there now
				carry(p.Back, b[:n], func(out []byte) { p.packets.WriteToUDPAddrPort(out, from) })
			}
		}
	})
	return client
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

// carry sends what comes out of a line. Sockets that are closed by then lose it.
func carry(line *Line, b []byte, send func([]byte)) {
	for _, c := range line.Carry(b) {
		if c.After == 0 {
			send(c.Bytes)
			continue
		}
		time.AfterFunc(c.After, func() { send(c.Bytes) })
	}
}

func (p *Proxy) serveConnections() {
	for {
		conn, err := p.listen.Accept()
		if err != nil {
			return
		}
		select {
		case p.places <- struct{}{}:
		default:
			conn.Close()
			continue
		}
		p.all.Go(func() {
			defer func() { <-p.places }()
			p.serveConnection(conn)
		})
	}
}

func (p *Proxy) serveConnection(conn net.Conn) {
	defer conn.Close()
	up, err := p.dial("tcp")
	if err != nil {
		reset(conn)
		return
	}
	defer up.Close()
	if !p.keep(conn, up) {
		return
	}
	defer p.forget(conn, up)
	s := p.draw(conn, up)
	var both sync.WaitGroup
	both.Go(func() { s.copy(up, conn) })
	both.Go(func() { s.copy(conn, up) })
	both.Wait()
}

func (p *Proxy) keep(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		p.open[c] = true
	}
	p.counts.Connections++
	return !p.closed
}

func (p *Proxy) forget(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		delete(p.open, c)
	}
}

// stream is one connection and what is to become of it.
type stream struct {
	fate
	ends  [2]net.Conn
	split bool
	comes func() // counts the fault

	mu   sync.Mutex // over left
	once sync.Once
}

// fate is what becomes of a connection.
type fate struct {
	fault fault
	left  int // bytes until the fault
}

type fault int

const (
	none fault = iota
	resets
	halfOpens
)

func (p *Proxy) count(of *int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	*of++
}

// draw decides what becomes of a connection.
func (p *Proxy) draw(a, b net.Conn) *stream {
	p.mu.Lock()
	defer p.mu.Unlock()
	const parts = 1 << 20
	share := func() float64 { return float64(p.faults.Draw(parts)) / parts }
	s := &stream{ends: [2]net.Conn{a, b}, fate: fate{left: p.faults.Draw(p.streams.Within + 1)}}
	switch drawn := share(); {
	case drawn < p.streams.Reset:
		s.fault = resets
	case drawn < p.streams.Reset+p.streams.HalfOpen:
		s.fault = halfOpens
	}
	s.split = share() < p.streams.Split
	if p.next != nil {
		s.fate, p.next = *p.next, nil
	}
	counts := map[fault]*int{resets: &p.counts.Reset, halfOpens: &p.counts.HalfOpen}
	s.comes = func() { p.count(counts[s.fault]) }
	return s
}

// copy carries one direction until it ends or the fault comes.
func (s *stream) copy(to, from net.Conn) {
	b := make([]byte, streamBuffer)
	for {
		n, err := from.Read(b)
		pass, over := s.pass(n)
		s.write(to, b[:pass])
		if over {
			s.once.Do(s.comes)
		}
		switch {
		case over && s.fault == resets:
			for _, end := range s.ends {
				reset(end)
			}
			return
		case over:
			io.Copy(io.Discard, from) // it is taken and goes nowhere, and nobody is told
			return
		case errors.Is(err, io.EOF):
			to.(*net.TCPConn).CloseWrite()
			return
		case err != nil: // one side was reset
			reset(to)
			return
		}
	}
}

// pass says how many of n bytes go on, and whether the fault comes after them.
func (s *stream) pass(n int) (pass int, over bool) {
	if s.fault == none {
		return n, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	pass = min(n, s.left)
	s.left -= pass
	return pass, s.left == 0
}

func (s *stream) write(to net.Conn, b []byte) {
	for i := 0; len(b) > 0; i++ {
		n := len(b)
		if s.split {
			n = min(n, 1+i%7)
		}
		if _, err := to.Write(b[:n]); err != nil {
			return
		}
		b = b[n:]
	}
}

// reset ends a connection with RST.
func reset(conn net.Conn) {
	conn.(*net.TCPConn).SetLinger(0)
	conn.Close()
}
