package contactfile

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var noon = time.Date(2026, 11, 22, 10, 43, 5, 0, time.UTC)

func three() []Record {
	return []Record{
		{"mgr01", Running, Online, noon},
		{"app01", Stopped, NotStarted, noon},
		{"app02", Running, Batch, noon},
	}
}

// line is a record written from the table of the contract, not by the encoder.
func line(host, operating, application, since string) string {
	pad := func(s string, n int) string { return s + strings.Repeat(" ", n-len(s)) }
	return pad(host, 64) + pad(operating, 8) + pad(application, 24) + pad(since, 20) + strings.Repeat(" ", 11) + "\n"
}

func open(t testing.TB) (*File, string) {
	path := filepath.Join(t.TempDir(), "contact.dat")
	f, err := Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	return f, path
}

func TestCreateWritesTheRecordsOfTheContract(t *testing.T) {
	f, path := open(t)
	require.NoError(t, f.Create(three()))
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, line("mgr01", "RUNNING", "ONLINE", "2026-11-22T10:43:05Z")+
		line("app01", "STOPPED", "NOT-STARTED", "2026-11-22T10:43:05Z")+
		line("app02", "RUNNING", "BATCH", "2026-11-22T10:43:05Z"), string(b))

	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o640), info.Mode())
}

func TestReadersSeeWhatTheWriterWroteWhileItHoldsTheFileAndAfter(t *testing.T) {
	f, path := open(t)
	require.NoError(t, f.Create(three()))
	for _, closed := range []bool{false, true} {
		if closed {
			require.NoError(t, f.Close())
		}
		records, err := ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, three(), records)
		one, err := ReadRecord(path, "app02")
		require.NoError(t, err)
		assert.Equal(t, three()[2], one)
		_, err = ReadRecord(path, "app03")
		assert.ErrorIs(t, err, ErrNoRecord)
	}
}

func TestUpdateChangesOneRecordInPlace(t *testing.T) {
	f, path := open(t)
	require.NoError(t, f.Create(three()))
	later := noon.Add(time.Hour + 300*time.Millisecond)
	after, changed, err := f.Update(1, later, func(r *Record) { r.Operating, r.Host = Running, "other" })
	require.NoError(t, err)
	assert.True(t, changed)
	want := three()
	want[1].Operating, want[1].Since = Running, noon.Add(time.Hour)
	assert.Equal(t, want[1], after)
	records, err := ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, want, records, "the host name and the other records stay")

	one, err := f.Record(1)
	require.NoError(t, err)
	assert.Equal(t, want[1], one)
	all, err := f.Records()
	require.NoError(t, err)
	assert.Equal(t, want, all)
}

func TestUpdateWithoutAChangeWritesNothingAndKeepsTheTime(t *testing.T) {
	f, path := open(t)
	require.NoError(t, f.Create(three()))
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	r, changed, err := f.Update(0, noon.Add(time.Hour), func(r *Record) { r.Application = Online })
	require.NoError(t, err)
	assert.False(t, changed)
	assert.Equal(t, noon, r.Since)
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, before, after)
}

func TestUpdateThatTheRecordCannotHoldLeavesTheFileAlone(t *testing.T) {
	f, path := open(t)
	require.NoError(t, f.Create(three()))
	_, changed, err := f.Update(2, noon, func(r *Record) { r.Application = strings.Repeat("x", 25) })
	assert.False(t, changed)
	var e *FieldError
	require.ErrorAs(t, err, &e)
	assert.Equal(t, FieldError{2, 2*128 + 72 + 24, FieldApplication, ErrTooLong, "25 bytes, at most 24"}, *e)
	_, _, err = f.Update(3, noon, func(*Record) {})
	assert.ErrorIs(t, err, ErrNoRecord)
	records, err := ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, three(), records)
}

func TestClearedFileHasLengthZeroAndNoRecords(t *testing.T) {
	f, path := open(t)
	require.NoError(t, f.Create(three()))
	require.NoError(t, f.Clear())
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Zero(t, info.Size())
	records, err := ReadFile(path)
	assert.NoError(t, err)
	assert.Empty(t, records)
	_, err = f.Record(0)
	assert.ErrorIs(t, err, ErrNoRecord)
}

func TestCreateShortensALongerFile(t *testing.T) {
	f, path := open(t)
	require.NoError(t, f.Create(three()))
	require.NoError(t, f.Create(three()[:1]))
	records, err := ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, three()[:1], records)
}

func TestSecondWriterIsRefusedUntilTheFirstCloses(t *testing.T) {
	f, path := open(t)
	_, err := Open(path)
	assert.ErrorIs(t, err, ErrLocked)
	require.NoError(t, f.Close())
	again, err := Open(path)
	require.NoError(t, err)
	again.Close()
}

func TestOpenKeepsWhatAnEarlierDaemonLeft(t *testing.T) {
	f, path := open(t)
	require.NoError(t, f.Create(three()))
	require.NoError(t, f.Close())
	f, err := Open(path)
	require.NoError(t, err)
	defer f.Close()
	records, err := f.Records()
	require.NoError(t, err)
	assert.Equal(t, three(), records)
}

func TestCreateRefusesWhatARecordCannotHold(t *testing.T) {
	cases := []struct {
		name   string
		record Record
		field  Field
		offset int64
		cause  error
	}{
		{"no host", Record{"", Running, Online, noon}, FieldHost, 128, ErrEmpty},
		{"host of 65", Record{strings.Repeat("h", 65), Running, Online, noon}, FieldHost, 128 + 64, ErrTooLong},
		{"host with a space", Record{"a b", Running, Online, noon}, FieldHost, 128 + 1, ErrSpace},
		{"host with a newline", Record{"ab\n", Running, Online, noon}, FieldHost, 128 + 2, ErrByte},
		{"no operating status", Record{"a", "", Online, noon}, FieldOperating, 128 + 64, ErrOperating},
		{"status with an umlaut", Record{"a", Running, "ü", noon}, FieldApplication, 128 + 72, ErrByte},
		{"year 10000", Record{"a", Running, Online, noon.AddDate(8000, 0, 0)}, FieldSince, 128 + 96, ErrTime},
	}
	for _, c := range cases {
		f, path := open(t)
		err := f.Create([]Record{three()[0], c.record})
		var e *FieldError
		require.ErrorAs(t, err, &e, c.name)
		assert.ErrorIs(t, err, c.cause, c.name)
		assert.Equal(t, []any{1, c.offset, c.field}, []any{e.Record, e.Offset, e.Field}, c.name)
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.Zero(t, info.Size(), c.name)
	}
}

func TestDamagedRecordsNameRecordOffsetAndField(t *testing.T) {
	ok := line("mgr01", "RUNNING", "ONLINE", "2026-11-22T10:43:05Z")
	set := func(at int, s string) string { return ok + ok[:at] + s + ok[at+len(s):] }
	cases := []struct {
		name, content string
		record        int
		offset        int64
		field         Field
		cause         error
	}{
		{"one byte", "m", 0, 1, FieldHost, ErrShort},
		{"short by the line feed", ok + ok[:127], 1, 255, FieldEnd, ErrShort},
		{"cut in the operating status", ok + ok[:70], 1, 128 + 70, FieldOperating, ErrShort},
		{"cut in the application status", ok + ok[:72], 1, 128 + 72, FieldApplication, ErrShort},
		{"cut in the time", ok + ok[:100], 1, 128 + 100, FieldSince, ErrShort},
		{"cut in the filler", ok + ok[:120], 1, 128 + 120, FieldFiller, ErrShort},
		{"CR LF", set(126, "\r"), 1, 128 + 126, FieldFiller, ErrFiller},
		{"no line feed", set(127, " "), 1, 255, FieldEnd, ErrEnd},
		{"foreign text", strings.Repeat("The quick brown fox jumps over..", 4), 0, 3, FieldHost, ErrSpace},
		{"zeros", ok + strings.Repeat("\x00", 128), 1, 128, FieldHost, ErrByte},
		{"no host", set(0, strings.Repeat(" ", 64)), 1, 128, FieldHost, ErrEmpty},
		{"space before the host", set(0, " mgr01"), 1, 128, FieldHost, ErrSpace},
		{"operating status in lower case", set(64, "running"), 1, 128 + 64, FieldOperating, ErrOperating},
		{"operating status empty", set(64, "        "), 1, 128 + 64, FieldOperating, ErrOperating},
		{"space inside the application status", set(73, " "), 1, 128 + 73, FieldApplication, ErrSpace},
		{"torn time", set(96, "2026-11-22T10:4     "), 1, 128 + 96, FieldSince, ErrTime},
		{"31 February", set(96, "2026-02-31T10:43:05Z"), 1, 128 + 96, FieldSince, ErrTime},
		{"local time", set(96, "2026-11-22T10:43:05+"), 1, 128 + 96, FieldSince, ErrTime},
		{"torn: one record inside another", ok + ok[:50] + ok[:78], 1, 128 + 5, FieldHost, ErrSpace},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "contact.dat")
			require.NoError(t, os.WriteFile(path, []byte(c.content), 0o600))
			records, err := ReadFile(path)
			assert.Nil(t, records)
			var e *FieldError
			require.ErrorAs(t, err, &e)
			assert.ErrorIs(t, err, c.cause)
			assert.Equal(t, []any{c.record, c.offset, c.field}, []any{e.Record, e.Offset, e.Field}, "%v", err)
			assert.Contains(t, err.Error(), path)
		})
	}
}

func TestReadFileRefusesAFileThatIsTooLarge(t *testing.T) {
	path := filepath.Join(t.TempDir(), "contact.dat")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	require.NoError(t, os.Truncate(path, (MaxRecords+1)*RecordLength))
	_, err := ReadFile(path)
	assert.ErrorIs(t, err, ErrTooLarge)
}

// Readers without the lock see whole records only, whatever the writer does meanwhile: changes, clears, creates anew.
func TestReadersWithoutTheLockSeeWholeRecordsOnly(t *testing.T) {
	f, path := open(t)
	const hosts = 200
	records := make([]Record, hosts)
	for i := range records {
		records[i] = Record{strings.Repeat("h", 1+i%64), Stopped, NotStarted, noon}
	}
	require.NoError(t, f.Create(records))
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for reads := 0; ; reads++ {
				got, err := ReadFile(path)
				if !assert.NoError(t, err) || !assert.LessOrEqual(t, len(got), hosts) {
					return
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for i := range 5000 {
		_, _, err := f.Update(i%hosts, noon.Add(time.Duration(i)*time.Second), func(r *Record) {
			r.Operating, r.Application = Running, []string{Online, Batch}[i/hosts%2]
		})
		require.NoError(t, err)
		if i%1000 == 999 {
			require.NoError(t, f.Clear())
			require.NoError(t, f.Create(records))
		}
	}
	close(done)
	readers.Wait()
}

func TestUpdatesFromSeveralGoroutinesLoseNothing(t *testing.T) {
	f, _ := open(t)
	require.NoError(t, f.Create(three()))
	var all sync.WaitGroup
	for range applicationLength - len(NotStarted) {
		all.Go(func() {
			_, _, err := f.Update(1, noon, func(r *Record) { r.Application += "x" })
			assert.NoError(t, err)
		})
	}
	all.Wait()
	r, err := f.Record(1)
	require.NoError(t, err)
	assert.Equal(t, NotStarted+strings.Repeat("x", applicationLength-len(NotStarted)), r.Application)
}

func FuzzDecodeRecord(f *testing.F) {
	f.Add([]byte(line("mgr01", "RUNNING", "ONLINE", "2026-11-22T10:43:05Z")))
	f.Add([]byte(line(strings.Repeat("h", 64), "STOPPED", "", "0000-01-01T00:00:00Z")))
	f.Add([]byte(line("h", "STOPPED", strings.Repeat("S", 24), "9999-12-31T23:59:59Z") + "x"))
	f.Add([]byte(line("mgr01", "RUNNING", "ONLINE", "2026-11-22T10:43:05Z")[:RecordLength-2] + "x\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		records, err := decodeMore(nil, string(b))
		if err == nil {
			err = partError(len(b))
		}
		if err != nil {
			var e *FieldError
			require.ErrorAs(t, err, &e)
			require.Equal(t, e.Offset/RecordLength, int64(e.Record))
			require.LessOrEqual(t, e.Offset, int64(len(b)))
			return
		}
		var again []byte
		for i := range records {
			again, err = records[i].Append(again)
			require.NoError(t, err)
		}
		require.Equal(t, string(b), string(again))
	})
}
