package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"renraku/contactfile"
	"renraku/slave"
	"renraku/telegram"
)

// demoBatch is a process of type simple: it is up for a while, and its end triggers demoProcess on the same server.
const (
	demoBatch       = "NIGHTBATCH"
	demoBatchStatus = contactfile.Batch
	demoSettle      = 300 * time.Millisecond
)

// demoBatchDefinition is the batch and the trigger that its end fires.
func demoBatchDefinition(command, host string) string {
	return fmt.Sprintf("\n[[process]]\nid      = %q\ncommand = %s\ntype    = \"simple\"\nsettle  = %q\nfrom    = [\"NOT-STARTED\"]\nstatus  = %q\n"+
		"\n[[trigger]]\nprocess = %q\nhosts   = [%q]\nmessage = '^%s@%s ended normally$'\n",
		demoBatch, command, demoSettle, demoBatchStatus, demoProcess, host, demoBatch, host)
}

// runBatch: the operator orders the batch on one server; it ends by itself, and the message of its end orders ONLINE there.
func runBatch(ctx context.Context, f *fleet, s *stage) error {
	m := f.slaves[0]
	s.say("the operator orders %s on %s", demoBatch, m.host)
	rows, err := f.order(ctx, demoBatch, m.host)
	if err != nil {
		return err
	}
	for _, r := range rows {
		s.say("  %s: %s: %s", r.Host, r.Outcome, printable(r.Text))
		if r.Outcome != string(slave.Launched) || r.Application != demoBatchStatus {
			return fmt.Errorf("%s on %s: %s %s, want LAUNCHED %s", demoBatch, r.Host, r.Outcome, r.Application, demoBatchStatus)
		}
	}
	if err := m.ownFileSays(isRunning, demoBatchStatus); err != nil {
		return err
	}
	if err := f.managerSays(m, isRunning, demoBatchStatus); err != nil {
		return err
	}
	s.say("%s works; the application of %s is %s", demoBatch, m.host, demoBatchStatus)
	if _, err := waitFor(ctx, demoPatience, demoBatch+" ended", func() error {
		return m.hasInHistory(f.manager, demoBatch, slave.ByOperator, slave.Ended)
	}); err != nil {
		return err
	}
	if err := f.wire.says(m.host, demoBatch, telegram.Launch, telegram.Launched, telegram.Ended); err != nil {
		return err
	}
	s.say("%s has ended by itself; its message triggers %s on %s", demoBatch, demoProcess, m.host)
	took, err := waitFor(ctx, demoPatience, m.host+" "+demoProcess, func() error {
		if err := m.hasInHistory(f.manager, demoProcess, slave.ByMessage, slave.Launched); err != nil {
			return err
		}
		if err := f.managerSays(m, isRunning, demoProcess); err != nil {
			return err
		}
		return m.hasRunApplication()
	})
	if err == nil {
		s.say("%s is %s, %v later", m.host, demoProcess, took)
	}
	return err
}

// hasInHistory looks that the keeper's history tells of the process on this server.
func (m *member) hasInHistory(keeper *member, process string, by slave.Trigger, outcome slave.Outcome) error {
	for r, err := range contactfile.ReadHistory(filepath.Join(keeper.dir, slave.HistoryFile)) {
		if err != nil {
			return err
		}
		if r.Host == m.host && r.Process == process && r.Trigger == string(by) && r.Outcome == string(outcome) {
			return nil
		}
	}
	return fmt.Errorf("the history of %s has no %s by %s of %s on %s", keeper.host, outcome, by, process, m.host)
}
