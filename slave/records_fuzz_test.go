package slave

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzReceipts: whatever stands in the file of receipts, nothing of the history comes to the manager twice or out of its order, and
// what is without a receipt is without one still at the next start.
func FuzzReceipts(f *testing.F) {
	const results = 6
	dir := f.TempDir()
	p := openPost(f, dir)
	for i := range results {
		p.file(string(rune('A'+i)), Launched, ByOrder, false)
	}
	p.close()
	header := func(first int) string { return fmt.Sprintf("%s%0*d\n", takenWord, takenDigits, first) }
	for _, seed := range []string{
		"", header(0), header(3) + "\x00\x00\x00+\x00", header(6) + "++++++", header(7) + "+++++++", header(2) + "++", header(1)[:31],
		header(0) + strings.Repeat("+", 100), strings.Replace(header(1), "0000", "-000", 1), strings.Repeat("\x00", 40), header(1 << 62),
	} {
		f.Add([]byte(seed))
	}
	path := filepath.Join(p.records.Runs.Path(), takenFile)
	quiet := slog.New(slog.DiscardHandler)
	open := func(t *testing.T) *outbox {
		o, err := openOutbox(app01, p.records, quiet)
		require.NoError(t, err)
		return o
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		os.Remove(path)
		require.NoError(t, os.WriteFile(path, b, 0o600))
		o := open(t)
		indexes := func(o *outbox) (all []int) {
			for _, p := range o.pending {
				all = append(all, p.index)
			}
			return all
		}
		waiting := indexes(o)
		require.LessOrEqual(t, o.first, results)
		for i, index := range waiting {
			require.True(t, 0 <= index && index < results && (i == 0 || waiting[i-1] < index), "%v", waiting)
			require.GreaterOrEqual(t, index, o.first)
			require.Equal(t, string(rune('A'+index)), o.pending[i].response.Process.String())
		}
		require.NoError(t, o.close())
		o = open(t)
		require.Equal(t, waiting, indexes(o))
		kept, err := os.ReadFile(path)
		require.NoError(t, err)
		require.LessOrEqual(t, len(kept), takenHeader+results)
		first, ok := parseTaken(kept)
		require.True(t, ok)
		require.Equal(t, o.first, first)
		for _, index := range waiting {
			o.taken(index)
		}
		require.NoError(t, o.close())
		o = open(t)
		require.Empty(t, indexes(o))
		require.NoError(t, o.close())
	})
}

// FuzzMemory: what is remembered is what stands in the file, of this boot and whole; anything else is nothing.
func FuzzMemory(f *testing.F) {
	const boot = "01234567-89ab-cdef-0123-456789abcdef"
	online := boot + " " + padded("ONLINE", 24) + "\n"
	for _, seed := range []string{"", online, online + "x", online[:61], online[:61] + "x", strings.ToUpper(online), boot + " " + padded("ON LINE", 24) + "\n",
		boot + " " + strings.Repeat("S", 24) + "\n", boot + " " + padded("", 24) + "\n", strings.Repeat("\x00", 62)} {
		f.Add([]byte(seed))
	}
	dir := f.TempDir()
	path := filepath.Join(dir, memoryFile)
	f.Fuzz(func(t *testing.T, b []byte) {
		os.Remove(path)
		require.NoError(t, os.WriteFile(path, b, 0o600))
		m, err := openMemory(dir, boot)
		require.NoError(t, err)
		defer m.Close()
		status, ok := m.Load()
		if !ok {
			require.Zero(t, status)
			return
		}
		require.NoError(t, m.Store(status))
		require.Equal(t, string(b), contents(t, path))
	})
}
