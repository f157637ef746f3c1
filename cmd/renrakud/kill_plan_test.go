package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
	"renraku/cmd/internal/trial"
)

// killPolls has a daemon that is away for a moment not judged STOPPED at once, and START told again soon.
const killPolls = "interval = \"200ms\"\ntimeout = \"100ms\"\nretries = 10"

var killHosts = []string{manager, first, second}

func roleOf(host string) string {
	if host == manager {
		return "manager"
	}
	return "slave"
}

// ordering is a process of the definition.
type ordering struct {
	id                    string
	simple                bool
	status, after, failed string
}

var orderings = []*ordering{
	{id: "OPEN", status: "OPENED", failed: "OPEN-FAILED"},
	{id: "CLOSE", status: "CLOSED", failed: "CLOSE-FAILED"},
	{id: "TASK"},
	{id: "BATCH", simple: true, status: "BATCH", after: "BATCH-OVER", failed: "BATCH-FAILED"},
	{id: "SERVE", simple: true},
}

var task = orderings[2]

func (p *ordering) changes() bool { return p.status != "" }

// The program leaves a mark with the number of its run at its start and at its end. How long it takes and how it ends stands in
// its plan.
const killScript = `trap '' PIPE # nobody reads what it prints where its parent was killed
cd "$0/$RENRAKU_HOST" || exit 9
read -r word run rest < "runs/$RENRAKU_PROCESS.run"
read -r pause status < "$RENRAKU_PROCESS.plan"
echo "start $RENRAKU_PROCESS $run 0" >> marks
sleep "$pause"
echo "run $run"
echo "end $RENRAKU_PROCESS $run $status" >> marks
exit "$status"`

const (
	killSettle  = 80 * time.Millisecond
	killTimeout = 5 * time.Second
	longestPlan = 200 * time.Millisecond
)

// killDefinition is the processes, and for each of them on each server a trigger that a message to the manager fires, and on each
// slave one of its own.
func killDefinition(root string) string {
	var b strings.Builder
	for _, p := range orderings {
		fmt.Fprintf(&b, "\n[[process]]\nid = %q\ncommand = [\"/bin/sh\", \"-c\", %q, %q]\ntimeout = %q\n", p.id, killScript, root, killTimeout)
		for key, status := range map[string]string{"status": p.status, "after": p.after, "failed": p.failed} {
			if status != "" {
				fmt.Fprintf(&b, "%s = %q\n", key, status)
			}
		}
		if p.simple {
			fmt.Fprintf(&b, "type = \"simple\"\nsettle = %q\n", killSettle)
		}
		for _, host := range killHosts {
			fmt.Fprintf(&b, "\n[[trigger]]\nprocess = %q\nhosts = [%q]\nmessage = '^order %s at %s$'\n", p.id, host, p.id, host)
		}
		fmt.Fprintf(&b, "\n[[trigger]]\nprocess = %q\nhosts = [%q, %q]\nlocal = true\nmessage = '^order %s here$'\n", p.id, first, second, p.id)
	}
	return b.String()
}

// target is one process on one server.
type target struct {
	host    string
	process *ordering
}

// way is how an order is given.
type way int

const (
	byOperator way = iota
	byOperatorAtSlave
	byMessage
	byMessageAtSlave
)

func (w way) atSlave() bool   { return w == byOperatorAtSlave || w == byMessageAtSlave }
func (w way) byMessage() bool { return w == byMessage || w == byMessageAtSlave }

// trigger is the word of the history.
func (w way) trigger() string {
	if w.byMessage() {
		return "MESSAGE"
	}
	return "OPERATOR"
}

// order is one order, and what its command told.
type order struct {
	target
	way     way
	life    int // of the daemon that it was given to
	command *cmdtest.Process
	ended   bool

	outcome, text string // of its row, where it has one
}

func (o *order) String() string {
	return fmt.Sprintf("%s@%s by %s (at the slave: %t): %s %q", o.process.id, o.host, o.way.trigger(), o.way.atSlave(), o.outcome, o.text)
}

// told takes the row of the order.
func (o *order) told(t *testing.T, code int) {
	if o.way.byMessage() || o.command.Stdout() == "" {
		return
	}
	var rows []struct{ Outcome, Text string }
	require.NoError(t, json.Unmarshal([]byte(o.command.Stdout()), &rows), "exit status %d: %s", code, o.command.Stdout())
	require.Len(t, rows, 1)
	o.outcome, o.text = rows[0].Outcome, rows[0].Text
}

// verdict is the outcome as the figures name it.
func (o *order) verdict() string {
	switch {
	case o.way.byMessage():
		return "given by a message"
	case o.outcome == "":
		return "without a word"
	}
	return o.outcome
}

// ranNothing says whether the order has certainly run nothing by what was told of it.
func (o *order) ranNothing() bool {
	switch o.outcome {
	case "ALREADY", "REFUSED", "SKIPPED", "UNREACHABLE":
		return true
	case "FAILED":
		return strings.HasPrefix(o.text, trial.NotSent) || strings.HasPrefix(o.text, "not started: ")
	}
	return false
}

// step is a change of a file that a kill waits for; of the file of a run, the line that is there then.
type step struct {
	atManager bool // in the manager's directory, else in that of the primary target
	file      string
	word      string
}

var killSteps = []step{
	{}, // at a time by chance
	{file: "runs/.run", word: "INTENT"},
	{file: "runs/.run", word: "STARTED"},
	{file: "runs/.run", word: "LEADER"},
	{file: "runs/.run", word: "UP"},
	{file: "runs/.run", word: "DONE"},
	{file: "runs/.run", word: "FILED"},
	{file: "runs/application.dat"},
	{file: "runs/taken.dat"},
	{file: "history.dat"},
	{file: "contact.dat"},
	{file: "runs/orders.dat", atManager: true},
	{file: "history.dat", atManager: true},
	{file: "contact.dat", atManager: true},
}

// hit is one kill: of whom, and when.
type hit struct {
	daemons []string
	parent  bool // of the primary target's run
	step    step
	after   time.Duration
}

func (h *hit) String() string {
	if h.step == (step{}) {
		return h.after.String()
	}
	where := ""
	if h.step.atManager {
		where = "the manager's "
	}
	return strings.TrimSpace(where + h.step.file + " " + h.step.word)
}

// outlasts says whether the parent of a run may live at the step.
func (s step) outlasts() bool { return s.word != "DONE" && s.word != "FILED" }

// allHits are all pairs of who is killed and when; a slave stands for the server of the primary target.
func allHits() (all []hit) {
	for _, s := range killSteps {
		for _, daemons := range [][]string{{}, {manager}, {"slave"}, {manager, "slave"}} {
			for _, parent := range []bool{false, true} {
				if parent && s.outlasts() || !parent && len(daemons) > 0 {
					all = append(all, hit{daemons: daemons, parent: parent, step: s})
				}
			}
		}
	}
	return all
}

// draw gives the next hit of the deck; each comes once before any comes again.
func (l *killLane) draw() hit {
	if len(l.deck) == 0 {
		l.deck = allHits()
		l.random.Shuffle(len(l.deck), func(i, j int) { l.deck[i], l.deck[j] = l.deck[j], l.deck[i] })
	}
	h := l.deck[0]
	l.deck = l.deck[1:]
	h.after = time.Duration(l.random.IntN(150_000)) * time.Microsecond
	return h
}

// round is the orders that are given at once, and the kills that come over them.
type round struct {
	primary target // what the kills are after
	orders  []*order
	hits    []hit
	again   bool // the primary target is ordered once more when all daemons are back
	struck  []string
}

func (r *round) String() string {
	return fmt.Sprintf("primary target %s@%s, orders %v, hits %v, again %t", r.primary.process.id, r.primary.host, r.orders, r.hits, r.again)
}

// given says whether every command has ended.
func (r *round) given() bool {
	return !slices.ContainsFunc(r.orders, func(o *order) bool { return !o.command.Ended() })
}

// plan makes a round for the next hit of the deck: with a target that has its step.
func (l *killLane) plan() *round {
	r := &round{hits: []hit{l.draw()}, again: l.chance(20)}
	if l.chance(30) { // while what the first has killed comes back
		r.hits = append(r.hits, l.draw())
	}
	s := r.hits[0].step
	later := s.word == "UP" || r.hits[0].parent && (s.file == "history.dat" || s.file == "contact.dat" || s.file == "runs/taken.dat" || s.file == "runs/application.dat")
	r.primary = l.choose(func(t target) bool {
		switch {
		case later && !t.process.simple, s.file == "runs/application.dat" && !t.process.changes():
			return false
		case s.atManager || s.file == "runs/taken.dat":
			return t.host != manager
		}
		return true
	})
	for i := range r.hits {
		r.hits[i] = r.hits[i].at(r.primary)
	}
	l.order(r, r.primary, s.atManager)
	if l.chance(15) { // the same order at the same time
		r.orders = append(r.orders, &order{target: r.primary, way: byOperator})
	}
	for _, host := range killHosts {
		other := target{host, orderings[l.random.IntN(len(orderings))]}
		if host == r.primary.host { // where two change field 133 at once, one is REFUSED
			other.process = task
		}
		if other != r.primary && l.chance(30) && !l.ledger.busy(other) {
			l.order(r, other, false)
		}
	}
	return r
}

func (l *killLane) chance(percent int) bool { return l.random.IntN(100) < percent }

// choose gives a target that fits and has no order of before that is still without an outcome.
func (l *killLane) choose(fits func(target) bool) target {
	var all []target
	cmdtest.Until(l.t, killPatience, "a target without an order in progress", func() bool {
		all = nil
		for _, host := range killHosts {
			for _, p := range orderings {
				if t := (target{host, p}); fits(t) && !l.ledger.busy(t) {
					all = append(all, t)
				}
			}
		}
		return len(all) > 0
	})
	return all[l.random.IntN(len(all))]
}

// order plans an order, and how its process ends.
func (l *killLane) order(r *round, t target, byManager bool) {
	ways := []way{byOperator, byOperator, byOperator, byMessage}
	if t.host != manager && !byManager {
		ways = append(ways, byOperatorAtSlave, byMessageAtSlave)
	}
	status, pause := 0, 20+l.random.IntN(100)
	if l.chance(30) {
		status = 3
	}
	switch parent := slices.ContainsFunc(r.hits, func(h hit) bool { return h.parent }); {
	case t == r.primary && parent:
		pause += 60 // so that there is somebody to kill
	case l.chance(20):
		pause = 0 // of type simple: it ends before it is up
	}
	plan := fmt.Sprintf("0.%03d %d\n", pause, status)
	require.NoError(l.t, os.WriteFile(l.File(t.host, t.process.id+".plan"), []byte(plan), 0o640))
	r.orders = append(r.orders, &order{target: t, way: ways[l.random.IntN(len(ways))]})
}

// at is the hit over a target.
func (h hit) at(t target) hit {
	var daemons []string
	for _, host := range h.daemons {
		if host == "slave" {
			host = t.host
		}
		if !slices.Contains(daemons, host) {
			daemons = append(daemons, host)
		}
	}
	h.daemons = daemons
	if h.parent && h.step.word == "INTENT" { // its parent is named by the next line
		h.step.word = "STARTED"
	}
	h.step.file = strings.Replace(h.step.file, "/.run", "/"+t.process.id+".run", 1)
	return h
}
