package runs_test

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/contactfile"
)

var kills = flag.Int("kills", 60, "how many kills the test of kills makes")

// lanes is how many daemons are killed at the same time, each on a directory of its own.
const lanes = 4

// faults are all that are tried in turn; those without a step kill after a time by chance.
func faults() (all []fault) {
	for _, step := range daemonSteps {
		all = append(all, fault{step: step, daemon: true})
	}
	for _, who := range []fault{{daemon: true}, {parent: true}, {daemon: true, parent: true}} {
		for _, step := range append([]string{""}, parentSteps...) {
			who.step = step
			all = append(all, who)
		}
	}
	return all
}

// figures are what the loop counts.
type figures struct {
	kills, orders, locked                                  int
	launched, failed, neverStarted, unknown, untaken       int
	double, lost, twice, falsely, unknownButNoParentKilled int
	overlapping                                            int // the process was run while it still ran
}

func (f *figures) add(g figures) {
	for to, n := range map[*int]int{&f.kills: g.kills, &f.orders: g.orders, &f.locked: g.locked, &f.launched: g.launched, &f.failed: g.failed,
		&f.neverStarted: g.neverStarted, &f.unknown: g.unknown, &f.untaken: g.untaken, &f.double: g.double, &f.lost: g.lost,
		&f.twice: g.twice, &f.falsely: g.falsely, &f.unknownButNoParentKilled: g.unknownButNoParentKilled, &f.overlapping: g.overlapping} {
		*to += n
	}
}

func (f *figures) String() string {
	return fmt.Sprintf("%d kills, %d orders: %d launched, %d failed by themselves, %d never started, %d unknown, %d not taken, %d starts that found the lock held; "+
		"%d double runs, %d runs at the same time, %d lost results, %d results twice, %d false results, %d unknown though no parent was killed",
		f.kills, f.orders, f.launched, f.failed, f.neverStarted, f.unknown, f.untaken, f.locked,
		f.double, f.overlapping, f.lost, f.twice, f.falsely, f.unknownButNoParentKilled)
}

// The daemon and the parents of its runs are killed at every step. After each kill the next daemon takes up what was left. Every
// order has exactly one result then, it is the right one, and no order has run its process twice.
func TestNoKillMakesADoubleRunOrLosesAResult(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var sum figures
	var all sync.WaitGroup
	for i := range lanes {
		l := &lane{t: t, dir: t.TempDir(), random: rand.New(rand.NewPCG(uint64(i), 10320))}
		all.Go(func() {
			f := l.run(i, (*kills+lanes-1)/lanes)
			mu.Lock()
			defer mu.Unlock()
			sum.add(f)
		})
	}
	all.Wait()
	t.Log(sum.String())
	assert.Zero(t, sum.double, "double runs")
	assert.Zero(t, sum.overlapping, "runs at the same time")
	assert.Zero(t, sum.lost, "lost results")
	assert.Zero(t, sum.twice, "results twice")
	assert.Zero(t, sum.falsely, "false results")
	assert.Zero(t, sum.unknownButNoParentKilled, "unknown, and no parent was killed")
	assert.GreaterOrEqual(t, sum.kills, *kills)
}

// lane is one directory, and its daemons one after the other.
type lane struct {
	t      *testing.T
	dir    string
	random *rand.Rand
	orders []ordered
	kills  int
	locked int // starts of a daemon that found the lock held
}

// ordered is an order that a daemon took, or was killed while it did.
type ordered struct {
	number int
	kind   string
	fault  fault
	before int    // records of the history when it was ordered
	told   string // outcome, where the daemon told it
}

func (l *lane) run(first, kills int) figures {
	all := faults() // 26, of which each meets each of the 5 kinds in time
	for i := first; l.kills < kills && !l.t.Failed(); i += lanes {
		f := all[i%len(all)]
		if f.step == "" {
			f.after = time.Duration(l.random.IntN(150_000)) * time.Microsecond
		}
		l.order(kinds[i%len(kinds)], f)
	}
	end, killed := l.daemon("", fault{})
	assert.False(l.t, killed)
	var recovered int
	_, err := fmt.Sscanf(end, "recovered %d", &recovered)
	if !assert.NoError(l.t, err, "%q", end) {
		return figures{}
	}
	return l.count(recovered)
}

// order has a daemon execute one order under the fault. Where the daemon was killed before it came to it, nothing was ordered.
func (l *lane) order(kind string, f fault) {
	number := len(l.orders) + 1
	said, killed := l.daemon(fmt.Sprintf("%d %s", number, kind), f)
	if killed || f.parent {
		l.kills++
	}
	o := ordered{kind: kind, fault: f}
	if n, _ := fmt.Sscanf(said, "ordering %d %d\ntold %d %s", &o.number, &o.before, new(int), &o.told); n >= 2 {
		assert.Equal(l.t, number, o.number)
		l.orders = append(l.orders, o)
	}
}

// daemon runs a daemon to its end and gives what it said. Its death by a kill that is not the fault's fails the test.
func (l *lane) daemon(order string, f fault) (said string, killed bool) {
	var out, log bytes.Buffer
	var err error
	for range lockedMost {
		out.Reset()
		log.Reset()
		c := exec.Command("/proc/self/exe")
		c.Env = append(os.Environ(), envMode+"="+modeDaemon, envDir+"="+l.dir, envOrder+"="+order, envFault+"="+f.String())
		c.Stdout, c.Stderr = &out, &log
		c.WaitDelay = time.Minute
		if err = c.Run(); c.ProcessState.ExitCode() != statusLocked {
			break
		}
		l.locked++
	}
	if err != nil && err.Error() != "signal: killed" {
		assert.NoError(l.t, err, "daemon under %v, order %q: %s", f, order, log.String())
	}
	return out.String(), err != nil
}

// lockedMost is how often a daemon is started that finds the lock held.
const lockedMost = 100

// count compares every order with the history and the marks.
func (l *lane) count(records int) figures {
	f := figures{kills: l.kills, orders: len(l.orders), locked: l.locked}
	starts, ends, overlapping := l.marks()
	f.overlapping = overlapping
	var history []contactfile.HistoryRecord
	for r, err := range contactfile.ReadHistory(filepath.Join(l.dir, "history.dat")) {
		require.NoError(l.t, err)
		history = append(history, r)
	}
	assert.Len(l.t, history, records)
	for i, o := range l.orders {
		after := records
		if i+1 < len(l.orders) {
			after = l.orders[i+1].before
		}
		l.countOne(&f, o, history[o.before:after], starts[o.number], ends[o.number])
	}
	return f
}

func (l *lane) countOne(f *figures, o ordered, results []contactfile.HistoryRecord, starts, ends int) {
	wrong := func(counter *int, what string) {
		*counter++
		l.t.Errorf("%s: order %d (%s) under %v: %d starts, %d ends, told %q, results %v", what, o.number, o.kind, o.fault, starts, ends, o.told, results)
	}
	if starts > 1 || ends > 1 {
		wrong(&f.double, "double run")
	}
	switch len(results) {
	case 1:
	case 0:
		if starts > 0 || o.told != "" || o.fault.step != "" {
			wrong(&f.lost, "lost result")
		}
		f.untaken++
		return
	default:
		wrong(&f.twice, "result twice")
		return
	}
	r := results[0]
	var right bool
	switch text := r.Text; {
	case strings.HasPrefix(text, "unknown: "):
		f.unknown++
		if right = r.Outcome == "FAILED"; !o.fault.parent {
			wrong(&f.unknownButNoParentKilled, "unknown")
		}
	case strings.HasPrefix(text, "never started: "):
		f.neverStarted++
		right = r.Outcome == "FAILED" && starts == 0
	case o.kind == "fails":
		f.failed++
		right = r.Outcome == "FAILED" && text == "exit status 3" && ends == 1
	default:
		f.launched++
		right = r.Outcome == "LAUNCHED" && strings.HasPrefix(text, "ended normally after ") && ends == 1
	}
	if !right || o.told != "" && o.told != r.Outcome {
		wrong(&f.falsely, "false result")
	}
}

// marks counts how often each order's program began and ended, and how often one began before the one before it had ended.
func (l *lane) marks() (starts, ends map[int]int, overlapping int) {
	starts, ends = map[int]int{}, map[int]int{}
	f, err := os.Open(filepath.Join(l.dir, "marks"))
	require.NoError(l.t, err)
	defer f.Close()
	run := 0
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var what string
		var number int
		_, err := fmt.Sscan(lines.Text(), &what, &number)
		require.NoError(l.t, err)
		if what == "end" {
			ends[number]++
			run--
			continue
		}
		starts[number]++
		if run++; run > 1 {
			overlapping++
			l.t.Errorf("order %d ran its process while it still ran", number)
		}
	}
	return starts, ends, overlapping
}
