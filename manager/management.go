package manager

import (
	"sync"
	"time"

	"renraku/contactfile"
	"renraku/slave"
	"renraku/telegram"
)

// management is one slave's management process (17): it updates fields 132 and 133 of its record, from the first telegram to
// that slave until it is stopped (24), and again from its first answer (28–30). It knows whether the record stands as it last
// wrote it, with field 133 as the monitor knows it, so that an answer with no news costs no system call.
type management struct {
	goesOn  bool
	written bool
	running bool // field 132 as written
}

// begin begins it, where it does not go on.
func (g *management) begin() {
	if !g.goesOn {
		*g = management{goesOn: true}
	}
}

// end ends it (24).
func (g *management) end() { *g = management{} }

// write is steps 21 and 23: fields 132 and 133 follow an answer or, without one, only 132 the silence. What is wrong with the
// contact file is logged once.
func (s *StatusControl) write(now time.Time, m *monitor, running bool, application *telegram.Status) {
	g := &m.management
	if g.written && running == g.running && (application == nil || *application == m.application) {
		return
	}
	err := s.update(now, m, func(r *contactfile.Record) {
		r.Operating = contactfile.Stopped
		if running {
			r.Operating = contactfile.Running
		}
		if application != nil {
			r.Application = application.String()
		}
	})
	g.written, g.running = err == nil, running
	s.written.say(m.host, slave.WithRemedy(err))
}

// update changes a slave's record.
func (s *StatusControl) update(now time.Time, m *monitor, change func(*contactfile.Record)) error {
	_, changed, err := s.file.Update(int(m.record), now, change)
	if changed {
		s.touch(int(m.record))
	}
	if err != nil {
		m.management.written = false
	}
	return err
}

// events are what becomes known of the slaves, told one after the other in the order in which it did.
type events struct {
	mu      sync.Mutex
	tell    func(event string) // nil: nobody is told
	queue   []string           // what is not told yet: of one call of StatusControl, or of a few, since tell does not wait
	telling bool
}

// add is called with the lock over the monitors held.
func (e *events) add(event string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.tell != nil {
		e.queue = append(e.queue, event)
	}
}

// deliver tells what was added, unless another goroutine does already. It is called without any lock, and tell too.
func (e *events) deliver() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.telling {
		return
	}
	e.telling = true
	for len(e.queue) > 0 {
		queue, tell := e.queue, e.tell
		e.queue = nil
		e.mu.Unlock()
		for _, event := range queue {
			tell(event)
		}
		e.mu.Lock()
	}
	e.telling = false
}
