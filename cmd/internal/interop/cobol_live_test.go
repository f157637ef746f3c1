//go:build interop

package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
	"renraku/contactfile"
)

const (
	liveReports = 100 // in each organisation
	liveSteps   = 24  // at least, while they are made
	liveWanted  = 5   // records of the history in each report
	liveAppends = 10  // to a history that grows, during each report

	livePatience = 30 * time.Second
)

// liveReport is a report with the steps and records that had surely been written when it began, and that may have been when it
// ended.
type liveReport struct {
	cobolReport
	organisation string
	err          error
	steps        [2]int
	records      [2]int
}

// reporter makes reports, one after the other, until it is told to end.
type reporter struct {
	program, dir string
	begun, done  atomic.Int64 // steps of whoever changes the files
	started      time.Time
	made         atomic.Int64
	beginning    chan struct{} // has something when a report begins
	reports      []liveReport
	stop, ended  chan struct{}
}

func startReporter(t *testing.T, dir string) *reporter {
	r := &reporter{program: statrep(t), dir: dir, started: time.Now(), beginning: make(chan struct{}, 1), stop: make(chan struct{}), ended: make(chan struct{})}
	go r.run()
	t.Cleanup(r.end)
	return r
}

func (r *reporter) run() {
	defer close(r.ended)
	for i := 0; ; i++ {
		select {
		case <-r.stop:
			return
		default:
		}
		select {
		case r.beginning <- struct{}{}:
		default:
		}
		x := liveReport{organisation: organisations[i%len(organisations)]}
		x.steps[0], x.records[0] = int(r.done.Load()), r.records()
		x.cobolReport, x.err = report(r.program, r.dir, x.organisation, strconv.Itoa(liveWanted))
		x.steps[1], x.records[1] = int(r.begun.Load()), r.records()
		r.reports = append(r.reports, x)
		r.made.Add(1)
	}
}

// records is how many records the history has now, or -1 where it cannot tell.
func (r *reporter) records() int {
	info, err := os.Stat(filepath.Join(r.dir, "history.dat"))
	if err != nil {
		return -1
	}
	return int(info.Size() / contactfile.HistoryRecordLength)
}

// isDone says whether it has made its reports, for which it has some time.
func (r *reporter) isDone(t *testing.T) bool {
	made := r.made.Load()
	require.Less(t, time.Since(r.started), 2*livePatience, "%d reports only", made)
	return made >= liveReports*int64(len(organisations))
}

// end ends it; its reports can be looked at afterwards.
func (r *reporter) end() {
	select {
	case <-r.stop:
	default:
		close(r.stop)
	}
	<-r.ended
}

// step changes the files. What it does is one change, which stands when it comes back.
func (r *reporter) step(change func()) {
	r.begun.Add(1)
	change()
	r.done.Add(1)
}

// requireWhole sees that no report has failed, and that each has a history that stood there at some moment of it.
func (r *reporter) requireWhole(t *testing.T, history []contactfile.HistoryRecord) {
	t.Helper()
	count := map[string]int{}
	for _, x := range r.reports {
		require.NoError(t, x.err)
		require.Empty(t, x.Problems)
		require.Zero(t, x.Code)
		require.GreaterOrEqual(t, x.records[0], 0, "no history")
		stood := false
		for n := x.records[0]; n <= x.records[1] && !stood; n++ {
			stood = wantedHistory(history[:n], liveWanted) == x.History
		}
		require.True(t, stood, "%s, %v records, is:\n%s", x.organisation, x.records, x.History)
		count[x.organisation]++
	}
	for _, organisation := range organisations {
		require.GreaterOrEqual(t, count[organisation], liveReports)
	}
}

// possibleContacts is the report's part for each mixture of these states, all of the same servers: a report reads one record after
// the other, and each may change meanwhile.
func possibleContacts(states [][]contactfile.Record) map[string]bool {
	mixtures := [][]contactfile.Record{nil}
	for i := range states[0] {
		var longer [][]contactfile.Record
		seen := map[contactfile.Record]bool{}
		for _, state := range states {
			if seen[state[i]] {
				continue
			}
			seen[state[i]] = true
			for _, m := range mixtures {
				longer = append(longer, append(m[:len(m):len(m)], state[i]))
			}
		}
		mixtures = longer
	}
	possible := map[string]bool{}
	for _, m := range mixtures {
		possible[wantedContact(m)] = true
	}
	return possible
}

// liveFleet is a fleet whose servers are changed one after the other.
type liveFleet struct {
	*cmdtest.Fleet
	t       *testing.T
	daemons map[string]*cmdtest.Daemon
	applied map[string]string // the application status of each slave
	stopped map[string]bool
}

// change makes the next change: mostly a process is run, now and then a slave is ended or started.
func (f *liveFleet) change(n int) {
	host := []string{cmdtest.First, cmdtest.Second}[n%2]
	switch {
	case f.stopped[host]:
		f.daemons[host] = f.Start(f.t, host)
		f.stopped[host] = false
	case n%7 == 6:
		f.daemons[host].Terminate(f.t)
		f.stopped[host] = true
	default:
		next := map[string]string{"ONLINE": "BATCH"}[f.applied[host]]
		if next == "" {
			next = "ONLINE"
		}
		out := f.Renraku(f.t, cmdtest.Manager, "run", next, "--host", host)
		require.Zero(f.t, out.Code, out)
		f.applied[host] = next
	}
	f.await()
}

func (f *liveFleet) await() {
	wanted := []string{cmdtest.Manager + " RUNNING"}
	for _, host := range []string{cmdtest.First, cmdtest.Second} {
		operating := map[bool]string{false: "RUNNING", true: "STOPPED"}[f.stopped[host]]
		wanted = append(wanted, fmt.Sprintf("%s %s %s", host, operating, f.applied[host]))
	}
	f.AwaitManager(f.t, livePatience, wanted...)
}

// Daemons write while the reports are made. Each report has to show, of every server, a state between the last change that stood
// when it began and the last that had begun when it ended; and the history likewise.
func TestCobolReportsALiveFleetWhileItChanges(t *testing.T) {
	f := &liveFleet{Fleet: cmdtest.NewFleet(t, "interval = \"200ms\"\ntimeout = \"2s\"\nretries = 5"), t: t, stopped: map[string]bool{},
		applied: map[string]string{cmdtest.First: "NOT-STARTED", cmdtest.Second: "NOT-STARTED"}}
	f.Define(t, "\n[[process]]\nid = \"BATCH\"\ncommand = [\"/bin/true\"]\nstatus = \"BATCH\"\n")
	dir := f.Dir(cmdtest.Manager)
	f.daemons = f.StartAll(t)
	f.await()
	contact := func() []contactfile.Record {
		records, err := contactfile.ReadFile(filepath.Join(dir, "contact.dat"))
		require.NoError(t, err)
		return records
	}
	states := [][]contactfile.Record{contact()}
	r := startReporter(t, dir)
	for n := 0; n < liveSteps || !r.isDone(t); n++ {
		r.step(func() {
			f.change(n)
			states = append(states, contact())
		})
	}
	r.end()
	r.requireWhole(t, readHistory(t, dir))
	changing := 0
	for _, x := range r.reports {
		possible := possibleContacts(states[x.steps[0] : x.steps[1]+1])
		require.True(t, possible[x.Contact], "%s, steps %v, is:\n%s\n\nmay be: %v", x.organisation, x.steps, x.Contact, possible)
		if len(possible) > 1 {
			changing++
		}
	}
	assert.Greater(t, changing, liveReports/2, "reports while something changed")

	f.daemons[cmdtest.Manager].Terminate(t)
	for _, organisation := range organisations {
		assert.Equal(t, noMonitoring, mustReport(t, dir, organisation, 0).Contact)
	}
}

// The same for a history that grows faster than a fleet writes one, and goes through the places of the report's ring.
func TestCobolReportsAHistoryWhileItGrows(t *testing.T) {
	dir := write(t, encodeContact(t, someServers()), nil)
	h, _, err := contactfile.OpenHistory(filepath.Join(dir, "history.dat"))
	require.NoError(t, err)
	defer h.Close()
	r := startReporter(t, dir)
	for !r.isDone(t) {
		select {
		case <-r.beginning:
		case <-time.After(livePatience):
			require.FailNow(t, "no report any more")
		}
		for n := range liveAppends {
			records := someOutcomes()[:1+n%3]
			records[0].Text = fmt.Sprintf("%d, after %d reports: データベース", n, r.made.Load())
			_, err := h.Append(records...)
			require.NoError(t, err)
		}
	}
	r.end()
	history := readHistory(t, dir)
	r.requireWhole(t, history)
	assert.Greater(t, len(history), liveReports*liveWanted)
	grown := 0
	for _, x := range r.reports {
		require.Equal(t, wantedContact(someServers()), x.Contact)
		if x.records[1] > x.records[0] {
			grown++
		}
	}
	assert.Greater(t, grown, liveReports/2, "reports while the history grew")
}
