package manual

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

const (
	narrow    = 16 // the most characters of a column that is not filled
	lineWidth = 71 // of a terminal of 80 columns, less the indentation
	columnGap = 3
)

// table writes a table: one of two columns as a list of terms, which any terminal has room for, a wider one for tbl(1). listed says that it
// follows another.
func (p *page) table(lines []string, listed bool) {
	rows := make([][]string, 0, len(lines))
	for i, l := range lines {
		if i != 1 { // the line below the head
			rows = append(rows, cells(l))
		}
	}
	if len(rows[0]) == 2 {
		if listed || strings.Contains(rows[0][1], " ") { // it says more than "is", and where two lists would be one
			p.paragraph("*" + rows[0][0] + "*: " + rows[0][1])
		}
		for _, r := range rows[1:] {
			p.item(inline(r[0]), r[1])
		}
		return
	}
	widths := columnWidths(rows)
	p.gap()
	p.line(".TS")
	head, body := make([]string, len(widths)), make([]string, len(widths))
	for i, width := range widths {
		head[i], body[i] = "lb", "l"
		if width > 0 {
			head[i], body[i] = fmt.Sprintf("lbw(%dn)", width), fmt.Sprintf("lw(%dn)", width)
		}
	}
	p.line("%s", strings.Join(head, " "))
	p.line("%s.", strings.Join(body, " "))
	for _, r := range rows {
		p.row(r, widths)
	}
	p.line(".TE")
}

// columnWidths are those of the columns that are filled, 0 for the others: what is left of the line, by their longest cells, and no less
// than their longest word has.
func columnWidths(rows [][]string) []int {
	columns := len(rows[0])
	cell, word, widths := make([]int, columns), make([]int, columns), make([]int, columns)
	for _, r := range rows {
		for i := range min(columns, len(r)) {
			cell[i] = max(cell[i], utf8.RuneCountInString(r[i]))
			for w := range strings.FieldsSeq(r[i]) {
				word[i] = max(word[i], utf8.RuneCountInString(w))
			}
		}
	}
	room, wanted := lineWidth-columnGap*(columns-1), 0
	for i := range columns {
		if cell[i] > narrow {
			room -= word[i]
			wanted += cell[i] - word[i]
		} else {
			room -= cell[i]
		}
	}
	for i := range columns {
		if cell[i] > narrow {
			widths[i] = word[i] + max(0, room)*(cell[i]-word[i])/max(1, wanted)
		}
	}
	return widths
}

func (p *page) row(cells []string, widths []int) {
	written := make([]string, len(widths))
	for i, width := range widths {
		if i < len(cells) {
			written[i] = guarded(inline(cells[i]))
		}
		if width > 0 {
			written[i] = "T{\n" + written[i] + "\nT}"
		}
	}
	p.line("%s", strings.Join(written, "\t"))
}

// cells are those of a line of a table; \| is a character of one.
func cells(l string) []string {
	const bar = "\x00"
	l = strings.ReplaceAll(strings.TrimSpace(l), `\|`, bar)
	parts := strings.Split(strings.TrimSuffix(strings.TrimPrefix(l, "|"), "|"), "|")
	for i := range parts {
		parts[i] = strings.ReplaceAll(strings.TrimSpace(parts[i]), bar, "|")
	}
	return parts
}
