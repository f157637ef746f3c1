package slave

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/contactfile"
	"renraku/slave/slavetest"
	"renraku/telegram"
)

func TestOnAFullDiskNothingIsLaunchedAndWhatRunsKeepsItsResult(t *testing.T) {
	dir, fill, free := slavetest.TinyDisk(t)
	g := slavetest.NewGate(t)
	running := Process{ID: processID("RUNNING"), Command: gated(g, "", "head -c 200000 /dev/zero; echo; echo the last; exit 3")}
	fresh, ran := mark(t, Process{ID: processID("FRESH"), Status: appStatus("ONLINE")})
	e := newExecutorIn(t, dir, thisBoot(t), running, fresh)
	result := e.orderLater("RUNNING")
	g.Await(1)
	fill()
	for range 3 {
		r := e.order("FRESH")
		assert.Equal(t, Failed, r.Outcome)
		assert.Regexp(t, "^not started: .*no space left on device$", r.Text)
	}
	assert.Zero(t, ran())
	answer, drop := e.status.Answer(telegram.StatusInquiry{Host: app01, Control: telegram.Check})
	assert.Equal(t, NoDrop, drop)
	assert.Equal(t, telegram.Running, answer.Control, "status goes on being served")

	g.LetGo(1)
	r := await(t, result)
	assert.Equal(t, Failed, r.Outcome)
	assert.Equal(t, "exit status 3: the last", r.Text, "its room was reserved before it was launched")
	assert.Equal(t, []Outcome{Failed}, e.filed()["RUNNING"])

	free()
	assert.Equal(t, Launched, e.order("FRESH").Outcome)
	assert.Equal(t, 1, ran())
}

// A slave that is started on a full disk says so to whoever orders, and begins once there is room.
func TestASlaveStartedOnAFullDiskBeginsOnceThereIsRoom(t *testing.T) {
	dir, fill, free := slavetest.TinyDisk(t)
	p, ran := mark(t, Process{ID: processID("ONLINE"), Status: appStatus("ONLINE")})
	log, book := newLog()
	records, err := OpenRecords(dir, log)
	require.NoError(t, err)
	file, err := contactfile.Open(filepath.Join(dir, "contact.dat"))
	require.NoError(t, err)
	t.Cleanup(func() { records.Close(); file.Close() })
	r := newRig(t)
	r.serve(records, file, log, nil) // an earlier daemon
	require.NoError(t, r.outbox.close())
	fill()
	r.serve(records, file, log, []Process{p})
	r.run()
	r.receive() // it says by itself that it is there
	assert.Equal(t, sr("app01", 0x0010, "NOT-STARTED", ""), r.ask(sq("app01", 0x0001)), "status is served")
	result, err := r.Execute(t.Context(), byOperator("ONLINE"))
	require.NoError(t, err)
	assert.Equal(t, Failed, result.Outcome)
	assert.Regexp(t, "^not started: .*no space left on device$", result.Text)
	assert.Zero(t, ran())
	free()
	require.Eventually(t, func() bool { // the system may count the room a moment later
		r.ask(sq("app01", 0x0001)) // all that there is to say is said before the answer
		return contents(t, filepath.Join(dir, "contact.dat")) != ""
	}, patience, pollOften)
	result, err = r.Execute(t.Context(), byOperator("ONLINE"))
	require.NoError(t, err)
	assert.Equal(t, Launched, result.Outcome, result.Text)
	assert.NotEmpty(t, book.with("contact file not written", "no space left on device"))
	assert.Len(t, book.with("contact file written again"), 1)
}

// A result that the history does not take is told to nobody, and comes once it is there.
func TestAResultThatCannotBeFiledIsToldOnceItCan(t *testing.T) {
	g := slavetest.NewGate(t)
	p := Process{ID: processID("P"), Command: gated(g, "", ""), Status: appStatus("ONLINE")}
	e := newExecutor(t, p)
	result := e.orderLater("P")
	g.Await(1)
	// The history is closed under the daemon, as a disk that fails for good; the next daemon has a good one.
	require.NoError(t, e.records.History.Close())
	g.LetGo(1)
	require.Eventually(t, func() bool { return len(e.log.with("history not written; it is tried again")) == 1 }, patience, pollOften)
	assert.Empty(t, result)
	assert.Empty(t, e.events.list(), "nothing is told before")
	assert.Equal(t, "NOT-STARTED", e.stands())
	e = e.again(p)
	all := e.settled()
	require.Len(t, all, 1)
	assert.Equal(t, Launched, all[0].Outcome)
	assert.Equal(t, "ONLINE", e.stands())
}

func TestWithoutAHistoryNothingIsLaunchedAndTheOrderIsAnswered(t *testing.T) {
	p, ran := mark(t, Process{ID: processID("P"), Status: appStatus("ONLINE"), Failed: appStatus("BROKEN")})
	e := newExecutor(t, p)
	require.NoError(t, e.records.History.Close())
	r := e.order("P")
	assert.Equal(t, Failed, r.Outcome)
	assert.Regexp(t, "^not started: the result could not be kept: ", r.Text)
	assert.Zero(t, ran())
	assert.Len(t, e.log.with("history not written", "outcome=FAILED"), 1)
	assert.Equal(t, Refused, e.order("NOPE").Outcome, "refusals are answered")
}
