package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"renraku/telegram"
)

// wire is the network of the demo: before each daemon stands a relay, at the address that the other daemons know, and passes on
// what they send. So all that the daemons say to one another crosses it, on UDP and on TCP, and is counted, and the demo can hold
// the contact files against it.
type wire struct {
	mu       sync.Mutex
	orders   map[passage]int      // XQ and XR
	answers  map[string]int       // SR RUNNING, by host
	answered map[string]time.Time // when the last of them came
	relays   []*relay
}

// passage is one kind of telegram about one order.
type passage struct {
	host    string
	control telegram.Control
	process string
}

func newWire() *wire {
	return &wire{orders: map[passage]int{}, answers: map[string]int{}, answered: map[string]time.Time{}}
}

// runningAnswers is how many inquiries the host has answered with RUNNING, and when the last time.
func (w *wire) runningAnswers(host string) (n int, last time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.answers[host], w.answered[host]
}

// says gives what is otherwise about a process at a host than that each of these telegrams has passed once.
func (w *wire) says(host, process string, controls ...telegram.Control) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range controls {
		if n := w.orders[passage{host, c, process}]; n != 1 {
			return fmt.Errorf("%s about %s at %s passed %d times on the wire, want once", c, process, host, n)
		}
	}
	return nil
}

func (w *wire) noteAnswer(b []byte) {
	r, err := telegram.DecodeStatusResponse(b)
	if err != nil || r.Control != telegram.Running {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answers[r.Host.String()]++
	w.answered[r.Host.String()] = time.Now()
}

func (w *wire) noteOrder(t telegram.Telegram) {
	var p passage
	switch t := t.(type) {
	case telegram.ExecutionOrder:
		p = passage{t.Host.String(), t.Control, t.Process.String()}
	case telegram.ExecutionResponse:
		p = passage{t.Host.String(), t.Control, t.Process.String()}
	default:
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.orders[p]++
}

// relay stands before one daemon.
type relay struct {
	wire     *wire
	packets  *net.UDPConn
	listener net.Listener
	to       netip.AddrPort // of the daemon
}

// relay begins to pass on to a port of 127.0.0.1, and gives the port on which it does.
func (w *wire) relay(to int) (port int, err error) {
	packets, listener, err := listenBoth()
	if err != nil {
		return 0, err
	}
	r := &relay{w, packets, listener, netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(to))}
	w.relays = append(w.relays, r)
	go r.passPackets()
	go r.passConnections()
	return portOf(listener), nil
}

func (w *wire) close() {
	for _, r := range w.relays {
		r.packets.Close()
		r.listener.Close()
	}
}

// passPackets passes datagrams to the daemon, and what it answers to the one that asked last.
func (r *relay) passPackets() {
	buf := make([]byte, telegram.MaxLength+1)
	var asked netip.AddrPort
	for {
		n, from, err := r.packets.ReadFromUDPAddrPort(buf)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // such as that the daemon is not there
		case from == r.to:
			r.wire.noteAnswer(buf[:n])
			r.packets.WriteToUDPAddrPort(buf[:n], asked)
		default:
			asked = from
			r.packets.WriteToUDPAddrPort(buf[:n], r.to)
		}
	}
}

func (r *relay) passConnections() {
	for {
		from, err := r.listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer from.Close()
			to, err := net.Dial("tcp", r.to.String())
			if err != nil {
				return
			}
			go r.passTelegrams(from, to)
			r.passTelegrams(to, from)
		}()
	}
}

// passTelegrams ends both connections with the first, or with what is no telegram.
func (r *relay) passTelegrams(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	reader := telegram.NewReader(from)
	for {
		t, err := reader.Read()
		if err != nil {
			return
		}
		r.wire.noteOrder(t)
		if telegram.Write(to, t) != nil { // the same bytes
			return
		}
	}
}

// listenBoth opens a port of 127.0.0.1 that is free for UDP and TCP.
func listenBoth() (*net.UDPConn, net.Listener, error) {
	for attempt := 0; ; attempt++ {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, nil, err
		}
		packets, err := net.ListenPacket("udp", "127.0.0.1:"+strconv.Itoa(portOf(listener)))
		if err == nil {
			return packets.(*net.UDPConn), listener, nil
		}
		listener.Close()
		if attempt == portAttempts {
			return nil, nil, err
		}
	}
}

// portAttempts is how often a port that is free for TCP may be taken for UDP.
const portAttempts = 20

func portOf(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port }
