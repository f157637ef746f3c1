package main

import (
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"renraku/cmd/internal/cmdtest"
)

func TestKilledSlaveIsStoppedWithinTheTimeThatValidatePrints(t *testing.T) {
	t.Parallel()
	const margin = 500 * time.Millisecond // for a machine with other work
	f := cmdtest.NewFleet(t, "interval = \"2s\"\ntimeout = \"200ms\"\nretries = 2")
	out := cmdtest.Renraku(t, "validate", f.Config)
	printed := regexp.MustCompile(`worst-case detection time of a server that falls silent: (\S+) `).FindStringSubmatch(out.Stdout)
	require.Len(t, printed, 2, out.Stdout)
	detection, err := time.ParseDuration(printed[1])
	require.NoError(t, err)
	require.Equal(t, 2*time.Second+3*200*time.Millisecond, detection)

	all := f.StartAll(t)
	orderOnline(t, f, first)
	all[first].Kill(t)
	f.AwaitManager(t, detection+margin, "mgr01 RUNNING", "app01 STOPPED ONLINE", "app02 RUNNING")
	assert.Contains(t, all[manager].Log(), `msg="app01 STOPPED" host=app01 reason="no answer to 3 inquiries"`)

	// Its next inquiry is 1.4 s away, so that this cannot be it.
	started := time.Now()
	f.Start(t, first)
	f.AwaitManager(t, time.Second, "mgr01 RUNNING", "app01 RUNNING ONLINE", "app02 RUNNING")
	assert.Less(t, time.Since(started), 1400*time.Millisecond, "not before the next regular inquiry")
}

func TestEndedSlaveIsStoppedAtOnceAndRunningAtOnceWhenItIsBack(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, noPolls)
	all := f.StartAll(t)
	orderOnline(t, f, second)

	all[second].Signal(t, unix.SIGTERM)
	f.AwaitManager(t, atOnce, "mgr01 RUNNING", "app01 RUNNING", "app02 STOPPED ONLINE")
	assert.Equal(t, 0, all[second].Wait(t))
	assert.Zero(t, size(t, f.File(second, "contact.dat")))
	assert.Contains(t, all[manager].Log(), "it said so: the daemon shuts down")

	f.Start(t, second)
	f.AwaitManager(t, atOnce, "mgr01 RUNNING", "app01 RUNNING", "app02 RUNNING ONLINE")
	assert.Equal(t, []string{"app02 RUNNING ONLINE"}, f.Contact(t, second))
}

func TestStopAtTheManagerEmptiesEveryContactFileUntilStart(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, noPolls)
	f.StartAll(t)
	orderOnline(t, f, first)

	out := f.Renraku(t, manager, "stop")
	assert.Equal(t, cmdtest.Output{Stdout: "monitoring has ended\n"}, out)
	for _, host := range []string{manager, first, second} {
		assert.Zero(t, size(t, f.File(host, "contact.dat")), host)
	}
	out = f.Renraku(t, manager, "run", "ONLINE", "--all")
	assert.Equal(t, 1, out.Code)
	assert.Equal(t, 3, strings.Count(out.Stdout, "SKIPPED"), out.Stdout)
	assert.Equal(t, 3, strings.Count(out.Stdout, "no monitoring"), out.Stdout)
	out = f.Renraku(t, second, "run", "ONLINE", "--all")
	assert.Equal(t, 1, out.Code)
	assert.Regexp(t, `app02 +REFUSED +NOT-STARTED +no monitoring on this server`, out.Stdout)
	assert.NoFileExists(t, f.File(second, "ONLINE.runs"))

	out = f.Renraku(t, manager, "start")
	assert.Equal(t, cmdtest.Output{Stdout: "monitoring is on\n"}, out)
	f.AwaitManager(t, atOnce, "mgr01 RUNNING NOT-STARTED", "app01 RUNNING ONLINE", "app02 RUNNING NOT-STARTED")
	assert.Equal(t, []string{"app01 RUNNING ONLINE"}, f.Contact(t, first))
	assert.Equal(t, []string{"app02 RUNNING NOT-STARTED"}, f.Contact(t, second))
}

func TestStopNamesASlaveThatDoesNotAnswerAndIsNotAllWell(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, "interval = \"1h\"\ntimeout = \"100ms\"\nretries = 1")
	all := f.StartAll(t)
	all[second].Signal(t, syscall.SIGSTOP)
	out := f.Renraku(t, manager, "stop")
	assert.Equal(t, cmdtest.Output{Code: 1,
		Stderr: "renraku: stop: monitoring has ended, but there was no answer to END from app02\n"}, out)
	assert.Zero(t, size(t, f.File(manager, "contact.dat")))
	assert.Zero(t, size(t, f.File(first, "contact.dat")))
	assert.NotZero(t, size(t, f.File(second, "contact.dat")))
}

func TestStopAtASlaveIsStoppedAtTheManagerUntilStart(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, noPolls)
	f.StartAll(t)
	require.Zero(t, f.Renraku(t, first, "stop").Code)
	assert.Zero(t, size(t, f.File(first, "contact.dat")))
	f.AwaitManager(t, atOnce, "mgr01 RUNNING", "app01 STOPPED NOT-STARTED", "app02 RUNNING")
	out := f.Renraku(t, manager, "run", "ONLINE", "--host", first)
	assert.Equal(t, 1, out.Code)
	assert.Regexp(t, `app01 +SKIPPED +NOT-STARTED +the server is STOPPED`, out.Stdout)

	require.Zero(t, f.Renraku(t, first, "start").Code)
	f.AwaitManager(t, atOnce, "mgr01 RUNNING", "app01 RUNNING", "app02 RUNNING")
	assert.Equal(t, []string{"app01 RUNNING NOT-STARTED"}, f.Contact(t, first))
}

func TestEndedManagerEmptiesEveryContactFile(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, noPolls)
	all := f.StartAll(t)
	assert.Equal(t, 0, all[manager].Terminate(t))
	for _, host := range []string{manager, first, second} {
		assert.Zero(t, size(t, f.File(host, "contact.dat")), host)
	}
	assert.Regexp(t, `(?s)msg=ready .*msg="shutting down".*msg="monitoring ends".*msg=ended host=mgr01\n\z`, all[manager].Log())
	assert.NotContains(t, all[manager].Log(), "did not answer END")
	assert.NoFileExists(t, f.File(manager, "control.sock"))
}

func TestKilledManagerLearnsFromTheSlavesWhenItIsBack(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, noPolls)
	all := f.StartAll(t)
	orderOnline(t, f, manager, second)
	all[manager].Kill(t)
	require.NoError(t, os.Truncate(f.File(manager, "contact.dat"), 200)) // whatever it left does not count
	f.Start(t, manager)
	f.AwaitManager(t, atOnce, "mgr01 RUNNING ONLINE", "app01 RUNNING NOT-STARTED", "app02 RUNNING ONLINE")
}
