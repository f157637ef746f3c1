package trigger

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"renraku/slave"
)

// Trigger starts a process at a preset time or on a message (50). Exactly one of At and Message is set.
type Trigger struct {
	Process  string          // the ID of the process
	Hosts    []slave.Pattern // whom to order; with Local: where it runs, none: wherever the process is
	At       string          // five fields of cron
	Location *time.Location  // At: where the wall clock is read; else nil
	Message  *regexp.Regexp
	Local    bool // runs on each of the hosts itself, without an order
}

// Cause is what fired a trigger.
type Cause struct {
	By      slave.Trigger // slave.ByTime or slave.ByMessage
	Message string        // ByMessage: the whole message
	At      time.Time     // ByTime: the full minute for which it fires; ByMessage: when the message was looked at
}

// ErrTrigger is what every error about a trigger is.
var ErrTrigger = errors.New("wrong trigger")

// Error says what is wrong with a trigger. It is ErrTrigger.
type Error struct {
	Process string // the trigger's process
	Err     error
}

// Error is one sentence such as: trigger of "ONLINE": it has neither a time nor a message.
func (e *Error) Error() string { return fmt.Sprintf("trigger of %q: %v", e.Process, e.Err) }

// Unwrap gives the reason.
func (e *Error) Unwrap() error { return e.Err }

// Is says that it is ErrTrigger.
func (e *Error) Is(target error) bool { return target == ErrTrigger }

// Validate says whether an Engine takes the trigger. The error is ErrTrigger.
func (t *Trigger) Validate() error {
	_, err := newSchedule(t)
	return err
}

// Here says whether the daemon of the host has the trigger: the manager has every one that is not local, and each host the
// local ones that name it. Whether the host has the process is for the caller to say.
func (t *Trigger) Here(host string, manager bool) bool {
	if !t.Local {
		return manager
	}
	return len(t.Hosts) == 0 || t.On(host)
}

// On says whether one of the patterns matches the host.
func (t *Trigger) On(host string) bool {
	return slices.ContainsFunc(t.Hosts, func(p slave.Pattern) bool { return p.Match(host) })
}
