package slave

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/slave/slavetest"
)

// batch is a process of type simple that is up soon and stands at the gate.
func simpleBatch(g *slavetest.Gate, after string) Process {
	return Process{ID: processID("BATCH"), Type: Simple, Command: gated(g, "", after), Settle: time.Millisecond,
		From: appStatuses("NOT-STARTED"), Status: appStatus("BATCH")}
}

// ended waits for the record of the end of a process of type simple, and until nothing more comes of it.
func (e *executor) ended() Result {
	e.t.Helper()
	var found Result
	require.Eventually(e.t, func() bool {
		for _, r := range e.history() {
			if r.Outcome == Ended {
				found = r
				e.mu.Lock() // field 133 follows the history
				defer e.mu.Unlock()
				return e.running[r.Process] == nil
			}
		}
		return false
	}, patience, time.Millisecond)
	return found
}

func TestASimpleProcessIsUpWhenItHasSettledAndItsEndIsReported(t *testing.T) {
	cases := []struct {
		name, after, failed string // of the definition
		script              string
		byHand              string // the status that somebody sets while it is up
		stands, text, event string
	}{
		{"normal, default", "", "", "exit 0", "", "NOT-STARTED", "^ended normally after", "BATCH@app01 ended normally"},
		{"normal, after", "READY", "BROKEN", "exit 0", "", "READY", "^ended normally after", "BATCH@app01 ended normally"},
		{"abnormal, default", "", "", "exit 3", "", "NOT-STARTED", "^exit status 3$", "BATCH@app01 failed: exit status 3"},
		{"abnormal, default is as after", "READY", "", "exit 3", "", "READY", "^exit status 3$", "BATCH@app01 failed: exit status 3"},
		{"abnormal, failed", "READY", "BROKEN", "exit 3", "", "BROKEN", "^exit status 3$", "BATCH@app01 failed: exit status 3"},
		{"changed meanwhile", "READY", "BROKEN", "exit 3", "ONLINE", "ONLINE", "^exit status 3$", "BATCH@app01 failed: exit status 3"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			g := slavetest.NewGate(t)
			p := simpleBatch(g, c.script)
			p.After, p.Failed = appStatus(c.after), appStatus(c.failed)
			e := newExecutor(t, p)
			r := e.order("BATCH")
			assert.Equal(t, Launched, r.Outcome)
			assert.Regexp(t, `^up after \d+m?s$`, r.Text)
			assert.Equal(t, "BATCH", e.stands())
			g.Await(1)
			assert.Regexp(t, "^in progress since ", e.order("BATCH").Text)
			if c.byHand != "" {
				writeStatus(t, e.path, c.byHand)
			}
			g.LetGo(1)
			end := e.ended()
			assert.Regexp(t, c.text, end.Text)
			assert.Equal(t, appStatus(c.stands), end.Application)
			assert.Equal(t, c.stands, e.stands())
			require.Eventually(t, func() bool { return len(e.events.list()) > 0 && e.events.list()[len(e.events.list())-1] == c.event }, patience, time.Millisecond)
			assert.Contains(t, e.events.list(), "BATCH@app01 launched")
		})
	}
}

func TestASimpleProcessThatEndsBeforeItHasSettled(t *testing.T) {
	p := Process{ID: processID("BATCH"), Type: Simple, Command: sh("echo done"), Settle: time.Minute, Status: appStatus("BATCH"),
		After: appStatus("READY"), Failed: appStatus("BROKEN")}
	e := newExecutor(t, p)
	r := e.order("BATCH")
	assert.Equal(t, Launched, r.Outcome)
	assert.Equal(t, appStatus("BATCH"), r.Application)
	assert.Regexp(t, "^ended normally after .*: done$", r.Text)
	assert.Equal(t, appStatus("READY"), e.ended().Application)
	assert.Equal(t, "READY", e.stands())

	p.Command = sh("echo why; exit 3")
	e = newExecutor(t, p)
	r = e.order("BATCH")
	assert.Equal(t, resultOf("BATCH", Failed, appStatus("BROKEN"), "exit status 3: why"), r)
	assert.Len(t, e.settled(), 1, "there is no ENDED of what was never up")
}

func TestASimpleProcessWithoutSettleIsUpAtOnceOrEnded(t *testing.T) {
	g := slavetest.NewGate(t)
	p := simpleBatch(g, "")
	p.Settle = 0
	e := newExecutor(t, p)
	assert.Equal(t, Launched, e.order("BATCH").Outcome)
	g.Await(1)
	g.LetGo(1)
	assert.Equal(t, Ended, e.ended().Outcome)
}

// While a simple process is up its order is done, and what its status allows may follow; while it settles, nothing may.
func TestOtherProcessesRunWhileASimpleOneIsUp(t *testing.T) {
	g := slavetest.NewGate(t)
	p := simpleBatch(g, "")
	next := Process{ID: processID("NEXT"), Command: sh(""), From: appStatuses("BATCH"), Status: appStatus("NEXT")}
	e := newExecutor(t, p, next)
	require.Equal(t, Launched, e.order("BATCH").Outcome)
	assert.Equal(t, Launched, e.order("NEXT").Outcome)
	g.Await(1)
	g.LetGo(1)
	assert.Equal(t, appStatus("NEXT"), e.ended().Application, "it is no more the one that set the status")

	p.Settle = time.Hour
	e = newExecutor(t, p, next)
	result := e.orderLater("BATCH")
	g.Await(1)
	writeStatus(t, e.path, "BATCH")
	assert.Equal(t, "BATCH is in progress", e.order("NEXT").Text)
	g.LetGo(1)
	assert.Equal(t, Launched, await(t, result).Outcome)
}

func TestASimpleProcessThatIsUpIsFollowedByTheNextDaemon(t *testing.T) {
	g := slavetest.NewGate(t)
	p := simpleBatch(g, "exit 3")
	p.Failed = appStatus("BROKEN")
	e := newExecutor(t, p)
	require.Equal(t, Launched, e.order("BATCH").Outcome)
	g.Await(1)
	e = e.again(p)
	assert.Equal(t, "BATCH", e.stands())
	assert.Regexp(t, "^in progress since ", e.order("BATCH").Text)
	g.LetGo(1)
	assert.Equal(t, "exit status 3", e.ended().Text)
	assert.Equal(t, "BROKEN", e.stands())
	e = e.again(p)
	assert.Equal(t, map[string][]Outcome{"BATCH": {Launched, Already, Ended}}, e.filed())
}
