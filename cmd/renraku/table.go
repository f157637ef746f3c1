package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"renraku/cmd/internal/control"
	"renraku/cmd/internal/exit"
	"renraku/cmd/internal/screen"
	"renraku/cmd/internal/words"
	"renraku/contactfile"
)

// columns lays rows out in columns, two spaces between them.
func columns(rows [][]string) []string {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], screen.Cells(cell))
		}
	}
	lines := make([]string, len(rows))
	for i, row := range rows {
		lines[i] = inColumns(row, widths)
	}
	return lines
}

// inColumns is a row in columns of these widths, in cells of a terminal.
func inColumns(row []string, widths []int) string {
	var b strings.Builder
	for i, cell := range row {
		b.WriteString(screen.Pad(cell, widths[i]) + "  ")
	}
	return strings.TrimRight(b.String(), " ")
}

func printLines(w io.Writer, lines []string) {
	for _, line := range lines {
		fmt.Fprintln(w, line)
	}
}

// statusLines is the table of status: a heading, and a line for each record. It has a column more where one is in maintenance.
func statusLines(records []contactfile.Record, m maintenance, now time.Time, language words.Language) []string {
	rows := [][]string{{"HOST", "OPERATING", "APPLICATION", "SINCE", "FOR"}}
	any := false
	for i := range records {
		r := &records[i]
		any = any || m.in(r.Host)
		rows = append(rows, []string{r.Host, language.Status(string(r.Operating)), orDash(language.Status(r.Application)),
			r.Since.Format(time.RFC3339), shortDuration(now.Sub(r.Since))})
	}
	if any {
		rows[0] = append(rows[0], "MAINTENANCE")
		for i := range records {
			rows[i+1] = append(rows[i+1], orDash(m.written(records[i].Host)))
		}
	}
	return columns(rows)
}

// shortDuration has two units at most, such as 3m12s or 2d4h.
func shortDuration(d time.Duration) string {
	d = max(d, 0).Truncate(time.Second)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm%ds", d/time.Minute, d%time.Minute/time.Second)
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%dd%dh", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
}

// resultLines is the table of run: a heading, and a line for each server.
func resultLines(rows []control.Row, language words.Language) []string {
	table := [][]string{{"HOST", "OUTCOME", "APPLICATION", "TEXT"}}
	for _, r := range rows {
		table = append(table, []string{r.Host, r.Outcome, orDash(language.Status(r.Application)), printable(r.Text)})
	}
	return columns(table)
}

// printable takes what a terminal would obey, and what would break the table, out of a text.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r >= 0x7F && r <= 0x9F {
			return ' '
		}
		return r
	}, s)
}

// langFlag is the language of the statuses that people read. No environment sets it: scripts read these tables too.
func langFlag(c *cobra.Command, lang *string) {
	c.Flags().StringVar(lang, "lang", string(words.English), "show the statuses that every fleet has in this `language`: en or ja")
	c.RegisterFlagCompletionFunc("lang", cobra.FixedCompletions(words.Languages(), cobra.ShellCompDirectiveNoFileComp))
}

// languageOf is the language that langFlag has.
func languageOf(lang string) (words.Language, error) {
	language, err := words.Parse(lang)
	if err != nil {
		return "", exit.With(exit.Usage, fmt.Errorf("--lang %w", err))
	}
	return language, nil
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func sortedKeys(counts map[string]int) []string {
	return slices.Sorted(maps.Keys(counts))
}
