package slave

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// checking is an executor of APP, whose check holds while the file is there, with its checks running.
func checking(t *testing.T, failed string) (e *executor, file string) {
	file = filepath.Join(t.TempDir(), "up")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	e = newExecutor(t, Process{ID: processID("APP"), Command: sh(""), Status: appStatus("UP"), Failed: appStatus(failed),
		Check: sh("test -e " + file + " || { echo gone; exit 3; }"), CheckInterval: 10 * time.Millisecond})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- e.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		assert.NoError(t, await(t, ended))
	})
	return e, file
}

func (e *executor) awaitStatus(want string) {
	e.t.Helper()
	require.Eventually(e.t, func() bool { return e.stands() == want }, patience, 5*time.Millisecond)
}

func TestAnApplicationIsLostAfterTwoFailedChecks(t *testing.T) {
	for failed, want := range map[string]string{"": "NOT-STARTED", "APP-LOST": "APP-LOST"} {
		t.Run(want, func(t *testing.T) {
			e, file := checking(t, failed)
			require.Equal(t, Launched, e.order("APP").Outcome)
			require.NoError(t, os.Remove(file))
			e.awaitStatus(want)
			require.Eventually(t, func() bool { return len(e.log.with("APP@app01 LOST")) == 1 }, patience, time.Millisecond)
			assert.Len(t, e.log.with("check of APP@app01 failed", `reason="exit status 3: gone"`), 2)
			record, err := e.ExecutionControl.history.Record(e.ExecutionControl.history.Len() - 1)
			require.NoError(t, err)
			assert.Equal(t, []string{"app01", "APP", "CHECK", "LOST", want, "exit status 3: gone"},
				[]string{record.Host, record.Process, record.Trigger, record.Outcome, record.Application, record.Text})
			require.Equal(t, Launched, e.order("APP").Outcome, "it may be started again")
		})
	}
}

func TestNothingIsCheckedWhileAnotherStatusStands(t *testing.T) {
	e, file := checking(t, "")
	require.NoError(t, os.Remove(file))
	require.NoError(t, e.SetStatus(appStatus("MAINTENANCE")))
	e.SetProcesses([]Process{{ID: processID("APP"), Command: sh(""), Status: appStatus("UP"), Check: sh("exit 1"), CheckInterval: time.Millisecond}})
	require.Equal(t, Launched, e.order("APP").Outcome) // the definition of now is checked
	e.awaitStatus("NOT-STARTED")
	assert.Empty(t, e.log.with("reason", "gone"))
}

func TestACheckThatDoesNotEndFails(t *testing.T) {
	e, _ := checking(t, "")
	p := Process{ID: processID("APP"), Command: sh(""), Status: appStatus("UP"), Check: []string{"/bin/sleep", "600"}}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	why, err := e.runCheck(ctx, &p)
	require.NoError(t, err)
	assert.NotEmpty(t, why)
	p.Check = sh("sleep 3 & exit 0")
	why, err = e.runCheck(context.Background(), &p)
	require.NoError(t, err)
	assert.Empty(t, why, "what it leaves behind does not count")
}

// A check that cannot be run says nothing of the application, which may well be there: it is not started a second time for it.
func TestACheckThatCannotBeRunLosesNoApplication(t *testing.T) {
	e, file := checking(t, "")
	require.NoError(t, os.Remove(file))
	e.SetProcesses([]Process{
		{ID: processID("APP"), Command: sh(""), Status: appStatus("UP"), Check: []string{"/absent/check"}, CheckInterval: time.Millisecond},
		{ID: processID("SAME"), Command: sh(""), Status: appStatus("UP"), Check: sh("echo >>" + file), CheckInterval: time.Millisecond},
	})
	require.Equal(t, Launched, e.order("APP").Outcome)
	require.Eventually(t, func() bool { return len(contentsOrNone(file)) > 10 }, patience, time.Millisecond) // so often, the other too
	assert.Equal(t, "UP", e.stands())
	assert.Len(t, e.log.with("check of APP@app01 cannot be run", "cannot start /absent/check: no such file or directory"), 1, "said once")
}

func contentsOrNone(file string) []byte {
	b, _ := os.ReadFile(file)
	return b
}
