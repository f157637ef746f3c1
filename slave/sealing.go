package slave

import (
	"log/slog"
	"sync"
	"time"

	"renraku/telegram"
	"renraku/telegram/seal"
)

// sealer is sealed mode at the UDP end of a slave.
type sealer interface {
	// take opens an inquiry, or gives the reason for which it is dropped. Nothing is looked at before its MAC is found right, and
	// nothing is taken twice. The trailer is that of its response.
	take(b []byte) (telegram.StatusInquiry, seal.Trailer, Drop)
	// seal appends the trailer to a response of the host.
	seal(b []byte, host *telegram.Host, t *seal.Trailer) []byte
}

// readyKeys are keys of one ID, made ready.
type readyKeys struct {
	id uint16
	seal.Pair
}

func ready(all []seal.SlaveKeys) []readyKeys {
	keys := make([]readyKeys, 0, len(all))
	for i := range all {
		keys = append(keys, readyKeys{all[i].ID, all[i].Pair()})
	}
	return keys
}

// sealing is the sealer of one slave.
type sealing struct {
	start uint64 // of the daemon: the epoch of what it sends
	log   *slog.Logger

	mu      sync.Mutex
	keys    []readyKeys
	heard   *lastHeard
	unasked uint64 // responses that nobody asked for
	mac     *seal.MAC
	broken  lastError // of remembering the last inquiry
	older   time.Time // when an inquiry of an earlier start of the manager was last logged
}

// newSealing is sealed mode with these keys, which are not none.
func newSealing(keys []seal.SlaveKeys, start uint64, last *lastHeard, log *slog.Logger) *sealing {
	return &sealing{start: start, log: log, keys: ready(keys), heard: last, mac: seal.NewMAC()}
}

// openSealing is sealed mode on the records of the server.
func openSealing(keys []seal.SlaveKeys, start uint64, records *Records, log *slog.Logger) (*sealing, error) {
	last, damaged, err := openHeard(records.Runs.Path())
	if err != nil {
		return nil, err
	}
	if damaged {
		log.Warn("last inquiry taken is not known", "reason", "what is remembered of it is damaged", "file", heardFile)
	}
	return newSealing(keys, start, last, log), nil
}

// setKeys has other keys stand from now on.
func (g *sealing) setKeys(keys []seal.SlaveKeys) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.keys = ready(keys)
}

func (g *sealing) take(b []byte) (q telegram.StatusInquiry, answer seal.Trailer, drop Drop) {
	g.mu.Lock()
	defer g.mu.Unlock()
	inquiry, t, err := seal.Split(b)
	if err != nil {
		return q, answer, DropTrailer
	}
	keys := g.of(t.KeyID)
	if keys == nil {
		return q, answer, DropKey
	}
	if q, drop = openInquiry(g.mac, b, inquiry, &t, &keys.Pair, &g.heard.heard); drop != NoDrop {
		if drop == DropReplay {
			g.sayOlder(&t)
		}
		return q, answer, drop
	}
	g.sayBroken(g.heard.take(&t, q.Control != telegram.Check)) // what a START or an END changes must outlive a power cut
	return q, seal.Trailer{Direction: seal.ToManager, KeyID: t.KeyID, Session: t.Session, Sequence: t.Sequence, Epoch: g.start}, NoDrop
}

// openInquiry makes the checks of an inquiry that was split and whose key there is, in the order of SPEC.md 12.3 and 12.5: the MAC, the
// telegram, and then whether it is later than the last that was taken.
func openInquiry(mac *seal.MAC, sealed, inquiry []byte, t *seal.Trailer, keys *seal.Pair, last *heard) (q telegram.StatusInquiry, drop Drop) {
	if !mac.Check(sealed, seal.ToSlave, &keys.Inquiry) {
		return q, DropMAC
	}
	if err := q.Decode(inquiry); err != nil {
		return q, DropOf(err)
	}
	if !last.isLater(t) {
		return telegram.StatusInquiry{}, DropReplay
	}
	return q, NoDrop
}

func (g *sealing) of(id uint16) *readyKeys {
	for i := range g.keys {
		if g.keys[i].id == id {
			return &g.keys[i]
		}
	}
	return nil
}

func (g *sealing) seal(b []byte, _ *telegram.Host, t *seal.Trailer) []byte {
	g.mu.Lock()
	defer g.mu.Unlock()
	keys := g.of(t.KeyID)
	if keys == nil { // it has been replaced since
		keys = &g.keys[0]
		t.KeyID = keys.id
	}
	return g.mac.Seal(b, t, &keys.Response)
}

// nextUnasked is the trailer of a response that nobody asked for. Its key is the one that the manager used last, since it may not use
// the newest yet.
func (g *sealing) nextUnasked() seal.Trailer {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.unasked++
	id := g.heard.keyID
	if g.of(id) == nil {
		id = g.keys[0].id
	}
	return seal.Trailer{Direction: seal.ToManager, KeyID: id, Sequence: g.unasked, Epoch: g.start}
}

// sayOlder logs that a manager of an earlier start asks, but no more often than what is dropped is: whoever has recordings of several
// starts can send them in turn. It may be one; or the manager's files are lost, and its clock is wrong.
func (g *sealing) sayOlder(t *seal.Trailer) {
	if now := time.Now(); t.Epoch < g.heard.term && (g.older.IsZero() || now.Sub(g.older) >= dropReport) {
		g.older = now
		g.log.Warn("inquiry of an earlier start of the manager dropped", "reason", "replayed, or the manager has lost its files",
			"term", t.Epoch, "last_term", g.heard.term)
	}
}

func (g *sealing) sayBroken(err error) {
	if g.broken.changed(err) && err != nil {
		g.log.Error("last inquiry not remembered: after a restart, older ones could be taken", "error", err)
	}
}

func (g *sealing) close() error { return g.heard.close() }
