package contactfile

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDecodeReadsOneRecordAndNamesItsPlaceInTheFile(t *testing.T) {
	want := Record{Host: "app01", Operating: Running, Application: Online, Since: time.Unix(1_800_000_000, 0).UTC()}
	line, err := want.Append(nil)
	require.NoError(t, err)
	got, err := Decode((*[RecordLength]byte)(line), 7)
	require.NoError(t, err)
	assert.Equal(t, want, got)

	line[operatingOffset] = 'x'
	got, err = Decode((*[RecordLength]byte)(line), 7)
	var wrong *FieldError
	require.ErrorAs(t, err, &wrong)
	assert.Equal(t, 7, wrong.Record)
	assert.Zero(t, got)
}

func TestReadHistoryFromBeginsAtThatRecord(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.dat")
	require.NoError(t, os.WriteFile(path, []byte(strings.Repeat(launchedLine(), 300)), 0o600))
	for first, want := range map[int]int{0: 300, 1: 299, 256: 44, 299: 1, 300: 0, 301: 0} {
		n := 0
		for _, err := range ReadHistoryFrom(path, first) {
			require.NoError(t, err)
			n++
		}
		assert.Equal(t, want, n, first)
	}
}

func TestBackwardsReadsAHistoryThatAnotherHasOpen(t *testing.T) {
	var file []byte
	for _, text := range []string{"one", "two", "three"} {
		r := launched()
		r.Text = text
		var err error
		file, err = r.Append(file)
		require.NoError(t, err)
	}
	file[HistoryRecordLength] = 'x' // the second is damaged
	var got []string
	var at []int
	for i, r := range Backwards(bytes.NewReader(file), 3) {
		got, at = append(got, r.Text), append(at, i)
	}
	assert.Equal(t, []string{"three", "one"}, got)
	assert.Equal(t, []int{2, 0}, at)
}
