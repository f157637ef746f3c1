package contactfile

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCheckLengthNamesTheFirstRecordThatIsNotAsItShouldBe(t *testing.T) {
	f, path := open(t)
	require.NoError(t, f.Create(three()))
	for _, c := range []struct {
		size int64
		want error
		text string
	}{
		{3 * RecordLength, nil, ""},
		{3*RecordLength + 1, ErrTooMany, "read contact file: record 3: one record too many"},
		{5 * RecordLength, ErrTooMany, "read contact file: record 3: one record too many"},
		{3*RecordLength - 1, ErrShort, "read contact file: record 2: end of record: offset 383: the file ends inside the record: 127 of 128 bytes"},
		{2 * RecordLength, ErrNoRecord, "read contact file: record 2: no such record"},
		{0, ErrNoRecord, "read contact file: record 0: no such record"},
	} {
		require.NoError(t, os.Truncate(path, c.size))
		err := f.CheckLength(3)
		assert.ErrorIs(t, err, c.want)
		if c.want != nil {
			assert.EqualError(t, err, c.text)
		}
	}
	require.NoError(t, f.Close())
	assert.ErrorIs(t, f.CheckLength(3), os.ErrClosed)
}

func TestReadPartGivesWhatIsRightBeforeTheFirstDamage(t *testing.T) {
	f, path := open(t)
	require.NoError(t, f.Create(three()))
	part := make([]Record, 2)
	right, err := f.ReadPart(1, part)
	require.NoError(t, err)
	assert.Equal(t, 2, right)
	assert.Equal(t, three()[1:], part)

	all := make([]Record, 3)
	w, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	defer w.Close()
	_, err = w.WriteAt([]byte("RUNNIN? "), RecordLength+operatingOffset)
	require.NoError(t, err)
	right, err = f.ReadPart(0, all)
	assert.Equal(t, 1, right)
	requireFieldError(t, err, 1, RecordLength+operatingOffset, FieldOperating, ErrOperating)
	right, err = f.ReadPart(2, all[:1])
	assert.NoError(t, err, "only what is asked for counts")
	assert.Equal(t, 1, right)

	require.NoError(t, w.Truncate(RecordLength+30))
	right, err = f.ReadPart(0, all)
	assert.Equal(t, 1, right)
	requireFieldError(t, err, 1, RecordLength+30, FieldHost, ErrShort)
	_, err = f.ReadPart(2, all)
	assert.EqualError(t, err, "read contact file: record 2: no such record")
	require.NoError(t, w.Truncate(0))
	_, err = f.ReadPart(0, all)
	assert.ErrorIs(t, err, ErrNoRecord)
	require.NoError(t, f.Close())
	_, err = f.ReadPart(0, all)
	assert.ErrorIs(t, err, os.ErrClosed)
}
