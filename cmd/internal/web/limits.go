package web

import (
	"fmt"
	"time"

	"renraku/slave"
)

const (
	maxConnections = 256      // at once; further ones wait
	maxHeader      = 16 << 10 // bytes of a request's header
	headerWait     = 5 * time.Second
	requestWait    = 10 * time.Second // for a whole request
	answerWait     = 30 * time.Second // for a whole answer that is no stream
	idleWait       = time.Minute      // between two requests of a connection
	closingWait    = time.Second      // for requests in progress when the daemon ends
)

// Limits are those of the page.
func Limits() []slave.Limit {
	return []slave.Limit{
		{At: "manager", What: "connections to the page at once", Value: fmt.Sprint(maxConnections), More: slave.LimitWaits},
		{At: "manager", What: "header of a request to the page", Value: slave.LimitBytes(maxHeader), More: "an error"},
		{At: "manager", What: "time for a request to the page", Value: slave.AsWritten(requestWait), More: "closed"},
	}
}
