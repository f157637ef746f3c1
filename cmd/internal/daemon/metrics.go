package daemon

import (
	"net/http"

	"renraku/cmd/internal/metrics"
	"renraku/manager"
)

// Metrics takes GET /metrics at a manager; nil at a slave. Outcomes are counted from now on.
func (d *Daemon) Metrics() http.Handler {
	m, ok := d.server.(*manager.Server)
	if !ok {
		return nil
	}
	return metrics.New(metrics.Source{Manager: m, Triggers: d.engine, History: d.records.History, Definition: d.current.Load,
		Security: d.security, Log: d.log})
}
