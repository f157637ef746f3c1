// Package control is what passes between the operator's command and the daemon of the same server: HTTP and JSON on the
// socket control.sock in the daemon's directory.
//
//	GET  /state  → State
//	POST /begin  → {}            begins monitoring
//	POST /end    → {}            ends monitoring; answered when that is done
//	POST /order  Order → Head, then one Row for each server as it comes, one JSON value a line
//	POST /message Message → {}   a message for the triggers
//	POST /status Status → {}     corrects field 133 of the daemon's own server
//	POST /maintain Maintain → Maintenance   of the servers that it means, as it is then
//	GET  /maintenance → Maintenance         of all servers that are in it
//
// Where something is wrong, the answer is a Fault with the HTTP status 400 (the request) or 500 (the daemon).
//
// control.go has the messages, server.go the daemon's side, lines.go the rows of an order, client.go the command's.
package control

import (
	"errors"
	"fmt"
	"time"
)

// SocketName is the name of the socket in the daemon's directory.
const SocketName = "control.sock"

// State is what a daemon says of itself.
type State struct {
	Host       string            `json:"host"`
	Role       string            `json:"role"`
	Monitoring bool              `json:"monitoring"`
	Dropped    map[string]uint64 `json:"dropped"`    // telegrams and connections, by reason
	Definition string            `json:"definition"` // the path of its definition file
	Refused    *Refused          `json:"refused"`    // null where that file stands as it was read the last time

	// Of the manager alone.
	Isolated        bool     `json:"isolated"`          // it suspects itself of being cut off, and holds its judgement
	UDPBlocked      []string `json:"udp_blocked"`       // slaves that answer on TCP alone, the first 10
	UDPBlockedCount int      `json:"udp_blocked_count"` // all of them

	Maintenance      []Maintained `json:"maintenance"`       // servers in maintenance in definition order, the first 10
	MaintenanceCount int          `json:"maintenance_count"` // all of them
}

// Refused is why a definition, or the keys or the token that it names, were not taken over when they were read again: what was read before
// stands.
type Refused struct {
	At    time.Time `json:"at"`
	Error string    `json:"error"` // the first
	More  bool      `json:"more"`  // there are more, which the log has
}

// Order asks for a process on the servers that match one of the patterns, or on all.
type Order struct {
	Process string   `json:"process"`
	Hosts   []string `json:"hosts"`
	All     bool     `json:"all"`
	DryRun  bool     `json:"dry_run"`
}

// Message is what another process, or the operator, says to the triggers.
type Message struct {
	Text string `json:"text"`
}

// Status is the application execution status that stands from now on.
type Status struct {
	Application string `json:"application"`
}

// Maintain has the servers that match one of the patterns be in maintenance, or not any more.
type Maintain struct {
	Hosts []string `json:"hosts"`
	For   string   `json:"for"` // such as 2h or 2d, from now on
	Off   bool     `json:"off"` // not any more; For does not count then
}

// Maintenance is servers and their maintenance, in definition order.
type Maintenance struct {
	Servers []Maintained `json:"servers"`
}

// Maintained is a server and when its maintenance ends; zero where it is not in maintenance.
type Maintained struct {
	Host  string    `json:"host"`
	Until time.Time `json:"until,omitzero"`
}

// Head says for which servers rows follow, in definition order; the rows come in the order in which they are done.
type Head struct {
	Hosts []string `json:"hosts"`
}

// Row is what became of the order at one server.
type Row struct {
	Host        string `json:"host"`
	Process     string `json:"process"`
	Outcome     string `json:"outcome"`
	Application string `json:"application"`
	Text        string `json:"text"`
}

// ErrRequest says that the request is wrong, and not the daemon.
var ErrRequest = errors.New("wrong request")

// WrongRequest is an error that is ErrRequest and reads as it is written.
func WrongRequest(format string, args ...any) error {
	return &requestError{fmt.Errorf(format, args...)}
}

type requestError struct{ error }

func (e *requestError) Is(target error) bool { return target == ErrRequest }

// Fault says why a request was not done.
type Fault struct {
	Error string `json:"error"`
}
