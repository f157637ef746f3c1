package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
	"renraku/slave/slavetest"
)

var kills = flag.Int("kills", 60, "how many times the test of kills kills, at least")

// killLanes is how many fleets are killed at the same time.
const killLanes = 4

// The daemons of a manager and two slaves, and the parents of the runs, are killed at every step and at times by chance. After
// each kill the daemons are started again on their directories. In the end every order has run its process once or not at all,
// every run has its result in the history of its server and in that of the manager, and field 133 is what the histories say.
func TestNoKillOfADaemonOrAParentRunsTwiceOrLosesAResult(t *testing.T) {
	t.Parallel()
	seed := slavetest.Seed(t)
	var mu sync.Mutex
	sum := newFigures()
	t.Run("lanes", func(t *testing.T) {
		for i := range killLanes {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				l := newKillLane(t, rand.New(rand.NewPCG(seed, uint64(i))))
				for l.total(countKills) < (*kills+killLanes-1)/killLanes {
					l.round()
				}
				mu.Lock()
				defer mu.Unlock()
				sum.add(&l.figures)
			})
		}
	})
	t.Log(sum.String())
	sum.requireNothingWrong(t)
	assert.GreaterOrEqual(t, sum.total(countKills), *kills)
}

// killLane is one fleet, and its rounds one after the other.
type killLane struct {
	*cmdtest.Fleet
	figures
	t       *testing.T
	random  *rand.Rand
	deck    []hit
	daemons map[string]*cmdtest.Daemon
	lives   map[string]int // how many daemons each host has had
	ledger  ledger
	now     *round
}

func newKillLane(t *testing.T, random *rand.Rand) *killLane {
	l := &killLane{Fleet: cmdtest.NewFleet(t, killPolls), figures: newFigures(), t: t, random: random,
		daemons: map[string]*cmdtest.Daemon{}, lives: map[string]int{}}
	l.Define(t, killDefinition(l.Dir(".")))
	l.ledger = newLedger(l)
	for _, host := range killHosts {
		require.NoError(t, os.MkdirAll(l.File(host, "runs"), 0o750)) // to be watched before the daemon makes it
		l.begin(host)
	}
	t.Cleanup(func() {
		if t.Failed() {
			l.tell()
		}
	})
	return l
}

// round gives orders, kills while they are in progress, and compares what became of them when all is settled.
func (l *killLane) round() {
	l.awaitRunning()
	r := l.plan()
	l.now = r
	w := newWatch(l.t, l.Fleet, r.primary.host)
	defer w.close()
	for _, o := range r.orders {
		l.give(o)
	}
	var away []string
	for i := range r.hits {
		away = l.strike(r, &r.hits[i], w)
		l.pause(r)
		l.random.Shuffle(len(away), func(i, j int) { away[i], away[j] = away[j], away[i] })
		for _, host := range away {
			l.begin(host) // the next hit may come before it is ready
		}
	}
	l.awaitRunning()
	if r.again {
		o := &order{target: r.primary, way: byOperator}
		r.orders = append(r.orders, o)
		l.give(o)
	}
	for _, o := range r.orders {
		l.await(o)
	}
	cmdtest.Until(l.t, killPatience, "everything settled", func() bool { return l.ledger.settled(r) })
	l.ledger.compare(r)
	l.n[countRounds][""]++
	require.False(l.t, l.t.Failed())
}

const killPatience = 60 * time.Second

// begin starts the daemon of a host, and does not wait for it.
func (l *killLane) begin(host string) {
	c := exec.Command(cmdtest.Binary(l.t, "renrakud"), "--config", l.Config, "--host", host, "--dir", l.Dir(host))
	l.daemons[host] = &cmdtest.Daemon{Process: cmdtest.Begin(l.t, c), Host: host, Dir: l.Dir(host)}
	l.lives[host]++
}

// awaitRunning waits until every daemon is ready and the manager knows that all are.
func (l *killLane) awaitRunning() {
	for _, host := range killHosts {
		cmdtest.Until(l.t, killPatience, host+" ready", func() bool {
			if d := l.daemons[host]; d.Ended() && strings.Contains(d.Log(), "another program listens") {
				l.n[countHeld][""]++ // as whoever looks after daemons does
				l.begin(host)
			}
			return strings.Contains(l.daemons[host].Log(), "msg=ready")
		})
	}
	cmdtest.Until(l.t, killPatience, "all RUNNING", func() bool {
		lines := l.Contact(l.t, manager)
		return len(lines) == len(killHosts) && !slices.ContainsFunc(lines, func(line string) bool { return !strings.Contains(line, " RUNNING ") })
	})
}

// give gives an order, and leaves the command to itself.
func (l *killLane) give(o *order) {
	at := manager
	if o.way.atSlave() {
		at = o.host
	}
	args := []string{"run", o.process.id, "--host", o.host, "--json"}
	switch o.way {
	case byMessage:
		args = []string{"message", fmt.Sprintf("order %s at %s", o.process.id, o.host)}
	case byMessageAtSlave:
		args = []string{"message", fmt.Sprintf("order %s here", o.process.id)}
	}
	o.life = l.lives[at]
	o.command = cmdtest.Begin(l.t, exec.Command(cmdtest.Binary(l.t, "renraku"), append(args, "--dir", l.Dir(at))...))
}

// strike waits for the hit's time or step, kills, and gives the hosts whose daemons it has killed. Where the step does not come
// in this round, it kills nobody.
func (l *killLane) strike(r *round, h *hit, w *watch) (away []string) {
	if !w.await(h, func() bool { return r.given() && l.ledger.settled(r) }) {
		return nil
	}
	var killed []string
	ways := []func(){func() {
		for _, host := range h.daemons {
			l.daemons[host].Signal(l.t, syscall.SIGKILL)
			away = append(away, host)
			killed = append(killed, roleOf(host))
		}
	}, func() {
		if h.parent && l.ledger.killParent(r.primary) {
			killed = append(killed, "parent")
		}
	}}
	l.random.Shuffle(len(ways), func(i, j int) { ways[i], ways[j] = ways[j], ways[i] })
	for _, kill := range ways {
		kill()
	}
	for _, host := range away {
		l.daemons[host].Wait(l.t)
	}
	if len(killed) > 0 {
		slices.Sort(killed)
		r.struck = append(r.struck, fmt.Sprintf("%s at %v", strings.Join(killed, "+"), h))
		l.n[countKills][strings.Join(killed, "+")]++
	}
	return away
}

// pause leaves the daemons away for a while: sometimes none, sometimes until the run of the primary target has ended without them.
func (l *killLane) pause(r *round) {
	switch l.random.IntN(3) {
	case 0:
		time.Sleep(time.Duration(l.random.IntN(60)) * time.Millisecond)
	case 1:
		for end := time.Now().Add(longestPlan); time.Now().Before(end) && l.ledger.runOf(r.primary).inProgress(); {
			time.Sleep(time.Millisecond)
		}
	}
}

// await waits for the end of an order's command and takes what it told.
func (l *killLane) await(o *order) {
	code := o.command.Wait(l.t)
	o.ended = true
	o.told(l.t, code)
	l.n[countOrders][o.verdict()]++
}

// tell says what the round was, for one that failed.
func (l *killLane) tell() {
	if l.now == nil {
		return
	}
	l.t.Logf("round %d: %v; killed: %q", l.total(countRounds)+1, l.now, l.now.struck)
	for _, host := range killHosts {
		if d := l.daemons[host]; d != nil {
			l.t.Logf("log of %s:\n%s", host, d.Log())
		}
	}
}
