package control

import (
	"fmt"

	"renraku/slave"
)

// Limits are those of the operator's commands.
func Limits() []slave.Limit {
	return []slave.Limit{
		{At: "each", What: "commands at once", Value: fmt.Sprint(maxConnections), More: slave.LimitWaits},
		{At: "each", What: "a command", Value: slave.LimitBytes(maxRequest), More: "an error"},
		{At: "each", What: "time for a command to arrive", Value: slave.AsWritten(requestWait), More: "closed"},
		{At: "each", What: "time for commands in progress at the end", Value: slave.AsWritten(closingWait), More: "closed"},
		{At: "each", What: "path of the control socket", Value: slave.LimitBytes(maxPath), More: "an error"},
	}
}
