package contactfile

import (
	"errors"
	"fmt"
)

// What can be wrong; the Err of a FieldError, or the cause of another error of this package.
var (
	ErrLocked   = errors.New("another daemon holds it")
	ErrNoRecord = errors.New("no such record")
	ErrTooLarge = errors.New("more records than a contact file can have")

	ErrEmpty     = errors.New("empty")
	ErrTooLong   = errors.New("too long")
	ErrByte      = errors.New("byte outside 0x21–0x7E")
	ErrSpace     = errors.New("space before or inside a name")
	ErrOperating = errors.New("neither RUNNING nor STOPPED")
	ErrTime      = errors.New("no time like 2026-11-22T10:43:05Z")
	ErrFiller    = errors.New("not all spaces")
	ErrEnd       = errors.New("no line feed")
	ErrShort     = errors.New("the file ends inside the record")
	ErrTooMany   = errors.New("one record too many")
	ErrForeign   = errors.New("the record is of another host")

	ErrHistoryTime   = errors.New("no time like 2026-11-22T10:43:05.123Z")
	ErrUTF8          = errors.New("no valid UTF-8")
	ErrControlChar   = errors.New("control character")
	ErrTrailingSpace = errors.New("ends in a space, which the field cannot keep")
)

// Field names a field of a record in errors.
type Field string

// The fields.
const (
	FieldHost        Field = "host name"
	FieldOperating   Field = "operating status"
	FieldApplication Field = "application execution status"
	FieldSince       Field = "last change"
	FieldFiller      Field = "filler"
	FieldEnd         Field = "end of record"

	// Of the history alone.
	FieldTime    Field = "time"
	FieldProcess Field = "process ID"
	FieldTrigger Field = "trigger"
	FieldOutcome Field = "outcome"
	FieldText    Field = "text"

	// Of the maintenance file alone.
	FieldUntil Field = "end of maintenance"
)

// FieldError says which field of which record is wrong, where in the file, and why.
type FieldError struct {
	Record int    // counted from 0
	Offset int64  // the first bad byte, from the start of the file; of an operating status or a time, its field's start
	Field  Field  // the field
	Err    error  // one of this package's sentinels
	Got    string // what stands there, as a person reads it; may be ""
}

// Error reads like "record 2: operating status: offset 320: neither RUNNING nor STOPPED: \"RUNNIN\"".
func (e *FieldError) Error() string {
	s := fmt.Sprintf("record %d: %s: offset %d: %v", e.Record, e.Field, e.Offset, e.Err)
	if e.Got != "" {
		s += ": " + e.Got
	}
	return s
}

// Unwrap gives the sentinel, for errors.Is.
func (e *FieldError) Unwrap() error { return e.Err }
