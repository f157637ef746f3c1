package slave

import (
	"slices"
	"sync"

	"renraku/slave/credentials"
	"renraku/telegram"
	"renraku/telegram/seal"
)

// simulationStart is the start of every slave of a simulation.
const simulationStart = 1

// simulationSealing is the sealer of a simulation. It has the master keys, and derives those of a slave when it is first asked with
// one: before the MAC is checked, since it needs them. So whoever forges datagrams can have all keys derived and kept, but each once:
// credentials.MaxKeyIDs for each slave. It remembers what each slave has taken, but on no disk.
type simulationSealing struct {
	simulation *Simulation
	manager    telegram.Host

	mu      sync.Mutex
	masters []seal.Master
	slaves  []*simulatedSealing // nil: not asked yet
	mac     *seal.MAC
}

type simulatedSealing struct {
	keys  [credentials.MaxKeyIDs]*simulatedKeys // of the master key in that place, or in that place before; nil: none yet
	taken *simulatedKeys                        // of the last inquiry that was taken
	heard heard
}

// simulatedKeys are the keys of one slave that come from one master key.
type simulatedKeys struct {
	master *seal.Master // another one has another pointer
	seal.Pair
}

// Seal has the simulation be in sealed mode, with the master keys of that manager, the newest credentials.MaxKeyIDs of them. It is
// called before Serve.
func (s *Simulation) Seal(manager telegram.Host, masters []seal.Master) {
	s.sealing = &simulationSealing{simulation: s, manager: manager, masters: newestMasters(masters),
		slaves: make([]*simulatedSealing, len(s.hosts)), mac: seal.NewMAC()}
}

// SetMasters has other master keys stand from now on. They may have the IDs of those before.
func (s *Simulation) SetMasters(masters []seal.Master) {
	s.sealing.mu.Lock()
	defer s.sealing.mu.Unlock()
	s.sealing.masters = newestMasters(masters)
}

// newestMasters are copies, so that each has a pointer that none before had.
func newestMasters(masters []seal.Master) []seal.Master {
	return slices.Clone(masters[max(0, len(masters)-credentials.MaxKeyIDs):])
}

func (g *simulationSealing) take(b []byte) (q telegram.StatusInquiry, answer seal.Trailer, drop Drop) {
	inquiry, t, err := seal.Split(b)
	if err != nil {
		return q, answer, DropTrailer
	}
	host, ok := telegram.PeekHost(inquiry)
	if !ok {
		return q, answer, DropLength
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	i, ok := g.simulation.index(&host)
	if !ok {
		return q, answer, DropForeignHost
	}
	one, keys := g.of(i, host, t.KeyID)
	if keys == nil {
		return q, answer, DropKey
	}
	if q, drop = openInquiry(g.mac, b, inquiry, &t, &keys.Pair, &one.heard); drop != NoDrop {
		return q, answer, drop
	}
	one.heard.keep(&t)
	one.taken = keys
	t.Direction, t.Epoch = seal.ToManager, simulationStart
	return q, t, NoDrop
}

// of is what slave i has, and its keys of that ID; nil: there is no such master key.
func (g *simulationSealing) of(i int, host telegram.Host, id uint16) (*simulatedSealing, *simulatedKeys) {
	place := slices.IndexFunc(g.masters, func(m seal.Master) bool { return m.ID == id })
	if place < 0 {
		return nil, nil
	}
	master := &g.masters[place]
	if g.slaves[i] == nil {
		g.slaves[i] = &simulatedSealing{}
	}
	one := g.slaves[i]
	if one.keys[place] == nil || one.keys[place].master != master {
		keys := master.Derive(g.manager, host)
		one.keys[place] = &simulatedKeys{master, keys.Pair()}
	}
	return one, one.keys[place]
}

func (g *simulationSealing) seal(b []byte, host *telegram.Host, t *seal.Trailer) []byte {
	g.mu.Lock()
	defer g.mu.Unlock()
	i, _ := g.simulation.index(host)
	return g.mac.Seal(b, t, &g.slaves[i].taken.Response) // of its inquiry, also where others stand by now
}
