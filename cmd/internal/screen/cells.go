package screen

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// Cells is how many cells of a terminal a text takes, which is not how many characters it has: wide ones of East Asia take two, and marks
// that are written over others none. What terminals disagree on (ambiguous, in Unicode's words) counts as one, as most have it.
func Cells(s string) int {
	n := 0
	for _, r := range s {
		n += cells(r)
	}
	return n
}

// firstMark is the first character that may take no cell, and none before it takes two.
const firstMark = 0x300

func cells(r rune) int {
	switch {
	case r < firstMark:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// Cut is as much of a text, from its beginning, as so many cells have room for.
func Cut(s string, most int) string {
	n := 0
	for i, r := range s {
		if n += cells(r); n > most {
			return s[:i]
		}
	}
	return s
}

// Fit cuts a text to so many cells, and shows that it was cut.
func Fit(s string, most int) string {
	if len(s) <= most || Cells(s) <= most {
		return s
	}
	return Cut(s, most-1) + "…"
}

// Pad fills a text with spaces, where it takes fewer cells.
func Pad(s string, least int) string {
	return s + strings.Repeat(" ", max(0, least-Cells(s)))
}

// Wrap lays a text without line feeds out in lines of so many cells, between words where it can.
func Wrap(line string, most int) (lines []string) {
	most = max(most, 1)
	for Cells(line) > most {
		fits := Cut(line, most)
		if fits == "" { // a wide character has no room anywhere
			_, size := utf8.DecodeRuneInString(line)
			if fits = line[:size]; size == len(line) {
				break
			}
		}
		if line[len(fits)] != ' ' {
			if space := strings.LastIndexByte(fits, ' '); space > 0 {
				fits = fits[:space]
			}
		}
		lines = append(lines, fits)
		line = strings.TrimLeft(line[len(fits):], " ")
	}
	return append(lines, line)
}
