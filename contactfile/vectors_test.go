package contactfile

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/testdata/vectors"
)

// recordVectorsAtLeast is how many vectors each file has at least: a reader that finds none proves nothing.
const recordVectorsAtLeast = 50

// The words of the documents for fields and kinds of errors.
var (
	vectorFields = map[string]Field{
		"host": FieldHost, "operating": FieldOperating, "application": FieldApplication, "since": FieldSince, "filler": FieldFiller,
		"end": FieldEnd, "time": FieldTime, "process": FieldProcess, "trigger": FieldTrigger, "outcome": FieldOutcome, "text": FieldText,
	}
	vectorKinds = map[string][]error{
		"empty": {ErrEmpty}, "byte": {ErrByte}, "space": {ErrSpace}, "operating": {ErrOperating}, "time": {ErrTime, ErrHistoryTime},
		"filler": {ErrFiller}, "end": {ErrEnd}, "short": {ErrShort}, "utf8": {ErrUTF8}, "control-char": {ErrControlChar},
	}
)

// Each vector stands behind a good record, so that offsets and numbers count from the start of a file.
func TestEveryVectorOfTheContactFileIsReadOrFailsAsItSays(t *testing.T) {
	all, err := vectors.Read("contact.txt")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(all), recordVectorsAtLeast)
	before := Record{Host: "mgr01", Operating: Running, Application: Online, Since: noon}
	for _, v := range all {
		t.Run(v.Name, func(t *testing.T) {
			file, err := before.Append(nil)
			require.NoError(t, err)
			path := filepath.Join(t.TempDir(), "contact.dat")
			require.NoError(t, os.WriteFile(path, append(file, v.Bytes...), 0o600))
			records, err := ReadFile(path)
			if v.Expect == vectors.Error {
				requireVectorError(t, &v, err, RecordLength)
				return
			}
			require.NoError(t, err)
			since, err := time.Parse(time.RFC3339, v.Value["since"])
			require.NoError(t, err)
			want := Record{Host: v.Value["host"], Operating: Operating(v.Value["operating"]), Application: v.Value["application"], Since: since}
			require.Equal(t, want, records[1])
			encoded, err := want.Append(nil)
			require.NoError(t, err)
			assert.Equal(t, v.Bytes, encoded)
		})
	}
}

func TestEveryVectorOfTheHistoryIsReadOrFailsAsItSays(t *testing.T) {
	all, err := vectors.Read("history.txt")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(all), recordVectorsAtLeast)
	before := launched()
	for _, v := range all {
		t.Run(v.Name, func(t *testing.T) {
			file, err := before.Append(nil)
			require.NoError(t, err)
			path := filepath.Join(t.TempDir(), "history.dat")
			require.NoError(t, os.WriteFile(path, append(file, v.Bytes...), 0o600))
			var last HistoryRecord
			for last, err = range ReadHistory(path) {
			}
			if v.Expect == vectors.Error {
				requireVectorError(t, &v, err, HistoryRecordLength)
				return
			}
			require.NoError(t, err)
			at, err := time.Parse(time.RFC3339, v.Value["time"])
			require.NoError(t, err)
			want := HistoryRecord{Time: at, Host: v.Value["host"], Process: v.Value["process"], Trigger: v.Value["trigger"],
				Outcome: v.Value["outcome"], Application: v.Value["application"], Text: v.Value["text"]}
			require.Equal(t, want, last)
			encoded, err := want.Append(nil)
			require.NoError(t, err)
			assert.Equal(t, v.Bytes, encoded)
		})
	}
}

// requireVectorError sees that the error is the one of the vector, in record 1 of records of this length.
func requireVectorError(t *testing.T, v *vectors.Vector, err error, length int64) {
	t.Helper()
	var wrong *FieldError
	require.ErrorAs(t, err, &wrong)
	assert.Equal(t, 1, wrong.Record)
	assert.Equal(t, vectorFields[v.Field], wrong.Field)
	require.NotEmpty(t, vectorKinds[v.Kind], v.Kind)
	assert.Contains(t, vectorKinds[v.Kind], wrong.Err)
	assert.Equal(t, length+int64(v.Offset), wrong.Offset)
}
