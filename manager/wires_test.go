package manager

import (
	"context"
	"net"
	"sync"
	"time"

	"renraku/telegram"
)

// wires is the TCP end of a fleet's slaves, in memory: what becomes of a connection, the test says.
type wires struct {
	f     *fleet
	reply func(s *pretended, q telegram.StatusInquiry) (telegram.Telegram, time.Duration) // nil: it is never answered

	mu         sync.Mutex
	open, most int
	asked      map[*pretended][]string // "10s CHECK"
}

func (f *fleet) wire(reply func(*pretended, telegram.StatusInquiry) (telegram.Telegram, time.Duration)) *wires {
	w := &wires{f: f, reply: reply, asked: map[*pretended][]string{}}
	f.status.fallback.connect = w.connect
	f.status.SetFallback(true)
	return w
}

func (w *wires) connect(ctx context.Context, _, to string) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	near, far := net.Pipe()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open++
	w.most = max(w.most, w.open)
	go w.serve(to, far)
	return &wireEnd{near, w}, nil
}

// wireEnd is the manager's end of a connection.
type wireEnd struct {
	net.Conn
	wires *wires
}

func (c *wireEnd) Close() error {
	c.wires.mu.Lock()
	defer c.wires.mu.Unlock()
	c.wires.open--
	return c.Conn.Close()
}

func (w *wires) serve(to string, conn net.Conn) {
	defer conn.Close()
	reader := telegram.NewReader(conn)
	got, err := reader.Read()
	if err != nil {
		return
	}
	q := got.(telegram.StatusInquiry)
	s := w.f.byHost[q.Host]
	if s.address.String() != to {
		return
	}
	w.mu.Lock()
	w.asked[s] = append(w.asked[s], time.Since(w.f.start).String()+" "+q.Control.String())
	w.mu.Unlock()
	if r, after := w.reply(s, q); r != nil {
		defer time.AfterFunc(after, func() { telegram.Write(conn, r) }).Stop()
	}
	reader.Read() // until it is closed
}

func (w *wires) inquiries(s *pretended) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string{}, w.asked[s]...)
}

func (w *wires) mostOpen() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.most
}

func (w *wires) stillOpen() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.open
}

// replies answers as a slave does, after some time.
func replies(after time.Duration, c telegram.Control) func(*pretended, telegram.StatusInquiry) (telegram.Telegram, time.Duration) {
	return func(s *pretended, _ telegram.StatusInquiry) (telegram.Telegram, time.Duration) {
		s.mu.Lock()
		defer s.mu.Unlock()
		return telegram.StatusResponse{Host: s.host, Control: c, Status: s.status}, after
	}
}

func never(*pretended, telegram.StatusInquiry) (telegram.Telegram, time.Duration) { return nil, 0 }
