package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"

	"renraku/cmd/internal/control"
	"renraku/cmd/internal/screen"
	"renraku/cmd/internal/words"
	"renraku/slave"
)

// summaryFor is what follows the lines of the rows on out: a summary where that is a terminal in which they have no room.
func summaryFor(out io.Writer, lines []string, rows []control.Row, language words.Language) []string {
	f, ok := out.(*os.File)
	if !ok {
		return nil
	}
	width, height, ok := screen.Size(f)
	const prompt = 1 // line, which comes next
	if !ok || linesOn(width, lines)+prompt <= height {
		return nil
	}
	return append([]string{""}, summaryLines(rows, width, height-prompt-1, language)...)
}

// linesOn is how many lines of a terminal the lines take.
func linesOn(width int, lines []string) int {
	n := 0
	for _, line := range lines {
		n += max(1, (screen.Cells(line)+width-1)/width)
	}
	return n
}

// summaryLines is at most height lines: the rows of the servers where something is left to be done, failures first, as many as there is
// room for, and then the number of servers for each outcome.
func summaryLines(rows []control.Row, width, height int, language words.Language) []string {
	counts := outcomeLines(rows)
	var bad []control.Row
	for _, r := range rows {
		if !isWell(r.Outcome) {
			bad = append(bad, r)
		}
	}
	if len(bad) == 0 {
		return counts
	}
	slices.SortStableFunc(bad, func(a, b control.Row) int { return cmp.Compare(severity(a.Outcome), severity(b.Outcome)) })
	room := height - len(counts) - 1 // an empty line between them
	var lines []string
	for _, line := range resultLines(bad, language) {
		lines = append(lines, screen.Fit(line, width-1))
	}
	if len(lines) > room {
		shown := max(room-1, 2) // the heading, and one at least
		lines = append(lines[:shown:shown], fmt.Sprintf("… and %d more above", len(lines)-shown))
	}
	return slices.Concat(lines, []string{""}, counts)
}

// outcomeLines counts the servers by outcome, failures first.
func outcomeLines(rows []control.Row) []string {
	counts := map[string]int{}
	for _, r := range rows {
		counts[r.Outcome]++
	}
	table := [][]string{{"OUTCOME", "SERVERS"}}
	for _, outcome := range worstFirst(counts) {
		table = append(table, []string{outcome, strconv.Itoa(counts[outcome])})
	}
	return columns(table)
}

// severity is the place of an outcome among the others: what has failed, or may have, before what was not done on purpose, and that before
// what is well.
func severity(outcome string) int {
	switch slave.Outcome(outcome) {
	case slave.Failed, slave.Lost, slave.Unknown, slave.Unreachable:
		return 0
	case slave.Refused:
		return 1
	}
	if !isWell(outcome) {
		return 2
	}
	return 3
}

// worstFirst is the outcomes in counts by their severity, and of one severity those of most servers first.
func worstFirst(counts map[string]int) []string {
	outcomes := sortedKeys(counts)
	slices.SortStableFunc(outcomes, func(a, b string) int {
		return cmp.Or(cmp.Compare(severity(a), severity(b)), cmp.Compare(counts[b], counts[a]))
	})
	return outcomes
}
