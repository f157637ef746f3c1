package web

import (
	"encoding/json"
	"strconv"

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
	Results   results       `json:"results"`
	Ends      ends          `json:"maintenance"` // of those in maintenance
	State     state         `json:"state"`
	Processes []processText `json:"processes"`
	Now       int64         `json:"now"` // milliseconds, for the age of everything
}

// delta is what has changed; what has not is left out.
type delta struct {
	Changes   changes        `json:"changes,omitempty"`
	Results   results        `json:"results,omitempty"`
	Ends      ends           `json:"maintenance,omitempty"`
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

type changes []change

// MarshalJSON is json.Marshaler's, for all at once: there may be very many. Each is [place, running, application, since].
func (all changes) MarshalJSON() ([]byte, error) {
	texts, b := texts{}, []byte{'['}
	for i, c := range all {
		b = begin(b, i, c.place)
		b = strconv.AppendBool(b, c.running)
		b = append(append(append(b, ','), texts.of(c.application)...), ',')
		b = append(strconv.AppendInt(b, c.since, 10), ']')
	}
	return append(b, ']'), nil
}

// result is the last record of a server in the history.
type result struct {
	place            int
	process, outcome string
	time             int64
}

type results []result

// MarshalJSON is json.Marshaler's, as of changes. Each is [place, process, outcome, time].
func (all results) MarshalJSON() ([]byte, error) {
	texts, b := texts{}, []byte{'['}
	for i, r := range all {
		b = begin(b, i, r.place)
		b = append(append(b, texts.of(r.process)...), ',')
		b = append(append(b, texts.of(r.outcome)...), ',')
		b = append(strconv.AppendInt(b, r.time, 10), ']')
	}
	return append(b, ']'), nil
}

// end is when the maintenance of a server ends; 0: it is not in it any more.
type end struct {
	place int
	until int64
}

type ends []end

// MarshalJSON is json.Marshaler's, as of changes. Each is [place, until].
func (all ends) MarshalJSON() ([]byte, error) {
	b := []byte{'['}
	for i, e := range all {
		b = append(strconv.AppendInt(begin(b, i, e.place), e.until, 10), ']')
	}
	return append(b, ']'), nil
}

// begin begins item i of a list with the place.
func begin(b []byte, i, place int) []byte {
	if i > 0 {
		b = append(b, ',')
	}
	return append(strconv.AppendInt(append(b, '['), int64(place), 10), ',')
}

// texts are texts in JSON; there are few of them, each very often.
type texts map[string][]byte

func (t texts) of(s string) []byte {
	b, known := t[s]
	if !known {
		b, _ = json.Marshal(s) // it always encodes
		t[s] = b
	}
	return b
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
	Refused      string   `json:"refused"`       // why the definition that was read last was not taken over; "" where it was
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
