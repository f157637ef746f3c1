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

	maxClients    = 64                     // pages that are open at once
	pollEvery     = 250 * time.Millisecond // while one is
	maxDeltas     = 256                    // that are kept for pages that are behind, and
	maxDeltaBytes = 8 << 20                // their bytes
	eventWait     = 10 * time.Second       // for a page to take an event, or a line of an answer
	beatEvery     = 3 * time.Second        // without any change; the page calls itself stale after three of them
	retryAfter    = time.Second            // for a page that lost its stream

	maxLookBack = 1 << 16 // records of the history that are read for one question
	historyPage = 100     // records of one answer
	maxReading  = 4       // questions for the history at once; further ones wait

	minToken          = 16 // bytes, and
	maxToken          = 256
	maxWrong          = 5                // wrong tokens of one address that are logged at once
	wrongEvery        = 10 * time.Second // for each further one
	maxWrongAddresses = 256              // that are told apart
	maxOrder          = 16 << 20         // bytes of an order, which names each server
	maxOrdering       = 16               // orders and dry runs at once
)

// Limits are those of the page.
func Limits() []slave.Limit {
	return []slave.Limit{
		{At: "manager", What: "connections to the page at once", Value: fmt.Sprint(maxConnections), More: slave.LimitWaits},
		{At: "manager", What: "header of a request to the page", Value: slave.LimitBytes(maxHeader), More: "an error"},
		{At: "manager", What: "time for a request to the page", Value: slave.AsWritten(requestWait), More: "closed"},
		{At: "manager", What: "pages open at once", Value: fmt.Sprint(maxClients), More: "refused, counted"},
		{At: "manager", What: "changes kept for a slow page", Value: fmt.Sprint(maxDeltas), More: "everything anew, counted"},
		{At: "manager", What: "time for a page to take a change", Value: slave.AsWritten(eventWait), More: "closed"},
		{At: "manager", What: "an order of the page", Value: slave.LimitBytes(maxOrder), More: "an error"},
		{At: "manager", What: "orders of the page at once", Value: fmt.Sprint(maxOrdering), More: "refused, counted"},
		{At: "manager", What: "wrong tokens of one address", Value: fmt.Sprintf("%d, then 1 each %s", maxWrong, slave.AsWritten(wrongEvery)),
			More: "counted, not logged"},
		{At: "manager", What: "records of the history for one question", Value: fmt.Sprint(maxLookBack), More: "asked for"},
	}
}
