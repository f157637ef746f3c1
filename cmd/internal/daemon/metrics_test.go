package daemon

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
	"renraku/cmd/internal/control"
)

// scrape gives the lines of GET /metrics, without comments.
func scrape(t *testing.T, address string) (lines []string) {
	t.Helper()
	answer, err := http.Get("http://" + address + "/metrics")
	require.NoError(t, err)
	defer answer.Body.Close()
	require.Equal(t, http.StatusOK, answer.StatusCode)
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	for line := range strings.Lines(string(body)) {
		if !strings.HasPrefix(line, "#") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

func TestManagerTellsItsMetricsBesideThePage(t *testing.T) {
	ports := cmdtest.Ports(t, 2)
	managerAddress, slaveAddress := local(ports[0]), local(ports[1])
	run(t, options(t, "app01", managerAddress, slaveAddress))
	o := options(t, "mgr01", managerAddress, slaveAddress)
	o.Definition.Web.HostMetrics = true
	o.Definition.Groups[0].Timeout = 10 * time.Second // one inquiry is enough
	address := withPage(t, &o)
	d, _ := run(t, o)
	cmdtest.Until(t, 10*time.Second, "app01 RUNNING", func() bool {
		return slices.Contains(scrape(t, address), `renraku_server_running{host="app01"} 1`)
	})
	lines := scrape(t, address)
	for _, want := range []string{"renraku_monitoring 1", "renraku_isolated 0", `renraku_server_running{host="mgr01"} 1`,
		`renraku_servers{application="NOT-STARTED",operating="RUNNING"} 2`, `renraku_servers{application="ONLINE",operating="RUNNING"} 0`,
		`renraku_judgements_total{operating="RUNNING",reason="answered"} 1`, "renraku_poll_round_trip_seconds_count 1",
		`renraku_drops_total{reason="unknown address"} 0`, `renraku_outcomes_total{outcome="LAUNCHED",process="ONLINE"} 0`,
		`renraku_queue_limit{queue="orders"} 16384`} {
		assert.Contains(t, lines, want)
	}

	rows := 0
	require.NoError(t, control.NewClient(o.Dir).Order(t.Context(), control.Order{Process: "ONLINE", All: true},
		func(control.Head) {}, func(r control.Row) {
			rows++
			assert.Equal(t, "LAUNCHED", r.Outcome, r.Text)
		}))
	require.Equal(t, 2, rows)
	lines = scrape(t, address)
	for _, want := range []string{`renraku_outcomes_total{outcome="LAUNCHED",process="ONLINE"} 2`,
		`renraku_run_duration_seconds_count{process="ONLINE"} 2`, "renraku_history_records 2", "renraku_application_changes_total 1",
		`renraku_servers{application="ONLINE",operating="RUNNING"} 2`, `renraku_servers{application="NOT-STARTED",operating="RUNNING"} 0`} {
		assert.Contains(t, lines, want)
	}

	problems, err := testutil.GatherAndLint(d.Metrics().(prometheus.Gatherer))
	require.NoError(t, err)
	assert.Empty(t, problems)
}

func TestEveryQueueOfTheMetricsIsDocumented(t *testing.T) {
	document, err := os.ReadFile(filepath.Join("..", "metrics", "METRICS.md"))
	require.NoError(t, err)
	ports := cmdtest.Ports(t, 2)
	o := options(t, "mgr01", local(ports[0]), local(ports[1]))
	address := withPage(t, &o)
	run(t, o)
	queue := regexp.MustCompile(`^renraku_queue_length\{queue="(.*)"\}`)
	found := 0
	for _, line := range scrape(t, address) {
		if m := queue.FindStringSubmatch(line); m != nil {
			found++
			assert.Contains(t, strings.ReplaceAll(string(document), "\n  ", " "), "`"+m[1]+"`")
		}
	}
	assert.Equal(t, 10, found)
}

func TestASlaveHasNoMetrics(t *testing.T) {
	ports := cmdtest.Ports(t, 2)
	assert.Nil(t, open(t, options(t, "app01", local(ports[0]), local(ports[1]))).Metrics())
}
