package trigger

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzState: a minute is read only from the very line that it is kept as; anything else is an error that names the file and what a
// line is like.
func FuzzState(f *testing.F) {
	for _, seed := range []string{"", "2026-11-22T10:43:00Z\n", "2026-11-22T10:43:00Z", "2026-11-22T10:43:01Z\n", "2026-02-30T10:43:00Z\n",
		"2026-11-22T10:43:00Z\n\n", "0000-01-01T00:00:00Z\n", "2026-11-22T10:43:00+09:00\n", "2026-11-22T1:43:00Z\n", "\x00\x00"} {
		f.Add([]byte(seed))
	}
	path := filepath.Join(f.TempDir(), "clock.dat")
	f.Fuzz(func(t *testing.T, b []byte) {
		os.Remove(path)
		require.NoError(t, os.WriteFile(path, b, 0o600))
		state := stateFile{path: path}
		last, ok, err := state.load()
		if err != nil {
			require.ErrorContains(t, err, path)
			require.ErrorContains(t, err, "want a line such as 2026-11-22T10:43:00Z")
			require.Less(t, len(err.Error()), len(path)+300)
			require.False(t, ok)
			return
		}
		require.True(t, ok)
		require.NoError(t, state.store(last))
		kept, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, string(b), string(kept))
	})
}
