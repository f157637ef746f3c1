// Command scale measures how near one manager comes to the limit of the machine, and whether it holds 100,000 slaves. SCALE.md says
// how to read what it prints.
//
//	go run ./cmd/internal/scale
//
// The files, and what each owns:
//
//   - main.go: the flags, and which part runs in which process.
//   - child.go: the processes that it starts of itself (package trial); pin.go: which processor each has.
//   - usage.go: what a process has used.
//   - mode.go: plain or sealed mode, and what both sides need for it.
//   - bare.go: the limit: round trips with nothing in them.
//   - poll.go: a manager's status control that polls as fast as it can; simulation.go: the slaves.
//   - loop.go: one of both, and its turns; ratio.go: the table of all.
//   - hold.go: renrakud with 100,000 slaves at one inquiry a second, or with 50,000 in sealed mode; fall.go: when some of them fall
//     silent, and when it is stopped.
//   - watch.go: what a daemon's log and contact file say meanwhile.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"renraku/cmd/internal/trial"
)

// options are the flags.
type options struct {
	part   string        // both where empty
	rounds int           // of the table, of which the median counts
	window time.Duration // of one measurement
	mode   mode          // in which they are held
	slaves int           // that are held; 0: as many as must be in that mode
	hold   time.Duration
	pause  time.Duration // that the manager is stopped
}

func main() {
	var o options
	role := flag.String("role", "", "the `process` of a measurement that this one is; it is set by the program itself")
	flag.StringVar(&o.part, "part", "", "only this `part`: ratio or hold")
	flag.IntVar(&o.rounds, "rounds", 25, "the `number` of times that each ratio is measured")
	flag.DurationVar(&o.window, "window", 200*time.Millisecond, "the `time` of one measurement of a ratio")
	o.mode = plain
	flag.Var(&o.mode, "mode", "the `mode` in which slaves are held: plain or sealed")
	flag.IntVar(&o.slaves, "slaves", 0, "the `number` of slaves that are held (default 100000, or 50000 in sealed mode)")
	flag.DurationVar(&o.hold, "hold", time.Minute, "the `time` for which they are held")
	flag.DurationVar(&o.pause, "pause", 30*time.Second, "the `time` for which the manager is stopped")
	cpu := flag.Int("cpu", anyCPU, "the `number` of the processor that this process has, counted from 0; it is set by the program itself")
	flag.Parse()
	if *role != "" {
		err := pin(*cpu)
		if err == nil {
			err = serveRole(*role, flag.Args())
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "scale: %s: %v\n", *role, err)
			os.Exit(1)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	held, err := measure(ctx, &o)
	if err != nil {
		fmt.Fprintf(os.Stderr, "scale: %v\n", err)
		os.Exit(1)
	}
	if !held {
		fmt.Fprintln(os.Stderr, "scale: not everything holds that must")
		os.Exit(1)
	}
}

// measure runs the parts, and says whether everything held.
func measure(ctx context.Context, o *options) (bool, error) {
	var must trial.Claims
	if o.part != "hold" {
		if err := measureRatios(ctx, o, &must); err != nil {
			return false, err
		}
	}
	if o.part != "ratio" {
		if err := measureHold(ctx, o, &must); err != nil {
			return false, err
		}
	}
	return must.Print(os.Stdout), nil
}
