package metrics

import (
	"fmt"

	"renraku/slave"
)

// maxRequests is how many requests are answered at once. One that is slow to read its answer keeps a copy of all metrics.
const maxRequests = 4

// Limits are those of the metrics.
func Limits() []slave.Limit {
	return []slave.Limit{
		{At: "manager", What: "requests for metrics at once", Value: fmt.Sprint(maxRequests), More: "an error"},
	}
}
