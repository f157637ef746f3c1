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
	}
}
