//go:build interop

package interop

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
)

// promtool runs promtool to its end.
func promtool(t *testing.T, stdin string, args ...string) (out string, ok bool) {
	t.Helper()
	c := exec.Command("promtool", args...)
	c.Stdin = strings.NewReader(stdin)
	b, err := c.CombinedOutput()
	return string(b), err == nil
}

func metricsFile(name string) string { return filepath.Join("..", "metrics", name) }

func TestPromtoolTakesTheExampleRulesAndTheirTests(t *testing.T) {
	out, ok := promtool(t, "", "check", "rules", metricsFile("alerts.yml"))
	assert.True(t, ok, out)
	out, ok = promtool(t, "", "test", "rules", metricsFile("alerts_test.yml"))
	assert.True(t, ok, out)
}

func TestPromtoolTakesTheQueriesOfTheDashboard(t *testing.T) {
	text, err := os.ReadFile(metricsFile("dashboard.json"))
	require.NoError(t, err)
	var dashboard struct {
		Panels []struct{ Targets []struct{ Expr string } }
	}
	require.NoError(t, json.Unmarshal(text, &dashboard))
	type rule struct {
		Record string `json:"record"`
		Expr   string `json:"expr"`
	}
	rules := []rule{}
	variables := strings.NewReplacer("$__rate_interval", "5m", "$job", "renraku", "$instance", ".*", "$process", ".*")
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			rules = append(rules, rule{fmt.Sprintf("query:%d", len(rules)), variables.Replace(target.Expr)})
		}
	}
	require.NotEmpty(t, rules)
	group := map[string]any{"name": "dashboard", "rules": rules}
	file, err := json.Marshal(map[string]any{"groups": []any{group}}) // JSON is YAML
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "dashboard.yml")
	require.NoError(t, os.WriteFile(path, file, 0o600))
	out, ok := promtool(t, "", "check", "rules", path)
	assert.True(t, ok, out)
	assert.Contains(t, out, fmt.Sprintf("%d rules found", len(rules)))
}

// prometheus runs Prometheus on the metrics at the address, with the example rules, and gives its own address.
func prometheus(t *testing.T, target string) string {
	t.Helper()
	rules, err := filepath.Abs(metricsFile("alerts.yml"))
	require.NoError(t, err)
	dir := cmdtest.Dir(t)
	config := filepath.Join(dir, "prometheus.yml")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, `global: {scrape_interval: 200ms, scrape_timeout: 200ms, evaluation_interval: 200ms}
rule_files: [%q]
scrape_configs:
  - job_name: renraku
    static_configs: [{targets: [%q]}]
`, rules, target), 0o600))
	address := fmt.Sprintf("127.0.0.1:%d", cmdtest.Ports(t, 1)[0])
	cmdtest.Begin(t, exec.Command("prometheus", "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+address))
	return address
}

// instant is what a query gives now, one text such as `{instance="m"} => 1` for each series, without the time.
func instant(t *testing.T, address, query string) (series []string) {
	t.Helper()
	out, ok := promtool(t, "", "query", "instant", "http://"+address, query)
	if !ok { // it has only just begun
		return nil
	}
	for line := range strings.Lines(out) {
		series = append(series, strings.TrimSpace(strings.Split(line, " @[")[0]))
	}
	slices.Sort(series)
	return series
}

func TestPrometheusKnowsTheFleetByItsMetrics(t *testing.T) {
	f := cmdtest.NewFleet(t, "interval = \"200ms\"\ntimeout = \"100ms\"\nretries = 3\nisolation_hold = \"0\"")
	address := fmt.Sprintf("127.0.0.1:%d", cmdtest.Ports(t, 1)[0])
	f.Define(t, fmt.Sprintf("\n[web]\nlisten = %q\nhost_metrics = true\n", address))
	all := f.StartAll(t)
	out := f.Renraku(t, cmdtest.Manager, "run", "ONLINE", "--all")
	require.Equal(t, 0, out.Code, out.Stderr)

	answer, err := http.Get("http://" + address + "/metrics")
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	lint, ok := promtool(t, string(body), "check", "metrics")
	assert.True(t, ok, lint)

	at := prometheus(t, address)
	awaits := func(query string, want ...string) {
		t.Helper()
		var got []string
		defer func() { assert.Equal(t, want, got) }()
		cmdtest.Until(t, 30*time.Second, query, func() bool {
			got = instant(t, at, query)
			return slices.Equal(want, got)
		})
	}
	awaits(`sum by (operating) (renraku_servers)`, `{operating="RUNNING"} => 3`, `{operating="STOPPED"} => 0`)
	awaits(`sum by (application) (renraku_servers > 0)`, `{application="ONLINE"} => 3`)
	awaits(`sum by (process) (renraku_outcomes_total{outcome="LAUNCHED"} > 0)`, `{process="ONLINE"} => 3`)
	all[cmdtest.First].Kill(t)
	awaits(`sum by (host) (renraku_server_running)`, `{host="app01"} => 0`, `{host="app02"} => 1`, `{host="mgr01"} => 1`)
	awaits(`sum by (alertname, alertstate) (ALERTS)`, `{alertname="RenrakuManyServersStopped", alertstate="pending"} => 1`,
		`{alertname="RenrakuServersStopped", alertstate="pending"} => 1`)
}
