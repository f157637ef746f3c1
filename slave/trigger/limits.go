package trigger

import (
	"fmt"

	"renraku/slave"
)

// Limits are those of the triggers of a server.
func Limits() []slave.Limit {
	return []slave.Limit{
		{At: "each", What: "a message", Value: slave.LimitBytes(MaxMessage), More: "cut, counted"},
		{At: "each", What: "messages that wait, of the socket and own", Value: fmt.Sprintf("%d each", MaxQueued), More: slave.LimitDropped},
		{At: "each", What: "firings at once, by time and by message", Value: fmt.Sprintf("%d each", MaxFirings), More: slave.LimitDropped},
		{At: "each", What: "firings of one trigger at once", Value: fmt.Sprint(MaxFiringsEach), More: slave.LimitDropped},
		{At: "each", What: "time back for which missed presets are named", Value: slave.AsWritten(maxMissed), More: "not sought"},
		{At: "each", What: "missed presets of a trigger that are named", Value: fmt.Sprint(maxNamed), More: "counted"},
		{At: "each", What: "path of the message socket", Value: slave.LimitBytes(maxPath), More: "an error"},
	}
}
