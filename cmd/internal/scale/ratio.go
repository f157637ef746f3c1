package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"
)

const (
	leastOfBare  = 0.75 // of the bare loop's round trips a second
	mostOfSmall  = 1.3  // of the cost of a slave of the smallest poll
	mostMallocs  = 0.01 // for a round trip: none for a datagram, a few for a wait
	mostSealing  = 4500 * time.Nanosecond
	askedAtMost  = 3 * time.Second       // the beginning of a poll
	askedOnceFor = 25 * time.Microsecond // of the beginning at least, for each slave
	askedBefore  = 3                     // inquiries to each slave before it counts: everyone is RUNNING then, and has its keys
)

// speed is one measurement.
type speed struct {
	perSecond float64
	ofLimit   float64       // of the bare loop's round trips a second, measured right before
	cost      time.Duration // CPU of the asking side for each round trip
	mallocs   float64       // for each round trip
	heap      float64       // bytes for each slave
	lost      uint64
}

// poll is one kind of poll that is measured.
type poll struct {
	slaves int
	mode   mode
}

// polls are those; a sealed one comes right after the plain one of as many slaves.
var polls = []poll{{1000, plain}, {10_000, plain}, {10_000, sealed}, {100_000, plain}}

func (p *poll) name() string {
	name := fmt.Sprintf("poll of %d slaves", p.slaves)
	if p.mode == sealed {
		name += ", sealed"
	}
	return name
}

// measureRatios prints what a poll of so many slaves costs beside the bare loop, and of each the median.
func measureRatios(ctx context.Context, o *options, must *claims) error {
	var all ratios
	for round := range o.rounds {
		fmt.Fprintf(os.Stderr, "round %d of %d\n", round+1, o.rounds)
		if err := all.measure(ctx, o); err != nil {
			return err
		}
	}
	all.print(os.Stdout)
	all.claim(must)
	return nil
}

// ratios are the measurements of all rounds.
type ratios struct {
	batched, single []speed
	polls           [][]speed // by the index of polls
}

// measure makes one round. What the machine does beside it changes from second to second: each is held against the bare loop right
// before it.
func (r *ratios) measure(ctx context.Context, o *options) error {
	r.polls = slices.Grow(r.polls, len(polls))[:len(polls)]
	for i := -1; i < len(polls); i++ {
		limit, err := measureBare(ctx, o, "")
		if err != nil {
			return err
		}
		limit.ofLimit = 1
		r.batched = append(r.batched, limit)
		var s speed
		into, name := &r.single, singleName
		if i < 0 {
			s, err = measureBare(ctx, o, "-single")
		} else {
			into, name = &r.polls[i], polls[i].name()
			s, err = measurePoll(ctx, o, &polls[i])
		}
		if err != nil {
			return err
		}
		s.ofLimit = s.perSecond / limit.perSecond
		*into = append(*into, s)
		fmt.Fprintf(os.Stderr, "%s: %.0f round trips/s, %.2f of %.0f\n", name, s.perSecond, s.ofLimit, limit.perSecond)
	}
	return nil
}

const (
	batchedName = "bare loop, batches (the limit)"
	singleName  = "bare loop, one call each"
)

func (r *ratios) print(to io.Writer) {
	table := tabwriter.NewWriter(to, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "\tround trips/s\tof the limit\tCPU each\tallocations each\tbytes a slave\tlost\t")
	row := func(name string, all []speed) {
		s := medianOf(all)
		heap := ""
		if s.heap > 0 {
			heap = fmt.Sprintf("%.0f", s.heap)
		}
		fmt.Fprintf(table, "%s\t%.0f\t%.2f\t%.2f µs\t%.4f\t%s\t%d\t\n", name, s.perSecond, s.ofLimit, float64(s.cost)/1e3, s.mallocs,
			heap, s.lost)
	}
	row(batchedName, r.batched)
	row(singleName, r.single)
	for i, all := range r.polls {
		row(polls[i].name(), all)
	}
	table.Flush()
}

// claim says what must hold of them.
func (r *ratios) claim(must *claims) {
	for i, all := range r.polls {
		s, name := medianOf(all), polls[i].name()
		if polls[i].mode == plain {
			must.add(s.ofLimit >= leastOfBare, name+": round trips a second, of the bare loop's", fmt.Sprintf("%.2f", s.ofLimit),
				fmt.Sprintf("at least %.2f", leastOfBare))
		} else {
			beyond := medianDifference(all, r.polls[i-1])
			must.add(beyond <= mostSealing, name+": CPU of a round trip beyond plain", fmt.Sprintf("%.2f µs", float64(beyond)/1e3),
				fmt.Sprintf("at most %v", mostSealing))
		}
		must.add(s.mallocs < mostMallocs, name+": allocations for a round trip", fmt.Sprintf("%.4f", s.mallocs),
			fmt.Sprintf("less than %v", mostMallocs))
	}
	last := len(polls) - 1
	ratio := float64(medianOf(r.polls[last]).cost) / float64(medianOf(r.polls[0]).cost)
	must.add(ratio <= mostOfSmall, fmt.Sprintf("cost of a slave of %d, of one of %d", polls[last].slaves, polls[0].slaves),
		fmt.Sprintf("%.2f", ratio), fmt.Sprintf("at most %.1f", mostOfSmall))
}

// medianDifference is that of the costs of neighbours.
func medianDifference(more, less []speed) time.Duration {
	differences := make([]time.Duration, len(more))
	for i := range more {
		differences[i] = more[i].cost - less[i].cost
	}
	slices.Sort(differences)
	return differences[len(differences)/2]
}

// medianOf has the median of each figure for itself.
func medianOf(all []speed) speed {
	middle := func(of func(speed) float64) float64 {
		values := make([]float64, len(all))
		for i := range all {
			values[i] = of(all[i])
		}
		slices.Sort(values)
		return values[len(values)/2]
	}
	return speed{
		perSecond: middle(func(s speed) float64 { return s.perSecond }),
		ofLimit:   middle(func(s speed) float64 { return s.ofLimit }),
		cost:      time.Duration(middle(func(s speed) float64 { return float64(s.cost) })),
		mallocs:   middle(func(s speed) float64 { return s.mallocs }),
		heap:      middle(func(s speed) float64 { return s.heap }),
		lost:      uint64(middle(func(s speed) float64 { return float64(s.lost) })),
	}
}

func measureBare(ctx context.Context, o *options, kind string) (speed, error) {
	echo, err := start(ctx, otherCPU, "echo"+kind)
	if err != nil {
		return speed{}, err
	}
	defer echo.stop()
	asker, err := start(ctx, askingCPU, "asker"+kind, echo.address)
	if err != nil {
		return speed{}, err
	}
	defer asker.stop()
	if err := sleep(ctx, o.window/4); err != nil {
		return speed{}, err
	}
	var from, to trips
	if err := asker.ask(&from, "trips"); err != nil {
		return speed{}, err
	}
	if err := sleep(ctx, o.window); err != nil {
		return speed{}, err
	}
	if err := asker.ask(&to, "trips"); err != nil {
		return speed{}, err
	}
	s := between(&from.usage, &to.usage, to.N-from.N)
	s.lost = to.Lost - from.Lost
	return s, nil
}

// errNotAtLimit says that a poll was not at its limit: it is no measurement.
var errNotAtLimit = errors.New("it skipped no round")

// pollAttempts is how often a poll is begun that is not at its limit.
const pollAttempts = 4

// measurePoll has more inquiries be due than there can be.
func measurePoll(ctx context.Context, o *options, p *poll) (s speed, err error) {
	for range pollAttempts {
		s, err = measurePollEvery(ctx, o, p, time.Duration(p.slaves)*time.Second/demand)
		if !errors.Is(err, errNotAtLimit) {
			break
		}
	}
	return s, err
}

func measurePollEvery(ctx context.Context, o *options, p *poll, interval time.Duration) (speed, error) {
	n := p.slaves
	simulation, err := start(ctx, otherCPU, "simulation", strconv.Itoa(n), string(p.mode))
	if err != nil {
		return speed{}, err
	}
	defer simulation.stop()
	poll, err := start(ctx, askingCPU, "poll", strconv.Itoa(n), string(p.mode), simulation.address, interval.String())
	if err != nil {
		return speed{}, err
	}
	defer poll.stop()
	if err := sleep(ctx, o.window/4+time.Duration(n)*askedOnceFor); err != nil { // the first rounds are not like the others
		return speed{}, err
	}
	if err := awaitTrips(ctx, simulation, askedBefore*uint64(n), askedAtMost); err != nil {
		return speed{}, err
	}
	var memory, from, to polled
	var first, last trips
	if err := poll.ask(&memory, "memory"); err != nil {
		return speed{}, err
	}
	if err := simulation.ask(&first, "trips"); err != nil {
		return speed{}, err
	}
	if err := poll.ask(&from, "usage"); err != nil {
		return speed{}, err
	}
	if err := sleep(ctx, o.window); err != nil {
		return speed{}, err
	}
	if err := poll.ask(&to, "usage"); err != nil {
		return speed{}, err
	}
	if err := simulation.ask(&last, "trips"); err != nil {
		return speed{}, err
	}
	s := between(&from.usage, &to.usage, last.N-first.N)
	s.heap = float64(memory.Heap) / float64(n)
	s.lost = last.Lost + to.Overflow
	if to.Skipped == from.Skipped {
		return s, fmt.Errorf("the poll of %d slaves was not at its limit: %w", n, errNotAtLimit)
	}
	return s, nil
}

// awaitTrips waits until a simulation has answered so many inquiries, but not for ever.
func awaitTrips(ctx context.Context, simulation *child, n uint64, patience time.Duration) error {
	for until := time.Now().Add(patience); ; {
		var t trips
		if err := simulation.ask(&t, "trips"); err != nil || t.N >= n || time.Now().After(until) {
			return err
		}
		if err := sleep(ctx, lookAgain); err != nil {
			return err
		}
	}
}

// between is what the process that asks has used for n round trips.
func between(from, to *usage, n uint64) speed {
	took := to.At.Sub(from.At).Seconds()
	return speed{perSecond: float64(n) / took, cost: (to.CPU - from.CPU) / time.Duration(max(n, 1)),
		mallocs: float64(to.Mallocs-from.Mallocs) / float64(max(n, 1))}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
