package slave

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A daemon that dies between the record of the history and field 133 leaves a server whose field 133 is older than its history:
// the next daemon has it follow, and files nothing again.
func TestField133FollowsAResultThatTheDaemonBeforeHadOnlyFiled(t *testing.T) {
	boot := thisBoot(t)
	started, leader := "STARTED "+nobody, "LEADER "+nobody
	normal, abnormal := "DONE "+padded("NORMAL", 13)+"ended normally after 1s", "DONE "+padded("ABNORMAL", 13)+"exit status 3"
	oneshot := func(lines ...string) string {
		return recordFile(boot, "oneshot", "NOT-STARTED", "ONLINE", "", "BROKEN", 0, lines...)
	}
	simple := func(lines ...string) string {
		return recordFile(boot, "simple", "NOT-STARTED", "BATCH", "AFTER", "BROKEN", 0, lines...)
	}
	cases := []struct {
		name   string
		record string
		stood  string // field 133 at the death
		filed  []Outcome
		text   string
		stands string
	}{
		{"a normal end", oneshot(started, leader, normal), "NOT-STARTED", []Outcome{Launched}, "ended normally after 1s", "ONLINE"},
		{"an abnormal end", oneshot(started, leader, abnormal), "NOT-STARTED", []Outcome{Failed}, "exit status 3", "BROKEN"},
		{"an unknown end", oneshot(started, leader), "NOT-STARTED", []Outcome{Failed}, "unknown: …", "BROKEN"},
		{"never started", oneshot(), "NOT-STARTED", []Outcome{Failed}, "never started: …", "NOT-STARTED"},
		{"simple, up and ended", simple(started, leader, "UP ", normal, "FILED LAUNCHED"), "BATCH", []Outcome{Launched, Ended}, "ended normally after 1s", "AFTER"},
		{"simple, up and failed", simple(started, leader, "UP ", abnormal, "FILED LAUNCHED"), "BATCH", []Outcome{Launched, Ended}, "exit status 3", "BROKEN"},
		{"simple, never up", simple(started, leader, abnormal), "NOT-STARTED", []Outcome{Failed}, "exit status 3", "BROKEN"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := recordDir(t, c.record)
			log, _ := newLog()
			records, err := OpenRecords(dir, log)
			require.NoError(t, err)
			require.NoError(t, records.Memory.Store(appStatus(c.stood)))
			for _, outcome := range c.filed {
				r := Result{Host: app01, Process: processID("P"), Trigger: ByOrder, Outcome: outcome, Application: appStatus(c.stands), Text: c.text,
					Time: time.Now()}
				_, err = records.History.Append(r.Record())
				require.NoError(t, err)
			}
			require.NoError(t, records.Close())
			e := newExecutorIn(t, dir, boot)
			assert.Len(t, e.settled(), len(c.filed), "nothing is filed again")
			assert.Equal(t, c.stands, e.stands())
		})
	}
}
