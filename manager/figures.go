package manager

import (
	"iter"
	"time"

	"renraku/contactfile"
	"renraku/slave"
	"renraku/telegram"
)

// Figures is what the manager counts since its start, and measures, beside what it drops (Drops).
type Figures struct {
	Monitoring bool
	Isolated   bool // it suspects itself
	UDPBlocked int  // slaves that answer on TCP alone

	UDPBlockedMaintained int // of them, those in maintenance

	RoundTrips Histogram // of rounds that one inquiry was enough for, on UDP: from the making of the inquiry to the reading of the answer
	Retried    uint64    // rounds that were answered on UDP after more than one inquiry
	Judgements Judgements

	OrdersWaiting int                              // orders that wait for a place among those in progress
	Runs          map[telegram.ProcessID]Histogram // from order to LAUNCHED or FAILED, by process; the zero ID: those of no definition
	Queues        []Queue
}

// Judgements is how often what is known of slaves has changed.
type Judgements struct {
	Running     uint64 // to RUNNING
	Stopped     uint64 // to STOPPED, as the slave said
	Silent      uint64 // to STOPPED, for want of an answer
	Application uint64 // of field 133
}

// Queue is how much there is of what has a limit.
type Queue struct {
	Name          string
	Length, Limit int
}

// ServerStatus is what is known of one server: fields 131–133 of its record.
type ServerStatus struct {
	Host        telegram.Host
	Operating   contactfile.Operating
	Application telegram.Status
}

// Figures gives what stands now.
func (s *Server) Figures() Figures {
	f := s.status.figures()
	f.OrdersWaiting = int(s.execution.waiting.Load())
	f.Runs = s.targets.runs.all()
	d := s.execution.courier.dials
	making, most := d.making, maxDials
	if s.cfg.Security != nil {
		making, most = d.joining, maxHandshakes
		f.Queues = append(f.Queues, Queue{"TLS handshakes", len(d.securing), maxHandshakes})
	}
	f.Queues = append(f.Queues,
		Queue{"connections being made", len(making), most},
		Queue{"orders", len(s.execution.places), MaxOrders},
		Queue{"orders without an outcome", s.targets.journal.outstanding(), maxOutstanding},
		Queue{"processes of the manager's own server", s.own.Running(), slave.MaxRuns})
	return f
}

// figures is what status control has of them.
func (s *StatusControl) figures() Figures {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, stopped := &s.fallback.before, &s.fallback.stopped
	maintained := 0
	for m := range s.fallback.blocked {
		if m.maintained {
			maintained++
		}
	}
	return Figures{
		Monitoring: s.monitoring, Isolated: s.isolation.isolated(), UDPBlocked: len(s.fallback.blocked), UDPBlockedMaintained: maintained,
		RoundTrips: s.roundTrips.copy(), Retried: s.retried, Judgements: s.judgements,
		Queues: []Queue{
			{"inquiries on TCP before a judgement", before.taken, before.most},
			{"inquiries on TCP of STOPPED slaves", stopped.taken, stopped.most},
		},
	}
}

// serversAtOnce is how many slaves Servers looks at under the lock, under which nobody is asked.
const serversAtOnce = 256

// Servers gives what is known of every server, the manager's own first, as its contact file has it: none without monitoring. What changes
// meanwhile may be seen or not.
func (s *Server) Servers() iter.Seq[ServerStatus] {
	return func(yield func(ServerStatus) bool) {
		if !s.status.own.Monitored() {
			return
		}
		own := ServerStatus{s.cfg.Host, contactfile.Running, s.status.own.Application()}
		if yield(own) {
			s.status.slaves(yield)
		}
	}
}

// slaves is Servers for the slaves.
func (s *StatusControl) slaves(yield func(ServerStatus) bool) {
	s.mu.Lock()
	all := s.monitors // nobody changes it: SetSlaves makes another
	s.mu.Unlock()
	some := make([]ServerStatus, 0, min(serversAtOnce, len(all)))
	for len(all) > 0 {
		n := min(serversAtOnce, len(all))
		some = s.statuses(some[:0], all[:n])
		all = all[n:]
		for i := range some {
			if !yield(some[i]) {
				return
			}
		}
	}
}

// statuses appends what is known of some slaves.
func (s *StatusControl) statuses(to []ServerStatus, monitors []*monitor) []ServerStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range monitors {
		to = append(to, ServerStatus{m.host, m.operating(), m.application})
	}
	return to
}

// polled counts an answer on UDP to the inquiries of a round that waited, before it is judged. With more than one of them nobody knows which
// it answers, so it says nothing of the round trip.
func (s *StatusControl) polled(now time.Time, m *monitor) {
	if m.unanswered == 1 && m.attempts == 1 {
		s.roundTrips.add(m.waited(now))
		return
	}
	s.retried++
}
