package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"renraku/cmd/internal/cmdtest"
	"renraku/cmd/internal/trial"
	"renraku/telegram"
)

// compareRow compares what the operator was told with the history: that of the server, or, of what the manager's own check said,
// that of the manager.
func (g *ledger) compareRow(o *order) {
	told := record{Outcome: o.outcome, Text: o.text}
	all := g.now[o.host]
	switch {
	case o.outcome == "" || o.outcome == "UNKNOWN":
		return
	case trial.IsDecision(&told) && !o.way.atSlave():
		all = g.decided[o.host]
	}
	if !slices.ContainsFunc(all, func(r record) bool {
		return r.Process == o.process.id && r.Outcome == o.outcome && strings.HasPrefix(o.text, telegram.Cut(r.Text, len(o.text)))
	}) {
		g.wrong(countFalse, "%v was told, and the history has %v", o, all)
	}
}

var runToken = regexp.MustCompile(`: run ([0-9]+)`)

// compareTarget compares the runs of a target with their results, and those with what the manager has.
func (g *ledger) compareTarget(t target) {
	a := g.accounts[t]
	of := func(all []record) (own []record) {
		for _, r := range all {
			if r.Process == t.process.id {
				own = append(own, r)
			}
		}
		return own
	}
	own := of(g.now[t.host])
	ran := slices.DeleteFunc(slices.Clone(own), func(r record) bool { return isRefusal(&r) })
	left := slices.Clone(a.begun)
	results := 0
	for rest := ran; len(rest) > 0; results++ {
		var result []record
		result, rest = g.nextResult(t, rest)
		left = g.compareResult(t, result, left)
	}
	for _, run := range left {
		g.wrong(countLost, "run %s of %s@%s has no result in %v", run, t.process.id, t.host, own)
	}
	if results > a.owed || len(a.begun) > a.owed {
		g.wrong(countDouble, "%s@%s: %d results and %d runs of %d orders: %v", t.process.id, t.host, results, len(a.begun), a.owed, own)
	}
	if t.host != manager {
		g.compareManager(t, own, of(g.arrived[t.host]))
	}
	a.struck = nil
	if a.owed -= results; !g.busy(t) {
		a.owed, a.orders, a.triggers = 0, 0, map[string]bool{}
	}
}

// nextResult takes the records of one run off the records of a target.
func (g *ledger) nextResult(t target, all []record) (result, rest []record) {
	switch r := all[0]; {
	case r.Outcome == "FAILED", r.Outcome == "LAUNCHED" && !t.process.simple:
		return all[:1], all[1:]
	case r.Outcome == "LAUNCHED" && len(all) > 1 && all[1].Outcome == "ENDED":
		return all[:2], all[2:]
	case r.Outcome == "LAUNCHED":
		g.wrong(countLost, "the end of %s@%s: %v", t.process.id, t.host, all)
	default:
		g.wrong(countTwice, "%s@%s: %v", t.process.id, t.host, all)
	}
	return all[:1], all[1:]
}

// compareResult compares the result of one run with its marks, and gives the runs that are left without a result.
func (g *ledger) compareResult(t target, result []record, left []string) []string {
	a, last := g.accounts[t], result[len(result)-1]
	run, kind := "", ""
	switch token := runToken.FindStringSubmatch(last.Text); {
	case strings.HasPrefix(last.Text, "never started: "):
		kind = "never started"
	case strings.HasPrefix(last.Text, "unknown: "):
		kind = "unknown"
		if len(a.struck) == 0 {
			g.wrong(countFalseUnknown, "%s@%s: %v", t.process.id, t.host, result)
			break
		}
		run, a.struck = a.struck[0], a.struck[1:]
	case token == nil:
		g.wrong(countFalse, "%s@%s names no run: %v", t.process.id, t.host, result)
	default:
		run = token[1]
		kind = strings.ToLower(last.Outcome)
		if !slices.Contains(left, run) {
			g.wrong(countTwice, "%s@%s: run %s has none left to have: %v", t.process.id, t.host, run, result)
		}
		normal := strings.HasPrefix(last.Text, "ended normally after ")
		status := a.ended[run]
		said := normal && status == "0" && last.Outcome != "FAILED" ||
			!normal && strings.HasPrefix(last.Text, "exit status "+status+": ") && last.Outcome != "LAUNCHED"
		if !said {
			g.wrong(countFalse, "%s@%s: run %s ended with %q: %v", t.process.id, t.host, run, a.ended[run], result)
		}
	}
	g.l.n[countResults][kind]++
	return slices.DeleteFunc(left, func(other string) bool { return other == run })
}

// compareManager compares what a slave has of a target with what the manager has of it, line by line. The results of runs come in
// their order; an order that runs nothing is answered on a connection of its own, which may be the faster one.
func (g *ledger) compareManager(t target, own, arrived []record) {
	parts := func(all []record) (results, refusals []record) {
		for _, r := range all {
			if isRefusal(&r) {
				refusals = append(refusals, r)
			} else {
				results = append(results, r)
			}
		}
		return results, refusals
	}
	ownResults, ownRefusals := parts(slices.DeleteFunc(slices.Clone(own), func(r record) bool { return !trial.IsDelivered(&r) }))
	results, refusals := parts(arrived)
	a := g.accounts[t]
	a.sortLike(ownRefusals, refusals)
	g.compareLines(t, ownResults, results)
	g.compareLines(t, ownRefusals, refusals)
}

// isRefusal says whether the order ran nothing.
func isRefusal(r *record) bool { return r.Outcome == "ALREADY" || r.Outcome == "REFUSED" }

// sortLike brings the slave's records into the order of the manager's, as far as they agree.
func (a *account) sortLike(own, arrived []record) {
	for i := range min(len(own), len(arrived)) {
		for k := i; k < len(own); k++ {
			if a.agree(&own[k], &arrived[i]) {
				own[i], own[k] = own[k], own[i]
				break
			}
		}
	}
}

func (g *ledger) compareLines(t target, own, arrived []record) {
	a, next := g.accounts[t], 0
	for i := range arrived {
		switch {
		case next < len(own) && a.agree(&own[next], &arrived[i]):
			next++
		case a.orders > 1 && slices.ContainsFunc(own[:next], func(r record) bool { return a.agree(&r, &arrived[i]) }):
			g.l.n[countRedelivered][""]++
		default:
			g.wrong(countManagerFalse, "%s@%s, record %d: the slave has %v, the manager %v", t.process.id, t.host, i, own, arrived)
			return
		}
	}
	if next < len(own) {
		g.wrong(countManagerLost, "%s@%s: the slave has %v, the manager %v", t.process.id, t.host, own, arrived)
	}
}

// agree says whether the manager's record is that of the slave: but for the time, for who ordered it, and for the mark of a run
// that the manager did not order.
func (a *account) agree(own, arrived *record) bool {
	want := *own
	want.Time = arrived.Time
	if own.Trigger == "ORDER" {
		if !a.triggers[arrived.Trigger] {
			return false
		}
		want.Trigger = arrived.Trigger
		return want == *arrived
	}
	mark := fmt.Sprintf(" (%s %s)", own.Trigger, own.Time.UTC().Format("15:04:05.000"))
	want.Text = telegram.Cut(own.Text, telegram.TextLength-len(mark)) + mark
	return want == *arrived
}

// compareStatus compares field 133, in each record and in both contact files, with what the records before it make of it.
func (g *ledger) compareStatus(host string) {
	for _, r := range g.now[host] {
		p := orderings[slices.IndexFunc(orderings, func(p *ordering) bool { return p.id == r.Process })]
		if !p.changes() || isRefusal(&r) {
			continue
		}
		switch normal := strings.HasPrefix(r.Text, "ended normally after "); {
		case strings.HasPrefix(r.Text, "never started: "):
		case r.Outcome == "LAUNCHED":
			g.stands[host] = p.status
		case r.Outcome == "ENDED" && normal:
			g.stands[host] = p.after
		default:
			g.stands[host] = p.failed
		}
		if r.Application != g.stands[host] {
			g.wrong(countFalseStatus, "%s after %v", g.stands[host], r)
		}
	}
	want := fmt.Sprintf("%s RUNNING %s", host, g.stands[host])
	if own := g.l.Contact(g.l.t, host); own[0] != want {
		g.wrong(countFalseStatus, "the contact file of %s has %q, and its history %s: %v", host, own[0], g.stands[host], g.now[host])
		return
	}
	cmdtest.Until(g.l.t, killPatience, fmt.Sprintf("%q at the manager", want), func() bool { // an answer may be on its way still
		return slices.Contains(g.l.Contact(g.l.t, manager), want)
	})
}
