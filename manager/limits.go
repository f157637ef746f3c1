package manager

import (
	"fmt"
	"math"

	"renraku/slave"
)

// Limits are those of a manager of the given slaves, in sealed mode or in plain mode, with or without the fallback to TCP.
func Limits(slaves []Slave, sealed, fallback bool) []slave.Limit {
	all, most := ratesOf(slaves)
	limits := []slave.Limit{
		{At: "manager", What: "connections of one slave's address at once", Value: fmt.Sprint(maxSlaveConnections), More: slave.LimitUnproven},
		{At: "manager", What: "datagrams of all slaves", Value: perSecond(all), More: slave.LimitDropped},
		{At: "manager", What: "datagrams of one slave's address, at most", Value: perSecond(most), More: slave.LimitDropped},
		{At: "manager", What: "results that one slave delivers", Value: perSecond(deliverable), More: "delivered again, counted"},
		{At: "manager", What: "results that one slave delivers at once", Value: fmt.Sprint(deliverable.AtOnce), More: "delivered again, counted"},
		{At: "manager", What: "inquiries more where its socket had no room", Value: fmt.Sprint(maxExcused), More: "STOPPED"},
		{At: "manager", What: "inquiries in a burst without an answer", Value: fmt.Sprint(maxBurst), More: slave.LimitWaits},
		{At: "manager", What: "time for the answers to END", Value: slave.AsWritten(endWait), More: "named, not waited for"},
		{At: "manager", What: "look-ups of names at once", Value: fmt.Sprint(resolvers), More: slave.LimitWaits},
		{At: "manager", What: "time for a look-up", Value: slave.AsWritten(resolveWait), More: "tried again"},
		{At: "manager", What: "orders at once", Value: fmt.Sprint(MaxOrders), More: slave.LimitWaits},
		{At: "manager", What: "connections being made, but for slow ones", Value: fmt.Sprint(maxDials), More: slave.LimitWaits},
		{At: "manager", What: "connections to one address", Value: fmt.Sprint(maxPerAddress), More: slave.LimitWaits},
		{At: "manager", What: "time for a connection", Value: slave.AsWritten(dialWait), More: "UNREACHABLE"},
		{At: "manager", What: "orders that left no outcome yet", Value: fmt.Sprint(maxOutstanding), More: "FAILED"},
		{At: "manager", What: "time for a response beyond the timeout", Value: slave.AsWritten(responseMore), More: "UNKNOWN"},
		{At: "manager", What: "time for one without timeout and connection", Value: slave.AsWritten(endlessWait), More: "UNKNOWN"},
		{At: "manager", What: "records looked at for responses at its start", Value: fmt.Sprint(maxRestored), More: "recorded once more"},
		{At: "manager", What: "maintenance of a server", Value: slave.AsWritten(MostMaintenance), More: "an error"},
		{At: "manager", What: "hosts that a message names", Value: fmt.Sprint(maxNamed), More: "counted"},
	}
	if sealed {
		limits = append(limits, slave.Limit{At: "manager", What: "handshakes of TLS at once, but for slow ones",
			Value: fmt.Sprint(maxHandshakes), More: slave.LimitWaits},
			slave.Limit{At: "manager", What: "of these to one address, slow ones too", Value: fmt.Sprint(maxJoinsPerAddress), More: slave.LimitWaits})
	}
	if fallback {
		limits = append(limits, fallbackLimits(sealed)...)
	}
	return limits
}

// fallbackLimits are those of the inquiries on TCP.
func fallbackLimits(sealed bool) []slave.Limit {
	const byUDP = "by UDP alone, counted"
	limits := []slave.Limit{
		{At: "manager", What: "inquiries on TCP before a judgement at once", Value: fmt.Sprint(maxProbes), More: byUDP},
		{At: "manager", What: "of these while the manager comes late", Value: fmt.Sprint(maxLateProbes), More: byUDP},
		{At: "manager", What: "inquiries on TCP of STOPPED slaves at once", Value: fmt.Sprint(maxStoppedProbes), More: slave.LimitWaits},
	}
	if sealed {
		limits = append(limits,
			slave.Limit{At: "manager", What: "their handshakes of TLS at once, but for slow ones",
				Value: fmt.Sprintf("%d and %d", maxProbeHandshakes, maxStoppedHandshakes), More: "waits, then " + byUDP},
			slave.Limit{At: "manager", What: "time after which one of these is slow", Value: slave.AsWritten(slowProbeHandshake), More: "makes room"})
	}
	return limits
}

// ratesOf is what may come from all addresses together, and from the one that may send most. A name counts as an address of its own.
func ratesOf(slaves []Slave) (all, most slave.Rate) {
	of := map[string]slave.Rate{}
	for i := range slaves {
		s := &slaves[i]
		address := s.Address.String()
		if at, ok := s.Address.AddrPort(); ok {
			address = at.Addr().String()
		}
		of[address] = sum(of[address], rateOf(s.Interval, s.Retries))
	}
	for _, rate := range of {
		rate = withUnasked(rate)
		all = sum(all, rate)
		if rate.PerSecond > most.PerSecond {
			most = rate
		}
	}
	return all, most
}

func perSecond(r slave.Rate) string { return fmt.Sprintf("%.0f/s", math.Ceil(r.PerSecond)) }
