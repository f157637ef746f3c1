package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"renraku/cmd/internal/exit"
	"renraku/contactfile"
	"renraku/slave"
)

// failedStatus is the pattern of the application statuses that mean trouble where nothing else is said.
const failedStatus = "*-FAILED"

type checkFlags struct {
	dir    string
	warn   []string
	daemon bool
}

func checkCommand() *cobra.Command {
	var f checkFlags
	c := &cobra.Command{
		Use:   "check [--warn PATTERN]… [--daemon] [--dir DIR] [HOST…]",
		Short: "Say in one line for Nagios whether all is well in the contact file",
		Long: "A plugin for Nagios and what works alike, by NRPE or on this server: one line, and performance data behind it. Reads the contact\n" +
			"file directly, as status does. HOST may be a pattern such as 'web[001-020]' or 'app*'; without one all servers are checked.\n" +
			"Exit status 0 OK, 1 WARNING: the application status of a server matches --warn, 2 CRITICAL: a server is STOPPED, 3 UNKNOWN: no\n" +
			"file, no monitoring, no record of a host, or wrong usage. CRITICAL goes before WARNING, and that before UNKNOWN.\n" +
			"A server in maintenance (renraku maintain) is neither, and the line names it.",
		Args: func(*cobra.Command, []string) error { return nil },
		RunE: func(c *cobra.Command, args []string) error { return check(c, f, args) },
	}
	dirFlag(c, &f.dir)
	c.Flags().StringArrayVar(&f.warn, "warn", []string{failedStatus}, "the application statuses that match this `pattern` are a WARNING")
	c.Flags().BoolVar(&f.daemon, "daemon", false, "UNKNOWN too where no daemon keeps the contact file up to date")
	c.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return answer(c.OutOrStdout(), unknown(exit.FlagError(c, err)))
	})
	return c
}

// check prints its one line on standard output in any case: a plugin's standard error is read by nobody.
func check(c *cobra.Command, f checkFlags, hosts []string) error {
	return answer(c.OutOrStdout(), findings(c.Context(), f, hosts))
}

func answer(out io.Writer, r checkResult) error {
	fmt.Fprintln(out, r.line())
	return exit.With(int(r.level()), nil)
}

func findings(ctx context.Context, f checkFlags, hosts []string) checkResult {
	wanted, err := patternsOf(hosts)
	if err != nil {
		return unknown(err)
	}
	warn, err := warnPatterns(f.warn)
	if err != nil {
		return unknown(err)
	}
	records, empty, err := readRecords(f.dir, wanted)
	switch {
	case err != nil:
		return unknown(err)
	case empty:
		return unknown(errors.New("the contact file is empty: there is no monitoring"))
	}
	maintained, err := readMaintenance(f.dir, time.Now())
	r := resultOf(records, warn, maintained)
	if err != nil {
		r.remarks = append(r.remarks, err.Error())
	}
	r.missing = unmatched(records, wanted)
	state, err := daemonState(ctx, f.dir)
	switch {
	case err != nil && f.daemon:
		r.doubt = err
	case unkept(err):
		r.remarks = append(r.remarks, err.Error())
	}
	if err == nil && state.Isolated {
		r.remarks = append(r.remarks, state.Host+" ISOLATED: judgement is held")
	}
	if err == nil && state.Refused != nil {
		r.remarks = append(r.remarks, "definition refused: the one before stands")
	}
	return r
}

func warnPatterns(texts []string) ([]slave.Pattern, error) {
	var patterns []slave.Pattern
	for _, text := range texts {
		p, err := slave.ParsePattern(text)
		if err != nil {
			return nil, fmt.Errorf("--warn %q: %w", text, err)
		}
		patterns = append(patterns, p)
	}
	return patterns, nil
}

func matchesAny(patterns []slave.Pattern, s string) bool {
	for _, p := range patterns {
		if p.Match(s) {
			return true
		}
	}
	return false
}

// resultOf counts the records; warn are the application statuses to warn of. Of a server in maintenance nothing is to be said but that.
func resultOf(records []contactfile.Record, warn []slave.Pattern, m maintenance) checkResult {
	r := checkResult{servers: len(records), applications: map[string]int{}, toWarn: map[string]bool{}}
	for i := range records {
		record := &records[i]
		if m.in(record.Host) {
			r.maintained = append(r.maintained, record.Host+" until "+m.written(record.Host))
			continue
		}
		if _, known := r.applications[record.Application]; !known && matchesAny(warn, record.Application) {
			r.toWarn[record.Application] = true
		}
		r.applications[record.Application]++
		switch {
		case record.Operating != contactfile.Running:
			r.stopped = append(r.stopped, record.Host)
		case r.toWarn[record.Application]:
			r.warned = append(r.warned, record.Host+" "+record.Application)
		}
	}
	return r
}
