package slave

import (
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/contactfile"
	"renraku/telegram"
)

// statusRig is a StatusControl of app01 on a real contact file; monitoring has not begun.
type statusRig struct {
	*StatusControl
	t    testing.TB
	path string
	log  *logBook
}

func newStatusControl(t testing.TB) *statusRig {
	file, path := openContactFile(t)
	log, book := newLog()
	return &statusRig{NewStatusControl(app01, NewOwnRecord(app01, file, 0), file, log), t, path, book}
}

// do is one step of a table: an inquiry, a command of the operator, or a new field 133 by an execution.
func (f *statusRig) do(step string) string {
	command, status, _ := strings.Cut(step, " ")
	switch command {
	case "start":
		require.NoError(f.t, f.Begin())
	case "stop":
		require.NoError(f.t, f.End("monitoring ended by the operator"))
	case "execute":
		require.NoError(f.t, f.own.SetApplication(time.Now(), appStatus(status)))
	case "edit":
		writeStatus(f.t, f.path, status)
	default:
		return f.inquire(step)
	}
	return "-"
}

func (f *statusRig) inquire(control string) string {
	controls := map[string]telegram.Control{"CHECK": telegram.Check, "START": telegram.Start, "END": telegram.End}
	r, drop := f.Answer(telegram.StatusInquiry{Host: app01, Control: controls[control]})
	if drop != NoDrop {
		assert.Zero(f.t, r)
		return drop.String()
	}
	assert.Equal(f.t, app01, r.Host)
	return r.Control.String() + " " + r.Status.String()
}

// record is the whole contact file, "cleared" where it is empty.
func (f *statusRig) record() string {
	b := contents(f.t, f.path)
	if b == "" {
		return "cleared"
	}
	require.Len(f.t, b, 128)
	require.Equal(f.t, padded("app01", 64), b[:64])
	return strings.TrimSpace(b[64:72]) + " " + strings.TrimSpace(b[72:96])
}

func TestStatusControlFollowsTheFlowchart(t *testing.T) {
	const runs, begun = "RUNNING NOT-STARTED", "RUNNING NOT-STARTED"
	const stopped = "STOPPED NOT-STARTED"
	type step struct{ do, answer, file string }
	cases := []struct {
		name  string
		steps []step
	}{
		{"a slave that has just started answers CHECK", []step{{"start", "-", begun}, {"CHECK", runs, begun}, {"START", runs, begun}, {"CHECK", runs, begun}}},
		{"a slave that has just started answers START", []step{{"start", "-", begun}, {"START", runs, begun}}},
		{"after END only START and END are answered", []step{
			{"start", "-", begun}, {"START", runs, begun},
			{"END", stopped, "cleared"}, {"CHECK", "not monitored", "cleared"}, {"CHECK", "not monitored", "cleared"},
			{"END", stopped, "cleared"}, {"CHECK", "not monitored", "cleared"},
			{"START", runs, begun}, {"CHECK", runs, begun},
		}},
		{"END is the first inquiry", []step{{"start", "-", begun}, {"END", stopped, "cleared"}, {"START", runs, begun}}},
		{"after the operator's stop every inquiry is answered STOPPED", []step{
			{"start", "-", begun}, {"stop", "-", "cleared"},
			{"CHECK", stopped, "cleared"}, {"START", stopped, "cleared"}, {"END", stopped, "cleared"},
			{"CHECK", stopped, "cleared"}, {"START", stopped, "cleared"},
			{"start", "-", begun}, {"CHECK", runs, begun},
		}},
		{"the operator's stop counts after END too", []step{
			{"start", "-", begun}, {"END", stopped, "cleared"}, {"stop", "-", "cleared"}, {"CHECK", stopped, "cleared"}, {"START", stopped, "cleared"},
		}},
		{"the operator's start counts after END", []step{{"start", "-", begun}, {"END", stopped, "cleared"}, {"start", "-", begun}, {"CHECK", runs, begun}}},
		{"start and stop may be repeated", []step{
			{"start", "-", begun}, {"execute ONLINE", "-", "RUNNING ONLINE"}, {"start", "-", "RUNNING ONLINE"}, {"CHECK", "RUNNING ONLINE", "RUNNING ONLINE"},
			{"stop", "-", "cleared"}, {"stop", "-", "cleared"}, {"start", "-", "RUNNING ONLINE"},
		}},
		{"before the first start every inquiry is answered STOPPED", []step{{"CHECK", stopped, "cleared"}, {"START", stopped, "cleared"}}},
		{"field 133 is remembered through END and START", []step{
			{"start", "-", begun}, {"execute ONLINE", "-", "RUNNING ONLINE"}, {"CHECK", "RUNNING ONLINE", "RUNNING ONLINE"},
			{"END", "STOPPED ONLINE", "cleared"}, {"END", "STOPPED ONLINE", "cleared"}, {"START", "RUNNING ONLINE", "RUNNING ONLINE"},
		}},
		{"field 133 is remembered through stop and start", []step{
			{"start", "-", begun}, {"execute BATCH", "-", "RUNNING BATCH"}, {"stop", "-", "cleared"}, {"CHECK", "STOPPED BATCH", "cleared"},
			{"start", "-", "RUNNING BATCH"}, {"CHECK", "RUNNING BATCH", "RUNNING BATCH"},
		}},
		{"field 133 edited by hand is answered, and remembered", []step{
			{"start", "-", begun}, {"edit BATCH", "-", "RUNNING BATCH"}, {"CHECK", "RUNNING BATCH", "RUNNING BATCH"},
			{"edit ONLINE", "-", "RUNNING ONLINE"}, {"END", "STOPPED ONLINE", "cleared"}, {"START", "RUNNING ONLINE", "RUNNING ONLINE"},
		}},
		{"an execution that ends without monitoring counts when it begins again", []step{
			{"start", "-", begun}, {"END", stopped, "cleared"}, {"execute ONLINE", "-", "cleared"}, {"END", "STOPPED ONLINE", "cleared"},
			{"START", "RUNNING ONLINE", "RUNNING ONLINE"},
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := newStatusControl(t)
			for i, s := range c.steps {
				assert.Equal(t, s.answer, f.do(s.do), "answer of step %d, %s", i, s.do)
				assert.Equal(t, s.file, f.record(), "file after step %d, %s", i, s.do)
				assert.Equal(t, s.file != "cleared", f.Monitoring(), "monitoring after step %d, %s", i, s.do)
				assert.Equal(t, s.file != "cleared", f.own.Monitored(), "own record after step %d, %s", i, s.do)
			}
		})
	}
}

func TestRepeatedInquiriesLeaveTheTimeOfLastChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the bubble's clock begins on 2000-01-01
		f := newStatusControl(t)
		since := func() string { return contents(t, f.path)[96:116] }
		require.NoError(t, f.Begin())
		for range 3 {
			for _, control := range []string{"START", "CHECK", "start"} {
				time.Sleep(10 * time.Second)
				f.do(control)
				assert.Equal(t, "2000-01-01T00:00:00Z", since())
			}
		}
		f.do("execute ONLINE")
		assert.Equal(t, "2000-01-01T00:01:30Z", since())
		f.do("END")
		time.Sleep(time.Hour)
		f.do("START")
		assert.Equal(t, "2000-01-01T01:01:30Z", since())
	})
}

func TestAStoppedRecordBecomesRunningWithTheNextInquiry(t *testing.T) {
	f := newStatusControl(t)
	f.do("start")
	writeAt(t, f.path, 64, "STOPPED ")
	assert.Equal(t, "RUNNING NOT-STARTED", f.do("CHECK"))
	assert.Equal(t, "RUNNING NOT-STARTED", f.record())
}

func TestAnnouncementsSayWhatHolds(t *testing.T) {
	f := newStatusControl(t)
	f.do("start")
	f.do("execute ONLINE")
	want := telegram.StatusResponse{Host: app01, Control: telegram.Running, Status: appStatus("ONLINE")}
	assert.Equal(t, want, f.Announce())
	for _, c := range []struct {
		step    string
		control telegram.Control
		text    string
	}{
		{"stop", telegram.Stopped, "monitoring ended by the operator"},
		{"start", telegram.Running, ""},
		{"END", telegram.Stopped, "monitoring ended by the manager"},
	} {
		f.do(c.step)
		want.Control, want.Text = c.control, telegram.CutText(c.text)
		assert.Equal(t, want, f.Announce(), c.step)
	}
}

func TestADamagedContactFileIsLoggedOnceAndInquiriesGoOn(t *testing.T) {
	cases := []struct {
		name   string
		damage func(t testing.TB, path string)
		why    string
	}{
		{"torn", func(t testing.TB, path string) { require.NoError(t, os.Truncate(path, 50)) }, "the file ends inside the record"},
		{"emptied", func(t testing.TB, path string) { require.NoError(t, os.Truncate(path, 0)) }, "no such record"},
		{"of another host", func(t testing.TB, path string) { writeAt(t, path, 0, "app02") }, "app02"},
		{"of another host that is stopped", func(t testing.TB, path string) {
			writeAt(t, path, 0, "app02")
			writeAt(t, path, 64, "STOPPED ")
		}, "app02"},
		{"no status", func(t testing.TB, path string) { writeStatus(t, path, "two words") }, "space before or inside a name"},
		{"no operating status", func(t testing.TB, path string) { writeAt(t, path, 64, "RUNNIN? ") }, "neither RUNNING nor STOPPED"},
		{"no time", func(t testing.TB, path string) { writeAt(t, path, 96, "yesterday") }, "no time like"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := newStatusControl(t)
			f.do("start")
			f.do("execute ONLINE")
			whole := contents(t, f.path)

			c.damage(t, f.path)
			damaged := contents(t, f.path)
			f.keepFile()
			assert.Len(t, f.log.with("level=ERROR"), 1, "before anybody asks")
			for range 3 {
				f.keepFile()
				assert.Equal(t, "RUNNING ONLINE", f.do("CHECK"))
				assert.Equal(t, "RUNNING ONLINE", f.do("START"))
			}
			assert.Equal(t, damaged, contents(t, f.path), "what is damaged is not written over")
			assert.Len(t, f.log.with("level=ERROR"), 1)
			assert.Len(t, f.log.with("contact file not written", "host=app01", "contact file damaged (renraku start makes it anew)", c.why), 1)
			assert.Empty(t, f.log.with("written again"))

			writeAt(t, f.path, 0, whole)
			f.keepFile()
			assert.Len(t, f.log.with("contact file written again"), 1)
			for range 3 {
				assert.Equal(t, "RUNNING ONLINE", f.do("CHECK"))
			}
			assert.Len(t, f.log.with("level=ERROR"), 1)
			assert.Len(t, f.log.with("contact file written again"), 1)

			c.damage(t, f.path)
			assert.Equal(t, "STOPPED ONLINE", f.do("END"), "what is known of field 133 is kept")
			assert.Equal(t, "RUNNING ONLINE", f.do("START"))
			assert.Equal(t, whole[:96], contents(t, f.path)[:96], "a new START creates a whole file")
		})
	}
}

func TestAContactFileThatCannotBeCreatedIsCreatedWhenItCan(t *testing.T) {
	f := newStatusControl(t)
	f.do("start")
	f.do("END")
	whole := f.file
	closed, _ := openContactFile(t)
	require.NoError(t, closed.Close())
	f.file, f.own.file = closed, closed

	for range 3 {
		assert.Equal(t, "RUNNING NOT-STARTED", f.do("START"), "the host runs, whatever its file does")
	}
	assert.Len(t, f.log.with("level=ERROR", "begin monitoring", "file already closed"), 1)
	assert.Empty(t, f.log.with("written again"))
	require.Error(t, f.Begin())

	f.file, f.own.file = whole, whole
	assert.Equal(t, "RUNNING NOT-STARTED", f.do("CHECK"))
	assert.Equal(t, "RUNNING NOT-STARTED", f.record())
	assert.True(t, f.own.Monitored())
	assert.Len(t, f.log.with("contact file written again"), 1)
}

func TestCommandsSayThatTheContactFileCannotBeWritten(t *testing.T) {
	f := newStatusControl(t)
	require.NoError(t, f.file.Close())
	require.ErrorIs(t, f.Begin(), os.ErrClosed)
	require.ErrorIs(t, f.End("monitoring ended by the operator"), os.ErrClosed)
	assert.Equal(t, "STOPPED NOT-STARTED", f.do("CHECK"))
}

func TestTheTextOfAnAnswerSaysWhoEndedMonitoring(t *testing.T) {
	f := newStatusControl(t)
	text := func(control telegram.Control) string {
		r, drop := f.Answer(telegram.StatusInquiry{Host: app01, Control: control})
		require.Equal(t, NoDrop, drop)
		return r.Text.String()
	}
	f.do("start")
	assert.Empty(t, text(telegram.Start))
	assert.Equal(t, "monitoring ended by the manager", text(telegram.End))
	f.do("stop")
	assert.Equal(t, "monitoring ended by the operator", text(telegram.Check))
	assert.Len(t, f.log.with("monitoring ends", "END from the manager"), 1)
}

func TestWhatALastDaemonLeftInTheFileIsReplacedWhenMonitoringBegins(t *testing.T) {
	file, path := openContactFile(t)
	foreign := contactfile.Record{Host: "other", Operating: contactfile.Running, Application: "BATCH", Since: time.Now()}
	require.NoError(t, file.Create([]contactfile.Record{foreign, foreign, foreign}))
	log, _ := newLog()
	f := &statusRig{NewStatusControl(app01, NewOwnRecord(app01, file, 0), file, log), t, path, nil}
	f.do("start")
	assert.Equal(t, "RUNNING NOT-STARTED", f.record())
}
