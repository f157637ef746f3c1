package main

import (
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"renraku/cmd/internal/cmdtest"
)

const quickPolls = "interval = \"200ms\"\ntimeout = \"200ms\"\nretries = 2"

// noLoss is a network that counts what passes, and loses nothing.
const noLoss = 0

// hold has ONLINE of the host wait until release is called.
func hold(t *testing.T, f *cmdtest.Fleet, host string) (release func()) {
	t.Helper()
	path := f.File(host, "ONLINE.gate")
	require.NoError(t, os.MkdirAll(f.Dir(host), 0o750))
	require.NoError(t, syscall.Mkfifo(path, 0o640))
	gate, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	t.Cleanup(func() { gate.Close() })
	return func() {
		_, err := gate.WriteString("go\n")
		require.NoError(t, err)
	}
}

// orderBehind orders ONLINE on the host and leaves the command to itself; it returns once the process is in progress.
func orderBehind(t *testing.T, f *cmdtest.Fleet, daemon *cmdtest.Daemon, host string) *cmdtest.Process {
	t.Helper()
	p := cmdtest.Begin(t, atManager(t, f, "run", "ONLINE", "--host", host))
	cmdtest.Until(t, aWhile, "ONLINE in progress", func() bool { return strings.Contains(daemon.Log(), "ONLINE@"+host+" started") })
	return p
}

func awaitHistory(t *testing.T, f *cmdtest.Fleet, host string, want ...string) {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("history of %s: %q", host, f.History(t, host))
		}
	})
	cmdtest.Until(t, aWhile, "history of "+host, func() bool { return slices.Equal(want, f.History(t, host)) })
}

// The worst night: the manager and the slave's daemon die while a process runs, and it ends before either is back.
func TestAResultOutlivesBothDaemons(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, quickPolls)
	release := hold(t, f, first)
	all := f.StartAll(t)
	order := orderBehind(t, f, all[first], first)
	all[manager].Kill(t)
	all[first].Kill(t)
	assert.NotEqual(t, 0, order.Wait(t), "the operator is told that nothing is known")
	release()
	cmdtest.Until(t, aWhile, "the end of ONLINE", func() bool {
		record, err := os.ReadFile(f.File(first, "runs/ONLINE.run"))
		return err == nil && strings.Contains(string(record), "\nDONE ")
	})
	f.Start(t, manager)
	again := f.Start(t, first)
	awaitHistory(t, f, first, "app01 ONLINE ORDER LAUNCHED ONLINE")
	awaitHistory(t, f, manager, "app01 ONLINE OPERATOR LAUNCHED ONLINE")
	f.AwaitManager(t, aWhile, "mgr01 RUNNING NOT-STARTED", "app01 RUNNING ONLINE", "app02 RUNNING NOT-STARTED")
	assert.Contains(t, again.Log(), `msg="ONLINE@app01 taken up again"`)
	runs, err := os.ReadFile(f.File(first, "ONLINE.runs"))
	require.NoError(t, err)
	assert.Equal(t, 1, strings.Count(string(runs), "\n"), "it ran once")
	out := f.Renraku(t, first, "output", "ONLINE")
	assert.Equal(t, "up\n", out.Stdout)
	out = f.Renraku(t, manager, "run", "ONLINE", "--host", first)
	assert.Contains(t, out.Stdout, "ALREADY")
}

// The manager dies between XQ and XR; the slave delivers the XR to the next one.
func TestAManagerThatWasKilledGetsTheResultOfItsOrder(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, quickPolls)
	release := hold(t, f, first)
	all := f.StartAll(t)
	orderBehind(t, f, all[first], first)
	all[manager].Kill(t)
	f.Start(t, manager)
	f.AwaitManager(t, aWhile, "mgr01 RUNNING", "app01 RUNNING", "app02 RUNNING")
	out := f.Renraku(t, manager, "run", "ONLINE", "--host", first)
	assert.Contains(t, out.Stdout, "ALREADY", "the order of the manager before is in progress")
	release()
	cmdtest.Until(t, aWhile, "the result at the manager", func() bool {
		return slices.Contains(f.History(t, manager), "app01 ONLINE OPERATOR LAUNCHED ONLINE")
	})
	f.AwaitManager(t, aWhile, "mgr01 RUNNING", "app01 RUNNING ONLINE", "app02 RUNNING")
	assert.Equal(t, []string{"app01 ONLINE ORDER LAUNCHED ONLINE"}, f.History(t, first))
	runs, err := os.ReadFile(f.File(first, "ONLINE.runs"))
	require.NoError(t, err)
	assert.Equal(t, 1, strings.Count(string(runs), "\n"), "it ran once")
}

func TestTheOperatorCorrectsTheStatusOfAServer(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, quickPolls)
	f.StartAll(t)
	out := f.Renraku(t, first, "set-status", "MAINTENANCE")
	assert.Equal(t, 0, out.Code, out.Stderr)
	assert.Equal(t, "the application status of this server is MAINTENANCE\n", out.Stdout)
	f.AwaitManager(t, aWhile, "mgr01 RUNNING NOT-STARTED", "app01 RUNNING MAINTENANCE", "app02 RUNNING NOT-STARTED")
	assert.Equal(t, []string{"app01  OPERATOR SET MAINTENANCE"}, f.History(t, first))
	assert.Empty(t, f.History(t, manager), "it stands in the history of the server itself")
	out = f.Renraku(t, manager, "set-status", "NIGHT")
	assert.Equal(t, 0, out.Code, out.Stderr)
	assert.Equal(t, "mgr01 RUNNING NIGHT", f.Contact(t, manager)[0])
	out = f.Renraku(t, first, "set-status", "NOT STARTED")
	assert.Equal(t, 2, out.Code)
	assert.Equal(t, "renraku: set-status: \"NOT STARTED\" is not a status: 1 to 24 bytes 0x21–0x7E such as NOT-STARTED are right\n", out.Stderr)
}

func TestACheckThatFailsTwiceFindsTheApplicationLost(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, quickPolls)
	marker := f.File(first, "up")
	f.Define(t, `
[[process]]
id = "APP"
command = ["/usr/bin/touch", "`+marker+`"]
status = "APP-UP"
failed = "APP-LOST"
check = ["/bin/sh", "-c", "test -e `+marker+` || { echo gone; exit 3; }"]
check_interval = "100ms"
hosts = ["app01"]
`)
	all := f.StartAll(t)
	require.Equal(t, 0, f.Renraku(t, manager, "run", "APP", "--host", first).Code)
	require.NoError(t, os.Remove(marker))
	f.AwaitManager(t, aWhile, "mgr01 RUNNING", "app01 RUNNING APP-LOST", "app02 RUNNING")
	assert.Equal(t, []string{"app01 APP ORDER LAUNCHED APP-UP", "app01 APP CHECK LOST APP-LOST"}, f.History(t, first))
	assert.Contains(t, all[first].Log(), `msg="APP@app01 LOST"`)
	assert.Contains(t, all[first].Log(), `reason="exit status 3: gone"`)
}

func TestSIGHUPTakesTheDefinitionOver(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, quickPolls)
	release := hold(t, f, first)
	all := f.StartAll(t)
	order := orderBehind(t, f, all[first], first)
	hangUp := func(count int) {
		for host, d := range all {
			d.Signal(t, unix.SIGHUP)
			cmdtest.Until(t, aWhile, "definition taken over at "+host, func() bool {
				return strings.Count(d.Log(), `msg="definition read again"`) == count
			})
		}
	}
	f.Define(t, "\n[[process]]\nid = \"NEW\"\ncommand = [\"/bin/echo\", \"new\"]\n")
	hangUp(1)
	out := f.Renraku(t, manager, "run", "NEW", "--host", first)
	assert.Equal(t, 0, out.Code, out.Stderr)
	assert.Contains(t, out.Stdout, "LAUNCHED")

	f.Define(t, "\n[[process]]\nid = \"WRONG\"\n")
	for _, d := range all {
		d.Signal(t, unix.SIGHUP)
		cmdtest.Until(t, aWhile, "the error in the log", func() bool {
			return strings.Contains(d.Log(), "everything stays as it was") && strings.Contains(d.Log(), "command: missing")
		})
	}
	assert.Contains(t, f.Renraku(t, manager, "run", "NEW", "--host", first).Stdout, "LAUNCHED")

	f.Define(t, "command = [\"/bin/echo\", \"right\"]\n")
	require.NoError(t, os.Chmod(f.Config, 0o662))
	for _, d := range all {
		d.Signal(t, unix.SIGHUP)
		cmdtest.Until(t, aWhile, "that others may write it in the log", func() bool {
			return strings.Contains(d.Log(), f.Config+" is not to be trusted: its group and others may write it; this mends it: chmod go-w "+f.Config)
		})
	}
	assert.Contains(t, f.Renraku(t, manager, "run", "WRONG", "--host", first).Stderr, "no process")
	require.NoError(t, os.Chmod(f.Config, 0o640))

	// A definition without the second slave: it is no longer polled, the first and its run are not disturbed.
	text, err := os.ReadFile(f.Config)
	require.NoError(t, err)
	kept, _, _ := strings.Cut(string(text), "\n[[process]]\nid = \"WRONG\"\n")
	at, end := strings.Index(kept, "\n[[slave]]\nhost = \"app02\""), strings.Index(kept, "\n[[process]]")
	require.NoError(t, os.WriteFile(f.Config, []byte(kept[:at]+kept[end:]), 0o640))
	for _, host := range []string{manager, first} {
		all[host].Signal(t, unix.SIGHUP)
	}
	f.AwaitManager(t, aWhile, "mgr01 RUNNING", "app01 RUNNING")
	release()
	assert.Equal(t, 0, order.Wait(t), order.Stderr())
	assert.Contains(t, order.Stdout(), "LAUNCHED")
	assert.NotContains(t, all[manager].Log(), "app01 STOPPED")
}
