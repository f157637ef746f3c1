//go:build interop

package interop

import (
	"fmt"
	"net/netip"
	"time"

	"renraku/telegram"
)

// early is how much sooner than its time a telegram may stand in a capture, since clocks and queues are not one.
const early = 20 * time.Millisecond

// rules is what the manager and the slaves have agreed on, and what has happened to them from outside.
type rules struct {
	manager  netip.AddrPort
	slaves   map[string]netip.AddrPort // by host name
	interval time.Duration
	wait     time.Duration
	retries  int

	// cut says that links were taken down: then answers do not reach this point, and connections end without a receipt.
	cut bool
}

// peer is what telegrams have told of one slave so far (telegram/SPEC.md, section 5).
type peer struct {
	running bool             // an answer with RUNNING, and no STOPPED or silence since
	round   []time.Time      // the inquiries since the last answer
	owed    int              // inquiries that may be answered yet: each one once
	last    telegram.Control // of the last inquiry
}

// dialog is one connection of orders or of delivered results (section 6).
type dialog struct {
	ordered bool // LAUNCH, and no XR yet
	process telegram.ProcessID
	open    *telegram.ExecutionResponse // XR, and no TAKEN yet
}

// checker holds a capture against the specification.
type checker struct {
	rules
	peers   map[string]*peer
	dialogs map[*stream]*dialog
	wrong   []string
}

// forbidden gives what the specification does not allow at its point; all has to be in the order of the capture.
func forbidden(r rules, all []seen) []string {
	c := &checker{rules: r, peers: map[string]*peer{}, dialogs: map[*stream]*dialog{}}
	for name := range r.slaves {
		c.peers[name] = &peer{}
	}
	for _, s := range all {
		if why := c.telegram(s); why != "" {
			c.wrong = append(c.wrong, fmt.Sprintf("%v: %s", s, why))
		}
	}
	for s, d := range c.dialogs {
		if d.open != nil && !c.cut {
			c.wrong = append(c.wrong, fmt.Sprintf("%v → %v: %v was never taken", s.opener, s.peer, *d.open))
		}
	}
	return c.wrong
}

// telegram says why the telegram may not stand there; "": it may.
func (c *checker) telegram(s seen) string {
	switch t := s.telegram.(type) {
	case telegram.StatusInquiry:
		return c.inquiry(s, t)
	case telegram.StatusResponse:
		return c.response(s, t)
	case telegram.ExecutionOrder:
		return c.order(s, t)
	case telegram.ExecutionResponse:
		return c.result(s, t)
	}
	return "no telegram"
}

func (c *checker) inquiry(s seen, q telegram.StatusInquiry) string {
	address, known := c.slaves[q.Host.String()]
	switch {
	case !known:
		return "no such slave"
	case s.stream != nil:
		return "the manager asks on UDP"
	case s.from != c.manager || s.to != address:
		return "not from the manager's port to the slave's"
	}
	p := c.peers[q.Host.String()]
	c.silence(p, s.at)
	want := telegram.Start
	switch {
	case q.Control == telegram.End:
		want = telegram.End
	case p.running:
		want = telegram.Check
	}
	why := ""
	if n := len(p.round); n > 0 {
		if s.at.Sub(p.round[n-1]) < c.wait-early && q.Control == p.last {
			why = "a retry before the response wait is over"
		}
		if n > c.retries && p.running {
			why = "more retries than there are"
		}
	}
	p.round, p.last = append(p.round, s.at), q.Control
	p.owed++
	if q.Control != want {
		why = fmt.Sprintf("%v is due", want)
	}
	return why
}

// silence ends a round of which every inquiry has had its time: the slave counts as STOPPED.
func (c *checker) silence(p *peer, now time.Time) {
	if n := len(p.round); n > c.retries && now.Sub(p.round[n-1]) >= c.wait-early {
		p.running, p.round, p.owed = false, nil, 0
	}
	if n := len(p.round); !p.running && n > 0 && now.Sub(p.round[n-1]) >= c.wait-early {
		p.round = p.round[:0] // a slave that is STOPPED is asked once in each interval
	}
}

func (c *checker) response(s seen, r telegram.StatusResponse) string {
	address, known := c.slaves[r.Host.String()]
	switch {
	case !known:
		return "no such slave"
	case s.stream != nil:
		return "nobody asks on TCP"
	case s.from != address || s.to != c.manager:
		return "not from the slave's port to the one that asked"
	}
	p := c.peers[r.Host.String()]
	c.silence(p, s.at)
	asked := p.owed > 0 // the answer to an inquiry before a retry may come late
	p.owed = max(p.owed-1, 0)
	if r.Control == telegram.Stopped { // asked for or not
		p.running, p.round = false, nil
		return ""
	}
	switch {
	case asked && p.last == telegram.End:
		return "END is answered with STOPPED"
	case !asked && p.running:
		return "nobody has asked, and the slave is RUNNING"
	case asked:
		p.running, p.round = true, nil
	}
	return ""
}

func (c *checker) order(s seen, q telegram.ExecutionOrder) string {
	address, known := c.slaves[q.Host.String()]
	switch {
	case !known:
		return "no such slave"
	case s.stream == nil:
		return "orders go by TCP"
	}
	ordering := s.stream.opener.Addr() == c.manager.Addr() && s.stream.peer == address
	delivering := s.stream.opener.Addr() == address.Addr() && s.stream.peer == c.manager
	if s.from.Addr() != c.manager.Addr() || s.to.Addr() != address.Addr() || !ordering && !delivering {
		return "not from the manager to the slave"
	}
	d := c.dialog(s.stream)
	if q.Control == telegram.Taken {
		if d.open == nil || d.open.Host != q.Host || d.open.Process != q.Process {
			return "a receipt of no response"
		}
		d.open = nil
		return ""
	}
	switch {
	case delivering:
		return "an order on a connection of the slave's"
	case !c.peers[q.Host.String()].running && !c.cut:
		return "an order to a slave that is STOPPED"
	case d.ordered || d.open != nil:
		return "an order before the receipt of the one before"
	}
	d.ordered, d.process = true, q.Process
	return ""
}

func (c *checker) result(s seen, x telegram.ExecutionResponse) string {
	address, known := c.slaves[x.Host.String()]
	switch {
	case !known:
		return "no such slave"
	case s.stream == nil:
		return "results go by TCP"
	case s.from.Addr() != address.Addr() || s.to.Addr() != c.manager.Addr():
		return "not from the slave to the manager"
	}
	d := c.dialog(s.stream)
	switch onOrder := s.stream.opener.Addr() == c.manager.Addr(); {
	case d.open != nil:
		return "a result before the receipt of the one before"
	case onOrder && s.stream.peer != address, !onOrder && s.stream.peer != c.manager:
		return "on a connection to another port"
	case onOrder && (!d.ordered || d.process != x.Process):
		return "a result that nobody has ordered"
	}
	d.ordered, d.open = false, &x
	return ""
}

func (c *checker) dialog(s *stream) *dialog {
	if c.dialogs[s] == nil {
		c.dialogs[s] = &dialog{}
	}
	return c.dialogs[s]
}
