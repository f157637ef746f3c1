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
	LimitOldest   = "the oldest of the address with most is closed, or the new one, counted"
	LimitUnproven = "the oldest unproven one is closed, or the new one, counted"
	LimitDropped  = "dropped, counted"
	LimitRefused  = "REFUSED"
	LimitWaits    = "waits"
	LimitGivenUp  = "given up"
)

// Limits are those of every server, and of a slave, in sealed mode or in plain mode.
func Limits(sealed bool) []Limit {
	all := []Limit{
		{"each", "connections at once", fmt.Sprint(MaxConnections), LimitOldest},
		{"each", "time that an address keeps its only one", AsWritten(OnlyConnectionStays), "may give way to another"},
		{"each", "time that an unproven one keeps its place", AsWritten(UnprovenStays), "may give way to another of its address"},
		{"each", "connections that gave way and end still", fmt.Sprint(MaxGivingWay), "no other gives way"},
		{"slave", "connections of the manager at once", fmt.Sprint(MaxPeerConnections), LimitUnproven},
		{"each", "time until a telegram on a connection", AsWritten(TelegramWait), "closed, counted"},
		{"each", "time for the rest of a telegram", AsWritten(RestWait), "closed, counted"},
		{"each", "time for a peer to take a telegram", AsWritten(WriteWait), "closed, counted"},
		{"slave", "time for the receipt of a result", AsWritten(ReceiptWait), "delivered again"},
		{"slave", "datagrams of the manager", fmt.Sprintf("%d/s", MaxInquiries), LimitDropped},
		{"each", "processes at once", fmt.Sprint(MaxRuns), LimitRefused},
		{"each", "ended processes whose output is open", fmt.Sprint(MaxHeldOutputs), LimitRefused},
		{"each", "command and environment of a process", LimitBytes(runs.MaxCommand), "FAILED"},
		{"each", "output of a run that is kept", "twice " + LimitBytes(runs.OutputPart), "the middle is left out"},
		{"each", "checks at once", fmt.Sprint(MaxChecks), LimitWaits},
		{"each", "time for a check", "its interval, or " + AsWritten(checkLeast), "ended, failed"},
		{"slave", "time for a connection", AsWritten(deliveryDialWait), "delivered again"},
		{"slave", "pause before a result is delivered again", AsWritten(deliveryPauseMost), "stays so long"},
		{"slave", "time that an answer waits for older results", AsWritten(olderFirst), "it comes before them"},
		{"slave", "results of a process that stay distinct", fmt.Sprint(maxEarlier), "may be taken for an older one"},
		{"each", "time for orders in progress at the end", AsWritten(shutdownWait), "go on without the daemon"},
	}
	if sealed {
		all = append(all,
			Limit{"each", "time for a handshake of TLS", AsWritten(credentials.HandshakeWait), "closed, counted"},
			Limit{"each", "key IDs at once", fmt.Sprint(credentials.MaxKeyIDs), "an error"},
			Limit{"each", "peers whose failed handshakes the log names", fmt.Sprint(maxFailing), "counted"},
			Limit{"slave", "time to be asked and say STOPPED at the end", AsWritten(stoppedWait), "found silent"})
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

// LimitBytes is a size in bytes, or in KiB or MiB where it is a whole number of them.
func LimitBytes(n int) string {
	switch {
	case n%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	case n%(1<<10) == 0:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}
