package telegram

import (
	"fmt"
	"unicode/utf8"
)

// fault finds what is wrong with bytes that are no telegram of the type wanted: the first field that is wrong, and nil where none is.
func fault(b []byte, want Type) error {
	t, err := typeOf(b)
	if err != nil {
		return err
	}
	if t != want {
		return &FieldError{Type: want, Field: FieldType, Offset: typeOffset, Err: ErrType, Got: t.String()}
	}
	if len(b) != t.Length() {
		return lengthError(t, len(b), t.Length())
	}
	if e := nameFault(b[hostOffset:][:HostLength], FieldHost, 1); e != nil {
		return e.in(t, hostOffset)
	}
	if err := controlFault(t, controlIn(b)); err != nil {
		return err
	}
	switch t {
	case SR:
		return messageFault(b, t, responseStatusOffset)
	case XQ:
		return processFault(b, t)
	case XR:
		if err := processFault(b, t); err != nil {
			return err
		}
		return messageFault(b, t, resultStatusOffset)
	}
	return nil
}

func typeOf(b []byte) (Type, error) {
	if len(b) < headerLength {
		return 0, lengthError(0, len(b), headerLength)
	}
	t := typeIn(b)
	if t.Length() == 0 {
		return 0, &FieldError{Field: FieldType, Offset: typeOffset, Err: ErrUnknownType, Got: fmt.Sprintf("%q", t.String())}
	}
	return t, nil
}

// lengthError has as its offset the place where the telegram ends too early, or should have ended.
func lengthError(t Type, got, want int) error {
	text := fmt.Sprintf("%d bytes, want %d", got, want)
	if t == 0 {
		text = fmt.Sprintf("%d bytes, the shortest telegram has %d", got, want)
	}
	return &FieldError{Type: t, Field: FieldLength, Offset: min(got, want), Err: ErrLength, Got: text}
}

func controlFault(t Type, c Control) error {
	if c.valid(t) {
		return nil
	}
	return &FieldError{Type: t, Field: FieldControl, Offset: controlOffset, Err: ErrControl,
		Got: fmt.Sprintf("0x%04X (%v)", uint16(c), c)}
}

func processFault(b []byte, t Type) error {
	if e := nameFault(b[processOffset:][:ProcessLength], FieldProcess, 1); e != nil {
		return e.in(t, processOffset)
	}
	return nil
}

// messageFault looks at the additional message (87, 96), which begins at the offset.
func messageFault(b []byte, t Type, offset int) error {
	if e := nameFault(b[offset:][:StatusLength], FieldStatus, 0); e != nil {
		return e.in(t, offset)
	}
	offset += StatusLength
	if e := textFault(b[offset:][:TextLength]); e != nil {
		return e.in(t, offset)
	}
	return nil
}

// in gives the error of a field's bytes the telegram's type and the field's place in it.
func (e *FieldError) in(t Type, offset int) *FieldError {
	e.Type = t
	e.Offset += offset
	return e
}

// nameFault finds the first bad byte of a name field, and is nil where there is none. The offset is within b.
func nameFault(b []byte, f Field, least int) *FieldError {
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
	if end < least {
		return &FieldError{Field: f, Err: ErrEmpty}
	}
	return nil
}

func isName(c byte) bool { return c >= 0x21 && c <= 0x7E }

// textFault finds the first bad byte of a text field, and is nil where there is none. The offset is within b.
func textFault(b []byte) *FieldError {
	for i := 0; i < len(b); {
		r, size := utf8.DecodeRune(b[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			return &FieldError{Field: FieldText, Offset: i, Err: ErrUTF8, Got: fmt.Sprintf("0x%02X", b[i])}
		case isControl(r):
			return &FieldError{Field: FieldText, Offset: i, Err: ErrControlChar, Got: fmt.Sprintf("U+%04X", r)}
		}
		i += size
	}
	return nil
}
