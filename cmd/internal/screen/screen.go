// Package screen draws in a terminal what changes.
//
// screen.go has Live, whose drawings take the place of the one before, below what was printed earlier. full.go has Full, which takes the
// whole terminal and gives it back; keys.go knows its keys. cells.go measures texts as terminals do.
package screen

import (
	"bufio"
	"fmt"
	"os"

	"golang.org/x/term"
)

// Sizes of a terminal that does not tell its own.
const (
	defaultWidth  = 80
	defaultHeight = 24
)

// Live draws on one terminal. It is used by one goroutine.
type Live struct {
	out   *os.File
	drawn int
}

// NewLive draws on out; ok is false where out is no terminal.
func NewLive(out *os.File) (l *Live, ok bool) {
	return &Live{out: out}, term.IsTerminal(int(out.Fd()))
}

// Rows is how many lines a drawing can have.
func (l *Live) Rows() int {
	_, height := size(l.out)
	return height - 1
}

// Draw puts lines in the place of those drawn before. Lines are cut at the terminal's width, and the drawing at its height.
func (l *Live) Draw(lines []string) {
	width, _ := size(l.out)
	w := bufio.NewWriter(l.out)
	defer w.Flush()
	l.back(w)
	lines = lines[:min(len(lines), l.Rows())]
	for _, line := range lines {
		fmt.Fprintf(w, "%s\n", cut(line, width))
	}
	l.drawn = len(lines)
}

// Print prints a line that stays, above the next drawing.
func (l *Live) Print(line string) {
	w := bufio.NewWriter(l.out)
	defer w.Flush()
	l.back(w)
	fmt.Fprintln(w, line)
	l.drawn = 0
}

// back goes to where the last drawing began, and clears it.
func (l *Live) back(w *bufio.Writer) {
	if l.drawn > 0 {
		fmt.Fprintf(w, "\x1b[%dA", l.drawn)
	}
	w.WriteString("\r\x1b[J")
}

// Size is the size of a terminal in columns and rows; ok is false where out is none.
func Size(out *os.File) (width, height int, ok bool) {
	width, height = size(out)
	return width, height, term.IsTerminal(int(out.Fd()))
}

func size(terminal *os.File) (width, height int) {
	width, height, err := term.GetSize(int(terminal.Fd()))
	if err != nil || width < 1 || height < 2 {
		return defaultWidth, defaultHeight
	}
	return width, height
}

// cut keeps one cell free, since some terminals wrap when the last one is written.
func cut(line string, width int) string { return Cut(line, max(width-1, 0)) }
