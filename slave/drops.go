package slave

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"sync/atomic"

	"renraku/telegram"
)

// Drop is a reason for which a telegram or a connection is dropped without an answer.
type Drop int

// The reasons. The first group is what telegrams that do not decode are counted by: the field that is wrong.
const (
	NoDrop Drop = iota

	DropLength
	DropType // unknown, or not one that this end takes
	DropControl
	DropHostName
	DropProcess
	DropStatus
	DropText

	DropTrailer // in sealed mode: no trailer, or one of another form
	DropKey     // in sealed mode: a key ID that is not known, or not the one in use
	DropMAC     // in sealed mode: not from whom it says it is, or changed on its way
	DropReplay  // in sealed mode: it has come before, or others after it have

	DropAddress         // from an address that the definition does not know, or not from that host's
	DropForeignHost     // not for this host, or from a host that the definition does not have
	DropUnasked         // a RUNNING answer with no inquiry outstanding
	DropNotMonitored    // after the end of monitoring
	DropConnections     // one connection too many
	DropPeerConnections // one connection of one address too many
	DropGaveWay         // a connection that was closed for another one, of an address with fewer or, unproven, of its own
	DropRate            // more datagrams than the address may send
	DropResults         // more results than a slave may deliver by itself
	DropCut             // the stream ended inside a telegram
	DropSlow            // the rest of a telegram did not come in time
	DropIdle            // no telegram began on a connection in time
	DropUntaken         // a peer did not take a telegram in time
	DropReceipt         // a result that was sent and for which no receipt came: it is delivered again
	DropEnding          // the daemon ended before the process of an order did
	DropSend            // the operating system did not send
	DropOverflow        // the socket's buffer had no room
	DropRound           // a slave was not asked in an interval, since the manager was late by more than that itself
	DropUDP             // a round was answered on TCP alone
	DropProbe           // before a judgement there was no place for an inquiry on TCP
	DropIsolated        // a trigger ordered nothing, since the manager suspected itself
	DropMaintenance     // an event was not told, since its server is in maintenance

	DropNotSealed     // a connection on which no TLS came, in sealed mode
	DropHandshake     // a handshake of TLS that failed for another reason than the two below
	DropHandshakeTime // a handshake that took too long
	DropCertificate   // a certificate that one end did not accept, or a response of another host than that of the certificate
	DropRecord        // what came on a connection of TLS was changed on its way

	dropCount
)

var dropNames = [dropCount]string{
	DropLength:   "length",
	DropType:     "telegram type",
	DropControl:  "control code",
	DropHostName: "host name",
	DropProcess:  "process ID",
	DropStatus:   "application execution status",
	DropText:     "text",

	DropTrailer: "trailer",
	DropKey:     "unknown key",
	DropMAC:     "wrong MAC",
	DropReplay:  "replayed",

	DropAddress:         "unknown address",
	DropForeignHost:     "another host",
	DropUnasked:         "unasked",
	DropNotMonitored:    "not monitored",
	DropConnections:     "too many connections",
	DropPeerConnections: "too many connections of one address",
	DropGaveWay:         "gave way to another connection",
	DropRate:            "too many datagrams",
	DropResults:         "too many results",
	DropCut:             "cut off",
	DropSlow:            "too slow",
	DropIdle:            "idle",
	DropUntaken:         "telegram not taken",
	DropReceipt:         "result without a receipt",
	DropEnding:          "daemon ended",
	DropSend:            "not sent",
	DropOverflow:        "no room in the socket's buffer",
	DropRound:           "rounds skipped",
	DropUDP:             "answered on TCP alone",
	DropProbe:           "no place for an inquiry on TCP",
	DropIsolated:        "triggers held",
	DropMaintenance:     "events in maintenance",

	DropNotSealed:     "not sealed",
	DropHandshake:     "TLS handshake",
	DropHandshakeTime: "TLS handshake too slow",
	DropCertificate:   "certificate",
	DropRecord:        "TLS record",
}

var dropFields = map[telegram.Field]Drop{
	telegram.FieldLength:  DropLength,
	telegram.FieldType:    DropType,
	telegram.FieldControl: DropControl,
	telegram.FieldHost:    DropHostName,
	telegram.FieldProcess: DropProcess,
	telegram.FieldStatus:  DropStatus,
	telegram.FieldText:    DropText,
}

// String is the reason for a person.
func (d Drop) String() string { return dropNames[d] }

// DropOf is the reason that an error of decoding stands for.
func DropOf(err error) Drop {
	var e *telegram.FieldError
	if errors.As(err, &e) {
		return dropFields[e.Field]
	}
	return DropCut
}

// Drops counts what was dropped, by reason. The zero value is ready.
type Drops struct{ counts [dropCount]atomic.Uint64 }

// Count counts one.
func (d *Drops) Count(reason Drop) { d.counts[reason].Add(1) }

// CountAll counts n.
func (d *Drops) CountAll(reason Drop, n uint64) {
	if n > 0 {
		d.counts[reason].Add(n)
	}
}

// Of is how many were dropped for the reason.
func (d *Drops) Of(reason Drop) uint64 { return d.counts[reason].Load() }

// Each is the number for each reason there is, also of those that did not occur.
func (d *Drops) Each() iter.Seq2[Drop, uint64] {
	return func(yield func(Drop, uint64) bool) {
		for reason := NoDrop + 1; reason < dropCount; reason++ {
			if !yield(reason, d.Of(reason)) {
				return
			}
		}
	}
}

// All is the number for each reason that occurred, by the reason's words.
func (d *Drops) All() map[string]uint64 {
	all := map[string]uint64{}
	for reason, n := range d.Each() {
		if n > 0 {
			all[reason.String()] = n
		}
	}
	return all
}

// Report logs what was dropped since the last line, now and again and at the end of ctx. Events in maintenance are left out: nothing is
// amiss with them, and each has its own line.
func (d *Drops) Report(ctx context.Context, log *slog.Logger) {
	var said [dropCount]uint64
	for goesOn := true; goesOn; {
		goesOn = pause(ctx, dropReport)
		var reasons []any
		for reason, n := range d.Each() {
			if n > said[reason] && reason != DropMaintenance {
				reasons = append(reasons, slog.Uint64(reason.String(), n-said[reason]))
				said[reason] = n
			}
		}
		if len(reasons) > 0 {
			log.Warn("telegrams dropped", slog.Group("dropped", reasons...))
		}
	}
}
