package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"renraku/cmd/internal/control"
	"renraku/cmd/internal/duration"
	"renraku/cmd/internal/exit"
	"renraku/cmd/internal/screen"
	"renraku/cmd/internal/words"
	"renraku/contactfile"
	"renraku/slave"
	"renraku/telegram"
)

type historyFlags struct {
	dir, process, since, lang string
	hosts                     []string
	json                      bool
}

func historyCommand() *cobra.Command {
	var f historyFlags
	c := &cobra.Command{
		Use:   "history [--dir DIR] [--host PATTERN]… [--process ID] [--since T] [--json] [--lang ja]",
		Short: "Show what was ordered on this server, or from it, and what became of it",
		Long: "Reads the history directly, with or without a daemon; oldest first. Times are UTC.\n" +
			"T is how long ago, such as 30m, 2h or 7d, or a time: 2026-11-22, '2026-11-22 10:43', 2026-11-22T19:43:05+09:00; without\n" +
			"an offset it is UTC. A damaged record is named on standard error, and the exit status is 1.",
		RunE: func(c *cobra.Command, _ []string) error { return history(c, f) },
	}
	dirFlag(c, &f.dir)
	c.Flags().StringArrayVar(&f.hosts, "host", nil, "the servers that match this `pattern`, such as app01, 'app*', 'web[001-020]'")
	c.Flags().StringVar(&f.process, "process", "", "the process with this `ID` alone")
	c.Flags().StringVar(&f.since, "since", "", "from this `time` on")
	c.Flags().BoolVar(&f.json, "json", false, "print JSON")
	langFlag(c, &f.lang)
	return c
}

func history(c *cobra.Command, f historyFlags) error {
	wanted, err := wantedOf(f, c.Flags().Changed, time.Now())
	if err != nil {
		return exit.With(exit.Usage, err)
	}
	language, err := languageOf(f.lang)
	if err != nil {
		return err
	}
	r := &historyReader{ctx: c.Context(), path: filepath.Join(f.dir, slave.HistoryFile), wanted: wanted}
	out := bufio.NewWriter(c.OutOrStdout())
	if f.json {
		err = printHistoryJSON(out, r, c.ErrOrStderr())
	} else {
		err = printHistory(out, r, c.ErrOrStderr(), language)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return noHistory(c.Context(), f.dir)
	}
	if err := errors.Join(notPermitted(err), out.Flush()); err != nil {
		return err
	}
	switch {
	case r.damaged > 0:
		return exit.With(exit.NotWell, nil) // each has been named
	case r.read == 0:
		fmt.Fprintln(c.ErrOrStderr(), "renraku: history: the history is empty: no records")
	case r.matched == 0:
		fmt.Fprintln(c.ErrOrStderr(), "renraku: history: no records match")
	}
	return nil
}

// noHistory says why there may be none: a daemon makes one when it starts.
func noHistory(ctx context.Context, dir string) error {
	if _, err := daemonState(ctx, dir); err == nil || errors.Is(err, control.ErrNoAnswer) {
		return fmt.Errorf("no history in %s, though a daemon runs there: somebody has taken %s away, and what is written now is lost when "+
			"the daemon ends; where it was renamed, rename it back, else start the daemon again", dir, slave.HistoryFile)
	}
	return fmt.Errorf("no history in %s: has renrakud ever run there? --dir names another directory", dir)
}

// wantedHistory says which records are wanted; the zero value wants all.
type wantedHistory struct {
	hosts   []slave.Pattern
	process string
	since   time.Time
}

func wantedOf(f historyFlags, given func(flag string) bool, now time.Time) (w wantedHistory, err error) {
	if w.hosts, err = patternsOf(f.hosts); err != nil {
		return w, err
	}
	if given("process") {
		if _, err := telegram.NewProcessID(f.process); err != nil {
			return w, fmt.Errorf("--process %q: %w", f.process, err)
		}
		w.process = f.process
	}
	if given("since") {
		w.since, err = parseSince(f.since, now)
	}
	return w, err
}

func (w *wantedHistory) match(r *contactfile.HistoryRecord) bool {
	if w.process != "" && r.Process != w.process || r.Time.Before(w.since) {
		return false
	}
	for _, p := range w.hosts {
		if p.Match(r.Host) {
			return true
		}
	}
	return len(w.hosts) == 0
}

// sinceLayouts are the times without an offset that --since takes.
var sinceLayouts = []string{time.DateOnly, "2006-01-02 15:04", "2006-01-02T15:04", time.DateTime, "2006-01-02T15:04:05"}

// parseSince reads how long before now, or a time.
func parseSince(s string, now time.Time) (time.Time, error) {
	if d, err := duration.Parse(s); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	for _, layout := range append([]string{time.RFC3339}, sinceLayouts...) {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("--since %q: neither how long ago, such as 30m, 2h or 7d, nor a time, such as 2026-11-22, "+
		"2026-11-22T10:43 or 2026-11-22T10:43:05Z", s)
}

// historyReader reads the history and counts what it meets.
type historyReader struct {
	ctx    context.Context
	path   string
	wanted wantedHistory

	read, matched, damaged int
}

// each calls show with each wanted record, and names the damaged ones on errOut.
func (r *historyReader) each(errOut io.Writer, show func(*contactfile.HistoryRecord)) error {
	r.read, r.matched, r.damaged = 0, 0, 0
	for record, err := range contactfile.ReadHistory(r.path) {
		if r.ctx.Err() != nil {
			return errors.New("interrupted")
		}
		var damage *contactfile.FieldError
		if err != nil && !errors.As(err, &damage) {
			return err
		}
		r.read++
		switch {
		case err != nil:
			r.damaged++
			fmt.Fprintf(errOut, "renraku: history: %v\n", err)
		case r.wanted.match(&record):
			r.matched++
			show(&record)
		}
	}
	return nil
}

// historyTime is the time as it stands in the file.
const historyTime = "2006-01-02T15:04:05.000Z07:00"

var historyHeading = []string{"TIME", "HOST", "PROCESS", "TRIGGER", "OUTCOME", "APPLICATION", "TEXT"}

func historyRow(r *contactfile.HistoryRecord, language words.Language) []string {
	return []string{r.Time.Format(historyTime), r.Host, orDash(r.Process), r.Trigger, r.Outcome, orDash(language.Status(r.Application)), r.Text}
}

// printHistory reads the file twice: for the widths of the columns, and for the lines. A history may be larger than the memory.
func printHistory(out io.Writer, r *historyReader, errOut io.Writer, language words.Language) error {
	widths := make([]int, len(historyHeading))
	widen := func(row []string) {
		for i, cell := range row {
			widths[i] = max(widths[i], screen.Cells(cell))
		}
	}
	widen(historyHeading)
	if err := r.each(io.Discard, func(record *contactfile.HistoryRecord) { widen(historyRow(record, language)) }); err != nil {
		return err
	}
	line := func(row []string) {
		fmt.Fprintln(out, inColumns(row, widths)) // the file may have grown since: then a cell may be wider
	}
	line(historyHeading)
	return r.each(errOut, func(record *contactfile.HistoryRecord) { line(historyRow(record, language)) })
}

// jsonHistory is a record as history --json prints it.
type jsonHistory struct {
	Time        string `json:"time"`
	Host        string `json:"host"`
	Process     string `json:"process"`
	Trigger     string `json:"trigger"`
	Outcome     string `json:"outcome"`
	Application string `json:"application"`
	Text        string `json:"text"`
}

// printHistoryJSON prints the array record by record. The array ends as one in any case, but where there is no file.
func printHistoryJSON(out io.Writer, r *historyReader, errOut io.Writer) error {
	const indent = "  "
	separator := "["
	err := r.each(errOut, func(record *contactfile.HistoryRecord) {
		b, _ := json.MarshalIndent(jsonHistory{record.Time.Format(historyTime), record.Host, record.Process, record.Trigger,
			record.Outcome, record.Application, record.Text}, indent, indent) // strings always encode
		fmt.Fprintf(out, "%s\n%s%s", separator, indent, b)
		separator = ","
	})
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case separator == "[":
		fmt.Fprintln(out, "[]")
	default:
		fmt.Fprintln(out, "\n]")
	}
	return err
}
