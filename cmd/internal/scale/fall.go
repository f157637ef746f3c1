package main

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"time"

	"renraku/cmd/internal/trial"
	"renraku/slave"
)

const (
	fallShare = 100                    // one of so many slaves falls silent
	slack     = 100 * time.Millisecond // beyond the time that validate prints
)

// measureFall has one slave in fallShare fall silent, all at once, and answer again.
func (h *held) measureFall(ctx context.Context, o *options, must *trial.Claims) error {
	names, err := slave.NewSimulation(simulatedPrefix, h.slaves)
	if err != nil {
		return err
	}
	fallen := max(h.slaves/fallShare, 1)
	silent := map[string]bool{}
	for i := range fallen {
		silent[names.Host(i*fallShare)] = true
	}
	h.journal.takeStopped()
	bound := heldInterval + (heldRetries+1)*heldTimeout + slack
	fell := time.Now()
	if err := h.simulation.Ask(nil, "silent", 0, fallShare, fallen, true); err != nil {
		return err
	}
	if err := trial.Sleep(ctx, bound+settle); err != nil {
		return err
	}
	found, others, latest := 0, 0, time.Duration(0)
	for _, j := range h.journal.takeStopped() {
		if !silent[j.host] {
			others++
			continue
		}
		found++
		latest = max(latest, j.at.Sub(fell))
	}
	what := fmt.Sprintf("%d of %d fall silent at once: ", fallen, h.slaves)
	must.Add(found == fallen && others == 0, what+"found STOPPED; others", fmt.Sprintf("%d; %d", found, others), fmt.Sprintf("%d; 0", fallen))
	must.Add(latest <= bound, what+"the last is found after", latest.Round(time.Millisecond).String(), "at most "+bound.String())
	if err := h.simulation.Ask(nil, "silent", 0, fallShare, fallen, false); err != nil {
		return err
	}
	return awaitRunning(ctx, h.contactFile(), h.slaves+1, startWait)
}

// measurePause stops the manager for a while.
func (h *held) measurePause(ctx context.Context, o *options, must *trial.Claims) error {
	if err := trial.Sleep(ctx, settle); err != nil {
		return err
	}
	h.journal.takeStopped()
	fmt.Fprintf(os.Stderr, "the manager is stopped for %v\n", o.pause)
	if err := h.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	sleepErr := trial.Sleep(ctx, o.pause)
	if err := h.signal(syscall.SIGCONT); err != nil {
		return err
	}
	if sleepErr != nil {
		return sleepErr
	}
	if err := trial.Sleep(ctx, heldInterval+(heldRetries+1)*heldTimeout+settle); err != nil {
		return err
	}
	stopped := len(h.journal.takeStopped())
	must.Add(stopped == 0, fmt.Sprintf("the manager stopped for %v and continued: found STOPPED", o.pause), fmt.Sprint(stopped), "0")
	return nil
}
