package metrics

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/web"
	"renraku/slave"
)

func text(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(b)
}

// described is a metric in the words of METRICS.md.
type described struct {
	kind   string
	labels []string
}

// all is every metric that is told, by name.
func (r *rig) all() map[string]described {
	r.t.Helper()
	families, err := r.Gather()
	require.NoError(r.t, err)
	all := map[string]described{}
	for _, f := range families {
		d := described{kind: strings.ToLower(f.GetType().String()), labels: []string{}}
		for _, l := range f.GetMetric()[0].GetLabel() {
			d.labels = append(d.labels, l.GetName())
		}
		slices.Sort(d.labels)
		all[f.GetName()] = d
	}
	return all
}

func TestEveryMetricIsDocumentedWithItsTypeAndLabels(t *testing.T) {
	want := map[string]described{}
	for name, d := range fullRig(t).all() {
		if strings.HasPrefix(name, "renraku_") {
			want[name] = d
		}
	}
	row := regexp.MustCompile("(?m)^\\| `(renraku_\\w+)` \\| (\\w+) \\| ([^|]*)\\| [^|]+ \\|$")
	got := map[string]described{}
	for _, m := range row.FindAllStringSubmatch(text(t, "METRICS.md"), -1) {
		labels := []string{}
		for _, l := range regexp.MustCompile("`(\\w+)`").FindAllStringSubmatch(m[3], -1) {
			labels = append(labels, l[1])
		}
		slices.Sort(labels)
		got[m[1]] = described{m[2], labels}
	}
	assert.Equal(t, want, got)
}

func TestEveryReasonAndOutcomeIsDocumented(t *testing.T) {
	document := text(t, "METRICS.md")
	var drops slave.Drops
	for reason := range drops.Each() {
		assert.Contains(t, document, "`"+reason.String()+"`")
	}
	for reason := range web.New(web.Config{}).Drops() {
		assert.Contains(t, document, "`"+reason+"`")
	}
	for _, outcome := range counted {
		assert.Regexp(t, `\b`+string(outcome)+`\b`, document)
	}
}

var (
	metricName = regexp.MustCompile(`\b(?:renraku|process|go)_[a-z0-9_]+`)
	selector   = regexp.MustCompile(`\b((?:renraku|process|go)_[a-z0-9_]+)\{([^}]*)\}`)
	matcher    = regexp.MustCompile(`(\w+) *(?:=~|!~|!=|=) *"([^"]*)"`)
	grouping   = regexp.MustCompile(`\bby \(([^)]*)\)`)
)

// family is the metric that a name in a query is of.
func family(all map[string]described, name string) (described, bool) {
	d, ok := all[name]
	for _, part := range []string{"_bucket", "_sum", "_count"} {
		if whole, cut := strings.CutSuffix(name, part); cut && !ok {
			d, ok = all[whole]
			ok = ok && d.kind == "histogram"
			if part == "_bucket" {
				d.labels = append(slices.Clone(d.labels), "le")
			}
		}
	}
	d.labels = append(slices.Clone(d.labels), "job", "instance") // Prometheus's own
	return d, ok
}

// unknown is what a query, or a text with queries, asks for that is not told.
func unknown(all map[string]described, queries string) (wrong []string) {
	labels := []string{}
	for _, name := range metricName.FindAllString(queries, -1) {
		d, ok := family(all, name)
		if !ok {
			wrong = append(wrong, "metric "+name)
		}
		labels = append(labels, d.labels...)
	}
	for _, m := range selector.FindAllStringSubmatch(queries, -1) {
		d, _ := family(all, m[1])
		for _, l := range matcher.FindAllStringSubmatch(m[2], -1) {
			if !slices.Contains(d.labels, l[1]) {
				wrong = append(wrong, fmt.Sprintf("label %s of %s", l[1], m[1]))
			}
			wrong = append(wrong, unknownValues(l[1], l[2])...)
		}
	}
	for _, m := range grouping.FindAllStringSubmatch(queries, -1) {
		for l := range strings.SplitSeq(m[1], ",") {
			if l = strings.TrimSpace(l); !slices.Contains(labels, l) {
				wrong = append(wrong, "label "+l)
			}
		}
	}
	return wrong
}

// unknownValues is what of the values of a label, with | between them, is never told.
func unknownValues(label, values string) (wrong []string) {
	var known []string
	switch label {
	case "reason":
		known = []string{"answered", "said so", "no answer"}
		var drops slave.Drops
		for reason := range drops.Each() {
			known = append(known, reason.String())
		}
		known = slices.AppendSeq(known, maps.Keys(web.New(web.Config{}).Drops()))
	case "outcome":
		for _, outcome := range counted {
			known = append(known, string(outcome))
		}
	case "operating":
		known = []string{"RUNNING", "STOPPED"}
	case "kind":
		known = []string{"messages", "firings", "ends of messages"}
	default:
		return nil
	}
	for v := range strings.SplitSeq(values, "|") {
		if !slices.Contains(known, v) {
			wrong = append(wrong, label+" "+v)
		}
	}
	return wrong
}

func TestAlertsAskForWhatIsTold(t *testing.T) {
	all := fullRig(t).all()
	for _, file := range []string{"alerts.yml", "alerts_test.yml"} {
		text := strings.ReplaceAll(text(t, file), "''", "'")
		assert.NotEmpty(t, metricName.FindString(text))
		assert.Empty(t, unknown(all, text), file)
	}
	assert.Equal(t, []string{"metric renraku_serverz", "label host of renraku_servers", "outcome SO", "label queue"},
		unknown(all, `renraku_serverz + sum by (queue) (renraku_servers{host="a"}) + renraku_outcomes_total{outcome=~"FAILED|SO"}`),
		"what is wrong would be seen")
}

func TestEveryAlertIsTested(t *testing.T) {
	tests := text(t, "alerts_test.yml")
	for _, m := range regexp.MustCompile(`(?m)^ *- alert: (\w+)$`).FindAllStringSubmatch(text(t, "alerts.yml"), -1) {
		fires := regexp.MustCompile(`alertname: ` + m[1] + `\n *eval_time: \d+m\n *exp_alerts:\n`)
		assert.Regexp(t, fires, tests)
	}
}

// dashboard is what the tests look at of a dashboard of Grafana.
type dashboard struct {
	Title      string
	Templating struct{ List []struct{ Name, Type string } }
	Panels     []struct {
		ID          int
		Type, Title string
		GridPos     struct{ X, Y, W, H int }
		Targets     []struct{ Expr, RefID string }
	}
}

func TestDashboardAsksForWhatIsTold(t *testing.T) {
	file := text(t, "dashboard.json")
	assert.Empty(t, unknown(fullRig(t).all(), strings.NewReplacer(`\"`, `"`).Replace(file)))
	var d dashboard
	require.NoError(t, json.Unmarshal([]byte(file), &d))
	variables := []string{"__rate_interval"}
	for _, v := range d.Templating.List {
		variables = append(variables, v.Name)
	}
	asked := map[string]bool{}
	for _, p := range d.Panels {
		require.NotEmpty(t, p.Targets, p.Title)
		for _, target := range p.Targets {
			require.NotEmpty(t, target.Expr, p.Title)
			for _, name := range metricName.FindAllString(target.Expr, -1) {
				asked[name] = true
			}
			for _, v := range regexp.MustCompile(`\$(\w+)`).FindAllStringSubmatch(target.Expr, -1) {
				assert.Contains(t, variables, v[1], p.Title)
			}
		}
	}
	assert.Greater(t, len(asked), 15)
}

func TestPanelsOfTheDashboardHaveAPlaceOfTheirOwn(t *testing.T) {
	const columns = 24
	var d dashboard
	require.NoError(t, json.Unmarshal([]byte(text(t, "dashboard.json")), &d))
	taken, ids := map[[2]int]string{}, map[int]bool{}
	for _, p := range d.Panels {
		assert.False(t, ids[p.ID], p.Title)
		ids[p.ID] = true
		assert.LessOrEqual(t, p.GridPos.X+p.GridPos.W, columns, p.Title)
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				at := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				assert.Empty(t, taken[at], p.Title)
				taken[at] = p.Title
			}
		}
	}
	assert.NotEmpty(t, ids)
}
