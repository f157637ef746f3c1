package inspect

import (
	"fmt"
	"slices"
	"strconv"

	"renraku/telegram"
)

// Lengths that package telegram keeps to itself.
const (
	typeLength    = 2
	controlLength = 2
)

// layout is how a type of telegram is printed.
type layout struct {
	title  string
	fields []field // in the order of the wire, without gaps
}

// field is one line of a printed telegram; its offset is the sum of the lengths before it.
type field struct {
	name    telegram.Field
	numeral int // in the patent
	length  int
}

var layouts = map[telegram.Type]layout{
	telegram.SQ: {"status inquiry", header(81)},
	telegram.SR: {"status response", slices.Concat(header(84), message(87))},
	telegram.XQ: {"execution order", slices.Concat(header(88), process(91))},
	telegram.XR: {"execution response", slices.Concat(header(92), process(95), message(96))},
}

func header(numeral int) []field {
	return []field{
		{telegram.FieldHost, numeral, telegram.HostLength},
		{telegram.FieldType, numeral + 1, typeLength},
		{telegram.FieldControl, numeral + 2, controlLength},
	}
}

func process(numeral int) []field {
	return []field{{telegram.FieldProcess, numeral, telegram.ProcessLength}}
}

func message(numeral int) []field {
	return []field{
		{telegram.FieldStatus, numeral, telegram.StatusLength},
		{telegram.FieldText, numeral, telegram.TextLength},
	}
}

// row is what a printed line says before the value.
type row struct {
	label  string
	length int
}

// rows is a line for each field.
func (l layout) rows() []row {
	var rows []row
	for _, f := range l.fields {
		rows = append(rows, row{f.label(), f.length})
	}
	return rows
}

// label reads like "host name (81)".
func (f field) label() string { return fmt.Sprintf("%s (%d)", f.name, f.numeral) }

// values gives what stands in the fields of the telegram's layout, in their order.
func values(t telegram.Telegram) []string {
	switch t := t.(type) {
	case telegram.StatusInquiry:
		return []string{t.Host.String(), t.Type().String(), control(t.Control)}
	case telegram.StatusResponse:
		return []string{t.Host.String(), t.Type().String(), control(t.Control), status(t.Status), text(t.Text)}
	case telegram.ExecutionOrder:
		return []string{t.Host.String(), t.Type().String(), control(t.Control), t.Process.String()}
	case telegram.ExecutionResponse:
		return []string{t.Host.String(), t.Type().String(), control(t.Control), t.Process.String(), status(t.Status), text(t.Text)}
	}
	return nil
}

func control(c telegram.Control) string { return fmt.Sprintf("0x%04X %v", uint16(c), c) }

func status(s telegram.Status) string {
	if s.String() == "" {
		return "-"
	}
	return s.String()
}

// text is quoted, since a text may hold what a terminal does not show or obeys, such as a change of writing direction.
func text(t telegram.Text) string {
	if t.String() == "" {
		return "-"
	}
	return strconv.Quote(t.String())
}
