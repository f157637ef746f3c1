package web

import (
	"encoding/json"

	"renraku/cmd/internal/definition"
	"renraku/contactfile"
)

// What the stream of events carries, in JSON. Times are Unix seconds.

// snapshot is everything.
type snapshot struct {
	Hosts     []string      `json:"hosts"`   // in definition order; servers go by their place here
	Running   string        `json:"running"` // 1 or 0 for each
	Words     []string      `json:"words"`   // the application statuses that there are
	Status    []int         `json:"status"`  // the place in Words for each
	Since     []int64       `json:"since"`   // for each
	Results   []result      `json:"results"`
	State     state         `json:"state"`
	Processes []processText `json:"processes"`
	Now       int64         `json:"now"` // milliseconds, for the age of everything
}

// delta is what has changed; what has not is left out.
type delta struct {
	Changes   []change       `json:"changes,omitempty"`
	Results   []result       `json:"results,omitempty"`
	State     *state         `json:"state,omitempty"`
	Processes *[]processText `json:"processes,omitempty"`
	Now       int64          `json:"now"`
}

// change is a record of the contact file.
type change struct {
	place       int
	running     bool
	application string
	since       int64
}

// MarshalJSON is json.Marshaler's: there may be very many.
func (c change) MarshalJSON() ([]byte, error) {
	return json.Marshal([4]any{c.place, c.running, c.application, c.since})
}

// result is the last record of a server in the history.
type result struct {
	place            int
	process, outcome string
	time             int64
}

// MarshalJSON is json.Marshaler's.
func (r result) MarshalJSON() ([]byte, error) {
	return json.Marshal([4]any{r.place, r.process, r.outcome, r.time})
}

// state is what the daemon knows more than the files.
type state struct {
	Host         string   `json:"host"`
	Monitoring   bool     `json:"monitoring"`
	Isolated     bool     `json:"isolated"`
	Blocked      []string `json:"blocked"`       // the first of those that answer on TCP alone
	BlockedCount int      `json:"blocked_count"` // all of them
	Orders       []Order  `json:"orders"`        // in progress, the first of them
	OrderCount   int      `json:"order_count"`   // all of them
	CanOrder     bool     `json:"can_order"`     // with the token
	Trouble      string   `json:"trouble"`       // what keeps the page from knowing better
}

// Order is one in progress, of the operator or a trigger.
type Order struct {
	Process string   `json:"process"`
	By      string   `json:"by"`    // such as OPERATOR
	Begun   int64    `json:"begun"` // Unix seconds
	Servers int      `json:"servers"`
	Done    int      `json:"done"`
	Waiting []string `json:"waiting"` // the first of those without a result
}

// processText is a process as the operator chooses it.
type processText struct {
	ID     string   `json:"id"`
	Type   string   `json:"type"`
	From   []string `json:"from"` // none: any
	Status string   `json:"status"`
	Hosts  []string `json:"hosts"` // patterns; none: all
}

func processesOf(d *definition.Definition) []processText {
	all := make([]processText, 0, len(d.Processes))
	for i := range d.Processes {
		p := &d.Processes[i]
		text := processText{ID: p.ID.String(), Type: p.Type.String(), From: []string{}, Status: p.Status.String(), Hosts: []string{}}
		for _, s := range p.From {
			text.From = append(text.From, s.String())
		}
		for _, h := range p.Hosts {
			text.Hosts = append(text.Hosts, h.String())
		}
		all = append(all, text)
	}
	return all
}

func changeOf(place int, r *contactfile.Record) change {
	return change{place, r.Operating == contactfile.Running, r.Application, r.Since.Unix()}
}

func resultOf(place int, r *contactfile.HistoryRecord) result {
	return result{place, r.Process, r.Outcome, r.Time.Unix()}
}
