package trial

import (
	"strings"

	"renraku/contactfile"
)

// NotSent is what an order that could not be sent puts at the beginning of its text.
const NotSent = "not sent: "

// nothingSent is what the manager's own check puts at the end of it.
const nothingSent = "nothing was sent"

// IsDecision says whether the record of the manager's history is its own, and no result of a slave.
func IsDecision(r *contactfile.HistoryRecord) bool {
	switch r.Outcome {
	case "SKIPPED", "UNREACHABLE", "UNKNOWN":
		return true
	case "ALREADY":
		return strings.HasSuffix(r.Text, nothingSent)
	case "FAILED":
		return strings.HasPrefix(r.Text, NotSent)
	}
	return false
}

// IsDelivered says whether the manager has to have the record of a slave's history.
func IsDelivered(r *contactfile.HistoryRecord) bool {
	switch r.Outcome {
	case "LAUNCHED", "FAILED", "ENDED":
		return true
	case "ALREADY", "REFUSED":
		return r.Trigger == "ORDER"
	}
	return false
}
