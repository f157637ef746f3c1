package metrics

import (
	"crypto/x509"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/definition"
	"renraku/cmd/internal/version"
	"renraku/cmd/internal/web"
	"renraku/contactfile"
	"renraku/manager"
	"renraku/slave"
	"renraku/slave/credentials"
	"renraku/slave/trigger"
	"renraku/telegram"
)

// station is a manager and its triggers of which a test says what they say.
type station struct {
	figures  manager.Figures
	refused  bool
	servers  []manager.ServerStatus
	drops    slave.Drops
	dropped  trigger.Drops
	page     map[string]uint64 // what the page dropped
	progress trigger.Progress

	maintained map[string]time.Time
}

func (s *station) Figures() manager.Figures                { return s.figures }
func (s *station) Servers() iter.Seq[manager.ServerStatus] { return slices.Values(s.servers) }
func (s *station) Drops() *slave.Drops                     { return &s.drops }
func (s *station) Maintained() map[string]time.Time        { return s.maintained }
func (s *station) Dropped() trigger.Drops                  { return s.dropped }
func (s *station) Progress() trigger.Progress              { return s.progress }

// rig is the metrics of a station, with a history on disk.
type rig struct {
	*station
	*Registry
	t       *testing.T
	history *contactfile.History
	def     *definition.Definition
}

const processes = `[[process]]
id = "ONLINE"
command = ["/bin/true"]
status = "ONLINE"
failed = "BROKEN"

[[process]]
id = "NIGHTBATCH"
command = ["/bin/true"]
type = "simple"
status = "BATCH"
after = "ONLINE"
`

func newRig(t *testing.T, security *credentials.Security) *rig {
	t.Helper()
	history, _, err := contactfile.OpenHistory(filepath.Join(t.TempDir(), slave.HistoryFile))
	require.NoError(t, err)
	t.Cleanup(func() { history.Close() })
	r := &rig{station: &station{page: web.New(web.Config{}).Drops()}, t: t, history: history}
	r.figures.RoundTrips = manager.Histogram{Bounds: []time.Duration{time.Millisecond, time.Second}, Counts: make([]uint64, 3)}
	r.define(processes)
	r.record("ONLINE", slave.Launched) // before the start
	r.Registry = New(Source{Manager: r, Triggers: r, History: history, Definition: func() *definition.Definition { return r.def },
		Refused: func() bool { return r.refused }, PageDrops: func() map[string]uint64 { return r.page }, Security: security, Log: slog.New(slog.DiscardHandler)})
	return r
}

// define has a definition with these processes, and whatever else.
func (r *rig) define(text string) {
	r.t.Helper()
	var err error
	r.def, err = definition.Parse("f", []byte("[manager]\nhost = \"mgr01\"\naddress = \"192.0.2.10\"\n"+text))
	require.NoError(r.t, err)
}

func (r *rig) record(process string, outcome slave.Outcome) {
	r.t.Helper()
	_, err := r.history.Append(contactfile.HistoryRecord{Time: time.Unix(0, 0), Host: "app01", Process: process, Trigger: "OPERATOR",
		Outcome: string(outcome), Application: "ONLINE"})
	require.NoError(r.t, err)
}

func server(t *testing.T, name string, operating contactfile.Operating, application string) manager.ServerStatus {
	t.Helper()
	host, err := telegram.NewHost(name)
	require.NoError(t, err)
	status, err := telegram.NewStatus(application)
	require.NoError(t, err)
	return manager.ServerStatus{Host: host, Operating: operating, Application: status}
}

// tells asserts what is told of some metrics, without their help and type; want is in the order of the labels.
func (r *rig) tells(want string, metrics ...string) {
	r.t.Helper()
	assert.Equal(r.t, want, strings.Join(r.lines(metrics...), "\n"))
}

func (r *rig) lines(metrics ...string) (lines []string) {
	r.t.Helper()
	got := httptest.NewRecorder()
	r.ServeHTTP(got, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	require.Equal(r.t, http.StatusOK, got.Code, got.Body)
	for line := range strings.Lines(got.Body.String()) {
		name := line[:strings.IndexAny(line, "{ ")]
		for _, m := range metrics {
			if name == "renraku_"+m || strings.HasPrefix(name, "renraku_"+m+"_") {
				lines = append(lines, strings.TrimPrefix(strings.TrimSpace(line), "renraku_"))
			}
		}
	}
	return lines
}

func TestStateOfTheManager(t *testing.T) {
	r := newRig(t, nil)
	all := []string{"monitoring", "isolated", "udp_blocked_servers", "orders_waiting", "history_records"}
	r.tells("history_records 1\nisolated 0\nmonitoring 0\norders_waiting 0\nudp_blocked_servers 0", all...)
	r.tells("maintenance_udp_blocked_servers 0", "maintenance_udp")
	r.figures.Monitoring, r.figures.UDPBlocked, r.figures.OrdersWaiting = true, 3, 70_000
	r.figures.UDPBlockedMaintained = 2
	r.tells("maintenance_udp_blocked_servers 2", "maintenance_udp")
	r.tells("history_records 1\nisolated 0\nmonitoring 1\norders_waiting 70000\nudp_blocked_servers 3", all...)
	r.figures.Monitoring, r.figures.Isolated = false, true
	r.tells("isolated 1\nmonitoring 0", "isolated", "monitoring")
	r.tells("definition_refused 0", "definition_refused")
	r.refused = true
	r.tells("definition_refused 1", "definition_refused")
}

func TestBuildInformationNamesTheCompiler(t *testing.T) {
	r := newRig(t, nil)
	lines := r.lines("build_info")
	require.Len(t, lines, 1)
	assert.Contains(t, lines[0], `go_version="`+runtime.Version()+`"`)
	assert.Regexp(t, `revision="[^"]+",version="`+regexp.QuoteMeta(version.Get().Number)+`"} 1$`, lines[0], "as --version prints it")
}

func TestServersAreCountedByTheirStatuses(t *testing.T) {
	r := newRig(t, nil)
	assert.Empty(t, r.lines("servers", "server"), "none without monitoring")
	r.servers = []manager.ServerStatus{
		server(t, "mgr01", contactfile.Running, contactfile.NotStarted),
		server(t, "app01", contactfile.Running, contactfile.Online),
		server(t, "app02", contactfile.Stopped, contactfile.Online),
		server(t, "app03", contactfile.Running, contactfile.Online),
		server(t, "app04", contactfile.Running, "corrected-by-hand"),
		server(t, "app05", contactfile.Stopped, ""),
	}
	const counted = `servers{application="BATCH",operating="RUNNING"} 0
servers{application="BATCH",operating="STOPPED"} 0
servers{application="BROKEN",operating="RUNNING"} 0
servers{application="BROKEN",operating="STOPPED"} 0
servers{application="NOT-STARTED",operating="RUNNING"} 1
servers{application="NOT-STARTED",operating="STOPPED"} 0
servers{application="ONLINE",operating="RUNNING"} 2
servers{application="ONLINE",operating="STOPPED"} 1
servers{application="not defined",operating="RUNNING"} 1
servers{application="not defined",operating="STOPPED"} 1`
	r.tells(counted, "servers")
	assert.Empty(t, r.lines("server"), "there is none for each")
	r.define("[web]\nlisten = \"127.0.0.1\"\nhost_metrics = true\n" + processes)
	r.tells(counted, "servers")
	r.tells("server_running{host=\"app01\"} 1\nserver_running{host=\"app02\"} 0\nserver_running{host=\"app03\"} 1\n"+
		"server_running{host=\"app04\"} 1\nserver_running{host=\"app05\"} 0\nserver_running{host=\"mgr01\"} 1", "server_running")
	r.maintained = map[string]time.Time{"app01": {}, "app05": {}, "gone": {}}
	r.tells("server_maintenance{host=\"app01\"} 1\nserver_maintenance{host=\"app02\"} 0\nserver_maintenance{host=\"app03\"} 0\n"+
		"server_maintenance{host=\"app04\"} 0\nserver_maintenance{host=\"app05\"} 1\nserver_maintenance{host=\"mgr01\"} 0", "server_maintenance")
}

func TestServersInMaintenanceAreCountedByTheirOperatingStatus(t *testing.T) {
	r := newRig(t, nil)
	r.maintained = map[string]time.Time{"app01": {}, "app02": {}, "app03": {}, "gone": {}}
	assert.Empty(t, r.lines("maintenance_servers"), "none without monitoring")
	r.servers = []manager.ServerStatus{
		server(t, "mgr01", contactfile.Running, contactfile.NotStarted),
		server(t, "app01", contactfile.Stopped, contactfile.Online),
		server(t, "app02", contactfile.Running, contactfile.Online),
		server(t, "app03", contactfile.Stopped, contactfile.NotStarted),
		server(t, "app04", contactfile.Stopped, contactfile.Online),
	}
	r.tells("maintenance_servers{operating=\"RUNNING\"} 1\nmaintenance_servers{operating=\"STOPPED\"} 2", "maintenance_servers")
	assert.Contains(t, r.lines("servers"), `servers{application="ONLINE",operating="STOPPED"} 2`, "they stay among all")
	r.maintained = nil
	r.tells("maintenance_servers{operating=\"RUNNING\"} 0\nmaintenance_servers{operating=\"STOPPED\"} 0", "maintenance_servers")
}

func TestRoundTripsAreAHistogramOfSeconds(t *testing.T) {
	r := newRig(t, nil)
	r.figures.RoundTrips = manager.Histogram{Bounds: []time.Duration{250 * time.Microsecond, time.Second}, Counts: []uint64{5, 0, 2}, Sum: 4.5e9}
	r.figures.Retried = 7
	r.tells(`poll_retried_total 7
poll_round_trip_seconds_bucket{le="0.00025"} 5
poll_round_trip_seconds_bucket{le="1"} 5
poll_round_trip_seconds_bucket{le="+Inf"} 7
poll_round_trip_seconds_sum 4.5
poll_round_trip_seconds_count 7`, "poll")
}

func TestJudgementsAndChangesOfApplications(t *testing.T) {
	r := newRig(t, nil)
	r.figures.Judgements = manager.Judgements{Running: 1, Stopped: 2, Silent: 3, Application: 4}
	r.tells(`application_changes_total 4
judgements_total{operating="RUNNING",reason="answered"} 1
judgements_total{operating="STOPPED",reason="no answer"} 3
judgements_total{operating="STOPPED",reason="said so"} 2`, "judgements", "application")
}

func TestEveryReasonIsToldAlsoWhereNothingWasDropped(t *testing.T) {
	r := newRig(t, nil)
	for range 3 {
		r.drops.Count(slave.DropAddress)
	}
	r.dropped = trigger.Drops{Messages: 1, Firings: 2, Cut: 3}
	lines := r.lines("drops_total")
	assert.Contains(t, lines, `drops_total{reason="unknown address"} 3`)
	assert.Contains(t, lines, `drops_total{reason="no room in the socket's buffer"} 0`)
	for reason := range r.drops.Each() {
		assert.True(t, slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, `drops_total{reason="`+reason.String()+`"} `) }), reason)
	}
	r.tells("trigger_drops_total{kind=\"ends of messages\"} 3\ntrigger_drops_total{kind=\"firings\"} 2\ntrigger_drops_total{kind=\"messages\"} 1",
		"trigger_drops_total")
}

func TestWhatThePageRefusedIsToldByReason(t *testing.T) {
	r := newRig(t, nil)
	r.page["wrong token"], r.page["another site"] = 3, 1
	r.tells(`page_drops_total{reason="another host name"} 0
page_drops_total{reason="another site"} 1
page_drops_total{reason="too many orders at once"} 0
page_drops_total{reason="too many pages"} 0
page_drops_total{reason="too many wrong tokens"} 0
page_drops_total{reason="too slow for changes"} 0
page_drops_total{reason="wrong token"} 3`, "page_drops_total")
	r.page = nil
	assert.Empty(t, r.lines("page_drops_total"), "there is no page")
}

func TestOutcomesAreThoseOfTheHistorySinceTheStart(t *testing.T) {
	r := newRig(t, nil)
	some := func() (some []string) {
		for _, l := range r.lines("outcomes_total") {
			if !strings.HasSuffix(l, " 0") {
				some = append(some, l)
			}
		}
		return some
	}
	assert.Empty(t, some(), "what was there before is not counted")
	assert.Len(t, r.lines("outcomes_total"), 3*len(counted), "each process has all, so that a first one is an increase")
	for range 300 { // more than are read at once
		r.record("ONLINE", slave.Launched)
	}
	r.record("NIGHTBATCH", slave.Ended)
	r.record("NIGHTBATCH", slave.Unreachable)
	r.record("OLD", slave.Failed)
	r.record("OLDER", slave.Failed)
	r.record("", slave.Set)
	want := []string{`outcomes_total{outcome="ENDED",process="NIGHTBATCH"} 1`, `outcomes_total{outcome="FAILED",process="not defined"} 2`,
		`outcomes_total{outcome="LAUNCHED",process="ONLINE"} 300`, `outcomes_total{outcome="UNREACHABLE",process="NIGHTBATCH"} 1`}
	assert.Equal(t, want, some())
	assert.Equal(t, want, some(), "once each")
	r.record("ONLINE", slave.Launched)
	want[2] = `outcomes_total{outcome="LAUNCHED",process="ONLINE"} 301`
	assert.Equal(t, want, some())

	before := r.def
	r.define("")
	assert.Equal(t, want[1:2], some(), "a process that goes takes its counts along")
	r.def = before
	assert.Equal(t, want[1:2], some(), "and comes back without")
	assert.Len(t, r.lines("outcomes_total"), 3*len(counted))
}

func TestRunTimesAreAHistogramForEachProcess(t *testing.T) {
	r := newRig(t, nil)
	assert.Empty(t, r.lines("run_duration_seconds"))
	id := func(s string) telegram.ProcessID {
		id, err := telegram.NewProcessID(s)
		require.NoError(t, err)
		return id
	}
	h := manager.Histogram{Bounds: []time.Duration{time.Minute}, Counts: []uint64{1, 0}, Sum: 30e9}
	r.figures.Runs = map[telegram.ProcessID]manager.Histogram{id("ONLINE"): h, id("GONE"): h, {}: h}
	r.tells(`run_duration_seconds_bucket{process="ONLINE",le="60"} 1
run_duration_seconds_bucket{process="ONLINE",le="+Inf"} 1
run_duration_seconds_sum{process="ONLINE"} 30
run_duration_seconds_count{process="ONLINE"} 1
run_duration_seconds_bucket{process="not defined",le="60"} 1
run_duration_seconds_bucket{process="not defined",le="+Inf"} 1
run_duration_seconds_sum{process="not defined"} 30
run_duration_seconds_count{process="not defined"} 1`, "run_duration_seconds")
}

func TestQueuesHaveTheirLengthAndLimit(t *testing.T) {
	r := newRig(t, nil)
	r.figures.Queues = []manager.Queue{{Name: "orders", Length: 5, Limit: 16384}}
	r.progress = trigger.Progress{Received: 1, Told: 2, Timed: 3, ByMessage: 4}
	r.tells(`queue_length{queue="firings by message"} 4
queue_length{queue="firings by time"} 3
queue_length{queue="messages of the socket"} 1
queue_length{queue="orders"} 5
queue_length{queue="own messages"} 2`, "queue_length")
	r.tells(`queue_limit{queue="firings by message"} 1024
queue_limit{queue="firings by time"} 1024
queue_limit{queue="messages of the socket"} 1024
queue_limit{queue="orders"} 16384
queue_limit{queue="own messages"} 1024`, "queue_limit")
}

func TestEndsOfCertificatesAreToldInSealedMode(t *testing.T) {
	assert.Empty(t, newRig(t, nil).lines("certificate"))
	at := func(seconds int64) *x509.Certificate { return &x509.Certificate{NotAfter: time.Unix(seconds, 0)} }
	security := &credentials.Security{}
	security.Replace(&credentials.Credentials{Certificate: at(1), Authority: at(2)})
	newRig(t, security).tells("certificate_end_timestamp_seconds{certificate=\"authority\"} 2\n"+
		"certificate_end_timestamp_seconds{certificate=\"own\"} 1", "certificate")
}

func TestMetricsOfTheProcessAreTold(t *testing.T) {
	r := newRig(t, nil)
	families, err := r.Gather()
	require.NoError(t, err)
	var names []string
	for _, f := range families {
		names = append(names, f.GetName())
	}
	assert.Contains(t, names, "process_resident_memory_bytes")
	assert.Contains(t, names, "process_open_fds")
	assert.Contains(t, names, "go_goroutines")
}

func TestMetricsAreNamedAsPrometheusWants(t *testing.T) {
	problems, err := testutil.GatherAndLint(fullRig(t))
	require.NoError(t, err)
	assert.Empty(t, problems)
}

func TestMetricsAreOnlyRead(t *testing.T) {
	r := newRig(t, nil)
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete} {
		got := httptest.NewRecorder()
		r.ServeHTTP(got, httptest.NewRequest(method, "/metrics", nil))
		assert.Equal(t, http.StatusMethodNotAllowed, got.Code, method)
		assert.Equal(t, "GET, HEAD", got.Header().Get("Allow"))
	}
}

// held is a reader of an answer that waits before the first byte until release is closed.
type held struct {
	*httptest.ResponseRecorder
	began   chan<- struct{}
	release <-chan struct{}
}

func (h *held) Write(b []byte) (int, error) {
	select {
	case h.began <- struct{}{}:
	default:
	}
	<-h.release
	return io.Discard.Write(b)
}

func TestAsManyRequestsAsThereMayBeAreAnsweredAtOnce(t *testing.T) {
	r := newRig(t, nil)
	began, release, ended := make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
	for range maxRequests {
		go func() {
			r.ServeHTTP(&held{httptest.NewRecorder(), began, release}, httptest.NewRequest(http.MethodGet, "/metrics", nil))
			ended <- struct{}{}
		}()
		<-began
	}
	got := httptest.NewRecorder()
	r.ServeHTTP(got, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	assert.Equal(t, http.StatusServiceUnavailable, got.Code)
	close(release)
	for range maxRequests {
		<-ended
	}
	assert.NotEmpty(t, r.lines("monitoring"), "and the next when they are done")
}

// fullRig has every metric.
func fullRig(t *testing.T) *rig {
	t.Helper()
	security := &credentials.Security{}
	security.Replace(&credentials.Credentials{Certificate: &x509.Certificate{}, Authority: &x509.Certificate{}})
	r := newRig(t, security)
	r.define("[web]\nlisten = \"127.0.0.1\"\nhost_metrics = true\n" + processes)
	r.servers = []manager.ServerStatus{server(t, "mgr01", contactfile.Running, contactfile.NotStarted)}
	r.figures.Runs = map[telegram.ProcessID]manager.Histogram{{}: {Bounds: []time.Duration{time.Minute}, Counts: []uint64{1, 0}}}
	return r
}
