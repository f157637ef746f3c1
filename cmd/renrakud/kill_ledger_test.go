package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/trial"
	"renraku/contactfile"
)

// ledger compares, round by round, what was ordered with the marks of the programs, the histories and the contact files.
type ledger struct {
	l        *killLane
	marks    map[string]int    // bytes of each host's marks that were looked at
	records  map[string]int    // of each host's history
	stands   map[string]string // field 133 of each host, as its history has it
	accounts map[target]*account
	ran      map[string]bool     // runs that have a mark of their start
	now      map[string][]record // what each host's own history has of this round
	arrived  map[string][]record // what the manager's history has of it from each slave
	decided  map[string][]record // what the manager's own checks have put there for each host
}

// account is one target.
type account struct {
	owed     int             // runs that orders may still make
	triggers map[string]bool // of its orders at the manager, since it had none without an outcome
	orders   int             // as many
	struck   []string        // runs whose parent was killed, and that have no result yet

	begun []string          // runs of this round
	ended map[string]string // exit status of each
}

type record = contactfile.HistoryRecord

func newLedger(l *killLane) ledger {
	g := ledger{l: l, marks: map[string]int{}, records: map[string]int{}, stands: map[string]string{}, accounts: map[target]*account{},
		ran: map[string]bool{}}
	for _, host := range killHosts {
		g.stands[host] = contactfile.NotStarted
		for _, p := range orderings {
			g.accounts[target{host, p}] = &account{triggers: map[string]bool{}}
		}
	}
	return g
}

func (g *ledger) runOf(t target) runFile {
	return readRun(g.l.File(t.host, "runs/"+t.process.id+".run"))
}

func (g *ledger) killParent(t target) bool {
	r := g.runOf(t)
	killed, err := r.killParent()
	require.NoError(g.l.t, err)
	if killed {
		a := g.accounts[t]
		a.struck = append(a.struck, r.run)
	}
	return killed
}

// busy says whether the manager still waits for the outcome of an order, as it does for one of a manager that was killed while it
// sent it.
func (g *ledger) busy(t target) bool {
	b, err := os.ReadFile(g.l.File(manager, "runs/orders.dat"))
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(b)) {
		fields := strings.Fields(line)
		if line[0] == '+' && len(fields) == 8 && fields[4] == t.host && fields[5] == t.process.id {
			return true
		}
	}
	return false
}

// settled says whether nothing is to come any more: every run is filed, every result delivered, every message dealt with.
func (g *ledger) settled(r *round) bool {
	for t := range g.accounts {
		if !g.runOf(t).filed() {
			return false
		}
	}
	return g.delivered(first) && g.delivered(second) && g.dealtWith(r)
}

// delivered says whether the slave has a receipt for every result.
func (g *ledger) delivered(host string) bool {
	b, err := os.ReadFile(g.l.File(host, "runs/taken.dat"))
	if err != nil || len(b) < 32 {
		return false
	}
	first, err := strconv.Atoi(string(b[6:31]))
	require.NoError(g.l.t, err)
	i := 0
	for _, r := range g.read(host, first) {
		if at := 32 + first + i; trial.IsDelivered(&r) && (at >= len(b) || b[at] != '+') {
			return false
		}
		i++
	}
	return true
}

// dealtWith says whether every message of this round has what it orders in the history of the daemon that it went to, where
// that daemon lives.
func (g *ledger) dealtWith(r *round) bool {
	for _, o := range r.orders {
		at := manager
		if o.way.atSlave() {
			at = o.host
		}
		if !o.way.byMessage() || g.l.lives[at] != o.life || !o.ended || o.command.Cmd.ProcessState.ExitCode() != 0 {
			continue
		}
		if !slices.ContainsFunc(g.read(at, g.records[at]), func(r record) bool {
			return r.Host == o.host && r.Process == o.process.id && r.Trigger == o.way.trigger()
		}) {
			return false
		}
	}
	return true
}

// read gives a host's history from a record on.
func (g *ledger) read(host string, from int) (all []record) {
	i := 0
	for r, err := range contactfile.ReadHistory(g.l.File(host, "history.dat")) {
		require.NoError(g.l.t, err)
		if i++; i > from {
			all = append(all, r)
		}
	}
	return all
}

// compare takes the round, of which everything is settled.
func (g *ledger) compare(r *round) {
	g.readHistories()
	g.readMarks()
	for _, o := range r.orders {
		a := g.accounts[o.target]
		a.orders++
		if !o.ranNothing() {
			a.owed++
		}
		if !o.way.atSlave() {
			a.triggers[o.way.trigger()] = true
		}
		g.compareRow(o)
	}
	for _, host := range killHosts {
		for _, p := range orderings {
			g.compareTarget(target{host, p})
		}
		g.compareStatus(host)
	}
}

func (g *ledger) readHistories() {
	g.now, g.arrived, g.decided = map[string][]record{}, map[string][]record{}, map[string][]record{}
	for _, host := range killHosts {
		all := g.read(host, g.records[host])
		g.records[host] += len(all)
		for _, r := range all {
			switch {
			case host == manager && trial.IsDecision(&r):
				g.decided[r.Host] = append(g.decided[r.Host], r)
			case host == manager && r.Host != manager:
				g.arrived[r.Host] = append(g.arrived[r.Host], r)
			default:
				g.now[host] = append(g.now[host], r)
			}
		}
	}
}

// readMarks takes the marks of the programs: no run begins twice, and none of a process before the one before it has ended.
func (g *ledger) readMarks() {
	for _, a := range g.accounts {
		a.begun, a.ended = nil, map[string]string{}
	}
	for _, host := range killHosts {
		b, err := os.ReadFile(g.l.File(host, "marks"))
		if err != nil { // nothing has run yet
			continue
		}
		fresh := string(b[g.marks[host]:])
		g.marks[host] = len(b)
		running := map[string]bool{}
		for line := range strings.Lines(fresh) {
			g.readMark(host, line, running)
		}
	}
}

func (g *ledger) readMark(host, line string, running map[string]bool) {
	var what, id, run, status string
	_, err := fmt.Sscan(line, &what, &id, &run, &status)
	require.NoError(g.l.t, err, line)
	a := g.accounts[target{host, orderings[slices.IndexFunc(orderings, func(p *ordering) bool { return p.id == id })]}]
	if what == "end" {
		a.ended[run] = status
		running[id] = false
		return
	}
	key := host + " " + id + " " + run
	if g.ran[key] {
		g.wrong(countDouble, "run %s of %s@%s began twice", run, id, host)
	}
	if running[id] {
		g.wrong(countOverlapping, "run %s of %s@%s began while another ran", run, id, host)
	}
	g.ran[key], running[id] = true, true
	a.begun = append(a.begun, run)
}

func (g *ledger) wrong(c count, format string, args ...any) {
	g.l.n[c][""]++
	g.l.t.Errorf("%s: %s", c, fmt.Sprintf(format, args...))
}
