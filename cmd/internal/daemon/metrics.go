package daemon

import (
	"net/http"

	"renraku/cmd/internal/metrics"
	"renraku/manager"
)

// pageDrops is how often the page refused something, by reason; nil where there is no page.
func (d *Daemon) pageDrops() map[string]uint64 {
	if d.page == nil {
		return nil
	}
	return d.page.server.Drops()
}

// Metrics takes GET /metrics at a manager; nil at a slave. Outcomes are counted from now on.
func (d *Daemon) Metrics() http.Handler {
	m, ok := d.server.(*manager.Server)
	if !ok {
		return nil
	}
	return metrics.New(metrics.Source{Manager: m, Triggers: d.engine, History: d.records.History, Definition: d.current.Load,
		Refused: func() bool { return d.current.refused.Load() != nil }, PageDrops: d.pageDrops, Security: d.security, Log: d.log})
}
