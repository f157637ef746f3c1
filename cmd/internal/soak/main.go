// Command soak has one manager hold a fleet for a long time on a network that is bad in another way every few seconds, and says
// whether anything was lost, was done twice, or grew. SOAK.md says what it does and what must hold.
//
//	go run ./cmd/internal/soak
//	go run ./cmd/internal/soak -mode sealed
//
// The files, and what each owns:
//
//   - main.go: the flags, and which role this process has.
//   - soak.go: the whole of a run, step by step.
//   - roles.go: what the processes do that it starts of itself (package trial).
//   - fleet.go: the servers, their addresses and proxies; definition.go: the definition file of each.
//   - keys.go: the keys in sealed mode, and their rotation.
//   - weather.go: what the network and the slaves suffer; disturb.go: what the manager does; rubbish.go: what strangers send.
//   - orders.go: the orders and messages that are given meanwhile, and what was told of them.
//   - board.go: what the contact file has to say of each slave, and whether it does; journal.go: what the manager's log says.
//   - account.go: the ledger of runs against the histories, at the end.
//   - samples.go: what the processes use; growth.go: whether that grows.
//   - table.go: what must not happen, and what did.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"time"

	"renraku/cmd/internal/definition"
	"renraku/slave/runs"
)

// options are the flags.
type options struct {
	length time.Duration // of the faults
	slaves int           // that are simulated
	seed   uint64
	mode   string // plain or sealed
}

func main() {
	if runs.IsParent() {
		os.Exit(runs.Parent())
	}
	var o options
	flags := flag.NewFlagSet("soak", flag.ExitOnError) // its own: that of the process has the flags of tests
	role := flags.String("role", "", "what this `process` is; it is set by the program itself")
	flags.DurationVar(&o.length, "for", time.Hour, "the `time` for which there are faults")
	flags.IntVar(&o.slaves, "slaves", 1000, "the `number` of simulated slaves, beside those that run processes")
	flags.StringVar(&o.mode, "mode", definition.Plain.String(), "the `mode` of the fleet: plain or sealed")
	flags.Uint64Var(&o.seed, "seed", 0, "the `number` that the faults are drawn from; 0: another one each time")
	flags.Parse(os.Args[1:])
	if *role != "" {
		if err := serveRole(*role, flags.Args()); err != nil {
			fmt.Fprintf(os.Stderr, "soak: %s: %v\n", *role, err)
			os.Exit(1)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	held, err := run(ctx, &o)
	if err == nil && !held {
		err = errors.New("not everything holds that must")
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "soak: seed %d: %v\n", o.seed, err)
		os.Exit(1)
	}
}

// check completes the options, and says what is wrong with them.
func (o *options) check() error {
	if o.seed == 0 {
		o.seed = rand.Uint64()
	}
	switch {
	case o.mode != definition.Plain.String() && o.mode != definition.Sealed.String():
		return fmt.Errorf("-mode %s: plain or sealed is right", o.mode)
	case o.length < leastLength:
		return fmt.Errorf("-for %v: %v or more is right: in less, nothing can be said about growth", o.length, leastLength)
	case o.slaves < groups || o.slaves > mostSlaves:
		return fmt.Errorf("-slaves %d: %d to %d is right", o.slaves, groups, mostSlaves)
	}
	return nil
}

// Limits of the flags.
const (
	leastLength = 30 * time.Second
	mostSlaves  = 5000
)
