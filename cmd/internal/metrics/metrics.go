// Package metrics is what Prometheus is told of a manager: GET /metrics. METRICS.md says what each metric means; alerts.yml is rules that
// wake somebody, with their tests in alerts_test.yml, and dashboard.json is a dashboard of Grafana.
//
// Nothing is counted here that the daemon counts already: it is read when somebody asks. Label values come from the definition or from a
// list in the program, so that there are no more series than those say: a process or an application status that the definition does not
// have is "not defined".
//
// metrics.go puts together what is told, collector.go reads it, names.go has the names and what they mean, servers.go counts servers by
// their statuses, outcomes.go follows the history, limits.go is every limit.
package metrics

import (
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"renraku/cmd/internal/definition"
	"renraku/contactfile"
	"renraku/manager"
	"renraku/slave"
	"renraku/slave/credentials"
	"renraku/slave/trigger"
)

// Manager is *manager.Server, as far as metrics need it.
type Manager interface {
	Figures() manager.Figures
	Servers() iter.Seq[manager.ServerStatus]
	Drops() *slave.Drops
	Maintained() map[string]time.Time
}

// Triggers is *trigger.Engine, as far as metrics need it.
type Triggers interface {
	Dropped() trigger.Drops
	Progress() trigger.Progress
}

// History is *contactfile.History, as far as metrics need it.
type History interface {
	Len() int
	Backwards() iter.Seq2[int, contactfile.HistoryRecord]
}

// Source is the daemon that is told of.
type Source struct {
	Manager    Manager
	Triggers   Triggers
	History    History
	Definition func() *definition.Definition // the one that stands now
	Refused    func() bool                   // whether another one was read after it, and not taken over
	PageDrops  func() map[string]uint64      // every reason of the page's, also those that did not occur; nil where there is no page
	Security   *credentials.Security         // nil: plain mode
	Log        *slog.Logger
}

// Registry has all metrics of a manager, and of its process. It answers GET /metrics.
type Registry struct {
	*prometheus.Registry
	handler http.Handler
}

// New is the metrics of a manager. Outcomes are counted from now on.
func New(s Source) *Registry {
	r := &Registry{Registry: prometheus.NewRegistry()}
	r.MustRegister(newCollector(s), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	r.handler = promhttp.HandlerFor(r, promhttp.HandlerOpts{
		ErrorLog:            unanswered{s.Log},
		MaxRequestsInFlight: maxRequests,
	})
	return r
}

// unanswered logs what promhttp says of a request that has no answer.
type unanswered struct{ log *slog.Logger }

// Println is promhttp.Logger's.
func (u unanswered) Println(words ...any) {
	u.log.Warn("metrics not answered", "error", strings.TrimSpace(fmt.Sprintln(words...)))
}

// ServeHTTP is http.Handler's.
func (r *Registry) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	if request.Method != http.MethodGet && request.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "metrics are only read", http.StatusMethodNotAllowed)
		return
	}
	r.handler.ServeHTTP(w, request)
}
