package slave

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
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
		assert.Equal(t, "P@app01 failed: "+kept, there.Event(false), "what triggers match has no time in it")
		later := r
		later.Time = at.Add(time.Millisecond)
		if c.by != ByOrder {
			assert.NotEqual(t, x, later.marked().Response(), "two runs are two XRs")
		}
	}
}
