package slave

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The end of a run that stands in the history is not waited for to be on disk in its record: where a power cut took it from there,
// the history tells, and nothing is filed beside it.
func TestAPowerCutThatTookTheEndFromARecordMakesNoSecondResult(t *testing.T) {
	oneshot := func(lines ...string) string {
		return recordFile(otherBoot, "oneshot", "NOT-STARTED", "ONLINE", "", "BROKEN", 1, lines...)
	}
	simple := func(lines ...string) string {
		return recordFile(otherBoot, "simple", "NOT-STARTED", "BATCH", "AFTER", "BROKEN", 1, lines...)
	}
	started := "STARTED " + nobody
	cases := []struct {
		name   string
		record string
		filed  []Outcome // of this run, in the history
		want   []Outcome
		text   string // of the last
	}{
		{"a normal end", oneshot(started), []Outcome{Launched}, []Outcome{Launched}, "^as it was$"},
		{"an abnormal end", oneshot(started), []Outcome{Failed}, []Outcome{Failed}, "^as it was$"},
		{"what an order before it had counts for nothing", oneshot(started), nil, []Outcome{Failed}, "^interrupted: "},
		{"simple, ended after it was up", simple(started, "UP "), []Outcome{Launched, Ended}, []Outcome{Launched, Ended}, "^as it was$"},
		{"simple, ended before it was up", simple(started), []Outcome{Launched, Ended}, []Outcome{Launched, Ended}, "^as it was$"},
		{"simple, failed before it was up", simple(started), []Outcome{Failed}, []Outcome{Failed}, "^as it was$"},
		{"simple, ended before it was up, and half of that was filed", simple(started), []Outcome{Launched}, []Outcome{Launched, Ended}, "^interrupted: "},
		{"simple, up when the power went", simple(started, "UP "), []Outcome{Launched}, []Outcome{Launched, Ended}, "^interrupted: "},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := recordDir(t, c.record)
			log, _ := newLog()
			records, err := OpenRecords(dir, log)
			require.NoError(t, err)
			for _, outcome := range append([]Outcome{Launched}, c.filed...) { // the first is of the run before
				r := Result{Host: app01, Process: processID("P"), Trigger: ByOrder, Outcome: outcome, Application: appStatus("ONLINE"),
					Text: "as it was", Time: time.Now()}
				_, err = records.History.Append(r.Record())
				require.NoError(t, err)
			}
			require.NoError(t, records.Close())
			e := newExecutorIn(t, dir, thisBoot(t))
			for range 2 { // and once more after the next restart
				all := e.settled()[1:]
				var outcomes []Outcome
				for _, r := range all {
					outcomes = append(outcomes, r.Outcome)
				}
				require.Equal(t, c.want, outcomes)
				assert.Regexp(t, c.text, all[len(all)-1].Text)
				assert.Equal(t, "NOT-STARTED", e.stands(), "field 133 is that of the new boot")
				e = e.again()
			}
		})
	}
}
