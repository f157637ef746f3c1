package definition

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const benchmarkSlaves = 100_000

// large is a definition of 100,000 slaves with a process and a trigger that are not for all of them.
func large(tables string) []byte {
	return []byte(head + tables + `
[[process]]
id = "P"
command = ["/p"]
hosts = ["sim09*"]
[[trigger]]
process = "P"
hosts = ["sim[099000-099999]"]
at = "0 0 * * *"
`)
}

// BenchmarkParse has the loading of 100,000 slaves: from one range with one plain address, with names, and with a range of
// addresses, and from a table for each. live-B/slave is what the definition keeps.
func BenchmarkParse(b *testing.B) {
	var each strings.Builder
	for i := range benchmarkSlaves {
		fmt.Fprintf(&each, "[[slave]]\nhost = \"sim%06d\"\naddress = \"10.%d.%d.%d\"\n", i+1, i>>16, i>>8&255, i&255)
	}
	for _, c := range []struct{ name, tables string }{
		{"one address", "[[slave]]\nhost = \"sim[000001-100000]\"\naddress = \"192.0.2.11:10320\""},
		{"names", "[[slave]]\nhost = \"sim[000001-100000]\"\naddress = \"{host}.example.net\""},
		{"address range", "[[slave]]\nhost = \"sim[000001-100000]\"\naddress = \"h[000001-100000].example.net\""},
		{"a table for each", each.String()},
	} {
		text := large(c.tables)
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			var d *Definition
			for b.Loop() {
				var err error
				d, err = Parse("f", text)
				require.NoError(b, err)
				require.Len(b, d.Slaves, benchmarkSlaves)
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/benchmarkSlaves, "live-B/slave")
			runtime.KeepAlive(d)
		})
	}
}
