package slave

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/telegram"
)

func TestAnXRSaysWhoOnTheSlaveAskedForTheRun(t *testing.T) {
	at := time.Date(2026, 11, 22, 10, 43, 5, 123_000_000, time.UTC)
	for _, c := range []struct {
		by   Trigger
		text string
		want string
	}{
		{ByOrder, "ended normally after 2ms", "ended normally after 2ms"},
		{ByMessage, "ended normally after 2ms", "ended normally after 2ms (MESSAGE 10:43:05.123)"},
		{ByTime, "exit status 3: " + strings.Repeat("あ", 40), "exit status 3: " + strings.Repeat("あ", 23) + " (TIME 10:43:05.123)"},
		{ByOperator, "", " (OPERATOR 10:43:05.123)"},
	} {
		r := Result{Host: app01, Process: processID("P"), Trigger: c.by, Outcome: Failed, Text: c.text, Time: at}
		x := r.marked().Response()
		assert.Equal(t, c.want, x.Text.String())
		there := ResultOf(&x)
		by, ok := there.AskedThere()
		assert.Equal(t, c.by != ByOrder, ok)
		if ok {
			assert.Equal(t, c.by, by)
		}
		kept := strings.TrimSuffix(c.want, " ("+string(c.by)+" 10:43:05.123)")
		assert.Equal(t, kept, there.Unmarked(), "what triggers match has no time in it")
		later := r
		later.Time = at.Add(time.Millisecond)
		if c.by != ByOrder {
			assert.NotEqual(t, x, later.marked().Response(), "two runs are two XRs")
		}
	}
}

// xrOf orders the process as the manager does.
func xrOf(t *testing.T, e *executor, id string) telegram.ExecutionResponse {
	t.Helper()
	r, err := e.Execute(t.Context(), Order{Process: processID(id), Trigger: ByOrder})
	require.NoError(t, err)
	return r.Response()
}

const orderMark = ` \(ORDER [0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}\)$`

func TestNoTwoResultsOfAProcessAreTheSameXR(t *testing.T) {
	fails := Process{ID: processID("FAILS"), Command: sh("echo no database; exit 3")}
	e := newExecutor(t, fails, Process{ID: processID("OTHER"), Command: sh("exit 4")})
	const plain = "exit status 3: no database"
	assert.Equal(t, plain, xrOf(t, e, "FAILS").Text.String())
	assert.Equal(t, "exit status 4", xrOf(t, e, "OTHER").Text.String(), "of each process by itself")
	second := xrOf(t, e, "FAILS").Text.String()
	assert.Regexp(t, "^"+plain+orderMark, second)
	third := xrOf(t, e, "FAILS").Text.String()
	assert.Regexp(t, "^"+plain+orderMark, third)
	assert.NotEqual(t, second, third)
	e = e.again(fails)
	assert.Regexp(t, "^"+plain+orderMark, xrOf(t, e, "FAILS").Text.String(), "the next daemon knows the result before")
	history := e.history()
	assert.Equal(t, third, history[3].Text, "the history has the text that the manager is told")
}

// A process may print what looks like the mark of a run that something on the slave asked for.
func TestWhatAProcessPrintsIsNoMark(t *testing.T) {
	for _, forged := range []string{"TIME", "MESSAGE", "OPERATOR", "ORDER"} {
		line := "backup done (" + forged + " 12:34:56.789)"
		e := newExecutor(t, Process{ID: processID("BACKUP"), Command: sh("echo '" + line + "'; exit 3")})
		x := xrOf(t, e, "BACKUP")
		told := ResultOf(&x)
		_, askedThere := told.AskedThere()
		assert.False(t, askedThere, told.Text)
		assert.Equal(t, "exit status 3: "+line, told.Unmarked())
	}
}
