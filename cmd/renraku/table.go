package main

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"renraku/cmd/internal/control"
	"renraku/contactfile"
)

// columns lays rows out in columns, two spaces between them.
func columns(rows [][]string) []string {
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	w.Flush()
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return lines
}

func printLines(w io.Writer, lines []string) {
	for _, line := range lines {
		fmt.Fprintln(w, line)
	}
}

// statusLines is the table of status: a heading, and a line for each record.
func statusLines(records []contactfile.Record, now time.Time) []string {
	rows := [][]string{{"HOST", "OPERATING", "APPLICATION", "SINCE", "FOR"}}
	for i := range records {
		r := &records[i]
		rows = append(rows, []string{r.Host, string(r.Operating), orDash(r.Application),
			r.Since.Format(time.RFC3339), shortDuration(now.Sub(r.Since))})
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
func resultLines(rows []control.Row) []string {
	table := [][]string{{"HOST", "OUTCOME", "APPLICATION", "TEXT"}}
	for _, r := range rows {
		table = append(table, []string{r.Host, r.Outcome, orDash(r.Application), printable(r.Text)})
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

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func sortedKeys(counts map[string]int) []string {
	return slices.Sorted(maps.Keys(counts))
}
