package contactfile

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The file is read and written in parts; nothing of that shows.
func TestFileOfSeveralPartsIsWrittenAndReadWhole(t *testing.T) {
	const inPart = partLength / RecordLength
	for _, n := range []int{inPart - 1, inPart, inPart + 1, 2 * inPart, 2*inPart + 1} {
		f, path := open(t)
		records := fleet(n)
		require.NoError(t, f.Create(records))
		got, err := ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, records, got)

		b, err := os.ReadFile(path)
		require.NoError(t, err)
		var want []byte
		for i := range records {
			want, err = records[i].Append(want)
			require.NoError(t, err)
		}
		require.Equal(t, string(want), string(b))

		records[n-1].Host = strings.Repeat("h", 65)
		var e *FieldError
		require.ErrorAs(t, f.Create(records), &e)
		assert.Equal(t, []any{n - 1, int64(n-1)*RecordLength + 64}, []any{e.Record, e.Offset})
		after, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, string(b), string(after), "the file stays")
	}
}

func TestDamageInALaterPartIsFoundInItsPlace(t *testing.T) {
	const inPart = partLength / RecordLength
	f, path := open(t)
	require.NoError(t, f.Create(fleet(2*inPart+10)))
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, n := range []int{inPart - 1, inPart, 2*inPart + 9} {
		at := n * RecordLength
		damaged := append([]byte(nil), whole...)
		damaged[at+70] = 'x'
		requireDamage(t, path, damaged, FieldError{Record: n, Offset: int64(at + operatingOffset), Field: FieldOperating, Err: ErrOperating})
		requireDamage(t, path, whole[:at+70], FieldError{Record: n, Offset: int64(at + 70), Field: FieldOperating, Err: ErrShort})
	}
}

func requireDamage(t *testing.T, path string, content []byte, want FieldError) {
	require.NoError(t, os.WriteFile(path, content, 0o600))
	records, err := ReadFile(path)
	assert.Nil(t, records)
	var e *FieldError
	require.ErrorAs(t, err, &e)
	want.Got = e.Got
	require.Equal(t, want, *e)
}
