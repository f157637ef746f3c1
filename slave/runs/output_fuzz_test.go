package runs

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzOutput: of a file of any bytes, no more is given than stands in it, in its order, and what is left out has its length.
func FuzzOutput(f *testing.F) {
	_, dir := captured(f)
	path := filepath.Join(dir, Name, "P.out")
	for _, size := range []int{0, 100, OutputPart + 1, 2*OutputPart + 7} {
		file, err := os.Create(path)
		require.NoError(f, err)
		c := &capture{file: file, run: 7}
		c.Write(bytes.Repeat([]byte("0123456789"), 3*OutputPart/10+1)[:size])
		require.NoError(f, file.Close())
		b, err := os.ReadFile(path)
		require.NoError(f, err)
		f.Add(b)
		f.Add(b[:len(b)/2])
	}
	f.Add(outputHeader(7, 1<<62))
	f.Add(outputHeader(7, -1))
	f.Add(bytes.Repeat([]byte{0}, 100))
	f.Fuzz(func(t *testing.T, b []byte) {
		os.Remove(path)
		require.NoError(t, os.WriteFile(path, b, 0o600))
		o, err := ReadOutput(dir, processID("P"))
		if err != nil {
			require.ErrorContains(t, err, "does not begin with its length")
			require.Zero(t, o)
			return
		}
		require.LessOrEqual(t, len(o.Head), OutputPart)
		require.LessOrEqual(t, len(o.Tail), OutputPart)
		require.GreaterOrEqual(t, o.Omitted, int64(0))
		if len(o.Head) == 0 {
			require.Empty(t, o.Tail)
			return
		}
		require.True(t, bytes.HasPrefix(b[headOffset:], o.Head))
		if len(o.Tail) == 0 {
			return
		}
		require.Len(t, o.Head, OutputPart)
		ring := b[ringOffset:min(len(b), outputFileMost)]
		if o.Omitted == 0 || len(ring) < OutputPart {
			require.True(t, bytes.HasPrefix(ring, o.Tail) || o.Omitted > 0)
			return
		}
		oldest := o.Omitted % OutputPart
		require.True(t, bytes.Equal(append(ring[oldest:len(ring):len(ring)], ring[:oldest]...), o.Tail))
	})
}
