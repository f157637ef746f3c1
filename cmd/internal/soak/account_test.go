package main

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
)

// token is one of a run, by its number.
func token(n int) string { return fmt.Sprintf("00000000-0000-0000-0000-%012d", n) }

// ranOnce is the books of one run of RECORD and one of SERVE, with everything right.
func ranOnce() (*soak, *books) {
	s := &soak{wrong: newWrongs(new(bytes.Buffer)), figures: newFigures(), told: &told{rows: map[row]int{}, mayRun: map[target]int{}}}
	s.journal = newJournal(new(bytes.Buffer), s.wrong)
	b := &books{ledger: map[string]target{}, runs: map[target]int{}, own: map[target][]record{}, arrived: map[target][]record{}, rows: map[row]int{}}
	add := func(n int, to target, more ...record) {
		b.ledger[token(n)] = to
		b.runs[to]++
		s.told.mayRun[to]++
		for _, r := range more {
			r.Host, r.Process, r.Trigger = to.host, to.process, "ORDER"
			b.own[to] = append(b.own[to], r)
			b.arrived[to] = append(b.arrived[to], r)
			b.rows[row{to, r.Outcome, r.Text}]++
		}
		s.told.rows[row{to, more[0].Outcome, more[0].Text}]++
	}
	add(1, recordOne, record{Outcome: "LAUNCHED", Text: "ended normally after 5ms: run " + token(1)})
	add(2, serveOne, record{Outcome: "LAUNCHED", Text: "up after 200ms"}, record{Outcome: "ENDED", Text: "ended normally after 1s: run " + token(2)})
	return s, b
}

var (
	recordOne = target{"app1", processRecord}
	serveOne  = target{"app1", processServe}
)

func TestTheBooksAreCompared(t *testing.T) {
	tests := []struct {
		name  string
		then  func(*soak, *books)
		wrong []kind
	}{
		{"right", func(*soak, *books) {}, nil},
		{"a result twice at the manager", func(_ *soak, b *books) { b.arrived[recordOne] = append(b.arrived[recordOne], b.arrived[recordOne][0]) }, nil},
		{"a run without a result", func(_ *soak, b *books) { b.ledger[token(3)] = recordOne }, []kind{wrongLost}},
		{"an end that is missing", func(_ *soak, b *books) {
			b.own[serveOne], b.arrived[serveOne] = b.own[serveOne][:1], b.arrived[serveOne][:1]
		}, []kind{wrongLost}},
		{"a result of no run", func(_ *soak, b *books) { delete(b.ledger, token(1)) }, []kind{wrongFalse}},
		{"a run that failed", func(_ *soak, b *books) {
			b.own[recordOne][0].Outcome, b.arrived[recordOne][0].Outcome = "FAILED", "FAILED"
		}, []kind{wrongFalse, wrongLost}},
		{"a result twice at the slave", func(_ *soak, b *books) { b.own[recordOne] = append(b.own[recordOne], b.own[recordOne][0]) }, []kind{wrongTwice}},
		{"a result that the manager does not have", func(_ *soak, b *books) { b.arrived[recordOne] = nil }, []kind{wrongUnsent}},
		{"a result with another status", func(_ *soak, b *books) { b.arrived[recordOne][0].Application = "X" }, []kind{wrongUnsent, wrongMade}},
		{"an end before its beginning", func(_ *soak, b *books) {
			all := b.arrived[serveOne]
			all[0], all[1] = all[1], all[0]
		}, []kind{wrongOrder}},
		{"a double run", func(_ *soak, b *books) { b.runs[recordOne]++ }, []kind{wrongDouble}},
		{"a run of an order that nobody knows the outcome of", func(s *soak, b *books) {
			b.runs[recordOne]++
			s.told.miss(map[string]bool{"app1": true}, processRecord)
		}, nil},
		{"a row that does not stand in the history", func(_ *soak, b *books) { clear(b.rows) }, []kind{wrongRow}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, b := ranOnce()
			test.then(s, b)
			b.check(s)
			var got []kind
			for _, k := range kinds {
				if s.wrong.n[k] > 0 {
					got = append(got, k)
				}
			}
			assert.ElementsMatch(t, test.wrong, got)
		})
	}
}
