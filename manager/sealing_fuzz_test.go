package manager

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"renraku/contactfile"
	"renraku/slave"
	"renraku/telegram"
	"renraku/telegram/seal"
)

// Who seals a datagram of FuzzTakeSealed: one of the slaves with its own key, or nobody; and whose session it names.
const (
	fuzzSlaves  = 3
	nobodySeals = fuzzSlaves // the bytes are all there is
	asInquiry   = 1 << 7     // sealed as what the manager sends: a reflection

	sessionOfHint = 0
	sessionOfNow  = 1 // of any other value: of another start
)

// fuzzedDatagram is a datagram by its parts.
type fuzzedDatagram struct {
	telegram []byte
	sealer   uint8
	key      uint16
	session  uint8
	sequence uint64 // of a hint; of an answer how far before the last inquiry, where it is negative after it
	epoch    uint64
}

// bytes is the datagram as it comes, and its trailer.
func (d *fuzzedDatagram) bytes(c *sealedControl) ([]byte, seal.Trailer) {
	b := append([]byte(nil), d.telegram...)
	sealer := d.sealer &^ asInquiry
	t := seal.Trailer{Direction: seal.ToManager, KeyID: d.key, Session: uint64(d.session), Sequence: d.sequence, Epoch: d.epoch}
	if sealer == nobodySeals {
		return b, t
	}
	if d.session == sessionOfNow {
		t.Session = c.control.sealing.session
		t.Sequence = c.control.monitors[sealer].association.sequence - d.sequence
	}
	keys := c.keys(1, hostNumber(c.t, int(sealer)))
	key := &keys.Response
	if d.sealer&asInquiry != 0 {
		t.Direction, key = seal.ToSlave, &keys.Inquiry
	}
	return c.mac.Seal(b, &t, key), t
}

// counts says whether it is to be taken, by the words of the specification: what the slave itself sealed, with the key in use, and either an
// answer to an inquiry of the round that waits, or a hint later than the last.
func (d *fuzzedDatagram) counts(c *sealedControl, t *seal.Trailer) bool {
	var r telegram.StatusResponse
	if r.Decode(d.telegram) != nil || d.sealer >= fuzzSlaves || r.Host != hostNumber(c.t, int(d.sealer)) || d.key != 1 {
		return false
	}
	m := c.control.monitors[d.sealer]
	a := m.association
	if d.session == sessionOfNow {
		first := a.sequence - uint64(m.unanswered) + 1
		return m.waiting && first <= t.Sequence && t.Sequence <= a.sequence
	}
	return d.session == sessionOfHint && (t.Epoch > a.epoch || t.Epoch == a.epoch && t.Sequence > a.hints)
}

// of is what is known of one slave.
func (c *sealedControl) of(i int) any {
	m := c.control.monitors[i]
	return []any{*m.association, m.running, m.waiting, m.unanswered, m.due, recordsOf(c.t, c.path)[i+1].Operating, recordsOf(c.t, c.path)[i+1].Application}
}

// FuzzTakeSealed: of datagrams of any bytes and any trailer, exactly those count that the specification has count, each once and for
// its own slave alone. Nothing else changes any state.
func FuzzTakeSealed(f *testing.F) {
	c := newSealedControl(f, fuzzSlaves)
	c.run(100 * time.Second)
	running := func(i int) []byte {
		return encoded(f, telegram.StatusResponse{Host: hostNumber(f, i), Control: telegram.Running, Status: status(f, contactfile.Online)})
	}
	stopped := encoded(f, telegram.StatusResponse{Host: hostNumber(f, 2), Control: telegram.Stopped})
	whole := c.sealed(hostNumber(f, 0), telegram.Running, seal.Trailer{KeyID: 1, Session: c.control.sealing.session, Sequence: 1})
	later := ^uint64(0) // one after the last inquiry
	for i := range fuzzSlaves {
		f.Add(running(i), uint8(i), uint16(1), uint8(sessionOfNow), uint64(0), uint64(1))
		f.Add(running(i), uint8(i), uint16(1), uint8(sessionOfNow), uint64(1), uint64(2))
		f.Add(running(i), uint8(i), uint16(1), uint8(sessionOfNow), uint64(3), uint64(1))
		f.Add(running(i), uint8(i), uint16(1), uint8(sessionOfNow), uint64(4), uint64(1))
		f.Add(running(i), uint8(i), uint16(1), uint8(sessionOfNow), later, uint64(1))
		f.Add(running(i), uint8(i), uint16(1), uint8(sessionOfHint), uint64(i), uint64(i))
	}
	f.Add(stopped, uint8(2), uint16(1), uint8(sessionOfHint), uint64(1), uint64(1))
	f.Add(stopped, uint8(2), uint16(1), uint8(sessionOfHint), uint64(1), uint64(1<<40))
	f.Add(stopped, uint8(2), uint16(1), uint8(sessionOfHint), later, later)
	f.Add(stopped, uint8(2), uint16(1), uint8(sessionOfNow), uint64(0), uint64(1))
	f.Add(running(0), uint8(1), uint16(1), uint8(sessionOfNow), uint64(0), uint64(1))
	f.Add(running(0), uint8(0), uint16(2), uint8(sessionOfNow), uint64(0), uint64(1))
	f.Add(running(0), uint8(0), uint16(1), uint8(7), uint64(0), uint64(1))
	f.Add(running(0), uint8(asInquiry), uint16(1), uint8(sessionOfNow), uint64(0), uint64(1))
	f.Add(running(0)[:195], uint8(0), uint16(1), uint8(sessionOfNow), uint64(0), uint64(1))
	f.Add(bytes.Replace(running(0), []byte("SR"), []byte("SQ"), 1), uint8(0), uint16(1), uint8(sessionOfNow), uint64(0), uint64(1))
	f.Add(whole, uint8(nobodySeals), uint16(1), uint8(0), uint64(0), uint64(0))
	f.Add(whole[:len(whole)-1], uint8(nobodySeals), uint16(1), uint8(0), uint64(0), uint64(0))
	f.Add([]byte{}, uint8(nobodySeals), uint16(0), uint8(0), uint64(0), uint64(0))
	f.Add([]byte{}, uint8(0), uint16(1), uint8(sessionOfNow), uint64(0), uint64(0))
	f.Fuzz(func(t *testing.T, response []byte, sealer uint8, key uint16, session uint8, sequence, epoch uint64) {
		response = response[:min(len(response), 2*telegram.MaxLength)] // the MAC covers a length of 16 bits
		c.t, sealer = t, sealer&asInquiry|sealer%(fuzzSlaves+1)
		c.turn() // somebody is being asked
		c.events.forget()
		d := fuzzedDatagram{telegram: response, sealer: sealer, key: key, session: session, sequence: sequence, epoch: epoch}
		b, trailer := d.bytes(c)
		counts := d.counts(c, &trailer)
		before := c.state()
		others := make([]any, fuzzSlaves)
		for i := range others {
			others[i] = c.of(i)
		}
		drop := c.take(b)
		require.Equal(t, counts, drop == slave.NoDrop, "%v: %+v", drop, trailer)
		if !counts {
			require.Equal(t, before, c.state())
			return
		}
		for i := range others {
			if i != int(sealer) {
				require.Equal(t, others[i], c.of(i), "another slave's")
			}
		}
		after := c.state()
		require.Equal(t, slave.DropReplay, c.take(b), "once")
		require.Equal(t, after, c.state())
	})
}
