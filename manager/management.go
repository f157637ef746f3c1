package manager

import (
	"sync"
	"time"

	"renraku/contactfile"
	"renraku/telegram"
)

// management is one slave's management process (17): it updates fields 132 and 133 of its record, from the first telegram to
// that slave until it is stopped (24), and again from its first answer (28–30). It knows what it last wrote, so that an answer
// with no news costs no system call.
type management struct {
	file   *contactfile.File
	record int
	touch  func(record int) // is told what is written

	written     bool
	operating   contactfile.Operating
	application string
}

// setRunning is step 21: field 132 becomes RUNNING and field 133 follows the answer, where it has a status to follow.
func (g *management) setRunning(now time.Time, application *telegram.Status) error {
	return g.set(now, contactfile.Running, application)
}

// setStopped is step 23. Without an answer, field 133 stays as last known.
func (g *management) setStopped(now time.Time, application *telegram.Status) error {
	return g.set(now, contactfile.Stopped, application)
}

func (g *management) set(now time.Time, operating contactfile.Operating, application *telegram.Status) error {
	if g.written && operating == g.operating && (application == nil || application.Is(g.application)) {
		return nil
	}
	return g.update(now, func(r *contactfile.Record) {
		r.Operating = operating
		if application != nil {
			r.Application = application.String()
		}
	})
}

// setApplication is step 59: field 133 follows an XR.
func (g *management) setApplication(now time.Time, application telegram.Status) error {
	return g.update(now, func(r *contactfile.Record) { r.Application = application.String() })
}

func (g *management) update(now time.Time, change func(*contactfile.Record)) error {
	r, changed, err := g.file.Update(g.record, now, change)
	if changed {
		g.touch(g.record)
	}
	g.written = err == nil
	g.operating, g.application = r.Operating, r.Application
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
