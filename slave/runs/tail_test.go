package runs

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheTailIsTheEndOfWhatWasWrittenHoweverItCame(t *testing.T) {
	t.Parallel()
	all := pattern(3 * lineTail)
	for _, piece := range []int{1, 7, 1000, lineTail - 1, lineTail, lineTail + 1, 3 * lineTail} {
		var output Tail
		for rest := all; len(rest) > 0; rest = rest[min(piece, len(rest)):] {
			_, err := output.Write(rest[:min(piece, len(rest))])
			require.NoError(t, err)
			end := len(all) - len(rest) + min(piece, len(rest))
			require.True(t, bytes.Equal(all[max(0, end-lineTail):end], output.buf), "pieces of %d, after %d", piece, end)
		}
	}
}
