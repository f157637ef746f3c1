package manager

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzJournal: of a file of any bytes, exactly the lines that are those of an order are taken, each in its place, and they stand
// there still when the journal is opened again.
func FuzzJournal(f *testing.F) {
	one, two := string(ordered(f, "app01", "ONLINE", 1).line()), string(ordered(f, strings.Repeat("h", 64), strings.Repeat("P", 16), 59).line())
	done := string(orderDone) + one[1:]
	for _, seed := range []string{
		"", one, one + two, done, done + two, one + done, one + two[:100], one[:1], one + strings.Repeat("\x00", orderLineLength) + two,
		one[:80] + two[80:] + two, strings.Repeat("garbage\n", 100), " " + one + two, strings.Replace(one, " 0", "  ", 1),
	} {
		f.Add([]byte(seed))
	}
	dir := f.TempDir()
	path := filepath.Join(dir, ordersFile)
	f.Fuzz(func(t *testing.T, b []byte) {
		os.Remove(path)
		require.NoError(t, os.WriteFile(path, b, 0o600))
		j, left, damaged, err := openJournal(dir)
		require.NoError(t, err)
		defer j.close()
		slots, bad := (len(b)+orderLineLength-1)/orderLineLength, 0
		taken := map[int]bool{}
		for _, s := range left {
			require.Equal(t, string(b[j.offset(s):][:orderLineLength]), string(s.line()))
			taken[s.slot] = true
		}
		require.Len(t, taken, len(left))
		for i := range slots {
			if !taken[i] && b[i*orderLineLength] != orderDone {
				bad++
			}
		}
		require.Equal(t, bad, damaged)
		require.Equal(t, j.slots-len(left), len(j.free))
		kept, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Len(t, kept, j.slots*orderLineLength)
		require.True(t, bytes.HasPrefix(b, kept))
		again, leftAgain, _, err := openJournal(dir)
		require.NoError(t, err)
		defer again.close()
		require.Equal(t, left, leftAgain)
	})
}
