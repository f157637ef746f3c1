package slave

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"renraku/contactfile"
	"renraku/telegram"
)

var (
	noon  = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	later = noon.Add(time.Hour)
)

// newOwnRecord is record 1 of three, as far as its file goes; monitoring has not begun.
func newOwnRecord(t testing.TB) (*OwnRecord, *contactfile.File, string) {
	file, path := openContactFile(t)
	own := NewOwnRecord(app01, file, 1)
	other := contactfile.Record{Host: "other", Operating: contactfile.Stopped, Application: "OTHER", Since: noon}
	require.NoError(t, file.Create([]contactfile.Record{other, own.Initial(noon), other}))
	return own, file, path
}

func TestTheOwnRecordIsTheOnlyOneThatIsTouched(t *testing.T) {
	own, _, path := newOwnRecord(t)
	other := padded("other", 64) + "STOPPED " + padded("OTHER", 24) + "2026-11-22T12:00:00Z" + padded("", 11) + "\n"
	mine := func(operating, status, since string) string {
		return other + padded("app01", 64) + padded(operating, 8) + padded(status, 24) + since + padded("", 11) + "\n" + other
	}
	assert.Equal(t, mine("STOPPED", "NOT-STARTED", "2026-11-22T12:00:00Z"), contents(t, path))
	require.NoError(t, own.Begin(later))
	assert.Equal(t, mine("RUNNING", "NOT-STARTED", "2026-11-22T13:00:00Z"), contents(t, path))
	require.NoError(t, own.SetApplication(later.Add(time.Minute), appStatus("ONLINE")))
	assert.Equal(t, mine("RUNNING", "ONLINE", "2026-11-22T13:01:00Z"), contents(t, path))
	require.NoError(t, own.SetApplication(later.Add(time.Hour), appStatus("ONLINE")))
	require.NoError(t, own.SetRunning(later.Add(time.Hour)))
	assert.Equal(t, mine("RUNNING", "ONLINE", "2026-11-22T13:01:00Z"), contents(t, path), "nothing has changed")
	require.NoError(t, own.SetApplication(later.Add(2*time.Hour), telegram.Status{}))
	assert.Equal(t, mine("RUNNING", "", "2026-11-22T15:00:00Z"), contents(t, path))
}

func TestWithoutMonitoringTheStatusIsRememberedAndNothingIsWritten(t *testing.T) {
	own, file, path := newOwnRecord(t)
	before := contents(t, path)
	assert.False(t, own.Monitored())
	require.NoError(t, own.SetRunning(later))
	require.NoError(t, own.SetApplication(later, appStatus("ONLINE")))
	assert.Equal(t, before, contents(t, path))
	assert.Equal(t, appStatus("ONLINE"), own.Application())

	require.NoError(t, file.Clear())
	assert.Equal(t, appStatus("ONLINE"), own.Application())
	_, err := own.ReadApplication()
	require.ErrorIs(t, err, errNotMonitored)
	assert.Equal(t, contactfile.Record{Host: "app01", Operating: contactfile.Stopped, Application: "ONLINE", Since: later}, own.Initial(later))
}

func TestTheEndOfMonitoringRemembersWhatStands(t *testing.T) {
	own, file, path := newOwnRecord(t)
	require.NoError(t, own.Begin(noon))
	assert.True(t, own.Monitored())
	writeAt(t, path, 128+72, padded("BATCH", 24))
	own.End()
	require.NoError(t, file.Clear())
	assert.Equal(t, appStatus("BATCH"), own.Application())
	own.End() // again, with nothing to read
	assert.Equal(t, appStatus("BATCH"), own.Application())
	assert.False(t, own.Monitored())
}

func TestARecordOfAnotherHostIsNeitherReadNorWritten(t *testing.T) {
	own, _, path := newOwnRecord(t)
	require.NoError(t, own.Begin(noon))
	require.NoError(t, own.SetApplication(noon, appStatus("ONLINE")))
	writeAt(t, path, 128, padded("app09", 64)+"STOPPED "+padded("BATCH", 24))
	before := contents(t, path)

	_, err := own.ReadApplication()
	require.EqualError(t, err, `read contact file: record 1: host name: offset 128: the record is of another host: "app09", not "app01"`)
	assert.Equal(t, appStatus("ONLINE"), own.Application())
	require.Error(t, own.SetRunning(later))
	require.Error(t, own.SetApplication(later, appStatus("BROKEN")))
	assert.Equal(t, before, contents(t, path))
	assert.Equal(t, appStatus("BROKEN"), own.Application(), "what is known is kept")
	own.End()
	assert.Equal(t, appStatus("BROKEN"), own.Application())
}

// A memory file that is sealed refuses every further write, as a disk without room does.
func TestAStatusThatCannotBeWrittenStandsAllTheSame(t *testing.T) {
	fd, err := unix.MemfdCreate("contact", unix.MFD_ALLOW_SEALING)
	require.NoError(t, err)
	defer unix.Close(fd)
	file, err := contactfile.Open(fmt.Sprintf("/proc/self/fd/%d", fd))
	require.NoError(t, err)
	defer file.Close()
	log, book := newLog()
	own := NewOwnRecord(app01, file, 0)
	require.NoError(t, NewStatusControl(app01, own, file, log).Begin())
	online, ran := mark(t, Process{ID: processID("ONLINE"), Status: appStatus("ONLINE"), From: appStatuses("NOT-STARTED")})
	e := &executor{t: t, own: own, log: book, ExecutionControl: NewExecutionControl(ExecutionConfig{
		Host: app01, Own: own, Processes: []Process{online}, Records: openRecords(t), Log: log})}
	defer e.Stop()

	_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_WRITE)
	require.NoError(t, err)
	r := e.order("ONLINE")
	assert.Equal(t, Launched, r.Outcome)
	assert.Equal(t, appStatus("ONLINE"), r.Application)
	assert.Len(t, book.with("contact file not written"), 1)
	assert.Equal(t, Already, e.order("ONLINE").Outcome, "what was launched is not launched again")
	assert.Equal(t, 1, ran())
	assert.Equal(t, appStatus("ONLINE"), own.Application(), "and is what responses carry")
}
