package manager

import (
	"log/slog"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/contactfile"
	"renraku/slave"
)

const (
	saidDamaged = `level=ERROR msg="contact file damaged" host=mgr01 error="renraku start makes it anew: read contact file: record `
	saidRight   = `level=INFO msg="contact file right again" host=mgr01`
)

func TestADamagedContactFileIsSaidAtTheNextLookAndLeftAlone(t *testing.T) {
	const length = contactfile.RecordLength
	cases := []struct {
		name   string
		damage func(b []byte) []byte
		why    string
	}{
		{"emptied", func([]byte) []byte { return []byte{} }, "0: no such record"},
		{"torn", func(b []byte) []byte { return b[:length+10] }, "1: host name: offset 138: the file ends inside the record"},
		{"without its last record", func(b []byte) []byte { return b[:2*length] }, "2: no such record"},
		{"with a record too many", func(b []byte) []byte { return append(b, b[length:2*length]...) }, "3: one record too many"},
		{"without its manager", func(b []byte) []byte { return slices.Concat(b[length:], b[:length]) }, "0: host name: offset 0: the record is of another host"},
		{"with names exchanged", func(b []byte) []byte { return slices.Concat(b[:length], b[2*length:], b[length:2*length]) },
			"1: host name: offset 128: the record is of another host"},
		{"without a time", func(b []byte) []byte { copy(b[2*length+96:], "yesterday"); return b }, "2: last change: offset 352: no time like"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t, usual(2))
				f.begin()
				f.at(time.Second)
				f.status.keepFile()
				require.Zero(t, f.log.count("contact file"))
				whole, err := os.ReadFile(f.path)
				require.NoError(t, err)
				damaged := c.damage(slices.Clone(whole))
				require.NoError(t, os.WriteFile(f.path, damaged, 0o640))
				for range 3 {
					f.status.keepFile()
				}
				after, err := os.ReadFile(f.path)
				require.NoError(t, err)
				assert.Equal(t, damaged, after, "what is damaged is not written over")
				assert.Equal(t, 1, f.log.count(saidDamaged+c.why), f.log.text.String())
				assert.Equal(t, 1, f.log.count("level=ERROR"), "once")
				require.NoError(t, os.WriteFile(f.path, whole, 0o640))
				for range 3 {
					f.status.keepFile()
				}
				assert.Equal(t, 1, f.log.count(saidRight), "put right by hand")
				require.NoError(t, os.WriteFile(f.path, damaged, 0o640))
				f.status.keepFile()
				assert.Equal(t, 2, f.log.count(saidDamaged+c.why), "and again")
				require.NoError(t, f.status.Begin())
				assert.Equal(t, 2, f.log.count(saidRight), "and made anew")
				after, err = os.ReadFile(f.path)
				require.NoError(t, err)
				assert.Len(t, after, len(whole))
			})
		})
	}
}

// large is the status control of a fleet of many slaves, of which nobody is asked.
func large(t testing.TB, n int) (s *StatusControl, log *logBook, path string) {
	file, path := contact(t)
	slaves := make([]Slave, n)
	for i := range slaves {
		slaves[i] = at(t, hostNumber(t, i).String(), "198.18.0.1:10320")
	}
	log = &logBook{}
	s = NewStatusControl(slave.NewOwnRecord(host(t, "mgr01"), file, 0), slaves, file, nowhere{}, slog.New(slog.NewTextHandler(log, nil)), &slave.Drops{})
	require.NoError(t, s.Begin())
	return s, log, path
}

func TestOfALargeFleetEachRecordIsLookedAtInItsTurn(t *testing.T) {
	s, log, path := large(t, 5*lookRecords/2)
	w, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	defer w.Close()
	set := func(record int, operating string) {
		_, err := w.WriteAt([]byte(operating), int64(record)*contactfile.RecordLength+64)
		require.NoError(t, err)
	}
	look := func(times int) {
		for range times {
			s.keepFile()
		}
	}
	const late, early = 2*lookRecords + 100, 7
	s.keepFile()
	set(late, "RUNNIN? ")
	look(1)
	assert.Zero(t, log.count("contact file"))
	look(5)
	assert.Equal(t, 1, log.count(saidDamaged+"2148: operating status"))
	set(early, "RUNNIN? ")
	set(late, "STOPPED ")
	look(5)
	assert.Equal(t, 1, log.count(saidDamaged+"7: operating status"), "what is found next")
	assert.Zero(t, log.count(saidRight))
	set(early, "STOPPED ")
	look(1)
	assert.Zero(t, log.count(saidRight), "the others could be damaged by now")
	look(2)
	assert.Equal(t, 1, log.count(saidRight))
	look(10)
	assert.Equal(t, 2, log.count("level=ERROR"))
}

func TestTheLookForDamageFollowsTheDefinition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, usual(3))
		f.begin()
		f.at(time.Second)
		f.status.keepFile()
		f.reload(f.slaves[2])
		f.status.keepFile()
		f.reload(f.slaves...)
		f.status.keepFile()
		f.endIn(t.Context())
		f.status.keepFile()
		assert.Zero(t, f.log.count("contact file"), "which is empty without monitoring")
	})
}

func BenchmarkLookForDamage(b *testing.B) {
	s, _, _ := large(b, 100_000)
	for b.Loop() {
		s.keepFile()
	}
}
