package slave

import (
	"fmt"
	"strings"
	"time"

	"renraku/slave/credentials"
	"renraku/slave/runs"
)

// Limit is a bound on what a daemon does, for a person: at which daemon ("each", "manager", "slave"), on what, how much, and what becomes
// of more.
type Limit struct{ At, What, Value, More string }

// What becomes of more than a limit allows.
const (
	LimitClosed  = "closed at once, counted"
	LimitDropped = "dropped, counted"
	LimitRefused = "REFUSED"
	LimitWaits   = "waits"
	LimitGivenUp = "given up"
)

// Limits are those of every server, and of a slave, in sealed mode or in plain mode.
func Limits(sealed bool) []Limit {
	all := []Limit{
		{"each", "connections at once", fmt.Sprint(MaxConnections), LimitClosed},
		{"slave", "connections of the manager at once", fmt.Sprint(MaxPeerConnections), LimitClosed},
		{"each", "time until a telegram on a connection", AsWritten(TelegramWait), "closed"},
		{"each", "time for the rest of a telegram", AsWritten(RestWait), "closed, counted"},
		{"each", "time for a peer to take a telegram", AsWritten(WriteWait), "closed"},
		{"slave", "time for the receipt of a result", AsWritten(ReceiptWait), "delivered again"},
		{"slave", "datagrams of the manager", fmt.Sprintf("%d/s", MaxInquiries), LimitDropped},
		{"each", "processes at once", fmt.Sprint(MaxRuns), LimitRefused},
		{"each", "ended processes whose output is open", fmt.Sprint(MaxHeldOutputs), LimitRefused},
		{"each", "command and environment of a process", LimitBytes(runs.MaxCommand), "FAILED"},
		{"each", "output of a run that is kept", "twice " + LimitBytes(runs.OutputPart), "the middle is left out"},
		{"each", "checks at once", fmt.Sprint(MaxChecks), LimitWaits},
	}
	if sealed {
		all = append(all, Limit{"each", "time for a handshake of TLS", AsWritten(credentials.HandshakeWait), "closed, counted"})
	}
	return all
}

// AsWritten is a duration as the definition has it: 10m, where Go says 10m0s.
func AsWritten(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// LimitBytes is a size that is a whole number of KiB or MiB.
func LimitBytes(n int) string {
	if n >= 1<<20 {
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d KiB", n>>10)
}
