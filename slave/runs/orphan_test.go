package runs

import (
	"context"
	"os"
	"os/exec"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"renraku/slave/slavetest"
)

func TestWhatIsDueForAProcessWhoseParentWasKilled(t *testing.T) {
	const started = 1000 * time.Second
	named := identity{12, uint64(started/tick) - 1}
	up := time.Now()
	oneshot := Record{parent: named, leader: named, Intent: Intent{Timeout: 2 * time.Second}}
	simple := Record{parent: named, leader: named, Intent: Intent{Simple: true, Settle: 2 * time.Second, Timeout: time.Second}}
	isUp, unnamed, endless, unnamedSimple := simple, oneshot, oneshot, simple
	isUp.Up = up
	unnamed.leader = identity{}
	unnamedSimple.leader = identity{}
	endless.Timeout = 0
	const almost, over = 2*time.Second - 1, 2 * time.Second
	cases := []struct {
		name       string
		record     Record
		age, ended time.Duration // ended: age when the group was told to end
		want       duty
	}{
		{"before its timeout", oneshot, almost, 0, nothingDue},
		{"at its timeout", oneshot, over, 0, endGroup},
		{"long after its timeout, as after a restart", oneshot, time.Hour, 0, endGroup},
		{"told to end", oneshot, over + killAfter - 1, over, nothingDue},
		{"told to end long ago", oneshot, over + killAfter, over, killGroup},
		{"told to end late", oneshot, time.Hour + killAfter - 1, time.Hour, nothingDue},
		{"no timeout", endless, 1000 * time.Hour, 0, nothingDue},
		{"its process is not named", unnamed, time.Hour, 0, nothingDue},
		{"the clock is not known", oneshot, -started, 0, nothingDue},
		{"not settled", simple, almost, 0, nothingDue},
		{"settled", simple, over, 0, callUp},
		{"settled, not named", unnamedSimple, over, 0, callUp},
		{"up: a timeout is for oneshot", isUp, time.Hour, 0, nothingDue},
	}
	for _, c := range cases {
		ended := c.ended
		if ended != 0 {
			ended += started
		}
		assert.Equal(t, c.want, c.record.due(started+c.age, ended), c.name)
	}
}

// ages is a clock that stands where the test sets it.
type ages struct{ now atomic.Int64 }

// clocked is a directory whose clock is the test's; until it is set, nothing is due.
func clocked(t testing.TB) (*Dir, *ages) {
	d, clock := openDir(t), &ages{}
	d.sinceBoot = func() time.Duration { return time.Duration(clock.now.Load()) }
	return d, clock
}

// set has the process of the run be of that age; where it is not named, its parent.
func (a *ages) set(r *Run, age time.Duration) {
	who := r.Record().leader
	if who == (identity{}) {
		who = r.Record().parent
	}
	a.now.Store(int64(who.startTime() + age))
}

// killParent kills the parent of the run that this daemon launched, once it has named the process.
func killParent(t testing.TB, r *Run) {
	t.Helper()
	require.Eventually(t, func() bool {
		_, err := r.look()
		return assert.NoError(t, err) && r.Record().leader != identity{}
	}, patience, time.Millisecond)
	require.NoError(t, unix.Kill(r.PID, unix.SIGKILL))
	awaitParent(t, r)
}

// awaitParent waits until the parent is dead, and looks at what it has left.
func awaitParent(t testing.TB, r *Run) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r.AwaitParent(ctx)
	require.NoError(t, ctx.Err())
	requireInProgress(t, r)
}

// parentKilledAt has the parents of a test be killed at a step of theirs.
func parentKilledAt(t testing.TB, step string) {
	SetParentEnv("RENRAKU_TEST_FAULT=" + step + " 0 false true")
	t.Cleanup(func() { SetParentEnv() })
}

// requireState looks at the run until it stands there.
func requireState(t testing.TB, r *Run, want State) {
	t.Helper()
	require.Eventually(t, func() bool {
		state, err := r.look()
		return assert.NoError(t, err) && state == want
	}, patience, time.Millisecond)
}

func requireInProgress(t testing.TB, r *Run) {
	t.Helper()
	state, err := r.look()
	require.NoError(t, err)
	require.Equal(t, InProgress, state)
}

// The process is followed by the daemon that launched it and, after a restart, by the next one, which has what is left of the time.
func TestTheDaemonKeepsTheTimeoutOfAProcessWhoseParentWasKilled(t *testing.T) {
	for name, restarted := range map[string]bool{"the same daemon": false, "the next daemon": true} {
		t.Run(name, func(t *testing.T) {
			g, told := slavetest.NewGate(t), slavetest.NewFifo(t)
			d, clock := clocked(t)
			r := launched(t, d, Command{Argv: sh(trapped("echo >"+told.Name()+"; exit 0", g)), Timeout: time.Hour})
			g.Await(1)
			killParent(t, r)
			if restarted {
				r = adopted(t, d)
			}
			requireInProgress(t, r)
			clock.set(r, time.Hour-1)
			requireInProgress(t, r)
			assert.Zero(t, r.TimedOut())
			clock.set(r, time.Hour)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			var troubles []string
			state, err := r.Await(ctx, false, func(text string) { troubles = append(troubles, text) })
			require.NoError(t, err)
			assert.Equal(t, Unknown, state)
			assert.Equal(t, time.Hour, r.TimedOut())
			told.Await(1)
			require.Len(t, troubles, 1, "said once")
			assert.Regexp(t, `^the parent of the run was killed and its process goes on \(PID \d+\): how it ends will not be known, the run will be unknown; `+
				`the daemon keeps its timeout of 1h0m0s$`, troubles[0])
		})
	}
}

func TestAnOrphanThatIgnoresTERMIsKilledWithItsGroup(t *testing.T) {
	g, child := slavetest.NewGate(t), slavetest.NewGate(t)
	d, clock := clocked(t)
	r := launched(t, d, Command{Argv: sh("trap '' TERM; (" + child.Script() + ") & " + g.Script() + "; " + g.Script()), Timeout: time.Hour})
	child.Await(1)
	g.Await(1)
	killParent(t, r)
	clock.set(r, time.Hour)
	requireInProgress(t, r)
	assert.NotZero(t, r.TimedOut(), "TERM was sent")
	clock.set(r, time.Hour+killAfter-1)
	requireInProgress(t, r)
	g.LetGo(1)
	g.Await(1) // it was not killed yet
	clock.set(r, time.Hour+killAfter)
	requireState(t, r, Unknown)
	require.Eventually(t, func() bool { return !groupLives(r.Record().leader.pid) }, patience, time.Millisecond)
}

// The parent is killed before it has written which process it started. Something of the run lives; nobody can prove which
// process it is.
func TestNoSignalIsSentToAProcessThatIsNotNamed(t *testing.T) {
	parentKilledAt(t, "forked")
	g, over := slavetest.NewGate(t), slavetest.NewFifo(t)
	d, clock := clocked(t)
	r := launched(t, d, Command{Argv: sh(g.Script() + "; echo >" + over.Name()), Timeout: time.Hour})
	g.Await(1)
	awaitParent(t, r)
	for _, age := range []time.Duration{2 * time.Hour, 3 * time.Hour} { // TERM, KILL
		clock.set(r, age)
		requireInProgress(t, r)
	}
	require.Zero(t, r.Record().leader)
	assert.Equal(t, "the parent of the run was killed and its process goes on: how it ends will not be known, the run will be unknown; "+
		"which process it is was not written, so nothing ends it at its timeout of 1h0m0s", r.takeTrouble())
	g.LetGo(1)
	over.Await(1)
	requireState(t, r, Unknown)
	assert.Zero(t, r.TimedOut())
}

func TestASimpleProcessWhoseParentWasKilledIsUpWhenItHasSettled(t *testing.T) {
	for _, step := range []string{"forked", "named"} { // before and after LEADER
		t.Run(step, func(t *testing.T) {
			parentKilledAt(t, step)
			g := slavetest.NewGate(t)
			d, clock := clocked(t)
			r := launched(t, d, Command{Argv: sh(g.Script()), Simple: true, Settle: time.Minute})
			g.Await(1)
			awaitParent(t, r)
			clock.set(r, time.Minute)
			requireState(t, r, Up)
			next := adopted(t, d)
			assert.Equal(t, r.Record().Up, next.Record().Up, "it is on disk")
			assert.WithinDuration(t, time.Now(), next.Record().Up, patience)
			g.LetGo(1)
			for _, r := range []*Run{r, next} {
				state, record := awaitEnd(t, r)
				assert.Equal(t, Unknown, state)
				assert.False(t, record.Up.IsZero())
			}
		})
	}
}

func TestThatAnOrphanIsUpIsWrittenOnceTheDiskTakesIt(t *testing.T) {
	g := slavetest.NewGate(t)
	d, clock := clocked(t)
	r := launched(t, d, Command{Argv: sh(g.Script()), Simple: true, Settle: time.Minute})
	g.Await(1)
	killParent(t, r)
	clock.set(r, time.Minute)
	healthy := d.disk
	d.disk = func(f *os.File) disk {
		return faultyDisk{disk: healthy(f), calls: &[]string{}, call: "write", err: unix.EIO}
	}
	state, err := r.look()
	assert.Equal(t, InProgress, state)
	require.EqualError(t, err, "write UP of the run: input/output error")
	assert.Zero(t, r.Record().Up)
	d.disk = healthy
	requireState(t, r, Up)
	g.LetGo(1)
	awaitEnd(t, r)
}

// A signal is for the very process that the record names, and for no other with its number.
func TestASignalIsSentOnlyToTheProcessThatWasNamed(t *testing.T) {
	c := exec.Command("/bin/sleep", "600")
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	require.NoError(t, c.Start())
	who := must(identify(c.Process.Pid))
	assert.ErrorContains(t, identity{who.pid, who.start + 1}.signalGroup(syscall.SIGKILL), "is another one now")
	for _, nobody := range []identity{{}, {1, 1}} {
		assert.ErrorContains(t, nobody.signalGroup(0), "has no group of its own")
	}
	assert.NoError(t, who.signalGroup(syscall.SIGTERM))
	assert.EqualError(t, c.Wait(), "signal: terminated", "and not killed")
	assert.Error(t, who.signalGroup(0), "it is gone")
}

func TestAProcessIsNeverTakenForOlderThanItIs(t *testing.T) {
	before := sinceBoot()
	c := exec.Command("/bin/true")
	require.NoError(t, c.Start())
	start := must(identify(c.Process.Pid)).startTime()
	require.NoError(t, c.Wait())
	assert.GreaterOrEqual(t, start, before)
	assert.LessOrEqual(t, start, sinceBoot()+2*tick)
}

// What the record says is not what ends a process whose parent lives: that is the parent's.
func TestNothingIsDoneInThePlaceOfAParentThatLives(t *testing.T) {
	g := slavetest.NewGate(t)
	d, clock := clocked(t)
	r := launched(t, d, Command{Argv: sh(g.Script()), Timeout: time.Hour})
	g.Await(1)
	next := adopted(t, d)
	for _, r := range []*Run{r, next} {
		clock.set(next, 2*time.Hour)
		requireInProgress(t, r)
		assert.Zero(t, r.TimedOut())
		assert.Empty(t, r.takeTrouble())
	}
	g.LetGo(1)
	state, _ := awaitEnd(t, next)
	assert.Equal(t, Done, state)
}
