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
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/contactfile"
	"renraku/slave/slavetest"
)

var kills = flag.Int("kills", 240, "how many kills the test of kills makes, at least: every pair of a fault and a kind of program is tried")

// lanes is how many daemons are killed at the same time, each on a directory of its own.
const lanes = 8

// faults are all that are tried; those without a step kill after a time by chance.
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

// pair is a fault and the kind of program that it comes over.
type pair struct {
	fault fault
	kind  string
}

func pairs() (all []pair) {
	for _, f := range faults() {
		for _, kind := range kinds {
			all = append(all, pair{f, kind})
		}
	}
	return all
}

// killsForSure says whether somebody is killed however fast anything goes: not after a time by chance, and not at a step that the
// kind does not have.
func (p *pair) killsForSure() bool {
	changesNothing := p.kind == "forks"
	return p.fault.step != "" && !(changesNothing && p.fault.step == "recorded")
}

// The daemon and the parents of its runs are killed at every step, over every kind of program. After each kill the next daemon
// takes up what was left. Every order has exactly one result then, it is the right one, and field 133 is what it says; and no
// order has run its process twice.
func TestNoKillMakesADoubleRunOrLosesAResult(t *testing.T) {
	t.Parallel()
	seed := slavetest.Seed(t)
	var mu sync.Mutex
	var sum figures
	var all sync.WaitGroup
	for i := range lanes {
		l := &lane{t: t, dir: t.TempDir(), random: rand.New(rand.NewPCG(seed, uint64(i)))}
		all.Go(func() {
			f := l.run(i, (*kills+lanes-1)/lanes)
			mu.Lock()
			defer mu.Unlock()
			sum.add(f)
		})
	}
	all.Wait()
	t.Log(sum.String())
	sum.requireNothingWrong(t)
	assert.GreaterOrEqual(t, sum.n[countKills], *kills)
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
	pair
	number int
	before int    // records of the history when it was ordered
	stood  string // field 133 then
	told   string // outcome, where the daemon told it
}

// run takes its share of all pairs in order, and then pairs by chance until there were enough kills.
func (l *lane) run(first, kills int) figures {
	all := pairs()
	for i := first; i < len(all) && !l.t.Failed(); i += lanes {
		l.try(all[i])
	}
	for l.kills < kills && !l.t.Failed() {
		l.try(all[l.random.IntN(len(all))])
	}
	records, stands := l.takeUp()
	if l.t.Failed() {
		return figures{}
	}
	return l.count(records, stands)
}

// try has a daemon execute one order under the fault. Where the fault comes over what the daemon before left, nothing is ordered:
// another daemon takes that up first.
func (l *lane) try(p pair) {
	if p.fault.step == "" {
		p.fault.after = time.Duration(l.random.IntN(150_000)) * time.Microsecond
	}
	ordered, killed := l.order(p)
	if !ordered {
		l.takeUp()
		ordered, killed = l.order(p)
	}
	if p.killsForSure() {
		assert.True(l.t, ordered && killed, "%v over %s: ordered %t, killed %t", p.fault, p.kind, ordered, killed)
	}
}

// takeUp has a daemon take up what was left, and gives the number of records and field 133 then.
func (l *lane) takeUp() (records int, stands string) {
	said, killed := l.daemon("", fault{})
	_, err := fmt.Sscanf(said, "recovered %d %s", &records, &stands)
	assert.False(l.t, killed)
	assert.NoError(l.t, err, "%q", said)
	return records, stands
}

func (l *lane) order(p pair) (taken, killed bool) {
	o := ordered{pair: p}
	number := len(l.orders) + 1
	said, killed := l.daemon(fmt.Sprintf("%d %s", number, p.kind), p.fault)
	n, _ := fmt.Sscanf(said, "ordering %d %d %s\ntold %d %s", &o.number, &o.before, &o.stood, new(int), &o.told)
	if taken = n >= 3; taken {
		assert.Equal(l.t, number, o.number)
		l.orders = append(l.orders, o)
	}
	killed = killed || taken && p.fault.parent
	if killed {
		l.kills++
	}
	return taken, killed
}

// daemon runs a daemon to its end and gives what it said. Its death by a kill that is not the fault's fails the test.
func (l *lane) daemon(order string, f fault) (said string, killed bool) {
	var out, log bytes.Buffer
	var err error
	for range lockedMost {
		out.Reset()
		log.Reset()
		c := exec.Command("/proc/self/exe")
		c.Env = append(os.Environ(), envMode+"="+modeDaemon, envDir+"="+l.dir, envOrder+"="+order, envFault+"="+f.String(), raceOptions)
		c.Stdout, c.Stderr = &out, &log
		c.WaitDelay = time.Minute
		if err = c.Run(); c.ProcessState.ExitCode() != statusLocked {
			break
		}
		l.locked++
	}
	if err != nil && (!f.daemon || err.Error() != "signal: killed") {
		assert.NoError(l.t, err, "daemon under %v, order %q: %s", f, order, log.String())
	}
	return out.String(), err != nil
}

// lockedMost is how often a daemon is started that finds the lock held.
const lockedMost = 100

// count compares every order with the history, field 133 and the marks.
func (l *lane) count(records int, stands string) figures {
	c := counter{t: l.t}
	c.n[countKills], c.n[countOrders], c.n[countLocked] = l.kills, len(l.orders), l.locked
	c.readMarks(filepath.Join(l.dir, "marks"))
	var history []contactfile.HistoryRecord
	for r, err := range contactfile.ReadHistory(filepath.Join(l.dir, "history.dat")) {
		require.NoError(l.t, err)
		history = append(history, r)
	}
	assert.Len(l.t, history, records)
	for i, o := range l.orders {
		after, stands := records, stands
		if i+1 < len(l.orders) {
			after, stands = l.orders[i+1].before, l.orders[i+1].stood
		}
		c.order(&o, history[o.before:after], stands)
	}
	return c.figures
}

// readMarks counts how often each order's program began and ended, and how often one began before the one before it had ended.
func (c *counter) readMarks(path string) {
	c.starts, c.ends = map[int]int{}, map[int]int{}
	f, err := os.Open(path)
	require.NoError(c.t, err)
	defer f.Close()
	running := 0
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var what string
		var number int
		_, err := fmt.Sscan(lines.Text(), &what, &number)
		require.NoError(c.t, err)
		if what == "end" {
			c.ends[number]++
			running--
			continue
		}
		c.starts[number]++
		if running++; running > 1 {
			c.n[countOverlapping]++
			c.t.Errorf("order %d ran its process while it still ran", number)
		}
	}
}
