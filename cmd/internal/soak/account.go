package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"

	"renraku/cmd/internal/trial"
	"renraku/contactfile"
)

type record = contactfile.HistoryRecord

// entry is what a slave and the manager both have of a result. Its text tells it from all others of its target.
type entry struct {
	target
	outcome, application, text string
}

func entryOf(r *record) entry {
	return entry{target{r.Host, r.Process}, r.Outcome, r.Application, r.Text}
}

// books is what stands in the files at the end.
type books struct {
	ledger  map[string]target // each run by its token
	runs    map[target]int
	own     map[target][]record // what each real slave has of its runs and orders
	arrived map[target][]record // what the manager has of those from the slave
	rows    map[row]int         // all that the manager has
}

// readBooks reads all files.
func (s *soak) readBooks() (*books, error) {
	b := &books{ledger: map[string]target{}, runs: map[target]int{}, own: map[target][]record{}, arrived: map[target][]record{},
		rows: map[row]int{}}
	lines, err := os.ReadFile(s.fleet.ledger)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for line := range strings.Lines(string(lines)) {
		fields := strings.Fields(line)
		if len(fields) != 3 {
			return nil, fmt.Errorf("the ledger has %q", line)
		}
		to := target{fields[0], fields[1]}
		b.ledger[fields[2]] = to
		b.runs[to]++
	}
	for _, r := range s.fleet.real {
		for h, err := range contactfile.ReadHistory(s.fleet.history(r.host)) {
			if err != nil {
				s.wrong.add(wrongHistory, "%v", err)
				continue
			}
			b.own[target{h.Host, h.Process}] = append(b.own[target{h.Host, h.Process}], h)
		}
	}
	for h, err := range contactfile.ReadHistory(s.fleet.history(managerHost)) {
		if err != nil {
			s.wrong.add(wrongHistory, "%v", err)
			continue
		}
		to := target{h.Host, h.Process}
		b.rows[row{to, h.Outcome, h.Text}]++
		if strings.HasPrefix(h.Host, realPrefix) && !trial.IsDecision(&h) {
			b.arrived[to] = append(b.arrived[to], h)
		}
	}
	return b, nil
}

// undelivered is what the slaves have and the manager has not.
func (b *books) undelivered() (all []entry) {
	for to, own := range b.own {
		has := map[entry]bool{}
		for i := range b.arrived[to] {
			has[entryOf(&b.arrived[to][i])] = true
		}
		for i := range own {
			if e := entryOf(&own[i]); trial.IsDelivered(&own[i]) && !has[e] {
				all = append(all, e)
			}
		}
	}
	return all
}

// check compares everything with everything.
func (b *books) check(s *soak) {
	left := map[string]bool{}
	for token := range b.ledger {
		left[token] = true
	}
	for to, own := range b.own {
		b.checkRuns(s, to, own, left)
		b.checkManager(s, to, own)
	}
	for token := range left {
		s.wrong.add(wrongLost, "run %s of %v has no result", token, b.ledger[token])
	}
	for _, e := range b.undelivered() {
		s.wrong.add(wrongUnsent, "%v", e)
	}
	b.checkDouble(s)
	b.checkRows(s)
}

var runToken = regexp.MustCompile(`: run ([0-9a-f-]{36})`)

// checkRuns compares the results of a target at its slave with the ledger. Each run has one, and each result is one of a run.
func (b *books) checkRuns(s *soak, to target, own []record, left map[string]bool) {
	if to.process == processEverywhere {
		return // it writes nothing into the ledger
	}
	for i := range own {
		r := &own[i]
		switch token := runToken.FindStringSubmatch(r.Text); {
		case r.Outcome == "ALREADY", r.Outcome == "REFUSED", strings.HasPrefix(r.Text, "never started: "):
		case to.process == processServe && r.Outcome == "LAUNCHED":
			if i+1 == len(own) || !slices.ContainsFunc(own[i+1:], func(r record) bool { return r.Outcome == "ENDED" }) {
				s.wrong.add(wrongLost, "the end of %v", *r)
			}
		case r.Outcome == "FAILED", token == nil, b.ledger[token[1]] != to:
			s.wrong.add(wrongFalse, "%v", *r)
		case !left[token[1]]:
			s.wrong.add(wrongTwice, "%v", *r)
		default:
			delete(left, token[1])
		}
	}
}

// checkManager compares what the manager has of a target with what its slave has.
func (b *books) checkManager(s *soak, to target, own []record) {
	first, has := map[entry]int{}, map[entry]bool{}
	for i := range own {
		has[entryOf(&own[i])] = true
	}
	for i := range b.arrived[to] {
		e := entryOf(&b.arrived[to][i])
		if !has[e] {
			s.wrong.add(wrongMade, "%v", e)
		}
		if _, again := first[e]; again {
			s.figures.add("results twice at the manager, an order having been sent in between", 1)
			continue
		}
		first[e] = i
	}
	var begin entry
	for i := range own {
		switch e := entryOf(&own[i]); {
		case e.outcome == "LAUNCHED":
			begin = e
		case e.outcome == "ENDED" && first[e] < first[begin]:
			s.wrong.add(wrongOrder, "%v, %v", begin, e)
		}
	}
}

// checkDouble compares the runs of each target with what may have run.
func (b *books) checkDouble(s *soak) {
	for to, ran := range b.runs {
		may := s.told.mayRun[to]
		switch to.process {
		case processChain, processBack, processAlarm, processTick:
			may = s.journal.firings(to.process)
		}
		if ran > may {
			s.wrong.add(wrongDouble, "%v ran %d times, and %d orders may have run it", to, ran, may)
		}
	}
}

// checkRows compares what was told with what stands in the manager's history.
func (b *books) checkRows(s *soak) {
	for r, n := range s.told.rows {
		if b.rows[r] < n && r.host != managerHost { // the manager's own server has its results as a slave has
			s.wrong.add(wrongRow, "%v was told %d times and stands there %d times", r, n, b.rows[r])
		}
	}
}
