package main

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
	"renraku/contactfile"
)

// A server is taken down in maintenance, the manager is killed and started again meanwhile, and the server does not come back.
func TestMaintenanceOutlivesTheManagerAndWhoDidNotComeBackIsToldAtItsEnd(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, quickPolls)
	f.Define(t, `
[[process]]
id = "ALARM"
command = ["/bin/true"]
hosts = ["mgr01"]
[[trigger]]
process = "ALARM"
hosts = ["mgr01"]
message = '^app0[12] STOPPED$'
`)
	all := f.StartAll(t)
	until := func() string {
		records, err := contactfile.ReadMaintenance(f.File(manager, "maintenance.dat"))
		require.NoError(t, err)
		require.Len(t, records, 1)
		return records[0].Host + " " + records[0].Until.String()
	}
	out := f.Renraku(t, manager, "maintain", first, "--for", "1h")
	require.Equal(t, 0, out.Code, out.Stderr)
	promised := until()
	all[first].Kill(t)
	f.AwaitManager(t, aWhile, "mgr01 RUNNING", "app01 STOPPED", "app02 RUNNING")
	all[manager].Kill(t)

	again := f.Start(t, manager)
	assert.Equal(t, promised, until())
	assert.Contains(t, again.Log(), `msg="app01 maintenance goes on"`)
	cmdtest.Until(t, aWhile, "its judgement", func() bool { return strings.Contains(again.Log(), `msg="app01 STOPPED"`) })
	out = f.Renraku(t, manager, "run", "ONLINE", "--host", first)
	assert.Equal(t, 1, out.Code)
	assert.Contains(t, out.Stdout, "in maintenance until ")
	out = f.Renraku(t, manager, "check")
	assert.Equal(t, 0, out.Code, out.Stdout)
	assert.Equal(t, []string{"app01 ONLINE OPERATOR SKIPPED NOT-STARTED"}, f.History(t, manager), "nothing was told of it, before the restart and after")

	out = f.Renraku(t, manager, "maintain", first, "--off")
	require.Equal(t, 0, out.Code, out.Stderr)
	awaitHistory(t, f, manager, "app01 ONLINE OPERATOR SKIPPED NOT-STARTED", "mgr01 ALARM MESSAGE LAUNCHED NOT-STARTED")
	info, err := os.Stat(f.File(manager, "maintenance.dat"))
	require.NoError(t, err)
	assert.Zero(t, info.Size())
	assert.Equal(t, os.FileMode(0o640), info.Mode())
}

// What a power cut is not to take: the command is done when the disk has the file, and the directory its name.
func TestMaintenanceBeginsWhenTheDiskHasIt(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, noPolls)
	d := f.Start(t, manager)
	for _, c := range []struct{ call, path string }{{"fdatasync", f.File(manager, "maintenance.dat.new")}, {"fsync", f.Dir(manager)}} {
		heal := failCalls(t, d.Cmd.Process.Pid, c.call, c.path)
		out := f.Renraku(t, manager, "maintain", first)
		assert.Equal(t, 1, out.Code, c.call)
		assert.Contains(t, out.Stderr, "begin maintenance: write maintenance file: ")
		assert.Contains(t, out.Stderr, "input/output error")
		assertMaintained(t, f)
		heal()
		assert.Equal(t, "no server is in maintenance\n", f.Renraku(t, manager, "maintain").Stdout)
	}
	assert.Equal(t, 0, f.Renraku(t, manager, "maintain", first).Code)

	heal := failCalls(t, d.Cmd.Process.Pid, "fsync", f.Dir(manager))
	out := f.Renraku(t, manager, "maintain", first, second)
	assert.Equal(t, 1, out.Code)
	assertMaintained(t, f, first)
	heal()
	d.Kill(t)
	d = f.Start(t, manager)
	listed := f.Renraku(t, manager, "maintain").Stdout
	assert.Contains(t, listed, first)
	assert.NotContains(t, listed, second, "what did not begin does not begin at a restart")

	heal = failCalls(t, d.Cmd.Process.Pid, "fsync", f.Dir(manager))
	out = f.Renraku(t, manager, "maintain", first, "--off")
	assert.Equal(t, 1, out.Code)
	assert.Contains(t, out.Stderr, "the maintenance has ended, but a power cut may bring it back: write maintenance file: ")
	assertMaintained(t, f)
	assert.Equal(t, "no server is in maintenance\n", f.Renraku(t, manager, "maintain").Stdout)
	heal()
}

// assertMaintained asserts which servers other programs read in the maintenance file.
func assertMaintained(t *testing.T, f *cmdtest.Fleet, hosts ...string) {
	t.Helper()
	all, err := contactfile.ReadMaintenance(f.File(manager, "maintenance.dat"))
	require.NoError(t, err)
	var got []string
	for i := range all {
		got = append(got, all[i].Host)
	}
	assert.ElementsMatch(t, hosts, got)
}
