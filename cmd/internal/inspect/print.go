package inspect

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"renraku/telegram"
)

// dumpLimit is the most bytes of a bad telegram that are shown. The first bad byte is always among them: no telegram that is
// too long goes wrong behind MaxLength, and the two types that can be sealed are so short that all of their trailers is shown.
const (
	dumpRow   = 16
	dumpLimit = (telegram.MaxLength/dumpRow + 3) * dumpRow
)

// item is the bytes of one telegram, or of what should be one.
type item struct {
	bytes []byte
	place string // where in the input, shown for a bad one; may be ""
	route string // time, carrier and addresses, a line of its own before the telegram; may be ""
	note  string // what a person should know of a bad one; may be ""
}

// printer writes the output and counts. Nothing of the input reaches the output but through quotes, the checked fields of a
// telegram, and dump.
type printer struct {
	out   *bufio.Writer
	sum   Summary
	other int // packets of a capture that have nothing to do with telegrams
}

func newPrinter(out io.Writer) *printer { return &printer{out: bufio.NewWriter(out)} }

// telegram prints it as it decodes. As in all methods but flush, an error of out is kept until flush gives it.
func (p *printer) telegram(it item) {
	p.sum.Telegrams++
	if it.route != "" {
		fmt.Fprintln(p.out, it.route)
	}
	if isSealed(it.bytes) {
		p.sealed(it)
	} else {
		p.plain(it)
	}
	fmt.Fprintln(p.out)
}

func (p *printer) plain(it item) {
	decoded, err := telegram.Decode(it.bytes)
	if err != nil {
		p.bad(it, err)
		return
	}
	l := layouts[decoded.Type()]
	fmt.Fprintf(p.out, "#%d %v %s, %s\n", p.sum.Telegrams, decoded.Type(), l.title, count(len(it.bytes), "byte"))
	p.rows(l.rows(), values(decoded))
}

func (p *printer) sealed(it item) {
	decoded, trailer, err := decodeSealed(it.bytes)
	if err != nil {
		p.bad(it, err)
		return
	}
	l := layouts[decoded.Type()]
	fmt.Fprintf(p.out, "#%d %v %s, sealed, %s\n", p.sum.Telegrams, decoded.Type(), l.title, count(len(it.bytes), "byte"))
	p.rows(append(l.rows(), trailerFields...), append(values(decoded), trailerValues(&trailer, it.bytes)...))
}

// rows prints a line for each field.
func (p *printer) rows(rows []row, values []string) {
	width := 0
	for _, r := range rows {
		width = max(width, len(r.label))
	}
	offset := 0
	for i, r := range rows {
		fmt.Fprintf(p.out, "%5d %3d  %-*s %s\n", offset, r.length, width, r.label, values[i])
		offset += r.length
	}
}

func (p *printer) bad(it item, err error) {
	p.sum.Bad++
	fmt.Fprintf(p.out, "#%d bad telegram, %s", p.sum.Telegrams, count(len(it.bytes), "byte"))
	if it.place != "" {
		fmt.Fprintf(p.out, ", %s", it.place)
	}
	fmt.Fprintf(p.out, "\n  %v\n", err)
	if it.note != "" {
		fmt.Fprintf(p.out, "  %s\n", it.note)
	}
	first := 0
	var wrong *telegram.FieldError
	var wrongTrailer *trailerError
	switch {
	case errors.As(err, &wrong):
		first = wrong.Offset
	case errors.As(err, &wrongTrailer):
		first = wrongTrailer.offset
	}
	p.dump(it.bytes, first)
}

// badHex prints hex that is none, in the place of the telegram that should be there.
func (p *printer) badHex(problem string) {
	p.sum.Telegrams++
	p.sum.Bad++
	fmt.Fprintf(p.out, "#%d bad telegram\n  %s\n\n", p.sum.Telegrams, problem)
}

// dump shows bytes as hex and ASCII. A > at the line's beginning and before the byte marks the first bad byte, or the end
// where a byte is missing there.
func (p *printer) dump(b []byte, first int) {
	shown := b[:min(len(b), dumpLimit)]
	for at := 0; at < len(shown) || at == first; at += dumpRow {
		mark := ' '
		if first >= at && first < at+dumpRow {
			mark = '>'
		}
		row := shown[at:min(at+dumpRow, len(shown))]
		fmt.Fprintf(p.out, "%c%4d  %s |%s|\n", mark, at, hexRow(row, first-at), asciiRow(row))
	}
	if left := len(b) - len(shown); left > 0 {
		fmt.Fprintf(p.out, "      … %s left out\n", count(left, "more byte"))
	}
}

func hexRow(row []byte, first int) string {
	var s strings.Builder
	for i := range dumpRow {
		if i == first {
			s.WriteByte('>')
		} else {
			s.WriteByte(' ')
		}
		if i < len(row) {
			fmt.Fprintf(&s, "%02x", row[i])
		} else {
			s.WriteString("  ")
		}
	}
	return s.String()
}

func asciiRow(row []byte) string {
	var s strings.Builder
	for _, c := range row {
		if c < 0x20 || c > 0x7E {
			c = '.'
		}
		s.WriteByte(c)
	}
	return s.String()
}

// remark prints a line that belongs to no telegram.
func (p *printer) remark(s string) { fmt.Fprintf(p.out, "%s\n\n", s) }

// last prints the last line.
func (p *printer) last() {
	fmt.Fprintf(p.out, "%s, %d bad", count(p.sum.Telegrams, "telegram"), p.sum.Bad)
	if p.other > 0 {
		fmt.Fprintf(p.out, "; %s of other traffic", count(p.other, "packet"))
	}
	fmt.Fprintln(p.out)
}

func (p *printer) flush() error {
	if err := p.out.Flush(); err != nil {
		return fmt.Errorf("write telegrams: %w", err)
	}
	return nil
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
