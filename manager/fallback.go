package manager

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"renraku/slave"
	"renraku/slave/credentials"
	"renraku/telegram"
)

const (
	maxProbes        = 256 // inquiries on TCP at once before a judgement; without a place it is made by UDP alone
	maxStoppedProbes = 64  // and of slaves that are STOPPED

	// A connection costs a processor more than many inquiries on UDP, and a handshake of TLS far more. So where the poll is late already, by
	// more than this share of a slave's response wait, there are few places: nobody's detection is to come later still for it. A poll that
	// waits by the tick comes some ticks late anyway.
	maxLateProbes = 4
	lateShare     = 40
	leastLate     = 5 * tickLength

	// In sealed mode each is a handshake of TLS too. Each costs this end some milliseconds of a processor, and 256 at once have the poll come
	// late, which finds others STOPPED: so a few are in progress at once, as fast as the processor lets them. One that is slow makes room for
	// the next: slaves that are far or hang use no processor, and four to slaves 50 ms away would be 30 in a second. So at least 80, and
	// of slaves that are STOPPED 40, begin in a second where they are wanted, whatever becomes of them.
	maxProbeHandshakes   = 4
	maxStoppedHandshakes = 2
	slowProbeHandshake   = 50 * time.Millisecond

	// stoppedProbeEvery is how often a STOPPED slave is asked on TCP too, where there are not too many of them.
	stoppedProbeEvery = time.Minute

	maxBlockedNamed = 10 // hosts that Blocked names
)

// probeHandshake does the handshake with the host; with an error it has closed the connection.
type probeHandshake func(ctx context.Context, conn net.Conn, host telegram.Host) (net.Conn, error)

// fallback is the way to slaves that UDP does not reach: one inquiry on TCP within the response wait of the last attempt, so that
// nobody's judgement comes later for it. There is a goroutine for each one in progress, and none else.
type fallback struct {
	connect dialFunc       // nil: there is none
	secure  probeHandshake // nil in plain mode
	on      bool
	ctx     context.Context // of Serve; nil before it
	all     sync.WaitGroup

	before, stopped probePlaces       // inquiries before a judgement, and of STOPPED slaves
	dependent       int               // of those before a judgement, inquiries of slaves that depend on them
	blocked         map[*monitor]bool // answered on TCP alone, the last time
	refused         *sayOnce          // whose certificates are not those that they have to be
}

// probePlaces bounds inquiries on TCP of one kind.
type probePlaces struct {
	most, taken int           // at once
	handshakes  chan struct{} // in progress, but for slow ones; nil in plain mode
}

// bound gives inquiries on TCP their places, and in sealed mode their handshakes.
func (f *fallback) bound(secure probeHandshake) {
	f.secure = secure
	f.before, f.stopped = probePlaces{most: maxProbes}, probePlaces{most: maxStoppedProbes}
	if secure != nil {
		f.before.handshakes, f.stopped.handshakes = make(chan struct{}, maxProbeHandshakes), make(chan struct{}, maxStoppedHandshakes)
	}
}

// errNoPlace says that there was no place for a handshake in time.
var errNoPlace = errors.New("no place for a handshake")

// serves is how long the places need at most for inquiries that take so long each.
func (p *probePlaces) serves(inquiries int, each time.Duration) time.Duration {
	d := time.Duration(inquiries) * each / time.Duration(p.most)
	if p.handshakes != nil {
		d = max(d, time.Duration(inquiries)*slowProbeHandshake/time.Duration(cap(p.handshakes)))
	}
	return d
}

// tcpProbe is one inquiry on TCP.
type tcpProbe struct {
	monitor *monitor
	inquiry telegram.StatusInquiry
	to      netip.AddrPort
	until   time.Time    // the end of the response wait
	places  *probePlaces // those that it has one of
	depends bool         // the slave has answered on TCP alone before
	cancel  context.CancelFunc
}

// tcpTurns is whose turn it is among the STOPPED slaves: at the 1st, 2nd, 4th, 8th … inquiry.
type tcpTurns struct{ left, gap uint32 } // inquiries until the next one, and from the last one to it

// come says whether the turn has come with this inquiry.
func (t *tcpTurns) come() bool {
	if t.left == 0 {
		return true
	}
	t.left--
	return false
}

// take is for the turn that is taken; the next is most at the latest, and after all others had theirs, which takes so long.
func (t *tcpTurns) take(interval, most, others time.Duration) {
	inquiries := func(d time.Duration) uint32 { return uint32((d + interval - 1) / interval) }
	t.gap = max(1, min(2*t.gap, inquiries(most)))
	t.left = max(t.gap, inquiries(others)) - 1
}

// SetFallback has slaves asked on TCP, or not, before they are called STOPPED for want of an answer on UDP.
func (s *StatusControl) SetFallback(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fallback.on = on
	if !on {
		clear(s.fallback.blocked)
	}
}

// Blocked is how many slaves answer on TCP alone, and the names of the first of them.
func (s *StatusControl) Blocked() (first []string, n int) {
	s.mu.Lock()
	for m := range s.fallback.blocked {
		first = append(first, m.host.String())
	}
	s.mu.Unlock()
	n = len(first)
	slices.Sort(first) // without the lock: there may be very many
	return first[:min(n, maxBlockedNamed)], n
}

// serveProbes lets inquiries on TCP begin until ctx ends; wait waits until the last of them has ended.
func (s *StatusControl) serveProbes(ctx context.Context) (wait func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fallback.ctx = ctx
	return s.fallback.all.Wait
}

// hasPlace says whether there is a place before the judgement of a slave, which the poll has come to so late. One that has answered on TCP
// alone before depends on it, and has one also where the poll is late.
func (f *fallback) hasPlace(p *tcpProbe, late time.Duration) bool {
	if late > max(p.monitor.timeout/lateShare, leastLate) && !p.depends && f.before.taken-f.dependent >= maxLateProbes {
		return false
	}
	return f.before.taken < f.before.most
}

// askOnTCP has the slave, which the poll has come to so late, asked on TCP within what is left of the response wait, if there is a place.
func (s *StatusControl) askOnTCP(m *monitor, late time.Duration) {
	f := &s.fallback
	to, known := m.address.AddrPort()
	if !f.on || f.connect == nil || f.ctx == nil || f.ctx.Err() != nil || !known {
		return
	}
	p := &tcpProbe{monitor: m, inquiry: telegram.StatusInquiry{Host: m.host, Control: m.control()}, to: to, until: m.due, places: &f.before,
		depends: f.blocked[m]}
	if m.judged && !m.running {
		p.places = &f.stopped
		if f.stopped.taken >= f.stopped.most || !m.onTCP.come() {
			return
		}
		m.onTCP.take(m.interval, stoppedProbeEvery, f.stopped.serves(len(s.monitors)-s.isolation.running, m.timeout-m.timeout/2))
	} else if !f.hasPlace(p, late) {
		s.drops.Count(slave.DropProbe)
		return
	}
	s.closeProbe(m)
	m.probe = p
	p.places.taken++
	if p.depends {
		f.dependent++
	}
	ctx, cancel := context.WithDeadline(f.ctx, p.until)
	p.cancel = cancel
	connect, secure := f.connect, f.secure
	f.all.Go(func() {
		defer cancel()
		r, err := p.ask(ctx, connect, secure)
		s.probed(p, r, err)
	})
}

// closeProbe ends what the slave is asked on TCP: its answer does not count any more.
func (s *StatusControl) closeProbe(m *monitor) {
	if m.probe != nil {
		m.probe.cancel()
		m.probe = nil
	}
}

// ask asks, and gives the response of the host.
func (p *tcpProbe) ask(ctx context.Context, connect dialFunc, secure probeHandshake) (r telegram.StatusResponse, err error) {
	conn, err := connect(ctx, "tcp", p.to.String())
	if err != nil {
		return r, err
	}
	if secure != nil {
		if conn, err = p.secure(ctx, conn, secure); err != nil {
			return r, err
		}
	}
	defer conn.Close()
	conn.SetDeadline(p.until)
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(past) })()
	if err := telegram.Write(conn, p.inquiry); err != nil {
		return r, err
	}
	t, err := telegram.NewReader(conn).Read()
	if err != nil {
		return r, err
	}
	r, ok := t.(telegram.StatusResponse)
	if !ok || r.Host != p.inquiry.Host {
		return r, fmt.Errorf("%v came instead", t)
	}
	return r, nil
}

// secure does the handshake once there is a place, for which it waits half of the time at most: the other half is for the answer. A server
// that is down, which takes no connection, has none of the places. With an error the connection is closed.
func (p *tcpProbe) secure(ctx context.Context, conn net.Conn, secure probeHandshake) (net.Conn, error) {
	waiting, cancel := context.WithTimeout(ctx, time.Until(p.until)/2)
	place, err := takePlace(waiting, p.places.handshakes, slowProbeHandshake)
	cancel()
	if err != nil {
		conn.Close()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, errNoPlace
	}
	defer place.leave()
	return secure(ctx, conn, p.inquiry.Host)
}

// probed takes what came of an inquiry on TCP (20), unless it is over already.
func (s *StatusControl) probed(p *tcpProbe, r telegram.StatusResponse, err error) {
	defer s.events.deliver()
	s.mu.Lock()
	defer s.mu.Unlock()
	p.places.taken--
	if p.depends {
		s.fallback.dependent--
	}
	m, now := p.monitor, time.Now()
	if errors.Is(err, errNoPlace) && p.places == &s.fallback.before {
		s.drops.Count(slave.DropProbe)
	}
	if m.probe != p {
		return
	}
	m.probe = nil
	switch {
	case errors.Is(err, credentials.ErrCertificate):
		s.fallback.refused.say(m.host, err)
		return
	case err != nil:
		s.log.Debug("no answer on TCP", "host", m.host.String(), "error", err)
		return
	case !s.monitoring || !m.waiting || now.After(p.until):
		return
	}
	s.fallback.refused.say(m.host, nil)
	s.judgeAnswer(now, m, &r)
	if m.running && !m.ending && p.places == &s.fallback.before { // one that was STOPPED may answer on UDP too, a moment later
		s.sayBlocked(m)
	}
	s.rouse()
}

// sayBlocked notes that a slave that runs has answered on TCP, and not on UDP.
func (s *StatusControl) sayBlocked(m *monitor) {
	s.drops.Count(slave.DropUDP)
	if !s.fallback.blocked[m] {
		s.fallback.blocked[m] = true
		name := m.host.String()
		why := "it answers on TCP alone"
		if s.sealing != nil { // its certificate is right, but what it sends on UDP may be dropped for its MAC
			why += ": UDP is blocked, or its keys are not those of the manager"
		}
		s.log.Warn(name+" is RUNNING, but UDP is blocked", "host", name, "inquiries", m.attempts, "reason", why)
	}
}

// answeredOnUDP notes that UDP works.
func (s *StatusControl) answeredOnUDP(m *monitor) {
	if len(s.fallback.blocked) > 0 && s.fallback.blocked[m] {
		delete(s.fallback.blocked, m)
		name := m.host.String()
		s.log.Info(name+": UDP works again", "host", name)
	}
}
