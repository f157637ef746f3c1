package slavetest

import (
	"errors"
	"io"
	"net"
	"sync"
)

// The connections of a proxy.

// Streams is what a bad network does to connections. The shares are from 0 to 1, each drawn for every connection by itself.
type Streams struct {
	Reset    float64 // are reset (RST on both sides)
	HalfOpen float64 // carry nothing any more, and neither side is told
	Within   int     // after so many bytes at most, both directions together; each number from 0 on is as likely
	Split    float64 // come in pieces of 1 to 7 bytes
}

// StreamCounts is what a proxy has done to connections so far.
type StreamCounts struct{ Connections, Reset, HalfOpen int }

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
	b := make([]byte, proxyBuffer)
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
