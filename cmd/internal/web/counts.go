package web

import "sync/atomic"

// counts count what was not done, by reason.
type counts struct {
	host    atomic.Uint64 // a name that is not this page's
	foreign atomic.Uint64 // another site's request
	clients atomic.Uint64 // a page too many
	resyncs atomic.Uint64 // deltas that a slow page did not get one by one
	tokens  atomic.Uint64 // a wrong token
	limited atomic.Uint64 // an order after too many wrong tokens
	orders  atomic.Uint64 // an order too many
}

// Dropped is the number for each reason that occurred.
func (s *Server) Dropped() map[string]uint64 {
	all := map[string]uint64{}
	for reason, n := range map[string]*atomic.Uint64{
		"page: another host name":       &s.counts.host,
		"page: another site":            &s.counts.foreign,
		"page: too many pages":          &s.counts.clients,
		"page: too slow for changes":    &s.counts.resyncs,
		"page: wrong token":             &s.counts.tokens,
		"page: too many wrong tokens":   &s.counts.limited,
		"page: too many orders at once": &s.counts.orders,
	} {
		if n := n.Load(); n > 0 {
			all[reason] = n
		}
	}
	return all
}
