package runs

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/slave/slavetest"
)

// led is a process that this test itself is the parent of; its timeout counts from wait.
func led(t testing.TB, script string) *leader {
	t.Helper()
	dir := openDir(t)
	intent := intentOf()
	path := filepath.Join(dir.path, "P.run")
	require.NoError(t, os.WriteFile(path, intentFile(1, dir.boot, &intent), fileMode))
	open := func(path string) *os.File {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, fileMode)
		require.NoError(t, err)
		t.Cleanup(func() { f.Close() })
		return f
	}
	record := open(path)
	p := &parent{file: record, disk: osDisk{record}, lock: open(path), command: Command{Argv: sh(script), Dir: "/", Env: []string{"PATH=/usr/bin:/bin"}}}
	p.run = 1
	p.output = &capture{file: open(filepath.Join(dir.path, "P.out")), run: 1}
	l, err := startLeader(p)
	require.NoError(t, err)
	t.Cleanup(func() { l.signalGroup(syscall.SIGKILL) })
	return l
}

func TestATimeoutIsNoNormalEndWhateverTheProcessMakesOfTERM(t *testing.T) {
	g := slavetest.NewGate(t)
	l := led(t, trapped("echo stopped by TERM; exit 0", g))
	g.Await(1)
	l.wait(time.Millisecond)
	assert.False(t, l.normal())
	assert.Equal(t, "timed out after 1ms, exit status 0: stopped by TERM", l.text())
}

func TestAProcessThatIgnoresTERMIsKilledWithItsGroup(t *testing.T) {
	t.Parallel() // killAfter is long
	g := slavetest.NewGate(t)
	l := led(t, "trap '' TERM; (sleep 600) & "+g.Script()+"; exit 0")
	g.Await(1)
	l.wait(time.Millisecond)
	assert.Equal(t, "timed out after 1ms, signal: killed", l.text())
	assert.GreaterOrEqual(t, l.took, killAfter)
	await(t, l.drained) // nobody of the group holds the output any more
}

func TestTheChildrenOfATimedOutProcessAreKilled(t *testing.T) {
	for name, trap := range map[string]string{"they end by TERM": "", "they ignore TERM": "trap '' TERM; "} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, child := slavetest.NewGate(t), slavetest.NewGate(t)
			l := led(t, "("+trap+child.Script()+") & (sleep 600) & "+g.Script())
			child.Await(1)
			g.Await(1)
			l.wait(time.Millisecond)
			assert.Equal(t, "timed out after 1ms, signal: terminated", l.text())
			await(t, l.drained)
		})
	}
}

func TestTheChildrenOfATimedOutProcessHaveTimeToEnd(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ready := slavetest.NewFifo(t)
	l := led(t, "(exec >/dev/null 2>&1; cd "+dir+
		"; trap 'sleep 0.3; echo >ended; exit' TERM; echo >"+ready.Name()+"; while :; do sleep 0.05; done) & wait")
	ready.Await(1)
	l.wait(time.Millisecond)
	assert.NotZero(t, l.timedOut)
	assert.FileExists(t, filepath.Join(dir, "ended"), "KILL comes killAfter the TERM, and not when the leader has ended")
	assert.Less(t, l.took, killAfter, "and nobody is waited for who has ended")
}

func TestHowARunEndsIsInItsText(t *testing.T) {
	dir, err := os.MkdirTemp("", "r")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	cases := []struct {
		name string
		c    Command
		end  End
		text string
	}{
		{"normal", Command{Argv: sh("echo up")}, Normal, `^ended normally after \d+m?s: up$`},
		{"exit status", Command{Argv: sh("echo why >&2; exit 3")}, Abnormal, "^exit status 3: why$"},
		{"signal", Command{Argv: sh("echo last words; kill -KILL $$")}, Abnormal, "^signal: killed: last words$"},
		{"timeout", Command{Argv: []string{"/bin/sleep", "600"}, Timeout: time.Millisecond}, Abnormal, "^timed out after 1ms, signal: terminated$"},
		{"no such file", Command{Argv: []string{dir + "/absent"}}, NotStarted, "^cannot start " + dir + "/absent: no such file or directory$"},
		{"a directory", Command{Argv: []string{dir}}, NotStarted, "^cannot start " + dir + ": permission denied$"},
		{"no such directory", Command{Argv: sh(""), Dir: dir + "/absent"}, NotStarted, "^cannot change to directory " + dir + "/absent: no such file or directory$"},
		{"invalid UTF-8", Command{Argv: sh(`printf 'bad \377\376 byte\n'; exit 3`)}, Abnormal, "^exit status 3: bad \uFFFD byte$"},
		{"more than the column has", Command{Argv: sh("head -c 500 /dev/zero | tr '\\0' x; exit 3")}, Abnormal, "^exit status 3: x{92}$"},
		{"control characters", Command{Argv: sh(`printf 'a\033b\tc\n'; exit 3`)}, Abnormal, "^exit status 3: a b c$"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.c.Dir == "" {
				c.c.Dir = dir
			}
			state, record := awaitEnd(t, launched(t, openDir(t), c.c))
			assert.Equal(t, Done, state)
			assert.Equal(t, c.end, record.End)
			assert.Regexp(t, c.text, record.Text)
		})
	}
}

// A signal that is meant for the process or for the whole session does not keep the parent from saying how it ended.
func TestAParentOutlivesSignals(t *testing.T) {
	g := slavetest.NewGate(t)
	d := openDir(t)
	r := launched(t, d, Command{Argv: sh(g.Script() + "; echo over")})
	g.Await(1)
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGPIPE} {
		require.NoError(t, syscall.Kill(r.PID, s))
	}
	g.LetGo(1)
	state, record := awaitEnd(t, r)
	assert.Equal(t, Done, state)
	assert.Regexp(t, "^ended normally after .*: over$", record.Text)
}

// The process has three descriptors and the lock, the session of the parent, a group of its own, and its signals as they were.
func TestAProcessInheritsNothingButTheLock(t *testing.T) {
	d := openDir(t)
	r := launched(t, d, Command{Argv: sh(`cd /proc/$$/fd; echo $(ls); grep -E 'Sig(Blk|Ign)' /proc/self/status; readlink 100; set -- $(cat ../stat); echo $5 $6 $1 $4`)})
	state, _ := awaitEnd(t, r)
	require.Equal(t, Done, state)
	o, err := ReadOutput(filepath.Dir(d.path), processID("P"))
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(o.Head)), "\n")
	require.Len(t, lines, 5, "%s", o.Head)
	fds := slices.DeleteFunc(strings.Fields(lines[0]), func(fd string) bool { return fd == "3" || fd == "4" }) // the shell's own pipe
	assert.Equal(t, []string{"0", "1", "100", "2"}, fds)
	assert.Regexp(t, `^SigBlk:\s+0+$`, lines[1])
	assert.Regexp(t, `^SigIgn:\s+0+$`, lines[2])
	assert.Equal(t, filepath.Join(d.path, "P.run"), lines[3])
	ids := strings.Fields(lines[4])
	assert.Equal(t, ids[2], ids[0], "it leads its group")
	assert.Equal(t, fmt.Sprint(r.PID), ids[1], "the session is the parent's")
	assert.Equal(t, fmt.Sprint(r.PID), ids[3])
}

func TestAGigabyteOfOutputTakesBoundedSpace(t *testing.T) {
	t.Parallel()
	const length = 1 << 30
	d := openDir(t)
	begun := time.Now()
	r := launched(t, d, Command{Argv: sh(fmt.Sprintf("echo first; head -c %d /dev/zero; echo; echo last", length))})
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	state, err := r.Await(ctx, false, func(string) {})
	require.NoError(t, err)
	require.Equal(t, Done, state)
	t.Logf("1 GiB in %v", time.Since(begun).Round(time.Millisecond))
	info, err := os.Stat(filepath.Join(d.path, "P.out"))
	require.NoError(t, err)
	assert.EqualValues(t, 131_136, info.Size())
	o, err := ReadOutput(filepath.Dir(d.path), processID("P"))
	require.NoError(t, err)
	assert.Len(t, o.Head, OutputPart)
	assert.True(t, strings.HasPrefix(string(o.Head), "first\n\x00"))
	assert.Len(t, o.Tail, OutputPart)
	assert.True(t, strings.HasSuffix(string(o.Tail), "\x00\nlast\n"))
	assert.EqualValues(t, len("first\n")+length+len("\nlast\n")-2*OutputPart, o.Omitted)
	assert.Regexp(t, `: last$`, r.Record().Text)
}

func TestTheOutputIsReadWhileTheProcessRuns(t *testing.T) {
	g := slavetest.NewGate(t)
	d := openDir(t)
	r := launched(t, d, Command{Argv: sh("echo one; " + g.Script() + "; echo two")})
	read := func() string {
		o, err := ReadOutput(filepath.Dir(d.path), processID("P"))
		if !assert.NoError(t, err) {
			return ""
		}
		return string(o.Head)
	}
	g.Await(1)
	require.Eventually(t, func() bool { return read() == "one\n" }, patience, time.Millisecond)
	g.LetGo(1)
	awaitEnd(t, r)
	assert.Equal(t, "one\ntwo\n", read())
}

// A program that leaves a daemon behind, as servers do, has its result at once. The daemon may print later, and is not in the
// way of the next run.
func TestADaemonThatAProcessLeavesBehindIsLeftInPeace(t *testing.T) {
	g, done := slavetest.NewGate(t), slavetest.NewFifo(t)
	d := openDir(t)
	begun := time.Now()
	first := launched(t, d, Command{Argv: sh("(setsid sh -c '" + g.Script() + "; echo late; echo later; echo >" + done.Name() + "') & echo up"), Timeout: time.Hour})
	state, record := awaitEnd(t, first)
	assert.Equal(t, Done, state)
	assert.Regexp(t, ": up$", record.Text)
	assert.Less(t, time.Since(begun), 5*time.Second) // outputGrace, and a slow machine
	g.Await(1)
	second := launched(t, d, Command{Argv: sh("echo again")})
	_, next := awaitEnd(t, second)
	assert.Greater(t, next.Run, record.Run)
	assert.Regexp(t, ": again$", next.Text)
	g.LetGo(1)
	done.Await(1) // SIGPIPE would have ended it before
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	first.AwaitParent(ctx)
	require.NoError(t, ctx.Err())
	o, err := ReadOutput(filepath.Dir(d.path), processID("P"))
	require.NoError(t, err)
	assert.Equal(t, "again\n", string(o.Head), "what the daemon of the run before prints is no output of this one")
}

// await waits until the channel is closed.
func await(t testing.TB, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		require.FailNow(t, "nothing came")
	}
}
