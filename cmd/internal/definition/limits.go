package definition

import (
	"fmt"

	"renraku/slave"
)

// Limits are those of a definition file.
func Limits() []slave.Limit {
	const wrong = "an error"
	return []slave.Limit{
		{At: "each", What: "a definition file", Value: slave.LimitBytes(MaxSize), More: wrong},
		{At: "each", What: "slaves of a definition", Value: fmt.Sprint(MaxSlaves), More: wrong},
		{At: "each", What: "a host or address with a range", Value: slave.LimitBytes(slave.MaxPattern), More: wrong},
		{At: "each", What: "mistakes of a definition that are told", Value: fmt.Sprint(MaxErrors), More: "counted"},
	}
}
