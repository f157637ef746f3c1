package slave

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/slave/slavetest"
)

// otherBoot is a boot that is over.
const otherBoot = "01234567-89ab-cdef-0123-456789abcdef"

// recordFile is the file of run 7 of a process as another program would write it: an intent, and the lines that follow it.
func recordFile(boot, kind, before, status, after, failed string, history int, lines ...string) string {
	blank := func(s string) string { return padded(s, 255) + "\n" }
	text := blank("INTENT  " + runSeven + padded(boot, 37) + padded(kind, 8) + padded("ORDER", 8) + padded(before, 24) + padded(status, 24) +
		padded(after, 24) + padded(failed, 24) + fmt.Sprintf("%012d", history))
	for _, word := range []string{"STARTED", "LEADER", "UP", "DONE", "FILED"} {
		line := ""
		for _, l := range lines {
			if strings.HasPrefix(l, word+" ") {
				line = padded(word, 8) + runSeven + strings.TrimPrefix(l, word+" ")
			}
		}
		text += blank(line)
	}
	return text
}

const runSeven = "00000000000000000007 2026-11-22T10:43:05.123Z "

// nobody is the PID and the start of a process that does not live.
const nobody = "999999999  1"

// recordDir is a daemon's directory with one run of P.
func recordDir(t testing.TB, record string) string {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "runs"), 0o750))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "runs", "P.run"), []byte(record), 0o640))
	return dir
}

// settled waits until all of every run is in the history, and gives it.
func (e *executor) settled() []Result {
	e.t.Helper()
	require.Eventually(e.t, func() bool {
		e.mu.Lock()
		defer e.mu.Unlock()
		return len(e.running) == 0
	}, patience, time.Millisecond)
	require.Empty(e.t, e.Close(context.Background()))
	return e.history()
}

func TestAProcessGoesOnWithoutTheDaemonAndTheNextOneTakesItUp(t *testing.T) {
	g := slavetest.NewGate(t)
	p := Process{ID: processID("P"), Command: gated(g, "", "echo over"), Status: appStatus("ONLINE")}
	e := newExecutor(t, p)
	e.orderLater("P")
	g.Await(1)
	e = e.again(p)
	assert.Equal(t, Already, e.order("P").Outcome)
	assert.Equal(t, "NOT-STARTED", e.stands())
	assert.Len(t, e.log.with("P@app01 taken up again"), 1)
	e = e.again() // the definition has it no more
	g.LetGo(1)
	all := e.settled()
	require.Len(t, all, 2)
	assert.Equal(t, Launched, all[1].Outcome)
	assert.Equal(t, ByOperator, all[1].Trigger)
	assert.Equal(t, appStatus("ONLINE"), all[1].Application)
	assert.Regexp(t, "^ended normally after .*: over$", all[1].Text)
	assert.Equal(t, "ONLINE", e.stands())
	assert.Equal(t, []string{"app01 application ONLINE", "P@app01 ended normally"}, e.events.list())

	e = e.again(p)
	assert.Len(t, e.settled(), 2, "what is filed is not filed again")
	assert.Empty(t, e.log.with("taken up again"))
}

func TestWhatEndedWhileThereWasNoDaemonIsFiledByTheNext(t *testing.T) {
	g := slavetest.NewGate(t)
	p := Process{ID: processID("P"), Command: gated(g, "", "exit 3"), Status: appStatus("ONLINE"), Failed: appStatus("BROKEN")}
	e := newExecutor(t, p)
	e.orderLater("P")
	g.Await(1)
	e.end()
	g.LetGo(1)
	require.Eventually(t, func() bool {
		return strings.Contains(contents(t, filepath.Join(e.dir, "runs", "P.run")), "\nDONE")
	}, patience, time.Millisecond)
	assert.Empty(t, e.history())
	e = e.again(p)
	all := e.settled()
	require.Len(t, all, 1)
	assert.Equal(t, Failed, all[0].Outcome)
	assert.Equal(t, "exit status 3", all[0].Text)
	assert.Equal(t, "BROKEN", e.stands())
}

func TestWhatIsKnownOfARunAfterARestart(t *testing.T) {
	boot := thisBoot(t)
	started, leader := "STARTED "+nobody, "LEADER "+nobody
	type row struct{ outcome, stands, text string }
	cases := []struct {
		name   string
		record string
		rows   []row
		event  string
	}{
		{"never started", recordFile(boot, "oneshot", "NOT-STARTED", "ONLINE", "", "BROKEN", 0),
			[]row{{"FAILED", "NOT-STARTED", "never started: the daemon or the parent of the run was ended before the launch"}}, "P@app01 failed: never started: "},
		{"unknown", recordFile(boot, "oneshot", "NOT-STARTED", "ONLINE", "", "BROKEN", 0, started),
			[]row{{"FAILED", "BROKEN", "unknown: the parent of the run was killed; started at 2026-11-22T10:43:05Z"}}, "P@app01 failed: unknown: "},
		{"unknown, with its process named", recordFile(boot, "oneshot", "NOT-STARTED", "ONLINE", "", "", 0, started, leader),
			[]row{{"FAILED", "NOT-STARTED", "unknown: the parent of the run was killed; started at 2026-11-22T10:43:05Z"}}, "P@app01 failed: unknown: "},
		{"interrupted", recordFile(otherBoot, "oneshot", "NOT-STARTED", "ONLINE", "", "BROKEN", 0, started, leader),
			[]row{{"FAILED", "NOT-STARTED", "interrupted: the machine was restarted while it ran, started at 2026-11-22T10:43:05Z"}}, "P@app01 failed: interrupted: "},
		{"done", recordFile(boot, "oneshot", "NOT-STARTED", "ONLINE", "", "BROKEN", 0, started, leader, "DONE "+padded("NORMAL", 13)+"ended normally after 1s"),
			[]row{{"LAUNCHED", "ONLINE", "ended normally after 1s"}}, "P@app01 ended normally"},
		{"failed", recordFile(boot, "oneshot", "NOT-STARTED", "ONLINE", "", "BROKEN", 0, started, leader, "DONE "+padded("ABNORMAL", 13)+"exit status 3"),
			[]row{{"FAILED", "BROKEN", "exit status 3"}}, "P@app01 failed: exit status 3"},
		{"not started before a reboot", recordFile(otherBoot, "oneshot", "NOT-STARTED", "ONLINE", "", "BROKEN", 0),
			[]row{{"FAILED", "NOT-STARTED", "never started: the machine was restarted before the launch"}}, "P@app01 failed: never started: "},
		{"simple, not started before a reboot", recordFile(otherBoot, "simple", "NOT-STARTED", "BATCH", "", "BROKEN", 0),
			[]row{{"FAILED", "NOT-STARTED", "never started: the machine was restarted before the launch"}}, "P@app01 failed: never started: "},
		{"done before a reboot", recordFile(otherBoot, "oneshot", "NOT-STARTED", "ONLINE", "", "BROKEN", 0, started, "DONE "+padded("NORMAL", 13)+"ended normally after 1s"),
			[]row{{"LAUNCHED", "NOT-STARTED", "ended normally after 1s"}}, "P@app01 ended normally"},
		{"filed", recordFile(boot, "oneshot", "NOT-STARTED", "ONLINE", "", "BROKEN", 0, started, "DONE "+padded("NORMAL", 13)+"ended normally after 1s", "FILED LAUNCHED"), nil, ""},

		{"simple, unknown before it was up", recordFile(boot, "simple", "NOT-STARTED", "BATCH", "", "BROKEN", 0, started),
			[]row{{"FAILED", "BROKEN", "unknown: the parent of the run was killed; started at 2026-11-22T10:43:05Z"}}, "P@app01 failed: unknown: "},
		{"simple, up and not filed, then unknown", recordFile(boot, "simple", "NOT-STARTED", "BATCH", "AFTER", "", 0, started, leader, "UP "),
			[]row{{"LAUNCHED", "BATCH", "up"}, {"ENDED", "AFTER", "unknown: the parent of the run was killed; started at 2026-11-22T10:43:05Z"}}, "P@app01 launched"},
		{"simple, up and interrupted", recordFile(otherBoot, "simple", "NOT-STARTED", "BATCH", "AFTER", "BROKEN", 0, started, leader, "UP ", "FILED LAUNCHED"),
			[]row{{"ENDED", "NOT-STARTED", "interrupted: the machine was restarted while it ran, started at 2026-11-22T10:43:05Z"}}, "P@app01 failed: interrupted: "},
		{"simple, filed to its end", recordFile(boot, "simple", "NOT-STARTED", "BATCH", "", "", 0, started, leader, "UP ", "DONE NORMAL", "FILED ENDED"), nil, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := Process{ID: processID("P"), Command: sh("")}
			e := newExecutorIn(t, recordDir(t, c.record), boot, p)
			var rows []row
			for _, r := range e.settled() {
				assert.Equal(t, ByOrder, r.Trigger)
				rows = append(rows, row{string(r.Outcome), r.Application.String(), r.Text})
			}
			for i := range c.rows { // as much as the field of the history takes
				c.rows[i].text = c.rows[i].text[:min(len(c.rows[i].text), 107)]
			}
			assert.Equal(t, c.rows, rows)
			if c.event != "" {
				assert.Contains(t, strings.Join(e.events.list(), "\n"), c.event)
			}
			e = e.again(p)
			assert.Equal(t, Launched, e.order("P").Outcome, "and nothing is in the way of the next order")
			assert.Len(t, e.settled(), len(c.rows)+1)
		})
	}
}

// A run whose result stands in the history already, while the note of it is lost, is not filed twice; and the result of the run
// before, of the very same millisecond, is not taken for this one's.
func TestTheHistorySaysWhetherAResultIsFiled(t *testing.T) {
	boot := thisBoot(t)
	for before, want := range map[int]int{0: 1, 1: 2} {
		dir := recordDir(t, recordFile(boot, "oneshot", "NOT-STARTED", "ONLINE", "", "", before))
		log, _ := newLog()
		records, err := OpenRecords(dir, log)
		require.NoError(t, err)
		r := Result{Host: app01, Process: processID("P"), Trigger: ByOrder, Outcome: Failed, Text: "never started: …",
			Time: time.Date(2026, 11, 22, 10, 43, 5, 123e6, time.UTC)}
		_, err = records.History.Append(r.Record())
		require.NoError(t, err)
		require.NoError(t, records.Close())
		assert.Len(t, newExecutorIn(t, dir, boot).settled(), want, "%d records before the intent", before)
	}
}

func TestAfterARebootTheApplicationIsNotStarted(t *testing.T) {
	online := Process{ID: processID("ONLINE"), Command: sh(""), Status: appStatus("ONLINE")}
	e := newExecutorIn(t, t.TempDir(), otherBoot, online)
	require.Equal(t, Launched, e.order("ONLINE").Outcome)
	e.end()
	e = newExecutorIn(t, e.dir, thisBoot(t), online)
	assert.Equal(t, "NOT-STARTED", e.stands())
	assert.Equal(t, Launched, e.order("ONLINE").Outcome)
	assert.Len(t, e.settled(), 2)
}

// Whatever stands among the records of runs, the daemon starts, says what it could not read, and takes up the rest.
func TestForeignFilesAmongTheRecordsDoNotKeepTheDaemonFromStarting(t *testing.T) {
	boot := thisBoot(t)
	dir := recordDir(t, recordFile(boot, "oneshot", "NOT-STARTED", "ONLINE", "", "", 0))
	for name, content := range map[string]string{
		"EMPTY.run": "", "GARBAGE.run": strings.Repeat("\xFF\x00garbage", 300), "TORN.run": "INTENT  0000",
		"a name that is no ID.run": "x", "README": "x", "P.out": "x", "OTHER.out": "", "P.out.new": "",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "runs", name), []byte(content), 0o640))
	}
	require.NoError(t, os.Mkdir(filepath.Join(dir, "runs", "DIRECTORY.run"), 0o750))
	e := newExecutorIn(t, dir, boot, Process{ID: processID("GARBAGE"), Command: sh("")}, Process{ID: processID("DIRECTORY"), Command: sh("")})
	assert.Len(t, e.log.with("records of runs not read", "DIRECTORY.run"), 1)
	assert.Equal(t, Launched, e.order("GARBAGE").Outcome)
	r := e.order("DIRECTORY")
	assert.Equal(t, Failed, r.Outcome)
	assert.Equal(t, "not started: prepare the run: DIRECTORY.run: is a directory", r.Text)
	assert.Equal(t, map[string][]Outcome{"P": {Failed}, "GARBAGE": {Launched}, "DIRECTORY": {Failed}}, func() map[string][]Outcome { e.settled(); return e.filed() }())
}

func TestARecordThatSomebodyDestroysIsUnknown(t *testing.T) {
	g := slavetest.NewGate(t)
	p := Process{ID: processID("P"), Command: gated(g, "", ""), Failed: appStatus("BROKEN")}
	e := newExecutor(t, p)
	result := e.orderLater("P")
	g.Await(1)
	require.NoError(t, os.Truncate(filepath.Join(e.dir, "runs", "P.run"), 0))
	g.LetGo(1)
	r := await(t, result)
	assert.Equal(t, Failed, r.Outcome)
	assert.Regexp(t, `^unknown: read the record of a run: .*`, r.Text)
	assert.Equal(t, Launched, func() Outcome { g.LetGo(1); return e.order("P").Outcome }())
}

// The text that says that processes go on is logged by ShutDown, and their results are not lost.
func TestShutDownLetsRunsGoOn(t *testing.T) {
	g := slavetest.NewGate(t)
	p := Process{ID: processID("P"), Type: Simple, Command: gated(g, "", ""), Status: appStatus("BATCH"), Settle: time.Millisecond}
	e := newExecutor(t, p)
	require.Equal(t, Launched, e.order("P").Outcome)
	g.Await(1)
	for _, daemon := range []string{"the daemon that launched it", "the next one"} {
		begun := time.Now()
		e.ShutDown()
		assert.Less(t, time.Since(begun), shutdownWait, "nobody waits for a process that is up: %s", daemon)
		assert.Len(t, e.log.with("level=INFO", "processes go on without the daemon; the next one takes up their results", "process_ids=P"), 1)
		e = e.again(p)
	}
	assert.Equal(t, Already, e.order("P").Outcome)
	g.LetGo(1)
	require.Eventually(t, func() bool { return len(e.history()) == 3 }, patience, time.Millisecond)
	assert.Equal(t, Ended, e.history()[2].Outcome)
}
