package slave

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"renraku/contactfile"
	"renraku/slave/runs"
	"renraku/slave/slavetest"
	"renraku/telegram"
)

func TestMain(m *testing.M) {
	if runs.IsParent() {
		os.Exit(runs.Parent())
	}
	os.Exit(m.Run())
}

// patience is how long a test waits for what must come; only a test that fails waits so long.
const patience = 20 * time.Second

var app01 = must(telegram.NewHost("app01"))

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func processID(s string) telegram.ProcessID { return must(telegram.NewProcessID(s)) }
func appStatus(s string) telegram.Status    { return must(telegram.NewStatus(s)) }

func appStatuses(names ...string) (all []telegram.Status) {
	for _, name := range names {
		all = append(all, appStatus(name))
	}
	return all
}

// sh is the argv of a script: the product itself knows of no shell.
func sh(script string) []string { return []string{"/bin/sh", "-c", script} }

// await gives what comes from the channel.
func await[T any](t testing.TB, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		require.FailNow(t, "nothing came")
	}
	panic("not reached")
}

// logBook keeps what is logged, one line each.
type logBook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func newLog() (*slog.Logger, *logBook) {
	book := &logBook{}
	return slog.New(slog.NewTextHandler(book, &slog.HandlerOptions{Level: slog.LevelDebug})), book
}

func (l *logBook) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// with gives the lines that have all the words.
func (l *logBook) with(words ...string) (found []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.text.String()) {
		if !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(line, word) }) {
			found = append(found, line)
		}
	}
	return found
}

func openContactFile(t testing.TB) (*contactfile.File, string) {
	path := filepath.Join(t.TempDir(), "contact.dat")
	file, err := contactfile.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { file.Close() })
	return file, path
}

// shortDir is a directory whose name leaves room for more in the text of a result.
func shortDir(t testing.TB) string {
	dir, err := os.MkdirTemp("", "r")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func contents(t testing.TB, path string) string {
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(b)
}

// padded is a field of the contract.
func padded(s string, n int) string { return s + strings.Repeat(" ", n-len(s)) }

// writeAt changes the contact file as an operator does by hand.
func writeAt(t testing.TB, path string, offset int64, bytes string) {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte(bytes), offset)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

// writeStatus writes field 133 by hand.
func writeStatus(t testing.TB, path, status string) { writeAt(t, path, 72, padded(status, 24)) }

// gated is a command that does before, stops at the gate, and then does after.
func gated(g *slavetest.Gate, before, after string) []string {
	return sh(before + "\n" + g.Script() + "\n" + after)
}

// openRecords opens records in a directory of their own.
func openRecords(t testing.TB) *Records {
	log, _ := newLog()
	records, err := OpenRecords(t.TempDir(), log)
	require.NoError(t, err)
	t.Cleanup(func() { records.Close() })
	return records
}

// executor is an ExecutionControl of app01 on a real contact file and records, monitored.
type executor struct {
	*ExecutionControl
	t       testing.TB
	own     *OwnRecord
	status  *StatusControl
	file    *contactfile.File
	records *Records
	dir     string
	path    string // of the contact file
	log     *logBook
	events  *eventBook
}

// newExecutor has the status NOT-STARTED.
func newExecutor(t testing.TB, processes ...Process) *executor {
	return newExecutorIn(t, t.TempDir(), thisBoot(t), processes...)
}

// newExecutorIn takes up what an earlier one left in the directory.
func newExecutorIn(t testing.TB, dir, boot string, processes ...Process) *executor {
	t.Helper()
	e := &executor{t: t, dir: dir, path: filepath.Join(dir, "contact.dat"), events: &eventBook{}}
	var err error
	require.Eventually(t, func() bool { // a child that another test forks just now has a copy of the lock until it executes
		e.file, err = contactfile.Open(e.path)
		return !errors.Is(err, contactfile.ErrLocked)
	}, patience, pollOften)
	require.NoError(t, err)
	log, book := newLog()
	e.log = book
	e.records, err = openRecordsInBoot(dir, boot, log)
	require.NoError(t, err)
	e.own = NewOwnRecord(app01, e.file, 0)
	e.own.Remember(e.records.Memory)
	e.own.Tell(e.events.add)
	e.status = NewStatusControl(app01, e.own, e.file, log)
	require.NoError(t, e.status.Begin())
	e.ExecutionControl = NewExecutionControl(ExecutionConfig{
		Host: app01, Own: e.own, Processes: processes, Records: e.records, Tell: e.events.add, Log: log})
	e.Recover()
	t.Cleanup(e.end)
	return e
}

// end lets go of everything at once, as the death of the daemon does. What runs goes on.
func (e *executor) end() {
	e.Stop()
	e.records.Close()
	e.file.Close()
}

// again is the next daemon on the same directory.
func (e *executor) again(processes ...Process) *executor {
	e.t.Helper()
	e.end()
	return newExecutorIn(e.t, e.dir, thisBoot(e.t), processes...)
}

// history is every result on record, oldest first.
func (e *executor) history() (all []Result) {
	e.t.Helper()
	for record, err := range contactfile.ReadHistory(filepath.Join(e.dir, HistoryFile)) {
		require.NoError(e.t, err)
		all = append(all, must(ResultOfRecord(&record)))
	}
	return all
}

// filed is the outcomes on record for each process, oldest first.
func (e *executor) filed() map[string][]Outcome {
	e.t.Helper()
	outcomes := map[string][]Outcome{}
	for _, r := range e.history() {
		outcomes[r.Process.String()] = append(outcomes[r.Process.String()], r.Outcome)
	}
	return outcomes
}

// eventBook keeps what the triggers are told.
type eventBook struct {
	mu  sync.Mutex
	all []string
}

func (b *eventBook) add(event string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all = append(b.all, event)
}

func (b *eventBook) list() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.all)
}

// resultOf is a result of the operator's order, without its time.
func resultOf(id string, outcome Outcome, application telegram.Status, text string) Result {
	return Result{Host: app01, Process: processID(id), Trigger: ByOperator, Outcome: outcome, Application: application, Text: text}
}

// order executes and waits for the result; its time is seen to be the present one, and taken off.
func (e *executor) order(id string) Result {
	e.t.Helper()
	r := await(e.t, e.orderLater(id))
	require.WithinDuration(e.t, time.Now(), r.Time, patience)
	r.Time = time.Time{}
	return r
}

// orderLater executes; the result comes when there is one.
func (e *executor) orderLater(id string) <-chan Result {
	results := make(chan Result, 1)
	go func() {
		result, err := e.Execute(context.Background(), byOperator(id))
		if err != nil {
			result.Text, result.Time = "error: "+err.Error(), time.Now()
		}
		results <- result
	}()
	return results
}

func byOperator(id string) Order { return Order{Process: processID(id), Trigger: ByOperator} }

// stands is field 133 as any reader finds it in the file.
func (e *executor) stands() string { return statusInFile(e.t, e.path) }

func statusInFile(t testing.TB, path string) string {
	t.Helper()
	records, err := contactfile.ReadFile(path)
	require.NoError(t, err)
	require.Len(t, records, 1)
	return records[0].Application
}
