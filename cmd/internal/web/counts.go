package web

import "sync/atomic"

// counts count what was not done, by reason.
type counts struct {
	host    atomic.Uint64 // a name that is not this page's
	foreign atomic.Uint64 // another site's request
}

// Dropped is the number for each reason that occurred.
func (s *Server) Dropped() map[string]uint64 {
	all := map[string]uint64{}
	for reason, n := range map[string]*atomic.Uint64{
		"page: another host name": &s.counts.host,
		"page: another site":      &s.counts.foreign,
	} {
		if n := n.Load(); n > 0 {
			all[reason] = n
		}
	}
	return all
}
