package slave

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/slave/slavetest"
)

// mark is a process that leaves a file behind each time that it runs.
func mark(t testing.TB, p Process) (Process, func() int) {
	path := filepath.Join(t.TempDir(), "ran")
	p.Command = sh("echo ran >>" + path)
	return p, func() int {
		b, err := os.ReadFile(path)
		if os.IsNotExist(err) {
			return 0
		}
		require.NoError(t, err)
		return len(b) / len("ran\n")
	}
}

func TestANormalEndIsLaunchedAndSetsTheStatus(t *testing.T) {
	e := newExecutor(t, Process{ID: processID("ONLINE"), Command: sh("echo starting; echo is up"), Status: appStatus("ONLINE")})
	r := e.order("ONLINE")
	assert.Equal(t, Launched, r.Outcome)
	assert.Equal(t, app01, r.Host)
	assert.Equal(t, processID("ONLINE"), r.Process)
	assert.Equal(t, appStatus("ONLINE"), r.Application)
	assert.Regexp(t, `^ended normally after \d+m?s: is up$`, r.Text)
	assert.Equal(t, "ONLINE", e.stands())

	again := e.order("ONLINE")
	assert.Equal(t, resultOf("ONLINE", Already, appStatus("ONLINE"), "ONLINE stands already"), again)
}

func TestTheCheckOfTheContactFileDecides(t *testing.T) {
	online, batch := appStatus("ONLINE"), appStatus("BATCH")
	elsewhere := []Pattern{must(ParsePattern("db*")), must(ParsePattern("app02"))}
	here := []Pattern{must(ParsePattern("db*")), must(ParsePattern("app[01-20]"))}
	cases := []struct {
		name    string
		process Process
		stands  string // written into the file by hand
		outcome Outcome
		after   string
		text    string
	}{
		{"no condition", Process{Status: online}, "ANYTHING", Launched, "ONLINE", ""},
		{"one of from", Process{Status: online, From: appStatuses("BATCH", "NOT-STARTED")}, "NOT-STARTED", Launched, "ONLINE", ""},
		{"from the empty status", Process{Status: online}, "", Launched, "ONLINE", ""},
		{"no status of its own", Process{From: appStatuses("ONLINE")}, "ONLINE", Launched, "ONLINE", ""},
		{"one of its hosts", Process{Status: online, Hosts: here}, "BATCH", Launched, "ONLINE", ""},

		{"its status stands", Process{Status: online}, "ONLINE", Already, "ONLINE", "ONLINE stands already"},
		{"its status stands, which is not in from", Process{Status: online, From: appStatuses("BATCH")}, "ONLINE", Already, "ONLINE", "ONLINE stands already"},
		{"its status stands, which is in from", Process{Status: batch, From: appStatuses("BATCH")}, "BATCH", Already, "BATCH", "BATCH stands already"},

		{"not in from", Process{Status: online, From: appStatuses("NOT-STARTED")}, "BATCH", Refused, "BATCH", "not from BATCH: it runs from NOT-STARTED"},
		{"not in a long from", Process{Status: online, From: appStatuses("NOT-STARTED", "READY")}, "BATCH-FAILED", Refused, "BATCH-FAILED",
			"not from BATCH-FAILED: it runs from NOT-STARTED, READY"},
		{"not in from, without a status of its own", Process{From: appStatuses("ONLINE")}, "BATCH", Refused, "BATCH", "not from BATCH: it runs from ONLINE"},
		{"the empty status is not in from", Process{Status: online, From: appStatuses("BATCH")}, "", Refused, "", "not from an empty status: it runs from BATCH"},
		{"of other hosts", Process{Status: online, Hosts: elsewhere}, "NOT-STARTED", Refused, "NOT-STARTED", "process P is not one of this server's"},
		{"of other hosts, its status stands", Process{Status: online, Hosts: elsewhere}, "ONLINE", Refused, "ONLINE", "process P is not one of this server's"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.process.ID = processID("P")
			p, ran := mark(t, c.process)
			e := newExecutor(t, p)
			writeStatus(t, e.path, c.stands)
			before := contents(t, e.path)
			r := e.order("P")
			assert.Equal(t, c.outcome, r.Outcome, r.Text)
			assert.Equal(t, appStatus(c.after), r.Application)
			assert.Equal(t, c.after, e.stands())
			if c.outcome == Launched {
				assert.Equal(t, 1, ran())
				return
			}
			assert.Equal(t, c.text, r.Text)
			assert.Zero(t, ran())
			assert.Equal(t, before, contents(t, e.path))
		})
	}
}

func TestAnUnknownProcessIsRefused(t *testing.T) {
	r := newExecutor(t).order("NOPE")
	assert.Equal(t, resultOf("NOPE", Refused, NotStarted, "no process NOPE in the definition"), r)
}

func TestWithoutMonitoringEveryOrderIsRefusedBeforeAnythingElse(t *testing.T) {
	p, ran := mark(t, Process{ID: processID("P"), Status: appStatus("ONLINE")})
	e := newExecutor(t, p, Process{ID: processID("OTHERS"), Hosts: []Pattern{must(ParsePattern("db*"))}})
	writeStatus(t, e.path, "ONLINE")
	e.own.End()
	require.NoError(t, e.file.Clear())
	for _, id := range []string{"P", "NOPE", "OTHERS"} {
		assert.Equal(t, resultOf(id, Refused, appStatus("ONLINE"), "no monitoring on this server"), e.order(id))
	}
	assert.Zero(t, ran())
	assert.Empty(t, contents(t, e.path))
}

func TestAContactFileThatCannotBeReadForbidsEveryOrder(t *testing.T) {
	cases := []struct {
		name   string
		damage func(t testing.TB, path string)
		why    string
	}{
		{"torn", func(t testing.TB, path string) { require.NoError(t, os.Truncate(path, 100)) }, "the file ends inside the record"},
		{"emptied", func(t testing.TB, path string) { require.NoError(t, os.Truncate(path, 0)) }, "no such record"},
		{"of another host", func(t testing.TB, path string) { writeAt(t, path, 0, "app02") }, `record 0: host name: offset 0: the record is of another host: "app02", not "app01"`},
		{"no status", func(t testing.TB, path string) { writeStatus(t, path, "a b") }, "space before or inside a name"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p, ran := mark(t, Process{ID: processID("P"), Status: appStatus("ONLINE")})
			e := newExecutor(t, p)
			c.damage(t, e.path)
			r := e.order("P")
			assert.Equal(t, Refused, r.Outcome)
			assert.Contains(t, r.Text, "contact file damaged (renraku start makes it anew): read contact file: ")
			assert.Contains(t, r.Text, c.why)
			assert.Equal(t, NotStarted, r.Application)
			assert.Zero(t, ran())
		})
	}
}

func TestAProcessInProgressIsAlready(t *testing.T) {
	g := slavetest.NewGate(t)
	e := newExecutor(t, Process{ID: processID("P"), Command: gated(g, "", ""), Status: appStatus("ONLINE"), From: appStatuses("NOT-STARTED")})
	first := e.orderLater("P")
	g.Await(1)
	for range 3 {
		r := e.order("P")
		assert.Equal(t, Already, r.Outcome)
		assert.Equal(t, NotStarted, r.Application)
		assert.Regexp(t, `^in progress since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`, r.Text)
	}
	writeStatus(t, e.path, "BATCH") // it runs, whatever the status says
	assert.Equal(t, Already, e.order("P").Outcome)
	g.LetGo(1)
	assert.Equal(t, Launched, await(t, first).Outcome)
	assert.Equal(t, "ONLINE", e.stands())
}

func TestWhileTheStatusIsChangingOtherChangesAreRefused(t *testing.T) {
	g := slavetest.NewGate(t)
	failing := Process{ID: processID("FAILING"), Command: sh("exit 0"), Failed: appStatus("BROKEN")}
	batch, ran := mark(t, Process{ID: processID("BATCH"), Status: appStatus("BATCH"), From: appStatuses("ONLINE")})
	plain, ranPlain := mark(t, Process{ID: processID("PLAIN")})
	e := newExecutor(t, Process{ID: processID("ONLINE"), Command: gated(g, "", ""), Status: appStatus("ONLINE")}, failing, batch, plain)
	online := e.orderLater("ONLINE")
	g.Await(1)
	for _, id := range []string{"BATCH", "FAILING"} {
		assert.Equal(t, resultOf(id, Refused, NotStarted, "ONLINE is in progress"), e.order(id))
	}
	assert.Zero(t, ran())
	assert.Equal(t, Launched, e.order("PLAIN").Outcome, "it changes no status")
	assert.Equal(t, 1, ranPlain())
	g.LetGo(1)
	assert.Equal(t, Launched, await(t, online).Outcome)
	assert.Equal(t, Launched, e.order("FAILING").Outcome)
	assert.Equal(t, Launched, e.order("BATCH").Outcome)
	assert.Equal(t, "BATCH", e.stands())
}

func TestAProcessWithFailedOnlyIsAChangeOfTheStatusToo(t *testing.T) {
	g := slavetest.NewGate(t)
	p, _ := mark(t, Process{ID: processID("ONLINE"), Status: appStatus("ONLINE")})
	e := newExecutor(t, Process{ID: processID("JOB"), Command: gated(g, "", "exit 1"), Failed: appStatus("BROKEN")}, p)
	job := e.orderLater("JOB")
	g.Await(1)
	assert.Equal(t, "JOB is in progress", e.order("ONLINE").Text)
	g.LetGo(1)
	assert.Equal(t, appStatus("BROKEN"), await(t, job).Application)
}

func TestAProcessWithoutStatusRunsAgainAndChangesNothing(t *testing.T) {
	p, ran := mark(t, Process{ID: processID("REPORT")})
	e := newExecutor(t, p)
	before := contents(t, e.path)
	for i := range 3 {
		r := e.order("REPORT")
		assert.Equal(t, Launched, r.Outcome)
		assert.Equal(t, NotStarted, r.Application)
		assert.Equal(t, i+1, ran())
	}
	assert.Equal(t, before, contents(t, e.path))
}

func TestProcessesWithoutStatusRunAtTheSameTime(t *testing.T) {
	g := slavetest.NewGate(t)
	e := newExecutor(t, Process{ID: processID("A"), Command: gated(g, "", "")}, Process{ID: processID("B"), Command: gated(g, "", "")})
	a, b := e.orderLater("A"), e.orderLater("B")
	g.Await(2)
	assert.Equal(t, Already, e.order("A").Outcome)
	g.LetGo(2)
	assert.Equal(t, Launched, await(t, a).Outcome)
	assert.Equal(t, Launched, await(t, b).Outcome)
}

func TestOneProcessTooManyIsRefused(t *testing.T) {
	t.Parallel()
	g := slavetest.NewGate(t)
	var processes []Process
	for i := range MaxRuns + 1 {
		processes = append(processes, Process{ID: processID(fmt.Sprintf("P%d", i)), Command: gated(g, "", "")})
	}
	e := newExecutor(t, processes...)
	var results []<-chan Result
	for i := range MaxRuns {
		results = append(results, e.orderLater(fmt.Sprintf("P%d", i)))
	}
	g.Await(MaxRuns)
	assert.Equal(t, MaxRuns, e.Running())
	last := fmt.Sprintf("P%d", MaxRuns)
	assert.Equal(t, resultOf(last, Refused, NotStarted, "64 processes are in progress"), e.order(last))
	g.LetGo(MaxRuns)
	for _, r := range results {
		assert.Equal(t, Launched, await(t, r).Outcome)
	}
	assert.Zero(t, e.Running())
	g.LetGo(1)
	assert.Equal(t, Launched, e.order(last).Outcome)
}

func TestOfOrdersAtOnceOneLaunches(t *testing.T) {
	const orders = 50
	p, ran := mark(t, Process{ID: processID("P"), Status: appStatus("ONLINE")})
	e := newExecutor(t, p)
	var results []<-chan Result
	for range orders {
		results = append(results, e.orderLater("P"))
	}
	outcomes := map[Outcome]int{}
	for _, r := range results {
		outcomes[await(t, r).Outcome]++
	}
	assert.Equal(t, map[Outcome]int{Launched: 1, Already: orders - 1}, outcomes)
	assert.Equal(t, 1, ran())
}

func TestAnOrderThatIsNotWaitedForStillEndsInTheContactFile(t *testing.T) {
	g := slavetest.NewGate(t)
	e := newExecutor(t, Process{ID: processID("P"), Command: gated(g, "", ""), Status: appStatus("ONLINE")})
	ctx, cancel := context.WithCancel(context.Background())
	failed := make(chan error, 1)
	go func() {
		_, err := e.Execute(ctx, byOperator("P"))
		failed <- err
	}()
	g.Await(1)
	cancel()
	require.ErrorIs(t, await(t, failed), context.Canceled)
	assert.Equal(t, Already, e.order("P").Outcome)
	g.LetGo(1)
	assert.Empty(t, e.Close(context.Background()))
	assert.Equal(t, "ONLINE", e.stands())
}

func TestCloseRefusesOrdersAndNamesWhatStillRuns(t *testing.T) {
	g := slavetest.NewGate(t)
	e := newExecutor(t, Process{ID: processID("A"), Command: gated(g, "", "")}, Process{ID: processID("B"), Command: gated(g, "", "")})
	a, b := e.orderLater("A"), e.orderLater("B")
	g.Await(2)
	over, cancel := context.WithCancel(context.Background())
	cancel()
	assert.Equal(t, []string{"A", "B"}, e.Close(over))
	for _, id := range []string{"A", "NOPE"} {
		assert.Equal(t, resultOf(id, Refused, NotStarted, "the daemon is shutting down"), e.order(id))
	}
	for _, results := range []<-chan Result{a, b} {
		assert.Contains(t, await(t, results).Text, "error: wait for the end of process ", "nobody knows it yet")
	}
	next := e.again()
	g.LetGo(2)
	assert.Empty(t, next.Close(context.Background()))
	assert.Equal(t, map[string][]Outcome{"A": {Refused, Launched}, "B": {Launched}, "NOPE": {Refused}}, next.filed())
}

// What Close has waited for is told to whoever ordered it, even where the daemon ends at once afterwards.
func TestAResultThatCloseWaitedForIsNotLost(t *testing.T) {
	t.Parallel()
	for range 50 {
		g := slavetest.NewGate(t)
		e := newExecutor(t, Process{ID: processID("P"), Command: gated(g, "", ""), Status: appStatus("ONLINE")})
		ctx, cancel := context.WithCancel(context.Background())
		failed := make(chan error, 1)
		go func() {
			_, err := e.Execute(ctx, byOperator("P"))
			failed <- err
		}()
		g.Await(1)
		g.LetGo(1)
		require.Empty(t, e.Close(context.Background()))
		cancel()
		require.NoError(t, await(t, failed))
	}
}

func TestOutputsThatChildrenKeepOpenAreCountedAndHaveALimit(t *testing.T) {
	g := slavetest.NewGate(t)
	child := strings.Join(gated(g, "", "")[2:], "")
	e := newExecutor(t, Process{ID: processID("P"), Command: sh("(" + child + "\n) &")})
	held := func() int {
		e.mu.Lock()
		defer e.mu.Unlock()
		return e.held
	}
	assert.Equal(t, Launched, e.order("P").Outcome)
	g.Await(1)
	require.Eventually(t, func() bool { return held() == 1 }, patience, time.Millisecond)
	e.count(MaxHeldOutputs - 1)
	r := e.order("P")
	assert.Equal(t, Refused, r.Outcome)
	assert.Equal(t, "children of 256 ended processes keep their output open", r.Text)
	g.LetGo(1)
	require.Eventually(t, func() bool { return held() == MaxHeldOutputs-1 }, patience, time.Millisecond)
	assert.Equal(t, Launched, e.order("P").Outcome)
	g.Await(1)
	g.LetGo(1)
}
