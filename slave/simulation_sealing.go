package slave

import (
	"sync"

	"renraku/telegram"
	"renraku/telegram/seal"
)

// simulationStart is the start of every slave of a simulation.
const simulationStart = 1

// simulationSealing is the sealer of a simulation. It has the master keys, and derives those of a slave when it is first asked. It
// remembers what each slave has taken, but on no disk.
type simulationSealing struct {
	simulation *Simulation
	manager    telegram.Host

	mu      sync.Mutex
	masters []seal.Master
	slaves  []*simulatedSealing // nil: not asked yet
	mac     *seal.MAC
}

type simulatedSealing struct {
	keys  readyKeys
	heard heard
}

// Seal has the simulation be in sealed mode, with the master keys of that manager. It is called before Serve.
func (s *Simulation) Seal(manager telegram.Host, masters []seal.Master) {
	s.sealing = &simulationSealing{simulation: s, manager: manager, masters: masters,
		slaves: make([]*simulatedSealing, len(s.hosts)), mac: seal.NewMAC()}
}

// SetMasters has other master keys stand from now on.
func (s *Simulation) SetMasters(masters []seal.Master) {
	s.sealing.mu.Lock()
	defer s.sealing.mu.Unlock()
	s.sealing.masters = masters
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
	one := g.of(i, host, t.KeyID)
	switch {
	case one == nil:
		return q, answer, DropKey
	case !g.mac.Check(b, seal.ToSlave, &one.keys.Inquiry):
		return q, answer, DropMAC
	case !one.heard.isLater(&t):
		return q, answer, DropReplay
	}
	if err := q.Decode(inquiry); err != nil {
		return q, answer, DropOf(err)
	}
	one.heard.keep(&t)
	t.Direction, t.Epoch = seal.ToManager, simulationStart
	return q, t, NoDrop
}

// of is what slave i has, with the keys of that ID.
func (g *simulationSealing) of(i int, host telegram.Host, id uint16) *simulatedSealing {
	one := g.slaves[i]
	if one != nil && one.keys.id == id {
		return one
	}
	for m := range g.masters {
		if g.masters[m].ID != id {
			continue
		}
		if one == nil {
			one = &simulatedSealing{}
			g.slaves[i] = one
		}
		keys := g.masters[m].Derive(g.manager, host)
		one.keys = readyKeys{id, keys.Pair()}
		return one
	}
	return nil
}

func (g *simulationSealing) seal(b []byte, host *telegram.Host, t *seal.Trailer) []byte {
	g.mu.Lock()
	defer g.mu.Unlock()
	i, _ := g.simulation.index(host)
	return g.mac.Seal(b, t, &g.slaves[i].keys.Response) // those that its inquiry was taken with
}
