package manager

import (
	"crypto/rand"
	"encoding/binary"
	"net/netip"
	"time"

	"renraku/slave"
	"renraku/telegram"
	"renraku/telegram/seal"
)

// sealing is the manager's part of sealed mode on UDP: it seals inquiries and opens answers. It belongs to StatusControl, and is used
// with its lock held.
type sealing struct {
	manager telegram.Host
	master  *seal.Master // the newest; another one has another pointer
	session uint64       // of this start
	term    uint64       // of this start, later than of any before
	mac     *seal.MAC
	highest uint64 // the highest sequence of any slave
}

// association is what there is between the manager and one slave in sealed mode.
type association struct {
	keys     seal.Pair
	master   *seal.Master // whose keys they are
	sequence uint64       // of the last inquiry
	epoch    uint64       // the slave's start, as last known
	hints    uint64       // the sequence of its last unasked response, within that start
}

func newSealing(manager telegram.Host, masters []seal.Master, term uint64) *sealing {
	var session [8]byte
	for binary.BigEndian.Uint64(session[:]) == 0 { // which an unasked response has
		rand.Read(session[:]) // never fails
	}
	return &sealing{manager: manager, master: newest(masters), term: term,
		session: binary.BigEndian.Uint64(session[:]), mac: seal.NewMAC()}
}

// newest is a copy of the master key that seals.
func newest(masters []seal.Master) *seal.Master {
	master := masters[len(masters)-1]
	return &master
}

// seal appends the trailer to an inquiry (18). Another master key is taken up where a round begins, so that the answers of one that
// has begun count, and not for all slaves at once.
func (g *sealing) seal(inquiry []byte, m *monitor) []byte {
	a := m.association
	switch {
	case a == nil: // a slave that comes back in the same term knows higher sequences already
		a = &association{sequence: g.highest}
		m.association = a
		g.derive(m)
	case m.unanswered <= 1 && a.master != g.master:
		g.derive(m)
	}
	a.sequence++
	g.highest = max(g.highest, a.sequence)
	return g.mac.Seal(inquiry, &seal.Trailer{Direction: seal.ToSlave, KeyID: a.master.ID, Session: g.session, Sequence: a.sequence,
		Epoch: g.term}, &a.keys.Inquiry)
}

func (g *sealing) derive(m *monitor) {
	keys := g.master.Derive(g.manager, m.host)
	m.association.master, m.association.keys = g.master, keys.Pair()
}

// check says why a datagram of the slave that was split does not count.
func (g *sealing) check(sealed []byte, t *seal.Trailer, m *monitor) slave.Drop {
	a := m.association
	switch {
	case a == nil || t.KeyID != a.master.ID:
		return slave.DropKey
	case !g.mac.Check(sealed, seal.ToManager, &a.keys.Response):
		return slave.DropMAC
	}
	return slave.NoDrop
}

// answers says whether a response is to one of the inquiries that are outstanding: those of the round that waits. How far a sequence that
// was not sent yet lies behind the last is a number that has wrapped round, and so larger than any.
func (g *sealing) answers(m *monitor, t *seal.Trailer) bool {
	a := m.association
	return m.waiting && t.Session == g.session && a.sequence-t.Sequence < uint64(m.unanswered)
}

// hint says whether an unasked response is one that did not come before.
func (a *association) hint(t *seal.Trailer) bool {
	if t.Session != 0 || t.Epoch < a.epoch || t.Epoch == a.epoch && t.Sequence <= a.hints {
		return false
	}
	a.epoch, a.hints = t.Epoch, t.Sequence
	return true
}

// keepStart keeps the slave's start, so that what it sent before that counts no more.
func (a *association) keepStart(epoch uint64) {
	if epoch != a.epoch {
		a.epoch, a.hints = epoch, 0
	}
}

// takeSealed takes a datagram in sealed mode, with the lock held, and says why it does not count. Whose it is, it says in the clear; the
// MAC is checked before anything else is looked at.
func (s *StatusControl) takeSealed(now time.Time, b []byte, from netip.Addr, r *telegram.StatusResponse) slave.Drop {
	response, t, err := seal.Split(b)
	if err != nil {
		return slave.DropTrailer
	}
	host, ok := telegram.PeekHost(response)
	if !ok {
		return slave.DropLength
	}
	m, drop := s.sender(host, from)
	if drop == slave.NoDrop {
		drop = s.sealing.check(b, &t, m)
	}
	if drop != slave.NoDrop {
		return drop
	}
	if err := r.Decode(response); err != nil {
		return slave.DropOf(err)
	}
	if !s.sealing.answers(m, &t) {
		if !m.association.hint(&t) {
			return slave.DropReplay
		}
		return s.askOnHint(now, m)
	}
	m.association.keepStart(t.Epoch)
	return s.answer(now, m, r)
}

// askOnHint has a slave asked at once that says something new, unless it is being asked: what it says counts as an answer only.
func (s *StatusControl) askOnHint(now time.Time, m *monitor) slave.Drop {
	if !s.monitoring || m.ended {
		return slave.DropNotMonitored
	}
	if m.askNow(now) {
		s.schedule.moved(m)
	}
	return slave.NoDrop
}

// Seal has all telegrams sealed from the start on, with the newest of the master keys, by the manager of that name. The term is
// greater than that of any start before.
func (s *StatusControl) Seal(manager telegram.Host, masters []seal.Master, term uint64) {
	s.sealing = newSealing(manager, masters, term)
}

// setMasters has the newest of other master keys seal from each slave's next round on. It may have the ID of the one before: that of a
// new directory of keys.
func (s *StatusControl) setMasters(masters []seal.Master) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if master := newest(masters); *master != *s.sealing.master {
		s.sealing.master = master
	}
}
