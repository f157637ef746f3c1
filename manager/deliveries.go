package manager

import (
	"time"

	"renraku/slave"
	"renraku/telegram"
)

// deliverable is what each slave may deliver by itself: each is a record of the history and a wait for the disk. Beyond it a response has no
// receipt, so that the slave delivers it again later. There is one for each slave, and not for its address: many may be behind one.
var deliverable = slave.Rate{PerSecond: slave.MaxResultsPerSecond, AtOnce: float64(slave.MaxResultsAtOnce)}

// sayDeliveries is the time between two log lines about what one slave delivers beyond that.
const sayDeliveries = time.Minute

// deliveries is what one slave has left.
type deliveries struct {
	begun     time.Time
	allowance slave.Allowance
	said      time.Time
}

// deliver has the slave deliver one response by itself, or says why it may not; say has a person told.
func (s *StatusControl) deliver(host telegram.Host) (drop slave.Drop, say bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.byHost.of(host)
	if m == nil {
		return slave.DropForeignHost, false
	}
	now := time.Now()
	if m.deliveries == nil {
		m.deliveries = &deliveries{begun: now, allowance: s.deliverable.Allowance()}
	}
	d := m.deliveries
	if d.allowance.Take(now.Sub(d.begun)) {
		return slave.NoDrop, false
	}
	if say = d.said.IsZero() || now.Sub(d.said) >= sayDeliveries; say {
		d.said = now
	}
	return slave.DropResults, say
}

// beyond says whether a response that answers no order is more than the host may deliver, and counts it then.
func (r *responses) beyond(host telegram.Host) bool {
	drop, say := r.status.deliver(host)
	if drop == slave.NoDrop {
		return false
	}
	r.drops.Count(drop)
	if say {
		r.log.Warn("more results than a slave may deliver; the others have to come later", "host", host.String())
	}
	return true
}
