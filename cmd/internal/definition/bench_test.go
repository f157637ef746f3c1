package definition

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func BenchmarkParse(b *testing.B) {
	const large = head + `[[slave]]
host = "web[000001-100000]"
address = "{host}.example.net"
[[process]]
id = "P"
command = ["/p"]
hosts = ["web09*"]
[[trigger]]
process = "P"
hosts = ["web[099000-099999]"]
at = "0 0 * * *"
`
	b.Run("100000 slaves", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			d, err := Parse("f", []byte(large))
			require.NoError(b, err)
			require.Len(b, d.Slaves, 100_000)
		}
	})
}
