package trigger

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"renraku/slave"
)

// Limits of firings in progress. Beyond them a firing is dropped, counted and said.
const (
	MaxFirings     = 1024 // at once by preset times, and as many by messages
	MaxFiringsEach = 16   // at once of one trigger
)

// Config says what an Engine watches. Fire and Log are needed.
type Config struct {
	Triggers []Trigger

	// Fire executes the order of a trigger. Each call has a goroutine of its own and may take hours; its ctx ends with Run's.
	Fire func(ctx context.Context, t Trigger, cause Cause)

	// MessageSocket gives a message with each datagram; nil: messages come by Tell alone. Run does not close it.
	MessageSocket net.PacketConn

	// StatePath is a file that keeps the last minute that was handled, so that the next daemon can say which minutes were
	// missed; "": it cannot.
	StatePath string

	Log *slog.Logger
}

// Validate says whether New takes the configuration. An error about a trigger is ErrTrigger.
func (c *Config) Validate() error {
	switch {
	case c.Fire == nil:
		return errors.New("triggers: nothing to call when one fires")
	case c.Log == nil:
		return errors.New("triggers: no logger")
	}
	_, err := newSet(c.Triggers)
	return err
}

// Engine fires triggers while Run runs.
type Engine struct {
	fire      func(ctx context.Context, t Trigger, cause Cause)
	socket    net.PacketConn
	state     stateFile
	log       *slog.Logger
	wallClock func() time.Time // time.Now; tests set it back and forward

	mu  sync.Mutex
	set *set // what Replace gave last; a set itself does not change

	queue  queue
	counts counters
	said   Drops // as the log says it

	firings sync.WaitGroup
	timed   atomic.Int64 // firings in progress by preset times
	told    atomic.Int64 // and by messages
}

// set is a list of triggers, ready to be asked.
type set struct {
	timed []*armed
	told  []*armed
}

// armed is a trigger with its schedule and its firings in progress.
type armed struct {
	*schedule
	firings atomic.Int64
}

// newSet reads the triggers. Its error joins those of all triggers that are wrong, each of them ErrTrigger.
func newSet(triggers []Trigger) (*set, error) {
	s := &set{}
	var errs []error
	for i := range triggers {
		schedule, err := newSchedule(&triggers[i])
		switch {
		case err != nil:
			errs = append(errs, err)
		case schedule.Message != nil:
			s.told = append(s.told, &armed{schedule: schedule})
		default:
			s.timed = append(s.timed, &armed{schedule: schedule})
		}
	}
	return s, errors.Join(errs...)
}

// New makes an Engine, which does nothing yet but queue what Tell says. An error about a trigger is ErrTrigger.
func New(c Config) (*Engine, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	triggers, err := newSet(c.Triggers)
	if err != nil {
		return nil, err
	}
	return &Engine{
		fire: c.Fire, socket: c.MessageSocket, state: stateFile{path: c.StatePath}, log: c.Log, wallClock: time.Now,
		set: triggers, queue: newQueue(),
	}, nil
}

// Replace has the Engine know these triggers and no others, from now on: firings in progress go on, and messages in the queue
// meet the new ones. With an error, which is ErrTrigger, everything stays as it was.
func (e *Engine) Replace(triggers []Trigger) error {
	s, err := newSet(triggers)
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.set = s
	return nil
}

func (e *Engine) triggers() *set {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.set
}

// Dropped says what was lost since New.
func (e *Engine) Dropped() Drops { return e.counts.load() }

// Progress is how much an Engine has to do, in what has a limit.
type Progress struct {
	Received, Told   int // messages that wait, of the socket and of Tell; MaxQueued at most of each
	Timed, ByMessage int // firings in progress, by preset times and by messages; MaxFirings at most of each
}

// Progress says what stands now.
func (e *Engine) Progress() Progress {
	return Progress{Received: len(e.queue.received), Told: len(e.queue.told), Timed: int(e.timed.Load()), ByMessage: int(e.told.Load())}
}

// Run fires triggers until ctx ends, which is no error, and waits for the firings, whose ctx has ended then too. It is called
// once. A minute that has begun before it is not run.
func (e *Engine) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	failed := make(chan error, 1)
	var all sync.WaitGroup
	all.Go(func() { e.watchClock(ctx) })
	all.Go(func() { e.match(ctx) })
	all.Go(func() { e.report(ctx) })
	if e.socket != nil {
		all.Go(func() {
			if err := e.read(ctx); err != nil {
				failed <- err
				stop()
			}
		})
	}
	all.Wait()
	e.firings.Wait()
	e.sayDrops()
	if left := e.queue.end(); left > 0 {
		e.counts.messages.Add(left)
		e.log.Warn("messages dropped", "messages", left, "reason", "the daemon ends")
	}
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

// start fires the trigger in a goroutine of its own, unless too many firings are in progress.
func (e *Engine) start(ctx context.Context, t *armed, cause Cause) {
	total := &e.told
	if cause.By == slave.ByTime {
		total = &e.timed
	}
	// Only one goroutine starts firings of either cause, so that nothing is added between the look and the step.
	if total.Load() >= MaxFirings || t.firings.Load() >= MaxFiringsEach {
		e.counts.firings.Add(1)
		return
	}
	total.Add(1)
	t.firings.Add(1)
	e.firings.Go(func() {
		defer total.Add(-1)
		defer t.firings.Add(-1)
		e.fire(ctx, t.Trigger, cause)
	})
}
