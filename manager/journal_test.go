package manager

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/slave"
)

// ordered is an order of the journal, sent a second before the given minute of an hour and waited for until a minute later.
func ordered(t testing.TB, name, id string, minute int) *sentOrder {
	sent := time.Date(2026, 11, 22, 10, minute, 0, 0, time.UTC).Add(-time.Second)
	return &sentOrder{target: target{host(t, name), process(t, id)}, trigger: slave.ByTime, at: sent, until: sent.Add(time.Minute), records: 7}
}

// orderLine is a line of the journal written from the table of its form and not by the encoder.
func orderLine(mark, sent, until, records, name, id, trigger string) string {
	covered := " " + sent + " " + until + " " + strings.Repeat("0", 20-len(records)) + records + " " +
		field(name, 64) + " " + field(id, 16) + " " + field(trigger, 8) + " "
	return fmt.Sprintf("%s%s%08x\n", mark, covered, crc32.ChecksumIEEE([]byte(covered)))
}

func TestOrderLineHasItsForm(t *testing.T) {
	s := ordered(t, "app01", "ONLINE", 43)
	want := orderLine("+", "2026-11-22T10:42:59.000Z", "2026-11-22T10:43:59.000Z", "7", "app01", "ONLINE", "TIME")
	assert.Len(t, want, orderLineLength)
	assert.Equal(t, want, string(s.line()))
	got, ok := parseOrder([]byte(want))
	require.True(t, ok)
	assert.Equal(t, s, got)
}

func TestOrderLineThatIsNotExactlySoIsNone(t *testing.T) {
	good := ordered(t, "app01", "ONLINE", 43).line()
	for i := range good {
		for _, flip := range []byte{0x01, 0x02, 0x20, 0x80} {
			b := bytes.Clone(good)
			b[i] ^= flip
			_, ok := parseOrder(b)
			assert.False(t, ok, "byte %d: %q", i, b)
		}
		_, ok := parseOrder(good[:i])
		assert.False(t, ok, "cut at %d", i)
	}
}

// journalOf opens a journal on the given bytes.
func journalOf(t *testing.T, dir, contents string) (*journal, []*sentOrder, int) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(dir, ordersFile), []byte(contents), 0o640))
	return reopenJournal(t, dir)
}

func reopenJournal(t *testing.T, dir string) (*journal, []*sentOrder, int) {
	t.Helper()
	j, left, damaged, err := openJournal(dir)
	require.NoError(t, err)
	t.Cleanup(func() { j.close() })
	return j, left, damaged
}

func TestTornAndDamagedJournalGivesWhatIsWhole(t *testing.T) {
	one, two := string(ordered(t, "app01", "ONLINE", 1).line()), string(ordered(t, "app02", "ONLINE", 2).line())
	done := string(orderDone) + one[1:]
	cases := []struct {
		name     string
		contents string
		hosts    string
		damaged  int
		length   int // of the file then, in lines
	}{
		{"empty", "", "", 0, 0},
		{"whole", one + two, "app01 app02", 0, 2},
		{"done", done + two, "app02", 0, 2},
		{"done at the end", one + done, "app01", 0, 1},
		{"all done", done + done, "", 0, 0},
		{"torn at the end", one + two[:100], "app01", 1, 1},
		{"torn from the start", one[:1], "", 1, 0},
		{"zeros between", one + strings.Repeat("\x00", orderLineLength) + two, "app01 app02", 1, 3},
		{"a line torn within", one[:80] + two[80:] + two, "app02", 1, 2},
		{"garbage", strings.Repeat("garbage\n", 100), "", 5, 0},
		{"shifted by one byte", " " + one + two, "", 3, 0},
		{"longer than it can be", one + strings.Repeat(done, maxOutstanding-1) + two, "app01", 0, 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			_, left, damaged := journalOf(t, dir, c.contents)
			var hosts []string
			for _, s := range left {
				hosts = append(hosts, s.host.String())
			}
			assert.Equal(t, c.hosts, strings.Join(hosts, " "))
			assert.Equal(t, c.damaged, damaged)
			info, err := os.Stat(filepath.Join(dir, ordersFile))
			require.NoError(t, err)
			assert.EqualValues(t, c.length*orderLineLength, info.Size())
		})
	}
}

func TestJournalIsNoLongerThanItsOrdersAndAtMostABlockWithoutAny(t *testing.T) {
	dir := t.TempDir()
	done := string(orderDone) + string(ordered(t, "app01", "ONLINE", 1).line()[1:])
	j, left, _ := journalOf(t, dir, done+string(ordered(t, "app02", "ONLINE", 2).line()))
	size := func() int {
		info, err := os.Stat(filepath.Join(dir, ordersFile))
		require.NoError(t, err)
		return int(info.Size() / orderLineLength)
	}
	for round := range 100 {
		s := ordered(t, "app03", "ONLINE", round%60)
		require.NoError(t, j.note(s))
		assert.Equal(t, 2, size(), "a free slot is used first")
		require.NoError(t, j.done(s))
	}
	three, four := ordered(t, "app03", "ONLINE", 3), ordered(t, "app04", "ONLINE", 4)
	require.NoError(t, j.note(three))
	require.NoError(t, j.note(four))
	require.NoError(t, j.done(left[0]))
	assert.Equal(t, 3, size())
	_, again, damaged := reopenJournal(t, dir)
	require.Len(t, again, 2)
	assert.Zero(t, damaged)
	require.NoError(t, j.done(three))
	require.NoError(t, j.done(four))
	assert.Equal(t, 3, size())
	var many []*sentOrder
	for i := range keptSlots + 1 {
		many = append(many, ordered(t, "app03", "ONLINE", i))
		require.NoError(t, j.note(many[i]))
	}
	assert.Equal(t, len(many), size(), "free slots are used first")
	for _, s := range many {
		require.NoError(t, j.done(s))
	}
	assert.Zero(t, size())
	require.NoError(t, j.note(three))
	require.NoError(t, j.done(three))
	assert.Equal(t, 1, size())
	_, again, damaged = reopenJournal(t, dir)
	assert.Empty(t, again)
	assert.Zero(t, damaged)
	assert.Zero(t, size())
}

func TestJournalHasABound(t *testing.T) {
	j := &journal{slots: maxOutstanding}
	assert.EqualError(t, j.note(ordered(t, "app01", "ONLINE", 1)), "65536 orders have no outcome yet")
}

func TestFailedNoteLeavesNoOrder(t *testing.T) {
	dir := t.TempDir()
	j, _, _ := journalOf(t, dir, "")
	file := j.file
	j.file = full(t)
	assert.ErrorContains(t, j.note(ordered(t, "app01", "ONLINE", 1)), "note the order: write /dev/full: no space left on device")
	j.file = file
	require.NoError(t, j.note(ordered(t, "app02", "ONLINE", 2)))
	_, left, damaged := reopenJournal(t, dir)
	require.Len(t, left, 1)
	assert.Equal(t, "app02", left[0].host.String())
	assert.Zero(t, damaged)
}

// full is a file on a disk without room.
func full(t *testing.T) *os.File {
	f, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}
