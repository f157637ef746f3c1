package trial

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"renraku/contactfile"
)

func TestARecordIsADecisionOrAResultThatIsDelivered(t *testing.T) {
	for _, c := range []struct {
		outcome, trigger, text string
		decision, delivered    bool
	}{
		{"LAUNCHED", "ORDER", "", false, true},
		{"LAUNCHED", "OPERATOR", "", false, true},
		{"ENDED", "ORDER", "", false, true},
		{"FAILED", "ORDER", "exit status 3", false, true},
		{"FAILED", "ORDER", "not sent: no connection", true, true}, // which no slave writes
		{"ALREADY", "ORDER", "in progress", false, true},
		{"ALREADY", "OPERATOR", "in progress", false, false},
		{"ALREADY", "ORDER", "in progress; nothing was sent", true, true},
		{"REFUSED", "ORDER", "", false, true},
		{"REFUSED", "TIME", "", false, false},
		{"SKIPPED", "ORDER", "", true, false},
		{"UNREACHABLE", "ORDER", "", true, false},
		{"UNKNOWN", "ORDER", "", true, false},
	} {
		r := contactfile.HistoryRecord{Outcome: c.outcome, Trigger: c.trigger, Text: c.text}
		assert.Equal(t, c.decision, IsDecision(&r), "%v", c)
		assert.Equal(t, c.delivered, IsDelivered(&r), "%v", c)
	}
}
