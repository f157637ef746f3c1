//go:build interop

package interop

import (
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
)

// startMixed starts renrakud as the manager and as app01, and slave.py as app02.
func startMixed(t *testing.T, control string) (f *cmdtest.Fleet, manager *cmdtest.Daemon, python *cmdtest.Process) {
	t.Helper()
	f = cmdtest.NewFleet(t, control)
	f.Define(t, pythonProcesses)
	f.Start(t, cmdtest.First)
	python = pythonSlave(t, f, cmdtest.Second)
	manager = f.Start(t, cmdtest.Manager)
	awaitSecond(t, f, "RUNNING NOT-STARTED")
	return f, manager, python
}

// awaitSecond waits for the status of the Python slave at the manager.
func awaitSecond(t *testing.T, f *cmdtest.Fleet, status string) time.Duration {
	t.Helper()
	return f.AwaitManager(t, pythonLimit, "mgr01 RUNNING NOT-STARTED", "app01 RUNNING NOT-STARTED", "app02 "+status)
}

// pythonAsked are the controls of the inquiries that a Python slave has had, each once for as long as it stayed the same.
func pythonAsked(t *testing.T, p *cmdtest.Process) []string {
	t.Helper()
	var asked []string
	for _, line := range jsonValues(t, completeLines(p.Stdout())) {
		if control, ok := line["asked"].(string); ok {
			asked = append(asked, control)
		}
	}
	return asked
}

func completeLines(text string) string { return text[:strings.LastIndex(text, "\n")+1] }

func awaitAsked(t *testing.T, p *cmdtest.Process, want ...string) {
	t.Helper()
	cmdtest.Until(t, pythonLimit, "inquiries "+strings.Join(want, " "), func() bool { return slices.Equal(want, pythonAsked(t, p)) })
}

// pythonMemory is what a Python slave keeps on disk.
type pythonMemory struct {
	Status  string
	Runs    []any
	Results []string
}

func awaitMemory(t *testing.T, f *cmdtest.Fleet, what string, holds func(pythonMemory) bool) {
	t.Helper()
	cmdtest.Until(t, pythonLimit, what, func() bool {
		text, err := os.ReadFile(f.File(cmdtest.Second, "slave.json"))
		if os.IsNotExist(err) {
			return false
		}
		require.NoError(t, err)
		var m pythonMemory
		require.NoError(t, json.Unmarshal(text, &m))
		return holds(m)
	})
}

// awaitFile waits until a file is in the directory of the Python slave.
func awaitFile(t *testing.T, f *cmdtest.Fleet, name string) {
	t.Helper()
	cmdtest.Until(t, pythonLimit, name, func() bool {
		_, err := os.Stat(f.File(cmdtest.Second, name))
		return err == nil
	})
}

func nothingToDeliver(m pythonMemory) bool { return len(m.Results) == 0 && len(m.Runs) == 0 }

// orderSecond orders a process on the Python slave and gives its row.
func orderSecond(t *testing.T, f *cmdtest.Fleet, process string) map[string]any {
	t.Helper()
	out := f.Renraku(t, cmdtest.Manager, "run", process, "--host", cmdtest.Second, "--json")
	rows := jsonValues(t, out.Stdout)
	require.Len(t, rows, 1, "%s%s", out.Stdout, out.Stderr)
	return rows[0]
}

func assertRow(t *testing.T, row map[string]any, outcome, application, text string) {
	t.Helper()
	assert.Equal(t, outcome, row["outcome"], row)
	assert.Equal(t, application, row["application"], row)
	assert.Contains(t, row["text"], text, row)
}

func TestManagerAsksAPythonSlaveWithStartAndThenCheck(t *testing.T) {
	t.Parallel()
	f, _, python := startMixed(t, pythonQuickPolls)
	awaitAsked(t, python, "START", "CHECK")
	assert.Equal(t, []string{"app02 RUNNING NOT-STARTED"}, f.Contact(t, cmdtest.Second))
	assert.Empty(t, pythonEnd(t, python), "it dropped nothing")
}

func TestManagerOrdersAtAPythonSlave(t *testing.T) {
	t.Parallel()
	f, _, python := startMixed(t, pythonQuickPolls)
	open := pythonGate(t, f, cmdtest.Second, "NIGHT")

	assertRow(t, orderSecond(t, f, "ONLINE"), "LAUNCHED", "ONLINE", "")
	awaitSecond(t, f, "RUNNING ONLINE")
	assert.Equal(t, []string{"app02 RUNNING ONLINE"}, f.Contact(t, cmdtest.Second))
	assertRow(t, orderSecond(t, f, "LOCKED"), "REFUSED", "ONLINE", "not from ONLINE")
	assertRow(t, orderSecond(t, f, "FAIL"), "FAILED", "ONLINE", "exit status 3")
	assertRow(t, orderSecond(t, f, "NIGHT"), "LAUNCHED", "NIGHT", "")
	assertRow(t, orderSecond(t, f, "NIGHT"), "ALREADY", "NIGHT", "it runs")
	assertRow(t, orderSecond(t, f, "ONLINE"), "REFUSED", "NIGHT", "NIGHT is in progress")
	awaitSecond(t, f, "RUNNING NIGHT")
	open()
	pythonAwaitHistory(t, f, cmdtest.Manager, "app02 ONLINE OPERATOR LAUNCHED ONLINE",
		"app02 LOCKED OPERATOR REFUSED ONLINE", "app02 FAIL OPERATOR FAILED ONLINE", "app02 NIGHT OPERATOR LAUNCHED NIGHT",
		"app02 NIGHT OPERATOR ALREADY NIGHT", "app02 ONLINE OPERATOR REFUSED NIGHT", "app02 NIGHT OPERATOR ENDED ONLINE")
	awaitSecond(t, f, "RUNNING ONLINE")

	awaitMemory(t, f, "every result taken", nothingToDeliver)
	assert.Equal(t, 1, pythonRuns(t, f, cmdtest.Second))
	assert.Empty(t, pythonEnd(t, python))
}

// The manager's copy stays behind, since nothing is asked in this hour: the order reaches the slave.
func TestPythonSlaveChecksItsOwnContactFile(t *testing.T) {
	t.Parallel()
	f, _, _ := startMixed(t, pythonNoPolls)
	path := f.File(cmdtest.Second, "contact.dat")
	record, err := os.ReadFile(path)
	require.NoError(t, err)
	corrected := strings.Replace(string(record), "NOT-STARTED", "ONLINE     ", 1)
	require.NoError(t, os.WriteFile(path, []byte(corrected), 0))
	assertRow(t, orderSecond(t, f, "ONLINE"), "ALREADY", "ONLINE", "ONLINE already")
	require.NoError(t, os.WriteFile(path, []byte("what is this"), 0))
	assertRow(t, orderSecond(t, f, "FAIL"), "REFUSED", "ONLINE", "cannot be read")
	assert.NoFileExists(t, f.File(cmdtest.Second, "ONLINE.runs"))
}

func TestKilledPythonSlaveIsFoundStoppedAndComesBack(t *testing.T) {
	t.Parallel()
	f, manager, python := startMixed(t, pythonQuickPolls)
	assertRow(t, orderSecond(t, f, "ONLINE"), "LAUNCHED", "ONLINE", "")
	pythonKill(t, python)
	awaitSecond(t, f, "STOPPED ONLINE")
	cmdtest.Until(t, pythonLimit, "the reason", func() bool {
		return strings.Contains(manager.Log(), `msg="app02 STOPPED" host=app02 reason="no answer to 4 inquiries"`)
	})
	pythonSlave(t, f, cmdtest.Second)
	awaitSecond(t, f, "RUNNING ONLINE")
}

func TestMonitoringOfAPythonSlaveEndsAndBegins(t *testing.T) {
	t.Parallel()
	f, _, python := startMixed(t, pythonQuickPolls)
	assertRow(t, orderSecond(t, f, "ONLINE"), "LAUNCHED", "ONLINE", "")
	awaitAsked(t, python, "START", "CHECK")
	out := f.Renraku(t, cmdtest.Manager, "stop")
	require.Equal(t, 0, out.Code, "%s%s", out.Stdout, out.Stderr)
	assert.Equal(t, []string{"START", "CHECK", "END"}, pythonAsked(t, python))
	assert.Empty(t, f.Contact(t, cmdtest.Second))

	out = f.Renraku(t, cmdtest.Manager, "start")
	require.Equal(t, 0, out.Code, "%s%s", out.Stdout, out.Stderr)
	awaitSecond(t, f, "RUNNING ONLINE")
	awaitAsked(t, python, "START", "CHECK", "END", "START", "CHECK")
	assert.Equal(t, []string{"app02 RUNNING ONLINE"}, f.Contact(t, cmdtest.Second))
}

// There is no poll in this hour: the manager knows from what the slave says by itself.
func TestPythonSlaveSaysThatItEndsAndThatItIsBack(t *testing.T) {
	t.Parallel()
	f, manager, python := startMixed(t, pythonNoPolls)
	assertRow(t, orderSecond(t, f, "ONLINE"), "LAUNCHED", "ONLINE", "")
	assert.Empty(t, pythonEnd(t, python))
	awaitSecond(t, f, "STOPPED ONLINE")
	assert.NotContains(t, manager.Log(), "no answer")
	assert.Empty(t, f.Contact(t, cmdtest.Second))
	again := pythonSlave(t, f, cmdtest.Second)
	awaitSecond(t, f, "RUNNING ONLINE")
	awaitAsked(t, again, "START")
}

func TestPythonSlaveThatWasDownReportsTheEndOfAProcessThatStayed(t *testing.T) {
	t.Parallel()
	f, _, python := startMixed(t, pythonQuickPolls)
	open := pythonGate(t, f, cmdtest.Second, "NIGHT")
	assertRow(t, orderSecond(t, f, "ONLINE"), "LAUNCHED", "ONLINE", "")
	assertRow(t, orderSecond(t, f, "NIGHT"), "LAUNCHED", "NIGHT", "")
	pythonKill(t, python)
	python = pythonSlave(t, f, cmdtest.Second)
	awaitSecond(t, f, "RUNNING NIGHT")
	assertRow(t, orderSecond(t, f, "NIGHT"), "ALREADY", "NIGHT", "it runs")
	pythonKill(t, python)
	open()
	awaitFile(t, f, "NIGHT.exit")
	pythonSlave(t, f, cmdtest.Second)
	pythonAwaitHistory(t, f, cmdtest.Manager, "app02 NIGHT OPERATOR ENDED ONLINE")
	awaitSecond(t, f, "RUNNING ONLINE")
}

func TestPythonSlaveDeliversWhatTheManagerCouldNotTake(t *testing.T) {
	t.Parallel()
	f, manager, python := startMixed(t, pythonQuickPolls)
	open := pythonGate(t, f, cmdtest.Second, "ONLINE")
	order := cmdtest.Begin(t, exec.Command(cmdtest.Binary(t, "renraku"), "run", "ONLINE", "--host", cmdtest.Second,
		"--dir", f.Dir(cmdtest.Manager)))
	awaitFile(t, f, "ONLINE.begun")
	manager.Kill(t)
	pythonKill(t, python)
	assert.NotEqual(t, 0, order.Wait(t), "the operator is told that nothing is known")
	open()
	awaitFile(t, f, "ONLINE.exit")
	pythonSlave(t, f, cmdtest.Second)
	awaitMemory(t, f, "a result to deliver", func(m pythonMemory) bool { return len(m.Results) == 1 && m.Status == "ONLINE" })
	f.Start(t, cmdtest.Manager)
	pythonAwaitHistory(t, f, cmdtest.Manager, "app02 ONLINE OPERATOR LAUNCHED ONLINE")
	awaitSecond(t, f, "RUNNING ONLINE")
	awaitMemory(t, f, "every result taken", nothingToDeliver)
	assert.Equal(t, 1, pythonRuns(t, f, cmdtest.Second), "it ran once")
}
