package contactfile

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzHistory: a file of any bytes is read record by record, each as it stands there or named by its field; the daemon cuts off
// what it does not count, and nothing else, and goes on at the end.
func FuzzHistory(f *testing.F) {
	one := launchedLine()
	bad, zeros := strings.Replace(one, "LAUNCHED", "LAUNCH D", 1), strings.Repeat("\x00", HistoryRecordLength)
	for _, seed := range []string{
		"", one, one + one, one[:255], one + one[:1], bad, one + bad, one + bad + bad, bad + one, one + zeros, one + zeros + one, one + zeros + bad, one + zeros + one[:100],
	} {
		f.Add([]byte(seed))
	}
	path := filepath.Join(f.TempDir(), "history.dat")
	f.Fuzz(func(t *testing.T, b []byte) {
		os.Remove(path)
		require.NoError(t, os.WriteFile(path, b, 0o600))
		before := readAsItStands(t, path, b)
		h, cut, err := openHistory(path, openUnsynced, func(string) error { return nil })
		require.NoError(t, err)
		defer h.Close()
		n := h.Len()
		require.EqualValues(t, len(b), int64(n)*HistoryRecordLength+cut)
		require.Equal(t, string(b[:n*HistoryRecordLength]), content(t, path), "nothing but the end is cut off")
		last := len(before) - 1
		for i := n; i <= last; i++ {
			whole := string(b[i*HistoryRecordLength:][:HistoryRecordLength])
			require.True(t, whole == zeros || i == last && before[i] == "", "record %d was cut off: %q", i, whole)
		}
		require.True(t, n <= last || n == 0 || before[n-1] != "", "a last one that is damaged is cut off")
		var backwards []int
		for i, r := range h.Backwards() {
			again, err := r.Append(nil)
			require.NoError(t, err)
			require.Equal(t, before[i], string(again))
			backwards = append(backwards, i)
		}
		var whole []int
		for i := range n {
			if before[i] != "" {
				whole = append(whole, i)
			}
		}
		slices.Reverse(backwards)
		require.Equal(t, whole, backwards)
		first, err := h.Append(launched())
		require.NoError(t, err)
		require.Equal(t, n, first)
		require.Equal(t, string(b[:n*HistoryRecordLength])+one, content(t, path))
	})
}

// unsynced is a history file that does not wait for the disk, which would take all the time there is.
type unsynced struct{ historyFile }

func (unsynced) sync() error { return nil }

func openUnsynced(path string) (historyFile, error) {
	f, err := openHistoryFile(path)
	return unsynced{f}, err
}

// readAsItStands reads the file of bytes b and gives the bytes of each record, "" for one that is damaged.
func readAsItStands(t *testing.T, path string, b []byte) (all []string) {
	for r, err := range ReadHistory(path) {
		at := len(all) * HistoryRecordLength
		if err != nil {
			var e *FieldError
			require.ErrorAs(t, err, &e)
			require.Equal(t, len(all), e.Record)
			require.Equal(t, int64(len(all)), e.Offset/HistoryRecordLength)
			require.NotEmpty(t, e.Field)
			require.Zero(t, r)
			all = append(all, "")
			continue
		}
		again, err := r.Append(nil)
		require.NoError(t, err)
		require.Equal(t, string(b[at:at+HistoryRecordLength]), string(again))
		all = append(all, string(again))
	}
	require.Len(t, all, len(b)/HistoryRecordLength)
	return all
}
