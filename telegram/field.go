package telegram

import (
	"fmt"
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
	if !validText(&t.b) {
		return Text{}, textFault(t.b[:])
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
	if e := nameFault(b, f, least); e != nil {
		return e
	}
	return nil
}

func tooLong(f Field, s string, most int) error {
	return &FieldError{Field: f, Offset: most, Err: ErrTooLong, Got: fmt.Sprintf("%d bytes, at most %d", len(s), most)}
}
