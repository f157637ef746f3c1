package manager

import (
	"context"
	"sync"
	"time"

	"renraku/slave"
)

const (
	resolvers    = 8                // look-ups at once
	resolveEvery = 10 * time.Second // the names of slaves that are not RUNNING
	resolveWait  = 5 * time.Second  // for one look-up
)

// keepResolved looks up the names of slaves that do not answer, until ctx ends: a slave that runs has an address that works, but
// for a new one.
func (s *StatusControl) keepResolved(ctx context.Context) error {
	said := newSayOnce(s.log, "address not resolved", "address resolved")
	ticker := time.NewTicker(resolveEvery)
	defer ticker.Stop()
	for {
		s.resolve(ctx, s.withNames(), said)
		select {
		case <-ticker.C:
		case <-s.renamed:
		case <-ctx.Done():
			return nil
		}
	}
}

func (s *StatusControl) withNames() []*monitor {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.named
}

// lookUp is one name that is to be looked up.
type lookUp struct {
	monitor *monitor
	address *slave.Address
}

// resolve looks each name up whose slave does not run, or of which no address is known yet.
func (s *StatusControl) resolve(ctx context.Context, named []*monitor, said *sayOnce) {
	work := make(chan lookUp)
	var all sync.WaitGroup
	for range resolvers {
		all.Go(func() {
			for l := range work {
				s.resolveOne(ctx, l, said)
			}
		})
	}
	for _, m := range named {
		if address := s.toResolve(m); address != nil && ctx.Err() == nil {
			work <- lookUp{m, address}
		}
	}
	close(work)
	all.Wait()
}

func (s *StatusControl) resolveOne(ctx context.Context, l lookUp, said *sayOnce) {
	_, before := l.address.AddrPort()
	one, cancel := context.WithTimeout(ctx, resolveWait)
	defer cancel()
	err := l.address.Resolve(one)
	if ctx.Err() == nil {
		said.say(l.monitor.host, err)
	}
	if err != nil {
		return
	}
	s.readdress(l.address) // before its answer comes
	if !before {
		s.askNow(l)
	}
}

// toResolve is the slave's address where its name is to be looked up, else nil.
func (s *StatusControl) toResolve(m *monitor) *slave.Address {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, known := m.address.AddrPort()
	if s.byHost.of(m.host) != m || m.running && known {
		return nil
	}
	return m.address
}

// askNow has a slave asked at once whose address has just become known.
func (s *StatusControl) askNow(l lookUp) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := l.monitor
	if s.byHost.of(m.host) == m && m.address == l.address && s.monitoring && !m.ending {
		m.waiting = false
		m.due = time.Now()
		s.schedule.moved(m)
		s.rouse()
	}
}
