package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"renraku/cmd/internal/control"
	"renraku/cmd/internal/daemon"
	"renraku/cmd/internal/exit"
	"renraku/cmd/internal/screen"
	"renraku/contactfile"
	"renraku/slave"
)

// watchEvery is the time between two looks at the contact file.
const watchEvery = 500 * time.Millisecond

type statusFlags struct {
	dir         string
	json, watch bool
}

func statusCommand() *cobra.Command {
	var f statusFlags
	c := &cobra.Command{
		Use:   "status [--dir DIR] [--json] [--watch] [HOST…]",
		Short: "Show the contact file: which servers are up, and what their applications do",
		Long: "Reads the contact file directly, with or without a daemon. HOST may be a pattern such as 'web[001-020]' or 'app*'.\n" +
			"With --watch it goes on: a live table in a terminal, else a line for each change. Times are UTC.",
		Args: exit.Args(cobra.ArbitraryArgs),
		RunE: func(c *cobra.Command, args []string) error { return status(c, f, args) },
	}
	dirFlag(c, &f.dir)
	c.Flags().BoolVar(&f.json, "json", false, "print JSON")
	c.Flags().BoolVar(&f.watch, "watch", false, "go on and show changes, until Ctrl-C")
	return c
}

func status(c *cobra.Command, f statusFlags, hosts []string) error {
	if f.json && f.watch {
		return exit.With(exit.Usage, errors.New("--json and --watch together: one of them is right"))
	}
	wanted, err := patternsOf(hosts)
	if err != nil {
		return exit.With(exit.Usage, err)
	}
	out, errOut := c.OutOrStdout(), c.ErrOrStderr()
	if f.watch {
		return watch(c.Context(), f.dir, wanted, out, errOut)
	}
	records, empty, err := readRecords(f.dir, wanted)
	if err != nil {
		return err
	}
	if f.json {
		if err := printJSON(out, records); err != nil {
			return err
		}
	} else {
		printLines(out, statusLines(records, time.Now()))
	}
	remarks(c.Context(), f.dir, empty, errOut)
	return missing(records, wanted)
}

// remarks says on standard error what the table cannot: that nobody keeps the file up to date, or that monitoring has ended.
func remarks(ctx context.Context, dir string, empty bool, errOut io.Writer) {
	_, err := control.NewClient(dir).State(ctx)
	if errors.Is(err, control.ErrNoDaemon) {
		fmt.Fprintf(errOut, "renraku: status: %v: the contact file is as the last one left it\n", err)
	}
	if empty {
		fmt.Fprintln(errOut, "renraku: status: the contact file is empty: there is no monitoring")
	}
}

// missing names every wanted host that has no record.
func missing(records []contactfile.Record, wanted []slave.Pattern) error {
	var all []error
	for _, p := range wanted {
		if !anyMatches(records, p) {
			all = append(all, fmt.Errorf("no record of a host %q", p))
		}
	}
	return errors.Join(all...)
}

func patternsOf(hosts []string) ([]slave.Pattern, error) {
	var patterns []slave.Pattern
	for _, h := range hosts {
		p, err := slave.ParsePattern(h)
		if err != nil {
			return nil, fmt.Errorf("host %q: %w", h, err)
		}
		patterns = append(patterns, p)
	}
	return patterns, nil
}

func anyMatches(records []contactfile.Record, p slave.Pattern) bool {
	for i := range records {
		if p.Match(records[i].Host) {
			return true
		}
	}
	return false
}

// readRecords reads the records of the wanted hosts, all where none is named; empty says that the file has none at all.
func readRecords(dir string, wanted []slave.Pattern) (kept []contactfile.Record, empty bool, err error) {
	records, err := contactfile.ReadFile(filepath.Join(dir, daemon.ContactFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, fmt.Errorf("no contact file in %s: has renrakud ever run there? --dir names another directory", dir)
	}
	empty = err == nil && len(records) == 0
	if err != nil || len(wanted) == 0 {
		return records, empty, err
	}
	kept = records[:0]
	for _, r := range records {
		for _, p := range wanted {
			if p.Match(r.Host) {
				kept = append(kept, r)
				break
			}
		}
	}
	return kept, empty, nil
}

// jsonRecord is a record as status --json prints it.
type jsonRecord struct {
	Host        string `json:"host"`
	Operating   string `json:"operating"`
	Application string `json:"application"`
	Since       string `json:"since"`
}

func printJSON(out io.Writer, records []contactfile.Record) error {
	all := make([]jsonRecord, 0, len(records))
	for _, r := range records {
		all = append(all, jsonRecord{r.Host, string(r.Operating), r.Application, r.Since.Format(time.RFC3339)})
	}
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(all)
}

// watch shows the contact file until ctx ends.
func watch(ctx context.Context, dir string, wanted []slave.Pattern, out, errOut io.Writer) error {
	show := changes(out)
	if f, ok := out.(*os.File); ok {
		if live, ok := screen.NewLive(f); ok {
			show = func(records []contactfile.Record) { live.Draw(watchLines(records, live.Rows(), time.Now())) }
		}
	}
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	said := ""
	for first := true; ; first = false {
		records, empty, err := readRecords(dir, wanted)
		if err == nil && !empty {
			err = missing(records, wanted)
		}
		switch {
		case err != nil && first:
			return err
		case err != nil:
			if text := exit.Lines("renraku: status", err); text != said { // an error while watching may pass
				said = text
				fmt.Fprintln(errOut, text)
			}
		default:
			said = ""
			show(records)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// watchLines is the live table, cut to the terminal's height, and a line of counts below it.
func watchLines(records []contactfile.Record, height int, now time.Time) []string {
	lines := statusLines(records, now)
	running := 0
	applications := map[string]int{}
	for _, r := range records {
		if r.Operating == contactfile.Running {
			running++
		}
		applications[r.Application]++
	}
	summary := fmt.Sprintf("%d running, %d stopped%s · %s UTC · Ctrl-C ends", running, len(records)-running,
		applicationCounts(applications), now.UTC().Format(time.TimeOnly))
	if len(records) == 0 {
		summary = "no monitoring · " + now.UTC().Format(time.TimeOnly) + " UTC · Ctrl-C ends"
	}
	if room := height - 2; len(lines) > room && room > 2 {
		hidden := len(lines) - (room - 1)
		lines = append(lines[:room-1:room-1], fmt.Sprintf("… and %d more; name hosts to see them", hidden))
	}
	return append(lines, "", summary)
}

func applicationCounts(counts map[string]int) string {
	text := ""
	for _, name := range sortedKeys(counts) {
		text += fmt.Sprintf(", %d %s", counts[name], orDash(name))
	}
	return text
}

// changes prints a line for each record that is new or has changed since the last call.
func changes(out io.Writer) func([]contactfile.Record) {
	last := map[string]contactfile.Record{}
	ended := false
	return func(records []contactfile.Record) {
		if len(records) == 0 && !ended {
			fmt.Fprintf(out, "%s no monitoring\n", time.Now().UTC().Format(time.RFC3339))
			clear(last)
		}
		ended = len(records) == 0
		for _, r := range records {
			if before, ok := last[r.Host]; ok && before == r {
				continue
			}
			last[r.Host] = r
			fmt.Fprintln(out, strings.Join([]string{r.Since.Format(time.RFC3339), r.Host, string(r.Operating), orDash(r.Application)}, " "))
		}
	}
}
