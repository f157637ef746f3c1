package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"renraku/cmd/internal/trial"
)

const (
	leastOfBare = 0.75 // of the bare loop's round trips a second
	mostOfSmall = 1.3  // of the cost of a slave of the smallest poll
	mostMallocs = 0.01 // for a round trip: none for a datagram, a few for a wait
	mostSealing = 4500 * time.Nanosecond
)

// speed is one measurement.
type speed struct {
	perSecond float64
	ofLimit   float64       // of the limit's round trips a second; that of the limit itself is 0
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
func measureRatios(ctx context.Context, o *options, must *trial.Claims) error {
	limit, others, err := startLoops(ctx)
	if err != nil {
		return err
	}
	defer limit.stop()
	defer stopLoops(others)
	all := ratios{others: make([][]speed, len(others))}
	for round := range o.rounds {
		fmt.Fprintf(os.Stderr, "round %d of %d\n", round+1, o.rounds)
		if err := all.measure(ctx, o.window, limit, others); err != nil {
			return err
		}
	}
	all.print(os.Stdout)
	all.claim(must)
	return nil
}

// startLoops starts the limit, and what is held against it: the bare loop with one call each, and the polls.
func startLoops(ctx context.Context) (limit *loop, others []*loop, err error) {
	if limit, err = startBare(ctx, ""); err != nil {
		return nil, nil, err
	}
	single, err := startBare(ctx, "-single")
	if err != nil {
		limit.stop()
		return nil, nil, err
	}
	others = append(others, single)
	for i := range polls {
		poll, err := startPoll(ctx, &polls[i], saturation(&polls[i]))
		if err != nil {
			limit.stop()
			stopLoops(others)
			return nil, nil, err
		}
		others = append(others, poll)
	}
	return limit, others, nil
}

func stopLoops(all []*loop) {
	for _, l := range all {
		l.stop()
	}
}

// ratios are the measurements of all rounds.
type ratios struct {
	limit  []speed
	others [][]speed // the bare loop with one call each, and the polls
}

// measure makes one round. What the machine does beside it changes from moment to moment: each is held against the limit right before
// it and right after it.
func (r *ratios) measure(ctx context.Context, window time.Duration, limit *loop, others []*loop) error {
	before, err := limit.measure(ctx, window)
	if err != nil {
		return err
	}
	for i, other := range others {
		s, err := other.measure(ctx, window)
		if err != nil {
			return err
		}
		after, err := limit.measure(ctx, window)
		if err != nil {
			return err
		}
		beside := (before.perSecond + after.perSecond) / 2
		s.ofLimit = s.perSecond / beside
		r.others[i] = append(r.others[i], s)
		r.limit = append(r.limit, after)
		fmt.Fprintf(os.Stderr, "%s: %.0f round trips/s, %.2f of %.0f\n", other.name, s.perSecond, s.ofLimit, beside)
		before = after
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
		ofLimit, heap := "1", ""
		if s.ofLimit > 0 {
			ofLimit = fmt.Sprintf("%.2f", s.ofLimit)
		}
		if s.heap > 0 {
			heap = fmt.Sprintf("%.0f", s.heap)
		}
		fmt.Fprintf(table, "%s\t%.0f\t%s\t%.2f µs\t%.4f\t%s\t%d\t\n", name, s.perSecond, ofLimit, float64(s.cost)/1e3, s.mallocs,
			heap, s.lost)
	}
	row(batchedName, r.limit)
	row(singleName, r.others[0])
	for i := range polls {
		row(polls[i].name(), r.of(i))
	}
	table.Flush()
}

// of is poll i.
func (r *ratios) of(i int) []speed { return r.others[1+i] }

// claim says what must hold of them.
func (r *ratios) claim(must *trial.Claims) {
	for i := range polls {
		s, name := medianOf(r.of(i)), polls[i].name()
		if polls[i].mode == plain {
			must.Add(s.ofLimit >= leastOfBare, name+": round trips a second, of the bare loop's", fmt.Sprintf("%.2f", s.ofLimit),
				fmt.Sprintf("at least %.2f", leastOfBare))
		} else {
			beyond := medianDifference(r.of(i), r.of(i-1))
			must.Add(beyond <= mostSealing, name+": CPU of a round trip beyond plain", fmt.Sprintf("%.2f µs", float64(beyond)/1e3),
				fmt.Sprintf("at most %v", mostSealing))
		}
		must.Add(s.mallocs < mostMallocs, name+": allocations for a round trip", fmt.Sprintf("%.4f", s.mallocs),
			fmt.Sprintf("less than %v", mostMallocs))
	}
	last := len(polls) - 1
	ratio := float64(medianOf(r.of(last)).cost) / float64(medianOf(r.of(0)).cost)
	must.Add(ratio <= mostOfSmall, fmt.Sprintf("cost of a slave of %d, of one of %d", polls[last].slaves, polls[0].slaves),
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
