package web

import (
	"encoding/json"
	"path/filepath"
	"reflect"
	"slices"
	"time"

	"renraku/cmd/internal/control"
	"renraku/contactfile"
	"renraku/slave"
)

// Source is the manager's daemon.
type Source interface {
	State() control.State
	// Order calls head once, and then row for each server. Where it calls neither, its error says why.
	Order(o control.Order, head func(control.Head), row func(control.Row)) error
	// InProgress is the first orders in progress, and how many there are.
	InProgress() (first []Order, n int)
	// Maintained is the hosts in maintenance, and when that ends. Nobody changes the map: the next one may be the same.
	Maintained() map[string]time.Time
}

// fleet is what the page knows of the fleet. Its owner is the watch of a hub.
type fleet struct {
	cfg      *Config
	canOrder func() bool

	records   records
	last      lastRecords
	places    map[string]int       // of hosts in the records
	until     map[string]time.Time // ends of maintenance, of hosts in it
	state     state
	processes []processText
}

func newFleet(cfg *Config, canOrder func() bool) *fleet {
	return &fleet{cfg: cfg, canOrder: canOrder,
		records: records{path: filepath.Join(cfg.Dir, cfg.ContactFile), settled: -1},
		last:    lastRecords{path: filepath.Join(cfg.Dir, slave.HistoryFile)},
	}
}

// begin reads everything, after nobody has for some time.
func (f *fleet) begin() {
	f.records.settled = -1
	err := f.last.begin()
	f.poll()
	f.poll() // a file of another size is taken when it is met again
	if err != nil {
		f.state.Trouble = err.Error()
	}
}

// poll reads what there is, and gives what has changed; whole says that the servers are others, and a snapshot is needed.
func (f *fleet) poll() (d delta, whole bool) {
	changed, whole, err := f.records.read()
	if whole {
		f.places = make(map[string]int, len(f.records.known))
		for i := range f.records.known {
			f.places[f.records.known[i].Host] = i
		}
	}
	for _, i := range changed {
		d.Changes = append(d.Changes, changeOf(i, &f.records.known[i]))
	}
	hosts, historyErr := f.last.follow()
	slices.Sort(hosts)
	for _, host := range slices.Compact(hosts) {
		if place, ok := f.places[host]; ok {
			r := f.last.of[host]
			d.Results = append(d.Results, resultOf(place, &r))
		}
	}
	d.Ends = f.followMaintenance()
	if err == nil {
		err = historyErr
	}
	if now := f.stateNow(err); !reflect.DeepEqual(now, f.state) {
		f.state = now
		d.State = &now
	}
	if now := processesOf(f.cfg.Definition()); !reflect.DeepEqual(now, f.processes) {
		f.processes = now
		d.Processes = &now
	}
	return d, whole
}

// followMaintenance asks who is in maintenance, and gives those whose end is another than before.
func (f *fleet) followMaintenance() (changed ends) {
	before := f.until
	f.until = f.cfg.Source.Maintained()
	for host, until := range f.until {
		if place, ok := f.places[host]; ok && !before[host].Equal(until) {
			changed = append(changed, end{place, until.Unix()})
		}
	}
	for host := range before {
		_, still := f.until[host]
		if place, ok := f.places[host]; ok && !still {
			changed = append(changed, end{place, 0})
		}
	}
	slices.SortFunc(changed, func(a, b end) int { return a.place - b.place })
	return changed
}

func (f *fleet) stateNow(trouble error) state {
	s := f.cfg.Source.State()
	now := state{Host: s.Host, Monitoring: s.Monitoring, Isolated: s.Isolated, Blocked: append([]string{}, s.UDPBlocked...), BlockedCount: s.UDPBlockedCount,
		CanOrder: f.canOrder()}
	if s.Refused != nil {
		now.Refused = s.Refused.Error
	}
	now.Orders, now.OrderCount = f.cfg.Source.InProgress()
	if trouble != nil {
		now.Trouble = trouble.Error()
	}
	return now
}

// isEmpty says that nothing has changed.
func (d *delta) isEmpty() bool {
	return len(d.Changes) == 0 && len(d.Results) == 0 && len(d.Ends) == 0 && d.State == nil && d.Processes == nil
}

func (d *delta) json() []byte {
	d.Now = time.Now().UnixMilli()
	b, _ := json.Marshal(d) // it always encodes
	return b
}

// json is a snapshot of everything.
func (f *fleet) json() []byte {
	n := len(f.records.known)
	s := snapshot{Hosts: make([]string, n), Words: []string{}, Status: make([]int, n), Since: make([]int64, n), Results: results{}, Ends: ends{},
		State: f.state, Processes: f.processes, Now: time.Now().UnixMilli()}
	running := make([]byte, n)
	words := map[string]int{}
	for i := range f.records.known {
		r := &f.records.known[i]
		word, known := words[r.Application]
		if !known {
			word = len(s.Words)
			words[r.Application] = word
			s.Words = append(s.Words, r.Application)
		}
		running[i] = '0'
		if r.Operating == contactfile.Running {
			running[i] = '1'
		}
		if until, ok := f.until[r.Host]; ok {
			s.Ends = append(s.Ends, end{i, until.Unix()})
		}
		s.Hosts[i], s.Status[i], s.Since[i] = r.Host, word, r.Since.Unix()
		if last, ok := f.last.of[r.Host]; ok {
			s.Results = append(s.Results, resultOf(i, &last))
		}
	}
	s.Running = string(running)
	b, _ := json.Marshal(&s) // it always encodes
	return b
}
