package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"renraku/cmd/internal/trial"
)

const (
	resumed     = 20 * time.Millisecond // until a loop that goes on counts: it has the caches to itself again
	askedAtMost = 10 * time.Second      // the beginning of a poll
	askedBefore = 3                     // inquiries to each slave before it counts: everyone is RUNNING then, and has its keys
	mostAsked   = 0.9                   // of the inquiries that are due; a poll that gets to more is not at its limit
)

// loop is two processes that make round trips as fast as they can: one asks, the other answers. It is stopped but for its turns.
type loop struct {
	name      string
	asking    *trial.Child
	answering *trial.Child
	demand    float64 // inquiries a second that are due, of a poll; else 0
	heap      float64 // bytes for each slave
}

// errNotAtLimit says that a poll was not at its limit: it is no measurement.
var errNotAtLimit = errors.New("it asked everyone in time")

// startBare starts a bare loop.
func startBare(ctx context.Context, kind string) (*loop, error) {
	l := &loop{name: batchedName}
	if kind != "" {
		l.name = singleName
	}
	var err error
	if l.answering, err = start(ctx, otherCPU, "echo"+kind); err != nil {
		return nil, err
	}
	if l.asking, err = start(ctx, askingCPU, "asker"+kind, l.answering.Address); err != nil {
		l.answering.Stop()
		return nil, err
	}
	return l, l.pause()
}

// saturation is an interval at which more inquiries are due than there can be.
func saturation(p *poll) time.Duration { return time.Duration(p.slaves) * time.Second / demand }

// startPoll starts a poll, and waits until it is like it will be: the first rounds are not like the others.
func startPoll(ctx context.Context, p *poll, interval time.Duration) (*loop, error) {
	n := strconv.Itoa(p.slaves)
	l := &loop{name: p.name(), demand: float64(p.slaves) / interval.Seconds()}
	var err error
	if l.answering, err = start(ctx, otherCPU, "simulation", n, string(p.mode)); err != nil {
		return nil, err
	}
	if l.asking, err = start(ctx, askingCPU, "poll", n, string(p.mode), l.answering.Address, interval.String()); err != nil {
		l.answering.Stop()
		return nil, err
	}
	if err := l.begin(ctx, p.slaves); err != nil {
		l.stop()
		return nil, err
	}
	return l, nil
}

func (l *loop) begin(ctx context.Context, slaves int) error {
	if err := awaitTrips(ctx, l.answering, askedBefore*uint64(slaves), askedAtMost); err != nil {
		return err
	}
	var memory polled
	if err := l.asking.Ask(&memory, "memory"); err != nil {
		return err
	}
	l.heap = float64(memory.Heap) / float64(slaves)
	return l.pause()
}

// pause has the asking side stop first, so that no answer of it is missing when the other one stops.
func (l *loop) pause() error {
	if err := l.asking.Pause(); err != nil {
		return err
	}
	return l.answering.Pause()
}

func (l *loop) resume() error {
	if err := l.answering.Resume(); err != nil {
		return err
	}
	return l.asking.Resume()
}

func (l *loop) stop() {
	l.resume()
	l.asking.Stop()
	l.answering.Stop()
}

// read is what the loop has done so far.
func (l *loop) read() (t trips, err error) {
	if l.demand == 0 {
		return t, l.asking.Ask(&t, "trips")
	}
	var p polled
	if err := l.asking.Ask(&p, "usage"); err != nil {
		return t, err
	}
	err = l.answering.Ask(&t, "trips")
	t.usage = p.usage
	t.Lost += p.Overflow
	return t, err
}

// measure gives the loop a turn.
func (l *loop) measure(ctx context.Context, window time.Duration) (speed, error) {
	if err := l.resume(); err != nil {
		return speed{}, err
	}
	s, err := l.measureRunning(ctx, window)
	if err != nil {
		return speed{}, err
	}
	return s, l.pause()
}

func (l *loop) measureRunning(ctx context.Context, window time.Duration) (speed, error) {
	if err := trial.Sleep(ctx, resumed); err != nil {
		return speed{}, err
	}
	from, err := l.read()
	if err != nil {
		return speed{}, err
	}
	if err := trial.Sleep(ctx, window); err != nil {
		return speed{}, err
	}
	to, err := l.read()
	if err != nil {
		return speed{}, err
	}
	n := to.N - from.N
	perSecond := float64(n) / to.At.Sub(from.At).Seconds()
	if l.demand > 0 && perSecond > mostAsked*l.demand {
		return speed{}, fmt.Errorf("%s was not at its limit: %w", l.name, errNotAtLimit)
	}
	return speed{
		perSecond: perSecond,
		cost:      (to.CPU - from.CPU) / time.Duration(max(n, 1)),
		mallocs:   float64(to.Mallocs-from.Mallocs) / float64(max(n, 1)),
		heap:      l.heap,
		lost:      to.Lost - from.Lost,
	}, nil
}

// awaitTrips waits until a simulation has answered so many inquiries, but not for ever.
func awaitTrips(ctx context.Context, simulation *trial.Child, n uint64, patience time.Duration) error {
	for until := time.Now().Add(patience); ; {
		var t trips
		if err := simulation.Ask(&t, "trips"); err != nil || t.N >= n || time.Now().After(until) {
			return err
		}
		if err := trial.Sleep(ctx, lookAgain); err != nil {
			return err
		}
	}
}
