package telegram

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"strings"
	"unicode/utf8"
)

// Host is a host name (81, 84, 88, 92): 1 to 64 bytes 0x21–0x7E. It is comparable and serves as a map key. The zero value is
// no host name; it does not encode.
type Host struct{ b [HostLength]byte }

// ProcessID is the ID of a process of the definition (91, 95): 1 to 16 bytes 0x21–0x7E. The zero value does not encode.
type ProcessID struct{ b [ProcessLength]byte }

// Status is an application execution status (in 87, 96; 133 in the contact file): 0 to 24 bytes 0x21–0x7E. The zero value
// is the empty status.
type Status struct{ b [StatusLength]byte }

// Text is the text of an additional message (in 87, 96): valid UTF-8 of at most 104 bytes without control characters and
// without a space at its end. The zero value is the empty text.
type Text struct{ b [TextLength]byte }

// The padded form of a value is kept as it stands on the wire, so that encoding is a copy; an empty value is all zero bytes,
// so that each value has one form only and == compares values.

// NewHost gives the host name s, or a *FieldError.
func NewHost(s string) (h Host, err error) {
	err = setName(h.b[:], s, FieldHost, 1)
	if err != nil {
		return Host{}, err
	}
	return h, nil
}

// NewProcessID gives the process ID s, or a *FieldError.
func NewProcessID(s string) (p ProcessID, err error) {
	err = setName(p.b[:], s, FieldProcess, 1)
	if err != nil {
		return ProcessID{}, err
	}
	return p, nil
}

// NewStatus gives the application execution status s, or a *FieldError.
func NewStatus(s string) (st Status, err error) {
	err = setName(st.b[:], s, FieldStatus, 0)
	if err != nil {
		return Status{}, err
	}
	return st, nil
}

// NewText gives the text s, or a *FieldError. Nothing is cut: CutText does that.
func NewText(s string) (t Text, err error) {
	if s == "" {
		return Text{}, nil
	}
	if len(s) > TextLength {
		return Text{}, tooLong(FieldText, s, TextLength)
	}
	if s[len(s)-1] == ' ' {
		return Text{}, &FieldError{Field: FieldText, Offset: len(s) - 1, Err: ErrTrailingSpace}
	}
	pad(t.b[:], s)
	if err := checkText(t.b[:]); err != nil {
		return Text{}, err
	}
	return t, nil
}

// CutText is the text that Cut makes of s, so that any program's output has a text.
func CutText(s string) Text {
	var t Text
	if kept := Cut(s, TextLength); kept != "" {
		pad(t.b[:], kept)
	}
	return t
}

// Cut gives the longest start of s that has at most width bytes, cut at a character boundary and without spaces at its end.
// Control characters become spaces and invalid UTF-8 becomes U+FFFD, three bytes, before the length counts.
func Cut(s string, width int) string {
	var out strings.Builder
	for _, r := range s {
		if r < 0x20 || r >= 0x7F && r <= 0x9F {
			r = ' '
		}
		if out.Len()+utf8.RuneLen(r) > width {
			break
		}
		out.WriteRune(r)
	}
	return strings.TrimRight(out.String(), " ")
}

func (h Host) String() string      { return value(h.b[:]) }
func (p ProcessID) String() string { return value(p.b[:]) }
func (s Status) String() string    { return value(s.b[:]) }
func (t Text) String() string      { return value(t.b[:]) }

// AppendTo appends the host name to b, and so needs no memory of its own.
func (h *Host) AppendTo(b []byte) []byte { return append(b, h.b[:length(h.b[:])]...) }

// IsZero says whether there is no host name.
func (h Host) IsZero() bool { return h.b[0] == 0 }

// IsZero says whether there is no process ID.
func (p ProcessID) IsZero() bool { return p.b[0] == 0 }

// Is says whether the status is the one that is written s, without making a string of it.
func (s Status) Is(written string) bool {
	n := len(written)
	switch {
	case n == 0:
		return s.IsZero()
	case n > StatusLength || written[n-1] == ' ':
		return false
	}
	return string(s.b[:n]) == written && (n == StatusLength || s.b[n] == ' ')
}

// IsZero says whether the status is empty.
func (s Status) IsZero() bool { return s.b[0] == 0 }

// value is the field without its padding.
func value(b []byte) string { return string(b[:length(b)]) }

// length is that of the value, without its padding.
func length(b []byte) int {
	if b[0] == 0 {
		return 0
	}
	n := len(b)
	for n > 0 && b[n-1] == ' ' {
		n--
	}
	return n
}

// pad writes s, left-justified, and spaces after it.
func pad(b []byte, s string) {
	n := copy(b, s)
	for i := n; i < len(b); i++ {
		b[i] = ' '
	}
}

// appendPadded appends a value that may be empty.
func appendPadded(b, field []byte) []byte {
	if field[0] == 0 {
		return append(b, blank[:len(field)]...)
	}
	return append(b, field...)
}

var blank = [TextLength]byte{}

func init() { pad(blank[:], "") }

func setName(b []byte, s string, f Field, least int) error {
	if len(s) == 0 {
		if least == 0 {
			return nil
		}
		return &FieldError{Field: f, Err: ErrEmpty}
	}
	if len(s) > len(b) {
		return tooLong(f, s, len(b))
	}
	if s[len(s)-1] == ' ' {
		return &FieldError{Field: f, Offset: strings.IndexByte(s, ' '), Err: ErrSpace}
	}
	pad(b, s)
	return checkName(b, f, least)
}

func tooLong(f Field, s string, most int) error {
	return &FieldError{Field: f, Offset: most, Err: ErrTooLong, Got: fmt.Sprintf("%d bytes, at most %d", len(s), most)}
}

// Eight bytes at a time: the sums below have no carry from byte to byte, since every byte is below 0x80 where they count.
const (
	ones   = 0x0101010101010101
	highs  = 0x80 * ones
	spaces = 0x20 * ones

	from20 = (0x80 - 0x20) * ones // plus this, a byte from 0x20 on has its high bit
	from21 = (0x80 - 0x21) * ones // plus this, a byte from 0x21 on has its high bit
)

// allPrintable says whether each of the eight bytes is 0x20–0x7E.
func allPrintable(w uint64) bool { return (w|(w+ones)|^(w+from20))&highs == 0 }

func isName(c byte) bool { return c >= 0x21 && c <= 0x7E }

// checkName checks the bytes of a name field: at least least bytes 0x21–0x7E, then spaces only. The length of b is a
// multiple of 8. The offset of its error is within b.
func checkName(b []byte, f Field, least int) error {
	for at := 0; at < len(b); at += 8 {
		w := binary.LittleEndian.Uint64(b[at:])
		if !allPrintable(w) {
			return nameError(b, f)
		}
		spaced := ^(w + from21) & highs // the high bit of each byte that is a space
		if spaced == 0 {
			continue
		}
		name := bits.TrailingZeros64(spaced) &^ 7 // bits of the name's last bytes
		if w>>name != spaces>>name || string(b[at+8:]) != string(blank[at+8:len(b)]) {
			return nameError(b, f)
		}
		if at+name/8 < least {
			return &FieldError{Field: f, Err: ErrEmpty}
		}
		return nil
	}
	return nil
}

// nameError finds the first bad byte of a name field that has one.
func nameError(b []byte, f Field) error {
	end := 0 // of the first run of name bytes
	for end < len(b) && isName(b[end]) {
		end++
	}
	for i := end; i < len(b); i++ {
		switch {
		case b[i] == ' ':
		case isName(b[i]):
			return &FieldError{Field: f, Offset: end, Err: ErrSpace}
		default:
			return &FieldError{Field: f, Offset: i, Err: ErrByte, Got: fmt.Sprintf("0x%02X", b[i])}
		}
	}
	return nil
}

// checkText checks the bytes of a text field; a space at the end is padding. The offset of its error is within b.
func checkText(b []byte) error {
	for i := 0; i < len(b); {
		if i+8 <= len(b) && allPrintable(binary.LittleEndian.Uint64(b[i:])) {
			i += 8
			continue
		}
		r, size := utf8.DecodeRune(b[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			return &FieldError{Field: FieldText, Offset: i, Err: ErrUTF8, Got: fmt.Sprintf("0x%02X", b[i])}
		case r < 0x20 || r >= 0x7F && r <= 0x9F:
			return &FieldError{Field: FieldText, Offset: i, Err: ErrControlChar, Got: fmt.Sprintf("U+%04X", r)}
		}
		i += size
	}
	return nil
}

// The decoders below write where the value stands; on the status path a returned copy costs as much as the check.

func (h *Host) decode(b []byte, t Type) error {
	h.b = [HostLength]byte(b[hostOffset:])
	if err := checkName(h.b[:], FieldHost, 1); err != nil {
		return inTelegram(err, t, hostOffset)
	}
	return nil
}

func (p *ProcessID) decode(b []byte, t Type) error {
	p.b = [ProcessLength]byte(b[processOffset:])
	if err := checkName(p.b[:], FieldProcess, 1); err != nil {
		return inTelegram(err, t, processOffset)
	}
	return nil
}

func (s *Status) decode(b []byte, t Type, offset int) error {
	s.b = [StatusLength]byte(b[offset:])
	if err := checkName(s.b[:], FieldStatus, 0); err != nil {
		return inTelegram(err, t, offset)
	}
	if s.b[0] == ' ' {
		*s = Status{}
	}
	return nil
}

func (x *Text) decode(b []byte, t Type, offset int) error {
	x.b = [TextLength]byte(b[offset:])
	if err := checkText(x.b[:]); err != nil {
		return inTelegram(err, t, offset)
	}
	if x.b[0] == ' ' && x.b == blank {
		*x = Text{}
	}
	return nil
}
