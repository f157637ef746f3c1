package main

import (
	"net/netip"
	"sync"

	"renraku/slave"
	"renraku/telegram"
)

// wire counts what the manager's socket receives, so that the demo can hold the contact files against it.
type wire struct {
	mu      sync.Mutex
	running map[string]int
}

func newWire() *wire { return &wire{running: map[string]int{}} }

// runningAnswers is how many RUNNING responses of the host have arrived.
func (w *wire) runningAnswers(host string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.running[host]
}

func (w *wire) tap(c slave.PacketConn) slave.PacketConn { return &tapped{c, w} }

// tapped is a socket whose received telegrams are counted.
type tapped struct {
	slave.PacketConn
	wire *wire
}

// ReadFromUDPAddrPort counts what it passes on.
func (t *tapped) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	n, from, err := t.PacketConn.ReadFromUDPAddrPort(b)
	if err == nil {
		if r, decodeErr := telegram.DecodeStatusResponse(b[:n]); decodeErr == nil && r.Control == telegram.Running {
			t.wire.mu.Lock()
			t.wire.running[r.Host.String()]++
			t.wire.mu.Unlock()
		}
	}
	return n, from, err
}
