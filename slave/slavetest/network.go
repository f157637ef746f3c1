// Package slavetest is bad networks and full disks for tests.
//
//   - network.go: a network of datagrams in memory, for tests that run in testing/synctest: a real socket would stop the bubble's
//     clock.
//   - impair.go: what a bad network does, decided by a seed. proxy.go: a proxy on real sockets that does it.
//   - flood.go: a stranger who sends as much as he can.
//   - disk.go: a disk that is full.
package slavetest

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"renraku/slave/datagram"
)

// queueLength is how many datagrams a socket holds; more are lost, as on a real one.
const queueLength = 4096

// Network carries datagrams between its sockets at once, unless Lose says otherwise. The zero value is ready.
type Network struct {
	mu      sync.Mutex
	sockets map[netip.AddrPort]*Socket
	lose    func(from, to netip.AddrPort, b []byte) bool
	line    func(from, to netip.AddrPort) *Line
}

// maxDatagram is longer than any that tests send.
const maxDatagram = 2048

type inFlight struct {
	from netip.AddrPort
	b    []byte
}

// Lose has every datagram for which lose is true vanish; nil loses none.
func (n *Network) Lose(lose func(from, to netip.AddrPort, b []byte) bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lose = lose
}

// Impair has every datagram go by the line that line gives for its way; nil is a good one.
func (n *Network) Impair(line func(from, to netip.AddrPort) *Line) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.line = line
}

// Listen opens the socket addr, such as 192.0.2.1:10320.
func (n *Network) Listen(addr string) *Socket {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := &Socket{network: n, addr: netip.MustParseAddrPort(addr), queue: make(chan inFlight, queueLength), closed: make(chan struct{})}
	s.wake = make(chan struct{})
	if n.sockets == nil {
		n.sockets = map[netip.AddrPort]*Socket{}
	}
	n.sockets[s.addr] = s
	return s
}

func (n *Network) carry(from, to netip.AddrPort, b []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.lose != nil && n.lose(from, to, b) {
		return
	}
	copies := []Copy{{Bytes: append([]byte(nil), b...)}}
	if n.line != nil {
		if line := n.line(from, to); line != nil {
			copies = line.Carry(b)
		}
	}
	for _, c := range copies {
		d := inFlight{from, c.Bytes}
		if c.After == 0 {
			n.deliver(to, d)
			continue
		}
		time.AfterFunc(c.After, func() {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.deliver(to, d)
		})
	}
}

// deliver is called with the lock held.
func (n *Network) deliver(to netip.AddrPort, d inFlight) {
	s := n.sockets[to]
	if s == nil {
		return
	}
	select {
	case s.queue <- d:
	default:
		s.overflows.Add(1)
	}
}

// Socket is one end. It has the methods of a *datagram.Conn, and those of a *net.UDPConn that tests use.
type Socket struct {
	network *Network
	addr    netip.AddrPort
	queue   chan inFlight

	overflows atomic.Uint32

	mu       sync.Mutex
	deadline time.Time
	wake     chan struct{} // closed and replaced when the deadline changes
	woken    bool
	shut     bool
	closed   chan struct{}
}

// Receive does what that of a *datagram.Conn does.
func (s *Socket) Receive(b *datagram.Batch, until time.Time) error {
	b.Reset()
	for !b.Full() {
		select {
		case d := <-s.queue:
			b.Add(d.b, d.from)
			continue
		case <-s.closed:
			return net.ErrClosed
		default:
		}
		break
	}
	if b.Len() > 0 || !until.IsZero() && time.Until(until) <= 0 {
		return nil
	}
	s.SetReadDeadline(until)
	if s.takeWoken() {
		return nil
	}
	buf := make([]byte, maxDatagram)
	n, from, err := s.ReadFromUDPAddrPort(buf)
	s.takeWoken()
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	if err == nil {
		b.Add(buf[:n], from)
	}
	return err
}

func (s *Socket) takeWoken() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	woken := s.woken
	s.woken = false
	return woken
}

// Wake does what that of a *datagram.Conn does.
func (s *Socket) Wake() {
	s.mu.Lock()
	s.woken = true
	s.mu.Unlock()
	s.SetReadDeadline(time.Unix(1, 0))
}

// Overflows is how many datagrams the queue had no room for.
func (s *Socket) Overflows() uint32 { return s.overflows.Load() }

// Send does what that of a *datagram.Conn does.
func (s *Socket) Send(b *datagram.Batch, failed datagram.Failed) {
	for i := range b.Len() {
		bytes, to := b.At(i)
		if _, err := s.WriteToUDPAddrPort(bytes, to); err != nil {
			failed(bytes, to, err)
		}
	}
}

// ReadFromUDPAddrPort waits for a datagram, the deadline or Close.
func (s *Socket) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	for {
		s.mu.Lock()
		deadline, wake := s.deadline, s.wake
		s.mu.Unlock()
		var over <-chan time.Time
		if !deadline.IsZero() {
			left := time.Until(deadline)
			if left <= 0 {
				return 0, netip.AddrPort{}, os.ErrDeadlineExceeded
			}
			timer := time.NewTimer(left)
			defer timer.Stop()
			over = timer.C
		}
		select {
		case d := <-s.queue:
			return copy(b, d.b), d.from, nil
		case <-s.closed:
			return 0, netip.AddrPort{}, net.ErrClosed
		case <-over:
			return 0, netip.AddrPort{}, os.ErrDeadlineExceeded
		case <-wake:
		}
	}
}

// WriteToUDPAddrPort never waits.
func (s *Socket) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	select {
	case <-s.closed:
		return 0, net.ErrClosed
	default:
	}
	s.network.carry(s.addr, to, b)
	return len(b), nil
}

// SetReadDeadline also counts for a read that waits already.
func (s *Socket) SetReadDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deadline = t
	close(s.wake)
	s.wake = make(chan struct{})
	return nil
}

// LocalAddr is the address given to Listen.
func (s *Socket) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(s.addr) }

// Close takes the socket off the network.
func (s *Socket) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shut {
		return net.ErrClosed
	}
	s.shut = true
	close(s.closed)
	s.network.mu.Lock()
	defer s.network.mu.Unlock()
	if s.network.sockets[s.addr] == s {
		delete(s.network.sockets, s.addr)
	}
	return nil
}
