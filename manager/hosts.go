package manager

import (
	"hash/maphash"

	"renraku/telegram"
)

// hosts finds the monitor of a host: a table with open addressing, of a quarter to half full, that keeps no names of its own. A map by
// name would take four times the memory, and miss the cache once more at every answer.
type hosts struct {
	seed  maphash.Seed // nobody can choose names that meet in one place
	slots []*monitor   // a power of two of them
	n     int
}

// newHosts has room for n hosts.
func newHosts(n int) *hosts {
	slots := 2
	for slots < 2*n {
		slots *= 2
	}
	return &hosts{seed: maphash.MakeSeed(), slots: make([]*monitor, slots)}
}

// of is the host's monitor, nil where there is none.
func (h *hosts) of(host telegram.Host) *monitor { return h.slots[h.slot(&host)] }

// add adds the monitor of a host that has none; there must be room.
func (h *hosts) add(m *monitor) {
	if h.n++; h.n > len(h.slots)/2 {
		panic("more hosts than there is room for")
	}
	h.slots[h.slot(&m.host)] = m
}

// slot is the place of the host, or the free one where it would be.
func (h *hosts) slot(host *telegram.Host) int {
	for i := int(maphash.Comparable(h.seed, *host)); ; i++ {
		i &= len(h.slots) - 1
		if m := h.slots[i]; m == nil || m.host == *host {
			return i
		}
	}
}
