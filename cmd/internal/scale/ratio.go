package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"
)

const (
	leastOfBare  = 0.75 // of the bare loop's round trips a second
	mostOfSmall  = 1.3  // of the cost of a slave of the smallest poll
	allRunning   = 30 * time.Second
	askedOnceFor = 100 * time.Microsecond // of a poll's first round, for each slave
)

// speed is one measurement.
type speed struct {
	perSecond float64
	cost      time.Duration // CPU of the asking side for each round trip
	mallocs   float64       // for each round trip
	heap      float64       // bytes for each slave
	lost      uint64
}

// measureRatios prints what a poll of so many slaves costs beside the bare loop, each time in turn, and of each the median.
func measureRatios(ctx context.Context, o *options, must *claims) error {
	sizes := []int{1000, 10_000, 100_000}
	var batched, single []speed
	polls := map[int][]speed{}
	for round := range o.rounds {
		fmt.Fprintf(os.Stderr, "round %d of %d\n", round+1, o.rounds)
		s, err := measureBare(ctx, o, "-single")
		if err != nil {
			return err
		}
		single = append(single, s)
		for _, n := range sizes {
			if s, err = measureBare(ctx, o, ""); err != nil { // the limit right beside each poll
				return err
			}
			batched = append(batched, s)
			if s, err = measurePoll(ctx, o, n); err != nil {
				return err
			}
			polls[n] = append(polls[n], s)
		}
	}
	bare := medianOf(batched)
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "\tround trips/s\tof the limit\tCPU each\tallocations each\tbytes a slave\tlost\t")
	row := func(name string, s speed) {
		heap := ""
		if s.heap > 0 {
			heap = fmt.Sprintf("%.0f", s.heap)
		}
		fmt.Fprintf(table, "%s\t%.0f\t%.2f\t%.2f µs\t%.4f\t%s\t%d\t\n", name, s.perSecond, s.perSecond/bare.perSecond,
			float64(s.cost)/1e3, s.mallocs, heap, s.lost)
	}
	row("bare loop, batches (the limit)", bare)
	row("bare loop, one call each", medianOf(single))
	for _, n := range sizes {
		row(fmt.Sprintf("poll of %d slaves", n), medianOf(polls[n]))
	}
	table.Flush()
	for _, n := range sizes {
		ratio := medianOf(polls[n]).perSecond / bare.perSecond
		must.add(ratio >= leastOfBare, fmt.Sprintf("round trips a second of a poll of %d, of the bare loop's", n), fmt.Sprintf("%.2f", ratio),
			fmt.Sprintf("at least %.2f", leastOfBare))
	}
	small, large := medianOf(polls[sizes[0]]).cost, medianOf(polls[sizes[len(sizes)-1]]).cost
	ratio := float64(large) / float64(small)
	must.add(ratio <= mostOfSmall, "cost of a round trip at 100000 slaves, of that at 1000", fmt.Sprintf("%.2f", ratio),
		fmt.Sprintf("at most %.1f", mostOfSmall))
	for _, n := range sizes {
		mallocs := medianOf(polls[n]).mallocs
		must.add(mallocs < 0.01, fmt.Sprintf("allocations for a round trip at %d slaves", n), fmt.Sprintf("%.4f", mallocs), "less than 0.01")
	}
	return nil
}

func medianOf(all []speed) speed {
	sorted := slices.SortedFunc(slices.Values(all), func(a, b speed) int { return int(a.perSecond - b.perSecond) })
	return sorted[len(sorted)/2]
}

func measureBare(ctx context.Context, o *options, kind string) (speed, error) {
	echo, err := start(ctx, "echo"+kind)
	if err != nil {
		return speed{}, err
	}
	defer echo.stop()
	asker, err := start(ctx, "asker"+kind, echo.address)
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

// measurePoll has more inquiries be due than there can be.
func measurePoll(ctx context.Context, o *options, n int) (speed, error) {
	return measurePollEvery(ctx, o, n, time.Duration(n)*time.Second/demand)
}

func measurePollEvery(ctx context.Context, o *options, n int, interval time.Duration) (speed, error) {
	simulation, err := start(ctx, "simulation", strconv.Itoa(n))
	if err != nil {
		return speed{}, err
	}
	defer simulation.stop()
	poll, err := start(ctx, "poll", strconv.Itoa(n), simulation.address, interval.String())
	if err != nil {
		return speed{}, err
	}
	defer poll.stop()
	if err := sleep(ctx, o.window/4+time.Duration(n)*askedOnceFor/4); err != nil { // everyone is RUNNING then
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
		return s, fmt.Errorf("the poll of %d slaves was not at its limit: it skipped no round", n)
	}
	return s, nil
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
