package contactfile

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestReplaceLeavesTheRecordsBeforeAlone(t *testing.T) {
	for _, c := range []struct {
		name string
		with []Record
	}{
		{"fewer", three()[2:]},
		{"as many", []Record{three()[2], three()[1]}},
		{"more", []Record{three()[2], three()[1], three()[2], three()[1]}},
		{"none", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, path := open(t)
			require.NoError(t, f.Create(three()))
			changed, _, err := f.Update(0, time.Unix(1_800_000_000, 0), func(r *Record) { r.Application = "CORRECTED" })
			require.NoError(t, err)
			require.NoError(t, f.Replace(1, c.with))
			records, err := ReadFile(path)
			require.NoError(t, err)
			assert.Equal(t, append([]Record{changed}, c.with...), records)
		})
	}
}

func TestReplaceNamesTheRecordThatCannotBeHeld(t *testing.T) {
	f, path := open(t)
	require.NoError(t, f.Create(three()))
	wrong := three()
	wrong[1].Application = "ON LINE"
	err := f.Replace(1, wrong)
	var e *FieldError
	require.ErrorAs(t, err, &e)
	assert.Equal(t, 2, e.Record)
	assert.EqualValues(t, 2*RecordLength+72+2, e.Offset)
	records, err := ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, three(), records, "nothing was written")
	assert.ErrorIs(t, f.Replace(MaxRecords, three()[:1]), ErrTooLarge)
}

func TestCreateMakesAFileAnewThatSomebodyHasRemovedOrReplaced(t *testing.T) {
	for name, away := range map[string]func(path string) error{
		"removed":  os.Remove,
		"replaced": func(path string) error { return os.Rename(path+".other", path) },
	} {
		t.Run(name, func(t *testing.T) {
			f, path := open(t)
			require.NoError(t, f.Create(three()))
			assert.True(t, f.InPlace())
			require.NoError(t, os.WriteFile(path+".other", []byte("of somebody else"), 0o600))
			require.NoError(t, away(path))
			assert.False(t, f.InPlace())
			require.NoError(t, f.Create(three()))
			assert.True(t, f.InPlace())
			records, err := ReadFile(path)
			require.NoError(t, err)
			assert.Equal(t, three(), records)
			_, err = Open(path)
			assert.ErrorIs(t, err, ErrLocked, "the new one is locked too")
		})
	}
}

func TestAFileThatIsReplacedTimeAndAgainHoldsOneDescriptor(t *testing.T) {
	f, path := open(t)
	held := func() int {
		all, err := os.ReadDir("/proc/self/fd")
		require.NoError(t, err)
		n := 0
		for _, fd := range all {
			if target, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil && strings.TrimSuffix(target, " (deleted)") == path {
				n++
			}
		}
		return n
	}
	for range 100 {
		require.NoError(t, os.Remove(path))
		require.NoError(t, f.Create(three()))
		require.Equal(t, 1, held())
	}
}
