package slave

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"

	"renraku/slave/credentials"
	"renraku/telegram"
)

// Simulation answers as many slaves on one UDP and one TCP port: for load tests, and for trying a definition. It keeps the
// states of a slave apart for each host, but runs nothing: every order is LAUNCHED, with the process ID as status.
type Simulation struct {
	Issuer *credentials.Issuer // sealed mode: the keys and certificates of all slaves; nil: plain. It is set before Serve.

	prefix string
	width  int
	drops  Drops

	sealing *simulationSealing // nil in plain mode

	mu    sync.Mutex
	hosts []simulated

	answers, orders atomic.Uint64
}

type simulated struct {
	ended       bool // END was received: answers START and END only
	silent      bool
	inquiries   uint32
	application telegram.Status
}

// MaxSimulated is the largest number of slaves of a simulation: the definition has them as one range.
const MaxSimulated = MaxRange

// NewSimulation has the hosts prefix1 to prefixN, zero-padded to the digits of n.
func NewSimulation(prefix string, n int) (*Simulation, error) {
	if n < 1 || n > MaxSimulated {
		return nil, fmt.Errorf("%d slaves: 1 to %d is right", n, MaxSimulated)
	}
	s := &Simulation{prefix: prefix, width: len(strconv.Itoa(n)), hosts: make([]simulated, n)}
	if _, err := telegram.NewHost(s.Host(n - 1)); err != nil {
		return nil, fmt.Errorf("prefix %q: %w", prefix, err)
	}
	for i := range s.hosts {
		s.hosts[i].application = NotStarted
	}
	return s, nil
}

// Host is the name of slave i, counted from 0.
func (s *Simulation) Host(i int) string { return fmt.Sprintf("%s%0*d", s.prefix, s.width, i+1) }

// Hosts is the range of the hosts as a definition has it, such as sim[0001-1000].
func (s *Simulation) Hosts() string {
	return fmt.Sprintf("%s[%0*d-%d]", s.prefix, s.width, 1, len(s.hosts))
}

// SetSilent has slaves first to last, counted from 0, answer nothing any more, or answer again.
func (s *Simulation) SetSilent(first, last int, silent bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := first; i <= last; i++ {
		s.hosts[i].silent = silent
	}
}

// Inquiries is how often each slave was asked, answered or not.
func (s *Simulation) Inquiries() []uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]uint32, len(s.hosts))
	for i := range s.hosts {
		all[i] = s.hosts[i].inquiries
	}
	return all
}

// Answers is how many inquiries were answered, and Orders how many orders.
func (s *Simulation) Answers() uint64 { return s.answers.Load() }

// Orders is how many orders were answered.
func (s *Simulation) Orders() uint64 { return s.orders.Load() }

// Drops is what was dropped so far, by reason.
func (s *Simulation) Drops() *Drops { return &s.drops }

// Serve answers until ctx ends, and closes the sockets.
func (s *Simulation) Serve(ctx context.Context, packets PacketConn, listener net.Listener, log *slog.Logger) error {
	defer packets.Close()
	defer listener.Close()
	e := &endpoint{responder: s, packets: packets, listener: listener, perPeer: MaxConnections, log: log, drops: &s.drops}
	if s.Issuer != nil {
		if s.sealing == nil {
			s.Seal(s.Issuer.Manager, s.Issuer.Masters)
		}
		e.accept = func(ctx context.Context, conn net.Conn) (net.Conn, error) { return s.Issuer.Server(ctx, conn, s.has) }
	}
	if s.sealing != nil {
		e.sealer = s.sealing
	}
	return Serve(ctx, func() error { return nil }, e.servePackets, e.serveOrders)
}

func (s *Simulation) takesFrom(netip.Addr) bool { return true }

func (s *Simulation) answer(q telegram.StatusInquiry) (telegram.StatusResponse, Drop) {
	i, ok := s.index(&q.Host)
	if !ok {
		return telegram.StatusResponse{}, DropForeignHost
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	host := &s.hosts[i]
	host.inquiries++
	if host.silent {
		return telegram.StatusResponse{}, DropNotMonitored
	}
	r := telegram.StatusResponse{Host: q.Host, Control: telegram.Running, Status: host.application}
	switch {
	case q.Control == telegram.End:
		host.ended = true
		r.Control = telegram.Stopped
	case q.Control == telegram.Start:
		host.ended = false
	case host.ended:
		return telegram.StatusResponse{}, DropNotMonitored
	}
	s.answers.Add(1)
	return r, NoDrop
}

func (s *Simulation) execute(_ context.Context, q telegram.ExecutionOrder) (*response, Drop) {
	i, ok := s.index(&q.Host)
	if !ok {
		return nil, DropForeignHost
	}
	status, err := telegram.NewStatus(q.Process.String())
	if err != nil {
		return nil, DropProcess
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	host := &s.hosts[i]
	if host.silent {
		return nil, DropNotMonitored
	}
	r := telegram.ExecutionResponse{Host: q.Host, Control: telegram.Launched, Process: q.Process}
	if host.ended {
		r.Control, r.Text = telegram.Refused, telegram.CutText("no monitoring on this server")
	} else {
		host.application = status
		r.Text = telegram.CutText("simulated")
	}
	r.Status = host.application
	s.orders.Add(1)
	return &response{r, func(bool, string) {}}, NoDrop // what is not taken is not delivered again: nothing was run
}

// has says whether the host is one of the slaves.
func (s *Simulation) has(h telegram.Host) bool {
	_, ok := s.index(&h)
	return ok
}

// index finds which of the slaves has the name.
func (s *Simulation) index(h *telegram.Host) (int, bool) {
	var room [telegram.HostLength]byte
	name := h.AppendTo(room[:0])
	if len(name) != len(s.prefix)+s.width || string(name[:len(s.prefix)]) != s.prefix {
		return 0, false
	}
	n := 0
	for _, digit := range name[len(s.prefix):] {
		if digit < '0' || digit > '9' {
			return 0, false
		}
		n = 10*n + int(digit-'0')
	}
	if n < 1 || n > len(s.hosts) {
		return 0, false
	}
	return n - 1, true
}
