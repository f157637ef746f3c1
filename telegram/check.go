package telegram

import (
	"encoding/binary"
	"unicode/utf8"
)

// The checks here only say yes or no, since nearly every telegram is right. They take eight bytes at a time; fault.go finds what is
// wrong with the others. The words of a field are written out where that is quicker, since the compiler unrolls no loop.

const (
	wordLength = 8

	ones   = 0x0101010101010101
	highs  = 0x80 * ones
	from21 = (0x80 - 0x21) * ones // plus this, a byte 0x21–0x7E has its high bit, and a space has not
)

func word(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }

// outside has the high bit of a byte set where one of the eight is outside 0x20–0x7E. The lowest such byte is found for certain:
// nothing below it borrows or carries.
func outside(w uint64) uint64 { return (w - 0x20*ones) | (w + ones) }

// hasType says whether b has the type and a control code of the type. It is small enough to be inlined, and then knows t.
func hasType(b []byte, t Type) bool { return typeIn(b) == t && controlIn(b).valid(t) }

func typeIn(b []byte) Type       { return Type(binary.BigEndian.Uint16(b[typeOffset:])) }
func controlIn(b []byte) Control { return Control(binary.BigEndian.Uint16(b[controlOffset:])) }

// badName has the high bit of a byte set where a word of a name field has a byte outside 0x20–0x7E, or a space before a byte of the
// name; next has the byte after each. As long as no byte is outside, the sums do not carry.
func badName(w, next uint64) uint64 { return outside(w) | (next+from21)&^(w+from21) }

// validHost says whether a host name's field has at least one byte 0x21–0x7E, and after them only spaces.
func validHost(b *[HostLength]byte) bool {
	bad := badName(word(b[0:]), word(b[1:])) | badName(word(b[8:]), word(b[9:])) |
		badName(word(b[16:]), word(b[17:])) | badName(word(b[24:]), word(b[25:])) |
		badName(word(b[32:]), word(b[33:])) | badName(word(b[40:]), word(b[41:])) |
		badName(word(b[48:]), word(b[49:])) | badName(word(b[56:]), word(b[56:])>>8)
	return bad&highs == 0 && b[0] != ' '
}

// validProcess is validHost for a process ID.
func validProcess(b *[ProcessLength]byte) bool {
	bad := badName(word(b[0:]), word(b[1:])) | badName(word(b[8:]), word(b[8:])>>8)
	return bad&highs == 0 && b[0] != ' '
}

// validStatus is validHost for a status, which may be all spaces.
func validStatus(b *[StatusLength]byte) bool {
	bad := badName(word(b[0:]), word(b[1:])) | badName(word(b[8:]), word(b[9:])) | badName(word(b[16:]), word(b[16:])>>8)
	return bad&highs == 0
}

// validText says whether a text field is UTF-8 without control characters.
func validText(b *[TextLength]byte) bool {
	bad := outside(word(b[0:])) | outside(word(b[8:])) | outside(word(b[16:])) | outside(word(b[24:])) |
		outside(word(b[32:])) | outside(word(b[40:])) | outside(word(b[48:])) | outside(word(b[56:])) |
		outside(word(b[64:])) | outside(word(b[72:])) | outside(word(b[80:])) | outside(word(b[88:])) |
		outside(word(b[96:]))
	return bad&highs == 0 || commonText(b) || validWideText(b[:])
}

// The build stops here where the words written out are not the whole field.
var (
	_ [0]byte = [HostLength - 8*wordLength]byte{}
	_ [0]byte = [ProcessLength - 2*wordLength]byte{}
	_ [0]byte = [StatusLength - 3*wordLength]byte{}
	_ [0]byte = [TextLength - 13*wordLength]byte{}
)

// commonText is true only for a right text, and for nearly all of those: ASCII, and characters of two or three bytes, Japanese among
// them. It leaves out the first bytes after which not every byte 0x80–0xBF may follow (0xC2, 0xE0, 0xED) and characters of four
// bytes. It has no branch that depends on where in a word a character begins. Only the high bit of each byte counts.
func commonText(b *[TextLength]byte) bool {
	var bad, rest uint64 // rest is where the word has to go on with the character of the word before
	for i := range TextLength / wordLength {
		w := word(b[i*wordLength:])
		if w&highs == 0 {
			bad |= outside(w) | rest
			rest = 0
			continue
		}
		from40, from20, from10 := w<<1, w<<2, w<<3 // the high bit is now bit 6, 5, 4
		lead := w & from40                         // 0xC0 on: the first byte of a character
		lead3 := lead & from20                     // 0xE0 on: of three bytes
		low := w & (0x1F * ones)
		// Control characters of ASCII, 0xC0–C2, then 0xE0, 0xED and 0xF0 on. No sum carries but after 0xFF, which is bad itself.
		bad |= ^w & (^(from40 | from20) | (w + ones))
		bad |= lead &^ (lead3 | (low + (0x80-3)*ones))
		bad |= lead3 &^ ((low + 0x7F*ones) & (low ^ 0x0D*ones + 0x7F*ones) &^ from10)
		// The bytes 0x80–BF have to be those that the first bytes ask for.
		bad |= (w ^ lead) ^ (lead<<8 | lead3<<16 | rest)
		rest = lead>>56 | lead3>>48
	}
	return (bad|rest)&highs == 0
}

// validWideText is validText for any text. Neither kind of control character is part of another character's bytes: those of ASCII
// are one byte, and U+0080–009F are 0xC2 and a byte below 0xA0.
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
