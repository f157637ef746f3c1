package definition

import (
	"fmt"
	"slices"
	"strings"
)

// MaxErrors is the number of mistakes that are told one by one.
const MaxErrors = 50

// maxShown is the number of bytes of a wrong value that a message repeats.
const maxShown = 80

// Error is one mistake in a definition file.
type Error struct {
	File string
	Line int    // from 1
	Key  string // such as "slave.interval"; "" where no key is meant
	Text string // what is wrong, and what would be right
}

// Error reads like `renraku.toml:14: slave.interval: "5x" is not a duration: …`.
func (e *Error) Error() string {
	if e.Key == "" {
		return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Text)
	}
	return fmt.Sprintf("%s:%d: %s: %s", e.File, e.Line, e.Key, e.Text)
}

// Errors are the mistakes of a file in the order of their lines, at least one. After MaxErrors of them stands one more, which
// says how many are left out.
type Errors []*Error

// Error has one line for each mistake.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, mistake := range e {
		lines[i] = mistake.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives the mistakes, for errors.As.
func (e Errors) Unwrap() []error {
	all := make([]error, len(e))
	for i, mistake := range e {
		all[i] = mistake
	}
	return all
}

// mistakes collects what is wrong with one file. It keeps the first ones by line, however many there are.
type mistakes struct {
	file  string
	lines int // of the file
	kept  Errors
	count int
}

func (m *mistakes) add(line int, key, text string) {
	m.count++
	m.kept = append(m.kept, &Error{File: m.file, Line: min(max(line, 1), m.lines), Key: key, Text: text})
	if len(m.kept) > 10*MaxErrors {
		m.cut()
	}
}

// cut keeps one mistake more than are told, for the line of the first that is left out.
func (m *mistakes) cut() {
	slices.SortStableFunc(m.kept, func(a, b *Error) int { return a.Line - b.Line })
	m.kept = m.kept[:min(len(m.kept), MaxErrors+1)]
}

// err is nil where there is no mistake.
func (m *mistakes) err() error {
	if m.count == 0 {
		return nil
	}
	m.cut()
	if m.count > MaxErrors {
		text := fmt.Sprintf("%d more mistakes from here on", m.count-MaxErrors)
		if m.count == MaxErrors+1 {
			text = "1 more mistake from here on"
		}
		m.kept[MaxErrors] = &Error{File: m.file, Line: m.kept[MaxErrors].Line, Text: text}
	}
	return m.kept
}

// quoted shows a value in quotes and on one line, cut where it is long.
func quoted(s string) string {
	if len(s) <= maxShown {
		return fmt.Sprintf("%q", s)
	}
	return fmt.Sprintf("%q…", strings.ToValidUTF8(s[:maxShown], ""))
}

// nearest gives the known word that s is most likely meant to be, and "" where none is near.
func nearest(s string, known []string) string {
	if len(s) > maxShown {
		return ""
	}
	found, least := "", 1+max(1, len(s)/3)
	for _, word := range known {
		if d := distance(strings.ToLower(s), strings.ToLower(word)); d < least {
			found, least = word, d
		}
	}
	return found
}

// distance is the number of letters to insert, delete, replace or exchange with their neighbour to make b of a.
func distance(a, b string) int {
	var before []int
	last := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
