package manager

import (
	"net/netip"
	"slices"

	"renraku/slave"
)

// addresses is from where the slaves may come.
type addresses struct {
	fixed []netip.Addr     // in their order, each once
	named []*slave.Address // those that are names, and may become others
}

func newAddresses(all []*slave.Address) *addresses {
	a := &addresses{}
	var last *slave.Address // that of a whole range is often the same
	for _, address := range all {
		if address == last {
			continue
		}
		last = address
		if at, ok := address.AddrPort(); ok && !address.IsName() {
			a.fixed = append(a.fixed, at.Addr())
		} else {
			a.named = append(a.named, address)
		}
	}
	slices.SortFunc(a.fixed, netip.Addr.Compare)
	a.fixed = slices.Clip(slices.Compact(a.fixed))
	return a
}

// knows says whether some slave has the address. There may be very many slaves: it takes no lock.
func (s *StatusControl) knows(ip netip.Addr) bool {
	a := s.addresses.Load()
	if _, found := slices.BinarySearchFunc(a.fixed, ip.Unmap(), netip.Addr.Compare); found {
		return true
	}
	return slices.ContainsFunc(a.named, func(named *slave.Address) bool { return named.Is(ip) })
}
