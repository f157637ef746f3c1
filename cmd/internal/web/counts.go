package web

import "sync/atomic"

// counts count what was not done, by reason.
type counts struct {
	host    atomic.Uint64 // a name that is not this page's
	foreign atomic.Uint64 // another site's request
	clients atomic.Uint64 // a page too many
	resyncs atomic.Uint64 // deltas that a slow page did not get one by one
	tokens  atomic.Uint64 // a wrong token
	limited atomic.Uint64 // a wrong token after too many others
	orders  atomic.Uint64 // an order too many
}

// Drops is the number for each reason that there is, as GET /metrics has it.
func (s *Server) Drops() map[string]uint64 {
	c := &s.counts
	return map[string]uint64{
		"another host name":       c.host.Load(),
		"another site":            c.foreign.Load(),
		"too many pages":          c.clients.Load(),
		"too slow for changes":    c.resyncs.Load(),
		"wrong token":             c.tokens.Load(),
		"too many wrong tokens":   c.limited.Load(),
		"too many orders at once": c.orders.Load(),
	}
}

// Dropped is the number for each reason that occurred, as GET /state has it.
func (s *Server) Dropped() map[string]uint64 {
	all := map[string]uint64{}
	for reason, n := range s.Drops() {
		if n > 0 {
			all["page: "+reason] = n
		}
	}
	return all
}
