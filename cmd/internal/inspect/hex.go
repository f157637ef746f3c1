package inspect

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"unicode"
)

// datagram is what stands between two blank lines of hex.
type datagram struct {
	line    int    // of its first byte, counted from 1
	bytes   []byte // empty where there is a problem
	problem string // why it is no hex, with the line; "" where it is
}

// datagrams reads hex: pairs of digits, with or without white space, commas and colons between them, each row of pairs
// perhaps with 0x before it; # begins a comment to the end of the line. Only a line with nothing at all, not even a comment,
// separates datagrams. After a problem the rest of its datagram is skipped.
func datagrams(text []byte) iter.Seq[datagram] {
	text = bytes.TrimPrefix(text, []byte("\uFEFF")) // some editors put it before every text
	return func(yield func(datagram) bool) {
		var d datagram
		number := 0
		for line := range bytes.Lines(text) {
			number++
			if len(bytes.TrimSpace(line)) == 0 {
				if d.line != 0 && !yield(d) {
					return
				}
				d = datagram{}
				continue
			}
			d.add(line, number)
		}
		if d.line != 0 {
			yield(d)
		}
	}
}

func (d *datagram) add(line []byte, number int) {
	line, _, _ = bytes.Cut(line, []byte("#"))
	for row := range bytes.FieldsFuncSeq(line, func(r rune) bool { return unicode.IsSpace(r) || r == ',' || r == ':' }) {
		if d.line == 0 {
			d.line = number
		}
		if d.problem != "" {
			return
		}
		if problem := d.addDigits(row); problem != "" {
			d.problem = fmt.Sprintf("line %d: %s", number, problem)
			d.bytes = nil
		}
	}
}

func (d *datagram) addDigits(row []byte) (problem string) {
	digits := row
	if len(row) > 1 && row[0] == '0' && (row[1] == 'x' || row[1] == 'X') {
		digits = row[2:]
	}
	for _, r := range string(digits) {
		if !strings.ContainsRune("0123456789abcdefABCDEF", r) {
			return strconv.QuoteRuneToASCII(r) + " is no hex digit"
		}
	}
	if len(digits)%2 != 0 || len(digits) == 0 {
		return fmt.Sprintf("%s has an odd number of hex digits", abridged(row))
	}
	d.bytes, _ = hex.AppendDecode(d.bytes, digits) // cannot fail after the checks above
	return ""
}

// abridged quotes the beginning of a row, which may be as long as the input.
func abridged(row []byte) string {
	const most = 16
	if len(row) > most {
		return strconv.Quote(string(row[:most])) + "…"
	}
	return strconv.Quote(string(row))
}
