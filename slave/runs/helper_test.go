package runs

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"renraku/slave/slavetest"
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

// trapped does at TERM what the script says, and stands at the gate until then. It waits for a child that does so: a shell that gets a
// signal right before it reads itself looks at the signal only when it has read something.
func trapped(script string, g *slavetest.Gate) string {
	return "trap '" + script + "' TERM; (" + g.Script() + ") & wait"
}

// Modes of what the tests make themselves.
const (
	fileMode = 0o640
	dirMode  = 0o750
)
