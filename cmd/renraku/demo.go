package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"renraku/cmd/internal/duration"
	"renraku/cmd/internal/exit"
	"renraku/slave"
	"renraku/telegram"
)

// The demo is in seven files: demo.go is its command and its course, demo_fleet.go its daemons, demo_stage.go what is seen of
// it, demo_wire.go the wire between the daemons, demo_batch.go the act of the night batch, demo_silence.go that of the slave that
// dies, demo_application.go the processes that it orders.

const (
	maxDemoSlaves = 50
	demoPause     = 1300 * time.Millisecond // between two acts, so that a person can follow
	lookEvery     = 10 * time.Millisecond   // at the contact files, while something is waited for
	demoPatience  = 10 * time.Second        // for what has no time of its own
)

type demoFlags struct {
	slaves int
	length time.Duration
	dir    string
}

func demoCommand() *cobra.Command {
	var f demoFlags
	c := &cobra.Command{
		Use:   "demo [--slaves 3] [--for 20s] [--dir DIR]",
		Short: "A real manager and real slaves on loopback: see a fleet come up, work, lose a server and get it back",
		Long: "Runs a manager and slaves in one process on 127.0.0.1, with real sockets and files. All come up; a batch is ordered,\n" +
			"ends by itself, and its message triggers ONLINE; ONLINE is ordered everywhere; one slave dies, is found, and comes\n" +
			"back. With --for it ends after that time, with exit status 0 only if all of this has happened; without, it goes on\n" +
			"until Ctrl-C.",
		RunE: func(c *cobra.Command, _ []string) error { return demo(c, f) },
	}
	c.Flags().IntVar(&f.slaves, "slaves", 3, "the `number` of slaves")
	duration.Flag(c.Flags(), &f.length, "for", "end after this `time`; 0: on Ctrl-C")
	c.Flags().StringVar(&f.dir, "dir", "", "keep the daemons' files in this `directory` (default: a temporary one)")
	return c
}

func demo(c *cobra.Command, f demoFlags) error {
	if f.slaves < 1 || f.slaves > maxDemoSlaves {
		return exit.With(exit.Usage, fmt.Errorf("--slaves %d: 1 to %d is right", f.slaves, maxDemoSlaves))
	}
	if f.length < 0 {
		return exit.With(exit.Usage, fmt.Errorf("--for %v: a time such as 20s, or 0 for no end, is right", f.length))
	}
	if f.dir == "" {
		dir, err := os.MkdirTemp("", "renraku-demo-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		f.dir = dir
	}
	fleet, err := newFleet(f.dir, f.slaves)
	if err != nil {
		return err
	}
	defer fleet.killAll()
	defer fleet.wire.close()
	s := newStage(c.OutOrStdout(), fleet)
	ctx := c.Context()
	if f.length > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, f.length, errTimeUp)
		defer cancel()
	}
	acts, err := play(ctx, fleet, s)
	s.close()
	if errors.Is(err, context.Canceled) || errors.Is(err, errTimeUp) {
		err = nil // the end of the demo, not of what it shows
	}
	if endErr := fleet.end(); err == nil {
		err = endErr
	}
	switch {
	case err != nil:
		return err
	case acts < actsShown && f.length > 0:
		return fmt.Errorf("%v was too short: %d of %d acts were shown", f.length, acts, actsShown)
	case acts < actsShown:
		return fmt.Errorf("ended after %d of %d acts", acts, actsShown)
	}
	fmt.Fprintln(c.OutOrStdout(), "all of it happened: contact files, telegrams on the wire and what the processes left agree")
	return nil
}

var errTimeUp = errors.New("the time is up")

// actsShown is how many acts there are before the last two are played again.
const actsShown = 5

// play plays the acts one after the other, the last two again and again with another slave, until ctx ends. It gives how many
// were shown; the error is that of the first that went wrong, or ctx's.
func play(ctx context.Context, f *fleet, s *stage) (acts int, err error) {
	if err := f.startAll(); err != nil {
		return 0, err
	}
	s.say("%s and a manager on 127.0.0.1; a slave that falls silent is found within %v at most",
		count(len(f.slaves), "slave", "slaves"), f.detection())
	for _, act := range []func(context.Context, *fleet, *stage) error{comeUp, runBatch, goOnline} {
		if err := act(ctx, f, s); err != nil {
			return acts, err
		}
		acts++
		if err := pause(ctx, demoPause); err != nil {
			return acts, err
		}
	}
	for death := 0; ; death++ {
		victim := f.slaves[(len(f.slaves)-1+death)%len(f.slaves)]
		if err := die(ctx, f, s, victim, momentOfDeath(death)); err != nil {
			return acts, err
		}
		acts++
		if err := pause(ctx, demoPause); err != nil {
			return acts, err
		}
		if err := comeBack(ctx, f, s, victim); err != nil {
			return acts, err
		}
		acts++
		if err := pause(ctx, 2*demoPause); err != nil {
			return acts, err
		}
	}
}

// comeUp: all slaves are found RUNNING.
func comeUp(ctx context.Context, f *fleet, s *stage) error {
	took, err := waitFor(ctx, demoPatience, "all slaves RUNNING", func() error {
		for _, m := range f.slaves {
			if err := f.managerSays(m, isRunning, ""); err != nil {
				return err
			}
			if n, _ := f.wire.runningAnswers(m.host); n == 0 {
				return fmt.Errorf("%s has answered no inquiry", m.host)
			}
		}
		return nil
	})
	if err == nil {
		s.say("all slaves are RUNNING, after %v", took)
	}
	return err
}

// goOnline: the operator orders ONLINE everywhere.
func goOnline(ctx context.Context, f *fleet, s *stage) error {
	s.say("the operator orders %s on every server", demoProcess)
	rows, err := f.order(ctx, demoProcess)
	if err != nil {
		return err
	}
	for _, r := range rows {
		s.say("  %s: %s: %s", r.Host, r.Outcome, printable(r.Text))
		want := slave.Launched
		if r.Host == f.slaves[0].host {
			want = slave.Already // since the night batch
		}
		if r.Outcome != string(want) {
			return fmt.Errorf("%s on %s: %s, want %s", demoProcess, r.Host, r.Outcome, want)
		}
	}
	for _, m := range f.all() {
		if err := m.hasRunApplication(); err != nil {
			return err
		}
		if err := m.ownFileSays(isRunning, demoProcess); err != nil {
			return err
		}
		if err := f.managerSays(m, isRunning, demoProcess); err != nil {
			return err
		}
	}
	// One order and one response for each slave, however often it was ordered, and a receipt, which passes last.
	_, err = waitFor(ctx, demoPatience, demoProcess+" on the wire", func() error {
		for _, m := range f.slaves {
			if err := f.wire.says(m.host, demoProcess, telegram.Launch, telegram.Launched, telegram.Taken); err != nil {
				return err
			}
		}
		return nil
	})
	return err
}

// comeBack: the slave is started again and found RUNNING.
func comeBack(ctx context.Context, f *fleet, s *stage, victim *member) error {
	before, _ := f.wire.runningAnswers(victim.host)
	if err := victim.start(); err != nil {
		return err
	}
	s.say("%s is started again", victim.host)
	took, err := waitFor(ctx, demoPatience, victim.host+" RUNNING", func() error {
		if now, _ := f.wire.runningAnswers(victim.host); now == before {
			return fmt.Errorf("%s has answered no inquiry", victim.host)
		}
		return f.managerSays(victim, isRunning, demoProcess)
	})
	if err != nil {
		return err
	}
	s.say("%s is RUNNING again, after %v; its application is %s still", victim.host, took, demoProcess)
	return nil
}

// waitFor waits until holds has no error, and gives how long that took.
func waitFor(ctx context.Context, limit time.Duration, what string, holds func() error) (time.Duration, error) {
	for started := time.Now(); ; {
		err := holds()
		took := time.Since(started)
		if err == nil {
			return took.Round(time.Millisecond), nil
		}
		if took > limit {
			return took, fmt.Errorf("%s: not within %v: %w", what, limit, err)
		}
		if err := pause(ctx, lookEvery); err != nil {
			return took, err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
