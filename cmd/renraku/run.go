package main

import (
	"encoding/json"
	"errors"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"renraku/cmd/internal/control"
	"renraku/cmd/internal/exit"
	"renraku/manager"
	"renraku/slave"
)

type runFlags struct {
	dir, lang         string
	hosts             []string
	all, dryRun, json bool
}

func runCommand() *cobra.Command {
	var f runFlags
	c := &cobra.Command{
		Use:   "run PROCESS [--host PATTERN]… [--all] [--dry-run] [--json] [--lang ja] [--dir DIR]",
		Short: "Order a process on one server, some, or all at once",
		Long: "Orders a process of the definition, and prints one row for each server when all have answered; in a terminal\n" +
			"where the rows have no room, a summary follows them, failures first. Each server checks its own contact file again, so that\n" +
			"nothing is started twice. Exit status 0 when every outcome is LAUNCHED or ALREADY; servers in maintenance that --all or a\n" +
			"pattern means are SKIPPED and do not count in it, where any other is meant; one that is named does.\n" +
			"With --dry-run nothing is sent: READY means that the manager's check allows the order.",
		Args: exit.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error { return order(c, args[0], f) },
	}
	dirFlag(c, &f.dir)
	c.Flags().StringArrayVar(&f.hosts, "host", nil, "the servers that match this `pattern`, such as app01, 'app*', 'web[001-020]'")
	c.Flags().BoolVar(&f.all, "all", false, "every server of the definition")
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "only check; send nothing")
	c.Flags().BoolVar(&f.json, "json", false, "print JSON")
	langFlag(c, &f.lang)
	return c
}

func order(c *cobra.Command, process string, f runFlags) error {
	switch {
	case f.all && len(f.hosts) > 0:
		return exit.With(exit.Usage, errors.New("--host and --all together: one of them is right"))
	case !f.all && len(f.hosts) == 0:
		return exit.With(exit.Usage, errors.New("on which servers? --host PATTERN, or --all, is missing"))
	}
	language, err := languageOf(f.lang)
	if err != nil {
		return err
	}
	o := control.Order{Process: process, Hosts: f.hosts, All: f.all, DryRun: f.dryRun}
	p := newProgress(c.ErrOrStderr(), process)
	var hosts []string
	byHost := map[string]control.Row{}
	err = clientOf(c, f.dir).Order(c.Context(), o, func(h control.Head) {
		hosts = h.Hosts
		p.begin(hosts)
	}, func(r control.Row) {
		byHost[r.Host] = r
		p.row(r)
	})
	p.end()
	if err != nil && hosts == nil {
		return daemonError(err)
	}
	if c.Context().Err() != nil {
		err = errors.New("interrupted; an order that was sent goes on")
	}
	rows := allRows(process, hosts, byHost)
	if f.json {
		if err := printRowsJSON(c.OutOrStdout(), rows); err != nil {
			return err
		}
	} else {
		lines := resultLines(rows, language)
		printLines(c.OutOrStdout(), append(lines, summaryFor(c.OutOrStdout(), lines, rows, language)...))
	}
	if err != nil {
		return err
	}
	if !allWell(rows, f.hosts) {
		return exit.With(exit.NotWell, nil) // the rows have said it
	}
	return nil
}

// allWell says whether nothing is left to be done on the servers that are meant: those of a pattern, or all, are without the ones in
// maintenance, which are to be left alone; but one that is named is meant. Where nothing is well, not all is.
func allWell(rows []control.Row, patterns []string) bool {
	leftAlone := func(r control.Row) bool {
		return manager.ForMaintenance(r.Outcome, r.Text) && !slices.Contains(patterns, r.Host)
	}
	well := func(r control.Row) bool { return isWell(r.Outcome) }
	return slices.ContainsFunc(rows, well) && !slices.ContainsFunc(rows, func(r control.Row) bool { return !well(r) && !leftAlone(r) })
}

// allRows has one row for each server in definition order; for one without a result it says so.
func allRows(process string, hosts []string, byHost map[string]control.Row) []control.Row {
	rows := make([]control.Row, 0, len(hosts))
	for _, host := range hosts {
		r, ok := byHost[host]
		if !ok {
			r = control.Row{Host: host, Process: process, Outcome: string(slave.Unknown), Text: "its result was not waited for"}
		}
		rows = append(rows, r)
	}
	return rows
}

// isWell says whether nothing is left to be done: the process runs or has run, or, in a dry run, would be ordered.
func isWell(outcome string) bool {
	return outcome == string(slave.Launched) || outcome == string(slave.Already) || outcome == string(manager.Ready)
}

func printRowsJSON(out io.Writer, rows []control.Row) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(rows)
}
