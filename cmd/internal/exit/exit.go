// Package exit has the exit statuses that all commands share (exit.go), and their place in cobra commands (command.go).
package exit

import "errors"

// The exit statuses.
const (
	Done     = 0
	NotWell  = 1 // done, but not all is well
	Usage    = 2 // wrong usage or definition
	NoDaemon = 3 // no daemon was reached
)

// Error is an error with the exit status that it stands for. With a nil Err everything has been said already.
type Error struct {
	Status int
	Err    error
}

// Error is the text of Err.
func (e *Error) Error() string {
	if e.Err == nil {
		return ""
	}
	return e.Err.Error()
}

// Unwrap gives Err.
func (e *Error) Unwrap() error { return e.Err }

// With gives err the exit status.
func With(status int, err error) error { return &Error{status, err} }

// Status is the exit status that err stands for: NotWell where it names none.
func Status(err error) int {
	if err == nil {
		return Done
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Status
	}
	return NotWell
}
