package runs

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"renraku/slave/slavetest"
)

// kept is a directory with a parent that waits.
func kept(t testing.TB) *Dir {
	d := openDir(t)
	require.NoError(t, d.KeepParent())
	t.Cleanup(d.DismissParent)
	return d
}

// waiting is the PID of the parent that waits; 0: none does.
func (d *Dir) waiting() int {
	d.parents.mu.Lock()
	defer d.parents.mu.Unlock()
	if len(d.parents.idle) == 0 {
		return 0
	}
	return d.parents.idle[0].process.Pid
}

// arguments are those of a process as the list of processes has them; it has none before it executes its program.
func arguments(pid int) string {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return strings.Trim(strings.ReplaceAll(string(b), "\x00", " "), " ")
}

// files are the names of the files that a process has open.
func files(pid int) (all []string) {
	paths, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	for _, path := range paths {
		name, _ := os.Readlink(path)
		all = append(all, name)
	}
	return all
}

func requireGone(t testing.TB, pid int) {
	t.Helper()
	require.Eventually(t, func() bool {
		s, err := readStat(fmt.Sprintf("/proc/%d/stat", pid))
		return err != nil || s.ended()
	}, patience, time.Millisecond)
}

func TestAParentThatWaitsHasOneRunAfterTheOther(t *testing.T) {
	d := kept(t)
	pid := d.waiting()
	require.NotZero(t, pid)
	require.Eventually(t, func() bool { return arguments(pid) == parentName }, patience, time.Millisecond)
	for range 3 {
		g := slavetest.NewGate(t)
		r := launched(t, d, Command{Argv: sh("echo out; " + g.Script())})
		g.Await(1)
		assert.Equal(t, pid, r.PID)
		assert.Equal(t, parentName+" P", arguments(pid))
		g.LetGo(1)
		state, record := awaitEnd(t, r)
		assert.Equal(t, Done, state)
		assert.Regexp(t, "^ended normally after .*: out$", record.Text)
		require.NoError(t, r.SetFiled("LAUNCHED"))
		r.AwaitParent(t.Context())
		require.Eventually(t, func() bool { return arguments(pid) == parentName }, patience, time.Millisecond)
		require.Equal(t, pid, d.waiting())
		for _, name := range files(pid) {
			assert.NotContains(t, name, d.path, "it has let go of the run")
		}
	}
}

func TestAParentThatWaitsHasNothingOfAnyRun(t *testing.T) {
	d := openDir(t)
	g := slavetest.NewGate(t)
	r := launched(t, d, Command{Argv: sh(g.Script())})
	g.Await(1)
	require.NoError(t, d.KeepParent())
	t.Cleanup(d.DismissParent)
	pid := d.waiting()
	require.NotEqual(t, r.PID, pid)
	require.Eventually(t, func() bool { return arguments(pid) == parentName }, patience, time.Millisecond)
	for _, name := range files(pid) {
		assert.NotContains(t, name, d.path)
	}
	g.LetGo(1)
	awaitEnd(t, r)
}

func TestOneParentWaitsAndTheOthersEnd(t *testing.T) {
	d := kept(t)
	g := slavetest.NewGate(t)
	var runs []*Run
	for i := range 3 {
		intent := intentOf()
		intent.Process = processID(fmt.Sprint("P", i))
		r, err := d.Launch(intent, Command{Argv: sh(g.Script()), Dir: "/"}, 0)
		require.NoError(t, err)
		defer r.Close()
		runs = append(runs, r)
	}
	g.Await(len(runs))
	require.Eventually(t, func() bool { return d.waiting() != 0 }, patience, time.Millisecond, "another one waits meanwhile")
	waits := d.waiting()
	g.LetGo(len(runs))
	for _, r := range runs {
		awaitEnd(t, r)
		require.NoError(t, r.SetFiled("LAUNCHED"))
		requireGone(t, r.PID)
	}
	assert.Equal(t, waits, d.waiting())
	d.DismissParent()
	requireGone(t, waits)
	r := launched(t, d, Command{Argv: sh("")})
	awaitEnd(t, r)
	requireGone(t, r.PID)
}

func TestAParentThatWaitsEndsWithItsDaemon(t *testing.T) {
	d := kept(t)
	pid := d.waiting()
	d.parents.mu.Lock()
	require.NoError(t, d.parents.idle[0].socket.Close()) // as the kernel does
	d.parents.mu.Unlock()
	requireGone(t, pid)
}

// Whether the daemon has seen its death or not.
func TestAParentThatWasKilledWhileItWaitedHoldsNoRunUp(t *testing.T) {
	for _, seen := range []bool{false, true} {
		d := kept(t)
		pid := d.waiting()
		d.parents.mu.Lock()
		l := d.parents.idle[0]
		if seen {
			d.parents.mu.Unlock()
		}
		require.NoError(t, unix.Kill(pid, unix.SIGKILL))
		requireGone(t, pid)
		if !seen {
			d.parents.mu.Unlock()
		}
		d.parents.giveBack(l) // as if it had not been forgotten yet
		r := launched(t, d, Command{Argv: sh("echo out")})
		assert.NotEqual(t, pid, r.PID)
		state, record := awaitEnd(t, r)
		assert.Equal(t, Done, state)
		assert.Regexp(t, ": out$", record.Text)
	}
}

// What an earlier run of the same parent left behind is not taken for a process of a later one whose parent was killed.
func TestASessionTellsOnlyOfProcessesOfItsRun(t *testing.T) {
	d, g := kept(t), slavetest.NewGate(t)
	r := launched(t, d, Command{Argv: []string{"/bin/bash", "-c", "(exec 100>&-; " + g.Script() + ") >/dev/null 2>&1 &"}})
	awaitEnd(t, r)
	g.Await(1)
	require.NoError(t, r.SetFiled("LAUNCHED"))
	r.AwaitParent(t.Context())
	parent := r.Record().parent
	require.True(t, parent.sessionLives(r.Record().begun))
	require.Equal(t, r.PID, d.waiting())

	until := sinceBoot() + 2*tick // the starts of processes are known to a tick
	require.Eventually(t, func() bool { return sinceBoot() > until }, patience, time.Millisecond)
	second := launched(t, d, Command{Argv: sh("")})
	_, record := awaitEnd(t, second)
	require.Equal(t, r.PID, second.PID)
	assert.False(t, record.parent.sessionLives(record.begun))
	assert.True(t, parent.sessionLives(r.Record().begun))
	g.LetGo(1)
}

// The parent may live on, but not for this run.
func TestARunWithoutARecordIsOverOnceItsParentHasLetGoOfIt(t *testing.T) {
	d := kept(t)
	g := slavetest.NewGate(t)
	r := launched(t, d, Command{Argv: sh(g.Script())})
	g.Await(1)
	require.NoError(t, os.Truncate(filepath.Join(d.path, "P.run"), 0)) // somebody removes it
	g.LetGo(1)
	r.AwaitParent(t.Context())
	_, err := r.look()
	assert.ErrorIs(t, err, ErrGone)
}

// A message of any length reaches the parent whole, and one after the other.
func TestAJobLongerThanTheSocketTakesIsWhole(t *testing.T) {
	d := kept(t)
	pid := d.waiting()
	for _, n := range []int{1, sendAtOnce, 1 << 20} {
		var many []string
		for range n / 1000 {
			many = append(many, strings.Repeat("x", 1000))
		}
		r := launched(t, d, Command{Argv: append(sh("echo $#"), many...)})
		_, record := awaitEnd(t, r)
		assert.Equal(t, pid, r.PID)
		assert.Regexp(t, ": "+strconv.Itoa(max(0, len(many)-1))+"$", record.Text)
		require.NoError(t, r.SetFiled("LAUNCHED"))
		r.AwaitParent(t.Context())
	}
}

// Which of the two says its last word first is chance, and the parent is free either way.
func TestAParentIsFreeWhicheverSideIsTheLastToSayThatARunIsOver(t *testing.T) {
	for name, order := range map[string][]func(*parentLink, *Run){
		"the parent": {(*parentLink).filed, func(l *parentLink, _ *Run) { l.note(noteOver) }},
		"the daemon": {func(l *parentLink, _ *Run) { l.note(noteOver) }, (*parentLink).filed},
	} {
		t.Run(name, func(t *testing.T) {
			d := kept(t)
			l := d.parents.take()
			r := newRun(d, nil, Record{})
			l.has = had{run: r}
			order[0](l, r)
			assert.Zero(t, d.waiting())
			l.filed(newRun(d, nil, Record{})) // of another run
			assert.Zero(t, d.waiting())
			order[1](l, r)
			assert.Equal(t, l.process.Pid, d.waiting())
			<-r.unwatched
		})
	}
}
