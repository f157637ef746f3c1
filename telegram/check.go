package telegram

import (
	"encoding/binary"
	"unicode/utf8"
)

// The checks here only say yes or no, since nearly every telegram is right. They take eight bytes at a time; fault.go finds what is
// wrong with the others.

const (
	wordLength = 8

	ones   = 0x0101010101010101
	highs  = 0x80 * ones
	spaces = ' ' * ones
	from21 = (0x80 - 0x21) * ones // plus this, a byte from 0x21 on has its high bit
)

func word(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }

// outside has the high bit of a byte set where one of the eight is below least or above 0x7E. The lowest such byte is found for
// certain: nothing below it borrows or carries.
func outside(w uint64, least byte) uint64 { return (w - uint64(least)*ones) | (w + ones) }

// hasType says whether b has the type and a control code of the type. It is small enough to be inlined, and then knows t.
func hasType(b []byte, t Type) bool { return typeIn(b) == t && controlIn(b).valid(t) }

func typeIn(b []byte) Type       { return Type(binary.BigEndian.Uint16(b[typeOffset:])) }
func controlIn(b []byte) Control { return Control(binary.BigEndian.Uint16(b[controlOffset:])) }

// validName says whether a name field has at least least bytes 0x21–0x7E, 0 or 1, and after them only spaces. Its length is a
// multiple of 8.
func validName(b []byte, least int) bool {
	end := len(b) - wordLength // of the last word that is not all spaces
	for end >= 0 && word(b[end:]) == spaces {
		end -= wordLength
	}
	if end < 0 {
		return least == 0
	}
	last := word(b[end:])
	name := last + from21
	bad := outside(last, ' ') | name>>8&^name // no byte of the name after a space
	for i := 0; i < end; i += wordLength {
		bad |= outside(word(b[i:]), ' '+1)
	}
	return bad&highs == 0
}

// validText says whether a text field is UTF-8 without control characters. Its words are written out, since a loop over them takes
// three times as long.
func validText(b *[TextLength]byte) bool {
	bad := outside(word(b[0:]), ' ') | outside(word(b[8:]), ' ') | outside(word(b[16:]), ' ') | outside(word(b[24:]), ' ') |
		outside(word(b[32:]), ' ') | outside(word(b[40:]), ' ') | outside(word(b[48:]), ' ') | outside(word(b[56:]), ' ') |
		outside(word(b[64:]), ' ') | outside(word(b[72:]), ' ') | outside(word(b[80:]), ' ') | outside(word(b[88:]), ' ') |
		outside(word(b[96:]), ' ')
	return bad&highs == 0 || validWideText(b[:])
}

// The build stops here where those words are not the whole field.
var _ [0]byte = [TextLength - 13*wordLength]byte{}

// validWideText is validText for a text with more than ASCII. Neither kind of control character is part of another character's
// bytes: those of ASCII are one byte, and U+0080–009F are 0xC2 and a byte below 0xA0.
func validWideText(b []byte) bool {
	if !utf8.Valid(b) {
		return false
	}
	for i, c := range b {
		if c < ' ' || c == 0x7F || c == 0xC2 && b[i+1] < 0xA0 {
			return false
		}
	}
	return true
}

func isControl(r rune) bool { return r < 0x20 || r >= 0x7F && r <= 0x9F }
