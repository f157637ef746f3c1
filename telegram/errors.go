package telegram

import (
	"errors"
	"fmt"
)

// What can be wrong with a telegram or a value; the Err of a FieldError is one of these.
var (
	ErrLength        = errors.New("wrong length")
	ErrType          = errors.New("not the type expected")
	ErrUnknownType   = errors.New("unknown telegram type")
	ErrControl       = errors.New("not exactly one bit of this type's own")
	ErrEmpty         = errors.New("empty")
	ErrTooLong       = errors.New("too long")
	ErrByte          = errors.New("byte outside 0x21–0x7E")
	ErrSpace         = errors.New("space before or inside a name")
	ErrUTF8          = errors.New("no valid UTF-8")
	ErrControlChar   = errors.New("control character")
	ErrTrailingSpace = errors.New("ends in a space, which the field cannot keep")
)

// Field names a field of a telegram in errors.
type Field string

// The fields.
const (
	FieldLength  Field = "length"
	FieldHost    Field = "host name"
	FieldType    Field = "telegram type"
	FieldControl Field = "control code"
	FieldProcess Field = "process ID"
	FieldStatus  Field = "application execution status"
	FieldText    Field = "text"
)

// FieldError says which field of a telegram is wrong, where, and why.
type FieldError struct {
	Type   Type   // 0 where the type is not known, or where a value outside a telegram is meant
	Field  Field  // the field
	Offset int    // the first bad byte: from the start of the telegram, or of the value where Type is 0
	Err    error  // one of this package's sentinels
	Got    string // what stands there, as a person reads it; may be ""
}

// Error reads like "SQ: host name: offset 5: byte outside 0x21–0x7E: 0x00".
func (e *FieldError) Error() string {
	s := ""
	if e.Type != 0 {
		s = e.Type.String() + ": "
	}
	s += fmt.Sprintf("%s: offset %d: %v", e.Field, e.Offset, e.Err)
	if e.Got != "" {
		s += ": " + e.Got
	}
	return s
}

// Unwrap gives the sentinel, for errors.Is.
func (e *FieldError) Unwrap() error { return e.Err }
