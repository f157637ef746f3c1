package runs

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"renraku/telegram"
)

// patience is how long a test waits for what must come; only a test that fails waits so long.
const patience = 20 * time.Second

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func processID(s string) telegram.ProcessID { return must(telegram.NewProcessID(s)) }
func appStatus(s string) telegram.Status    { return must(telegram.NewStatus(s)) }

// sh is the argv of a script: the product itself knows of no shell.
func sh(script string) []string { return []string{"/bin/sh", "-c", script} }

func openDir(t testing.TB) *Dir {
	d, err := Open(t.TempDir())
	require.NoError(t, err)
	return d
}

// intentOf is the intent of process P.
func intentOf() Intent {
	return Intent{Process: processID("P"), Time: time.Now().UTC().Truncate(time.Millisecond), Trigger: "ORDER",
		Before: appStatus("NOT-STARTED"), Status: appStatus("ONLINE"), Failed: appStatus("BROKEN")}
}

// launched is process P with the command.
func launched(t testing.TB, d *Dir, c Command) *Run {
	t.Helper()
	if c.Dir == "" {
		c.Dir = "/"
	}
	c.Env = append(c.Env, "PATH=/usr/bin:/bin")
	intent := intentOf()
	intent.Simple = c.Simple
	r, err := d.Launch(intent, c, lastRun(d))
	require.NoError(t, err)
	t.Cleanup(func() { r.Close() })
	return r
}

// lastRun is the number of the last run in the directory, which counts as settled.
func lastRun(d *Dir) (last uint64) {
	all, _ := d.Last()
	for _, r := range all {
		last = max(last, r.Record().Run)
		r.Close()
	}
	return last
}

// awaitEnd waits for the end of the run.
func awaitEnd(t testing.TB, r *Run) (State, Record) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	state, err := r.Await(ctx, false, func(trouble string) { t.Log(trouble) })
	require.NoError(t, err)
	return state, r.Record()
}

// adopted is the only run in the directory, as the next daemon takes it up.
func adopted(t testing.TB, d *Dir) *Run {
	t.Helper()
	all, err := d.Last()
	require.NoError(t, err)
	require.Len(t, all, 1)
	t.Cleanup(func() { all[0].Close() })
	return all[0]
}

// gate holds processes back: each says that it has started, and waits until it is let go.
type gate struct {
	t             testing.TB
	started, pass *os.File
}

func newGate(t testing.TB) *gate { return &gate{t, fifo(t, "started"), fifo(t, "pass")} }

// fifo is open at both ends, so that nobody waits for the other in open(2).
func fifo(t testing.TB, name string) *os.File {
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, syscall.Mkfifo(path, 0o666))
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}

// script stands at the gate.
func (g *gate) script() string {
	return "echo >" + g.started.Name() + "; read x <" + g.pass.Name()
}

// trapped does at TERM what the script says, and stands at the gate until then. It waits for a child that does so: a shell that gets a
// signal right before it reads itself looks at the signal only when it has read something.
func trapped(script string, g *gate) string {
	return "trap '" + script + "' TERM; (" + g.script() + ") & wait"
}

// await waits until n processes stand at the gate.
func (g *gate) await(n int) {
	g.t.Helper()
	readMarks(g.t, g.started, n)
}

// letGo lets n processes go.
func (g *gate) letGo(n int) {
	_, err := g.pass.WriteString(strings.Repeat("\n", n))
	require.NoError(g.t, err)
}

// readMarks waits for n lines, each empty, in a fifo.
func readMarks(t testing.TB, f *os.File, n int) {
	t.Helper()
	require.NoError(t, f.SetReadDeadline(time.Now().Add(patience)))
	for b := make([]byte, n); len(b) > 0; {
		got, err := f.Read(b)
		require.NoError(t, err)
		b = b[got:]
	}
}

// Modes of what the tests make themselves.
const (
	fileMode = 0o640
	dirMode  = 0o750
)
