package telegram

import (
	"encoding/binary"
	"slices"
)

// The methods here copy one field between its value and its place in a telegram: from a telegram that was found right, or into one
// whose values are. Only an empty value differs from what stands on the wire.

func (h *Host) take(b []byte) { h.b = [HostLength]byte(b[hostOffset:]) }

func (p *ProcessID) take(b []byte) { p.b = [ProcessLength]byte(b[processOffset:]) }

func (s *Status) take(b []byte) {
	if b[0] == ' ' {
		*s = Status{}
		return
	}
	s.b = [StatusLength]byte(b)
}

// takeValid takes the text if it is right, and says whether it is. Taking and checking are one here, since most texts are empty: what
// is blank needs no other check.
func (x *Text) takeValid(b []byte) bool {
	field := (*[TextLength]byte)(b)
	if field[0] == ' ' && *field == blank {
		*x = Text{}
		return true
	}
	if !validText(field) {
		return false
	}
	x.b = *field
	return true
}

func putHeader(b []byte, t Type, h *Host, c Control) {
	*(*[HostLength]byte)(b[hostOffset:]) = h.b
	binary.BigEndian.PutUint16(b[typeOffset:], uint16(t))
	binary.BigEndian.PutUint16(b[controlOffset:], uint16(c))
}

func (p *ProcessID) put(b []byte) { *(*[ProcessLength]byte)(b[processOffset:]) = p.b }

func (s *Status) put(b []byte) {
	field := (*[StatusLength]byte)(b)
	if s.IsZero() {
		*field = [StatusLength]byte(blank[:])
		return
	}
	*field = s.b
}

func (x *Text) put(b []byte) {
	field := (*[TextLength]byte)(b)
	if x.b[0] == 0 {
		*field = blank
		return
	}
	*field = x.b
}

// room lengthens b by n bytes, and gives them too.
func room(b []byte, n int) (whole, added []byte) {
	whole = slices.Grow(b, n)[:len(b)+n]
	return whole, whole[len(b):]
}

// headerError says what an encoder cannot take for granted: that there is a host name, and a control bit of the type.
func headerError(t Type, h *Host, c Control) error {
	if h.IsZero() {
		return &FieldError{Type: t, Field: FieldHost, Offset: hostOffset, Err: ErrEmpty}
	}
	return controlFault(t, c)
}

func executionError(t Type, h *Host, c Control, p *ProcessID) error {
	if err := headerError(t, h, c); err != nil {
		return err
	}
	if p.IsZero() {
		return &FieldError{Type: t, Field: FieldProcess, Offset: processOffset, Err: ErrEmpty}
	}
	return nil
}
