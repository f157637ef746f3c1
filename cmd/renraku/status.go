package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"renraku/cmd/internal/control"
	"renraku/cmd/internal/daemon"
	"renraku/cmd/internal/exit"
	"renraku/contactfile"
	"renraku/slave"
)

type statusFlags struct {
	dir, lang   string
	json, watch bool
}

func statusCommand() *cobra.Command {
	var f statusFlags
	c := &cobra.Command{
		Use:   "status [--dir DIR] [--json] [--watch] [--lang ja] [HOST…]",
		Short: "Show the contact file: which servers are up, and what their applications do",
		Long: "Reads the contact file directly, with or without a daemon; which servers are in maintenance, and until when, stands beside them;\n" +
			"below the table stands what the daemon adds: that a definition was refused, that it is ISOLATED, and whose UDP is blocked. HOST may be a pattern such as 'web[001-020]' or 'app*'.\n" +
			"With --watch it goes on: in a terminal a live screen, servers in trouble first, which q ends; else a line for each change.\n" +
			"Times are UTC. --lang ja shows the statuses that every fleet has in Japanese; JSON, check and the files never do.",
		Args: exit.Args(cobra.ArbitraryArgs),
		RunE: func(c *cobra.Command, args []string) error { return status(c, f, args) },
	}
	dirFlag(c, &f.dir)
	c.Flags().BoolVar(&f.json, "json", false, "print JSON")
	langFlag(c, &f.lang)
	c.Flags().BoolVar(&f.watch, "watch", false, "go on and show changes, until q or Ctrl-C")
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
	language, err := languageOf(f.lang)
	if err != nil {
		return err
	}
	out, errOut := c.OutOrStdout(), c.ErrOrStderr()
	if f.watch {
		return watch(c.Context(), f.dir, wanted, language, out, errOut)
	}
	records, empty, err := readRecords(f.dir, wanted)
	if err != nil {
		return err
	}
	maintained, damage := readMaintenance(f.dir, time.Now())
	if f.json {
		if err := printJSON(out, records, maintained); err != nil {
			return err
		}
	}
	notes, err := daemonNotes(c.Context(), f.dir)
	if !f.json {
		printLines(out, append(statusLines(records, maintained, time.Now(), language), notes...))
	}
	if err := errors.Join(damage, err); err != nil {
		fmt.Fprintln(errOut, exit.Lines("renraku: status", err))
	}
	if empty {
		line := "renraku: status: the contact file is empty: there is no monitoring"
		if err == nil { // else a daemon is wanted first
			line += ", and renraku start begins it"
		}
		fmt.Fprintln(errOut, line)
	}
	return missing(records, wanted)
}

// stateWait is how long the daemon is waited for: the contact file says most without it.
const stateWait = time.Second

// daemonNotes says what the records cannot: in lines for below the table what their daemon knows more, and as an error that there is
// none, or none that answers, and so nobody who keeps the file up to date.
func daemonNotes(ctx context.Context, dir string) ([]string, error) {
	state, err := daemonState(ctx, dir)
	switch {
	case unkept(err):
		return nil, err
	case err != nil:
		return nil, nil
	}
	return stateLines(&state), nil
}

// unkept says whether an error of daemonState means that nobody may be there who keeps the contact file up to date.
func unkept(err error) bool {
	return errors.Is(err, control.ErrNoDaemon) || errors.Is(err, control.ErrNoAnswer)
}

// daemonState asks the daemon for its state.
func daemonState(ctx context.Context, dir string) (control.State, error) {
	ctx, cancel := context.WithTimeout(ctx, stateWait)
	defer cancel()
	state, err := control.NewClient(dir).State(ctx)
	switch {
	case errors.Is(err, control.ErrNoDaemon):
		err = fmt.Errorf("%w: the contact file is as the last one left it", err)
	case errors.Is(err, control.ErrNoAnswer):
		err = fmt.Errorf("%w: the contact file may be out of date", err)
	}
	return state, err
}

// stateLines is what the daemon knows more than the records say; nothing where all is well.
func stateLines(state *control.State) (lines []string) {
	if r := state.Refused; r != nil {
		line := "definition refused at " + r.At.UTC().Format(time.RFC3339) + ", the one before stands: " + r.Error
		if r.More {
			line += " (and more: the log has all)"
		}
		lines = append(lines, line)
	}
	if state.Isolated {
		lines = append(lines, state.Host+" ISOLATED: more than half of the running servers fell silent together; judgement is held, and triggers order nothing")
	}
	if n := state.UDPBlockedCount; n > 0 {
		line := "UDP blocked, answers on TCP alone: " + strings.Join(state.UDPBlocked, ", ")
		if more := n - len(state.UDPBlocked); more > 0 {
			line += fmt.Sprintf(" and %d more", more)
		}
		lines = append(lines, line)
	}
	return lines
}

// missing names every wanted host that has no record.
func missing(records []contactfile.Record, wanted []slave.Pattern) error {
	var all []error
	for _, host := range unmatched(records, wanted) {
		all = append(all, fmt.Errorf("no record of a host %s", host))
	}
	return errors.Join(all...)
}

// unmatched is each wanted host that has no record, in quotes.
func unmatched(records []contactfile.Record, wanted []slave.Pattern) (hosts []string) {
	for _, p := range wanted {
		if !anyMatches(records, p) {
			hosts = append(hosts, strconv.Quote(p.String()))
		}
	}
	return hosts
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
		return records, empty, notPermitted(err)
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
	Maintenance string `json:"maintenance,omitempty"` // its end
}

func printJSON(out io.Writer, records []contactfile.Record, m maintenance) error {
	all := make([]jsonRecord, 0, len(records))
	for _, r := range records {
		all = append(all, jsonRecord{r.Host, string(r.Operating), r.Application, r.Since.Format(time.RFC3339), m.written(r.Host)})
	}
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(all)
}
