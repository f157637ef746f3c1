//go:build interop

package browser

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/slave"
)

// found is what the search of the page finds among the hosts, for each text.
func (p *page) found(texts, hosts []string) [][]string {
	p.t.Helper()
	b, err := json.Marshal([][]string{texts, hosts})
	require.NoError(p.t, err)
	return eval[[][]string](p, fmt.Sprintf(`import("/fleet.js").then(({ Fleet }) => { const [texts, hosts] = %s, f = new Fleet();
		return texts.map((text) => { f.text = text; return hosts.filter(f.matcher()); }); })`, b))
}

// patterned is as many patterns and hosts, right or wrong, of the characters that matter.
func patterned(n int) (patterns, hosts []string) {
	r := rand.New(rand.NewPCG(1, 2))
	word := func(parts []string, most int) (word string) {
		for range 1 + r.IntN(most) {
			word += parts[r.IntN(len(parts))]
		}
		return word
	}
	for range n {
		patterns = append(patterns, word([]string{"a", "0", "1", "20", "*", "?", "[", "]", "-", "[1-20]", "[0-9]", "[00-19]", "[001-120]", "[9-1]", "[1-020]", "."}, 5))
		hosts = append(hosts, word([]string{"a", "b", "0", "1", "2", "9", "10", "00", "."}, 6))
	}
	return patterns, hosts
}

func TestTheSearchTakesThePatternsOfTheCommands(t *testing.T) {
	f := newFleet(t, false)
	p := browse(t, desk)
	p.open(f.url, 3)
	p.awaitRows(patience, "mgr01 RUNNING NOT-STARTED", "app01 RUNNING NOT-STARTED", "app02 RUNNING NOT-STARTED")
	p.write("#search", "APP[02-10]")
	p.await("one row", `document.getElementById("shown").textContent === "1 of 3 servers"`)
	p.awaitRows(patience, "app02 RUNNING NOT-STARTED")
	p.shot("search")

	patterns, hosts := patterned(400)
	patterns = append(patterns, "web[001-020]", "web[1-20]", "w[8-12]", "w[1-20]5", "w[1-20]?", "*[1-20]", "r[1-3]s[01-12]", "[1-12][1-12]", "[000-000]",
		"w[999999999999999998-999999999999999999]", "w[1-9999999999999999999]", "web[001-02]", "web[1-2", "web1]", "web[]", "web[-1-2]", "web[[1-2]", "a.b*", "a^b?")
	hosts = append(hosts, "web001", "web01", "web1", "web020", "web20", "web021", "w7", "w8", "w08", "w12", "w205", "w215", "r1s01", "r3s12", "r4s01", "r1s1", "11", "1112",
		"000", "w999999999999999999", "w999999999999999997", "a.bc", "axbc", "a^bc")
	got, some := p.found(patterns, hosts), 0
	for i, text := range patterns {
		pattern, err := slave.ParsePattern(text)
		if err == nil && pattern.Literal() {
			continue // a part of a name
		}
		want := []string{}
		for _, host := range hosts {
			if err == nil && pattern.Match(host) {
				want = append(want, host)
			}
		}
		some += len(want)
		assert.Equal(t, want, got[i], text)
	}
	assert.Greater(t, some, 1000, "the hosts are such that patterns match")

	assert.Equal(t, [][]string{{"web001", "web002"}, {"web002"}, {"web002"}, {}}, p.found([]string{"b0", "b0 2", "web[001-009] *2", "web[001-009] app"},
		[]string{"web001", "web002", "app01"}), "every word is to match")
}
