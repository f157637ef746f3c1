//go:build interop

package interop

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
)

// awaitTaken waits until a Go slave has the receipts of so many results (slave/runs/FORMAT.md).
func awaitTaken(t *testing.T, f *cmdtest.Fleet, host string, results string) {
	t.Helper()
	cmdtest.Until(t, pythonLimit, "receipts of "+host, func() bool {
		taken, err := os.ReadFile(f.File(host, "runs/taken.dat"))
		return err == nil && strings.HasSuffix(string(taken), "\n"+results)
	})
}

func TestPythonManagerFindsOrdersAndEndsGoSlaves(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, pythonQuickPolls)
	first, second := f.Start(t, cmdtest.First), f.Start(t, cmdtest.Second)
	manager := pythonManager(t, f, "--order", "ONLINE@app01", "--order", "FAIL@app01", "--order", "ONLINE@app01")
	pythonAwaitHistory(t, f, cmdtest.Manager,
		"app01 ONLINE OPERATOR LAUNCHED ONLINE", "app01 FAIL OPERATOR FAILED ONLINE", "app01 ONLINE OPERATOR ALREADY ONLINE")
	f.AwaitManager(t, pythonLimit, "mgr01 RUNNING NOT-STARTED", "app01 RUNNING ONLINE", "app02 RUNNING NOT-STARTED")
	assert.Equal(t, []string{"app01 RUNNING ONLINE"}, f.Contact(t, cmdtest.First))
	assert.Equal(t, []string{"app01 ONLINE ORDER LAUNCHED ONLINE", "app01 FAIL ORDER FAILED ONLINE"}, f.History(t, cmdtest.First))
	awaitTaken(t, f, cmdtest.First, "++")

	second.Kill(t)
	f.AwaitManager(t, pythonLimit, "mgr01 RUNNING NOT-STARTED", "app01 RUNNING ONLINE", "app02 STOPPED NOT-STARTED")
	f.Start(t, cmdtest.Second)
	f.AwaitManager(t, pythonLimit, "mgr01 RUNNING NOT-STARTED", "app01 RUNNING ONLINE", "app02 RUNNING NOT-STARTED")
	require.Equal(t, 0, first.Terminate(t))
	f.AwaitManager(t, pythonLimit, "mgr01 RUNNING NOT-STARTED", "app01 STOPPED ONLINE", "app02 RUNNING NOT-STARTED")

	assert.Empty(t, pythonEnd(t, manager), "it dropped nothing")
	assert.Empty(t, f.Contact(t, cmdtest.Manager))
	assert.Empty(t, f.Contact(t, cmdtest.Second), "it has had END")
	f.Start(t, cmdtest.First)
	pythonManager(t, f)
	f.AwaitManager(t, pythonLimit, "mgr01 RUNNING NOT-STARTED", "app01 RUNNING ONLINE", "app02 RUNNING NOT-STARTED")
	assert.Equal(t, []string{"app02 RUNNING NOT-STARTED"}, f.Contact(t, cmdtest.Second), "START after END")
}

func TestGoSlaveDeliversWhatThePythonManagerCouldNotTake(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, pythonQuickPolls)
	open := pythonGate(t, f, cmdtest.First, "ONLINE")
	first := f.Start(t, cmdtest.First)
	f.Start(t, cmdtest.Second)
	manager := pythonManager(t, f, "--order", "ONLINE@app01")
	cmdtest.Until(t, pythonLimit, "ONLINE in progress", func() bool { return strings.Contains(first.Log(), "ONLINE@app01 started") })
	pythonKill(t, manager)
	open()
	pythonAwaitHistory(t, f, cmdtest.First, "app01 ONLINE ORDER LAUNCHED ONLINE")

	again := pythonManager(t, f)
	pythonAwaitHistory(t, f, cmdtest.Manager, "app01 ONLINE OPERATOR UNKNOWN ", "app01 ONLINE OPERATOR LAUNCHED ONLINE")
	awaitTaken(t, f, cmdtest.First, "+")
	f.AwaitManager(t, pythonLimit, "mgr01 RUNNING NOT-STARTED", "app01 RUNNING ONLINE", "app02 RUNNING NOT-STARTED")
	assert.Equal(t, 1, pythonRuns(t, f, cmdtest.First), "it ran once")
	again.Signal(t, syscall.SIGTERM)
	assert.Equal(t, 0, again.Wait(t))
	assert.Len(t, f.History(t, cmdtest.Manager), 2)
}

// Go and Python read the files of either daemon, and find the same in them, to the last field.
func TestPythonAndGoReadTheSameFromTheFilesOfEither(t *testing.T) {
	t.Parallel()
	f, _, _ := startMixed(t, pythonQuickPolls)
	assertRow(t, orderSecond(t, f, "ONLINE"), "LAUNCHED", "ONLINE", "")
	assertRow(t, orderSecond(t, f, "LOCKED"), "REFUSED", "ONLINE", "")
	awaitSecond(t, f, "RUNNING ONLINE")
	assertReadAlike(t, f, cmdtest.Manager, 3, 2)
	assertReadAlike(t, f, cmdtest.Second, 1, 0)

	f = cmdtest.NewFleet(t, pythonQuickPolls)
	f.Start(t, cmdtest.First)
	f.Start(t, cmdtest.Second)
	pythonManager(t, f, "--order", "ONLINE@app01", "--order", "FAIL@app02")
	pythonAwaitHistory(t, f, cmdtest.Manager, "app01 ONLINE OPERATOR LAUNCHED ONLINE", "app02 FAIL OPERATOR FAILED NOT-STARTED")
	f.AwaitManager(t, pythonLimit, "mgr01 RUNNING", "app01 RUNNING ONLINE", "app02 RUNNING NOT-STARTED")
	assertReadAlike(t, f, cmdtest.Manager, 3, 2)
	assertReadAlike(t, f, cmdtest.First, 1, 1)
	assertReadAlike(t, f, cmdtest.Second, 1, 1)
}

func assertReadAlike(t *testing.T, f *cmdtest.Fleet, host string, contacts, outcomes int) {
	t.Helper()
	read := pythonRecords(t, f.File(host, "contact.dat"))
	assert.Len(t, read, contacts)
	assert.Equal(t, renrakuRecords(t, f, host, "status"), read)
	if outcomes > 0 {
		read = pythonRecords(t, f.File(host, "history.dat"))
		assert.Len(t, read, outcomes)
		assert.Equal(t, renrakuRecords(t, f, host, "history"), read)
	}
}
