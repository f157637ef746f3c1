package runs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"renraku/slave/slavetest"
)

// written is the directory with a run of P that has these lines after its intent.
func written(t testing.TB, boot string, lines ...[]byte) *Dir {
	d := openDir(t)
	intent := intentOf()
	b := intentFile(42, boot, &intent)
	for _, l := range lines {
		for i, w := range words {
			if columnWord.get(l) == string(w) {
				copy(b[i*LineLength:], l)
			}
		}
	}
	require.NoError(t, os.WriteFile(filepath.Join(d.path, "P.run"), b, fileMode))
	return d
}

func TestTheStateOfARunAfterARestart(t *testing.T) {
	boot := must(BootID())
	me := must(identify(os.Getpid()))
	reused := identity{me.pid, me.start + 1}
	started := func(who identity) []byte { return identityLine(wordStarted, 42, time.Now(), who) }
	leader := func(who identity) []byte { return identityLine(wordLeader, 42, time.Now(), who) }
	up := line(wordUp, 42, time.Now())
	dead := identity{999_999_999, 1}
	cases := []struct {
		name  string
		boot  string
		lines [][]byte
		want  State
	}{
		{"intent only", boot, nil, NeverStarted},
		{"the parent is gone", boot, [][]byte{started(dead)}, Unknown},
		{"its process is gone too", boot, [][]byte{started(dead), leader(dead)}, Unknown},
		{"the parent lives", boot, [][]byte{started(me)}, InProgress},
		{"the process lives", boot, [][]byte{started(dead), leader(me)}, InProgress},
		{"another process has the parent's number", boot, [][]byte{started(reused)}, Unknown},
		{"another process has the process's number", boot, [][]byte{started(dead), leader(reused)}, Unknown},
		{"init has the number", boot, [][]byte{started(identity{1, 1}), leader(identity{1, 1})}, Unknown},
		{"up", boot, [][]byte{started(me), up}, Up},
		{"up, and gone", boot, [][]byte{started(dead), leader(dead), up}, Unknown},
		{"done", boot, [][]byte{started(dead), doneLine(42, time.Now(), Normal, "x")}, Done},
		{"done, and the parent lives", boot, [][]byte{started(me), doneLine(42, time.Now(), Normal, "x")}, Done},
		{"intent of another boot", someBoot, nil, NeverStarted},
		{"started in another boot", someBoot, [][]byte{started(dead)}, Interrupted},
		{"started in another boot, with a number that lives", someBoot, [][]byte{started(me), leader(me)}, Interrupted},
		{"done in another boot", someBoot, [][]byte{started(dead), doneLine(42, time.Now(), Abnormal, "x")}, Done},
		{"lines of another run", boot, [][]byte{identityLine(wordStarted, 41, time.Now(), me), doneLine(41, time.Now(), Normal, "x")}, NeverStarted},
		{"a parent that is nobody", boot, [][]byte{started(identity{})}, Unknown},
	}
	for _, c := range cases {
		r := adopted(t, written(t, c.boot, c.lines...))
		state, err := r.look()
		require.NoError(t, err, c.name)
		assert.Equal(t, c.want, state, "%s: %v", c.name, state)
		assert.Equal(t, c.want != InProgress && c.want != Up, state.Ended())
	}
}

// The lock tells of a run whose process is not named yet, whoever has it.
func TestALockedRunIsInProgress(t *testing.T) {
	d := written(t, must(BootID()))
	path := filepath.Join(d.path, "P.run")
	holder := must(os.Open(path))
	require.NoError(t, lockRun(holder, 42))
	r := adopted(t, d)
	state, err := r.look()
	require.NoError(t, err)
	assert.Equal(t, InProgress, state)
	other := must(os.Open(path))
	defer other.Close()
	require.NoError(t, lockRun(other, 43), "the lock of another run is another one")
	require.NoError(t, holder.Close())
	state, err = r.look()
	require.NoError(t, err)
	assert.Equal(t, NeverStarted, state)
}

// A process that closes every descriptor has no lock; its identity tells that it runs.
func TestAProcessThatClosesItsDescriptorsIsFollowedToItsEnd(t *testing.T) {
	g := slavetest.NewGate(t)
	d := openDir(t)
	r := launched(t, d, Command{Argv: []string{"/bin/bash", "-c", "for fd in /proc/$$/fd/*; do eval \"exec ${fd##*/}>&-\"; done; " + g.Script()}})
	g.Await(1)
	next := adopted(t, d)
	state, err := next.look()
	require.NoError(t, err)
	assert.Equal(t, InProgress, state)
	require.NoError(t, unix.Kill(r.PID, unix.SIGKILL)) // the parent: now nobody has the lock
	r.AwaitParent(context.Background())
	locked, err := runLocked(next.file, next.record.Run)
	require.NoError(t, err)
	assert.False(t, locked)
	state, err = next.look()
	require.NoError(t, err)
	assert.Equal(t, InProgress, state)
	g.LetGo(1)
	state, _ = awaitEnd(t, next)
	assert.Equal(t, Unknown, state)
	state, _ = awaitEnd(t, r)
	assert.Equal(t, Unknown, state)
}

// A process whose parent was killed before it could be named is known by the session.
func TestTheSessionTellsOfAProcessThatIsNotNamed(t *testing.T) {
	g := slavetest.NewGate(t)
	d := openDir(t)
	r := launched(t, d, Command{Argv: sh(g.Script())})
	g.Await(1)
	parent := adopted(t, d).Record().parent
	require.NotZero(t, parent)
	assert.True(t, parent.sessionLives(0))
	require.NoError(t, unix.Kill(r.PID, unix.SIGKILL))
	r.AwaitParent(context.Background())
	assert.False(t, parent.lives())
	assert.True(t, parent.sessionLives(0))
	assert.False(t, identity{}.sessionLives(0))
	assert.False(t, identity{parent.pid, parent.start + 1}.lives())
	g.LetGo(1)
	require.Eventually(t, func() bool { return !parent.sessionLives(0) }, patience, time.Millisecond)
}

func TestTheEndOfTheContextEndsTheWaitAndTheRunGoesOn(t *testing.T) {
	g := slavetest.NewGate(t)
	d := openDir(t)
	r := launched(t, d, Command{Argv: sh(g.Script())})
	g.Await(1)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, r := range []*Run{r, adopted(t, d)} {
		state, err := r.Await(ctx, false, func(string) {})
		require.ErrorIs(t, err, context.Canceled)
		assert.Equal(t, InProgress, state)
	}
	g.LetGo(1)
	state, _ := awaitEnd(t, adopted(t, d))
	assert.Equal(t, Done, state)
}

func TestARecordThatIsGoneIsAnError(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"truncated": func(path string) error { return os.Truncate(path, 0) },
		"of another run": func(path string) error {
			i := intentOf()
			return os.WriteFile(path, intentFile(43, someBoot, &i), fileMode)
		},
	} {
		d := written(t, must(BootID()))
		r := adopted(t, d)
		require.NoError(t, damage(filepath.Join(d.path, "P.run")))
		_, err := r.Await(context.Background(), false, func(string) {})
		assert.ErrorIs(t, err, ErrGone, name)
	}
}

func TestTheLastRunsAreGivenOldestFirstAndBadFilesAreNamed(t *testing.T) {
	d := openDir(t)
	intent := intentOf()
	for i, id := range []string{"C", "A", "B"} {
		intent.Time = someTime.Add(time.Duration(i) * time.Second)
		require.NoError(t, os.WriteFile(filepath.Join(d.path, id+".run"), intentFile(1, someBoot, &intent), fileMode))
	}
	for name, content := range map[string]string{"EMPTY.run": "", "HALF.run": "INTENT", "GARBAGE.run": strings.Repeat("\xFF", 5000), "C.out": "x", "notes": "x", "in valid.run": "x"} {
		require.NoError(t, os.WriteFile(filepath.Join(d.path, name), []byte(content), fileMode))
	}
	require.NoError(t, os.Mkdir(filepath.Join(d.path, "D.run"), dirMode))
	all, err := d.Last()
	require.ErrorContains(t, err, "D.run")
	require.ErrorContains(t, err, "in valid.run")
	var ids []string
	for _, r := range all {
		ids = append(ids, r.Record().Process.String())
		require.NoError(t, r.Close())
	}
	assert.Equal(t, []string{"C", "A", "B"}, ids)
}

// faultyDisk fails at one call of the intent's file, and keeps which were made.
type faultyDisk struct {
	disk
	calls *[]string
	call  string
	wrote int // bytes that get there all the same
	err   error
}

func (d faultyDisk) WriteAt(b []byte, off int64) (int, error) {
	*d.calls = append(*d.calls, "write")
	if d.call != "write" {
		return d.disk.WriteAt(b, off)
	}
	n, err := d.disk.WriteAt(b[:d.wrote], off)
	return n, errors.Join(err, d.err)
}

func (d faultyDisk) Truncate(size int64) error {
	*d.calls = append(*d.calls, "truncate")
	return d.disk.Truncate(size)
}

func (d faultyDisk) sync() error {
	*d.calls = append(*d.calls, "sync")
	if d.call == "sync" {
		return d.err
	}
	return d.disk.sync()
}

// That it is on disk is for the parent to see to: TestAParentThatCannotWriteSTARTEDRunsNothing.
func TestNothingIsLaunchedWithoutAnIntent(t *testing.T) {
	for _, errno := range []unix.Errno{unix.ENOSPC, unix.EIO, unix.EDQUOT} {
		for _, f := range []faultyDisk{{call: "write"}, {call: "write", wrote: 100}, {call: "write", wrote: FileLength}} {
			name := fmt.Sprintf("%v at %s after %d bytes", errno, f.call, f.wrote)
			d := openDir(t)
			dir, marks := filepath.Dir(d.path), filepath.Join(t.TempDir(), "marks")
			mark := Command{Argv: sh("echo ran >>" + marks + "; echo out"), Dir: "/"}
			awaitEnd(t, launched(t, d, Command{Argv: sh("echo before")}))
			healthy := d.disk
			f.err, f.calls = errno, &[]string{}
			d.disk = func(file *os.File) disk { f.disk = healthy(file); return f }
			_, err := d.Launch(intentOf(), mark, lastRun(d))
			require.ErrorIs(t, err, errno, name)
			require.ErrorContains(t, err, "write the intent: ", name)
			assert.NotContains(t, err.Error(), dir, name)
			assert.NoFileExists(t, marks, name)
			assert.Equal(t, []string{"truncate", "sync"}, (*f.calls)[len(*f.calls)-2:], "%s: nothing brings it back", name)
			all, err := d.Last()
			require.NoError(t, err, name)
			assert.Empty(t, all, "%s: no intent is left", name)
			o, err := ReadOutput(dir, processID("P"))
			require.NoError(t, err, name)
			assert.Equal(t, "before\n", string(o.Head), name)

			d.disk = healthy
			r, err := d.Launch(intentOf(), mark, lastRun(d))
			require.NoError(t, err, name)
			state, _ := awaitEnd(t, r)
			require.NoError(t, r.Close())
			assert.Equal(t, Done, state, name)
			assert.FileExists(t, marks, name)
		}
	}
}

func TestACommandThatIsTooLongIsNotLaunched(t *testing.T) {
	d := openDir(t)
	_, err := d.Launch(intentOf(), Command{Argv: []string{"/bin/echo", strings.Repeat("x", MaxCommand)}, Dir: "/"}, lastRun(d))
	require.ErrorIs(t, err, ErrCommand)
	var many []string
	for range 1000 {
		many = append(many, strings.Repeat("x", 1000))
	}
	state, record := awaitEnd(t, launched(t, d, Command{Argv: append(sh("echo $#"), many...)}))
	assert.Equal(t, Done, state)
	assert.Regexp(t, ": 999$", record.Text, "a megabyte of arguments is more than a pipe holds")
}

func TestAProcessIDThatIsNoFileNameIsNotLaunched(t *testing.T) {
	d := openDir(t)
	for _, id := range []string{"..", ".x", "a/b", "/"} {
		intent := intentOf()
		intent.Process = processID(id)
		_, err := d.Launch(intent, Command{Argv: sh("")}, lastRun(d))
		require.ErrorContains(t, err, "is no name of a file")
	}
	entries, err := os.ReadDir(d.path)
	require.NoError(t, err)
	assert.Empty(t, entries)
}
