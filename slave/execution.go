package slave

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"renraku/contactfile"
	"renraku/slave/runs"
	"renraku/telegram"
)

// MaxRuns is how many processes a server runs at once; another order is REFUSED.
const MaxRuns = 64

// MaxHeldOutputs is how many ended processes may have children that keep their output open, each at the cost of the parent of
// the run; another order is REFUSED.
const MaxHeldOutputs = 256

// ExecutionConfig is what the execution control of one server has to know.
type ExecutionConfig struct {
	Host      telegram.Host
	Own       *OwnRecord
	Processes []Process
	Records   *Records
	Tell      func(event string) // takes the daemon's own events for the triggers, and never waits; nil: nobody does
	Log       *slog.Logger
}

// ExecutionControl is the execution control unit of one server (220), steps 61–67. Orders come from the manager by TCP, from
// the operator, from triggers, and, for the manager's own server, in process.
type ExecutionControl struct {
	host    telegram.Host
	own     *OwnRecord
	runs    *runs.Dir
	history *contactfile.History
	outbox  *outbox // results for the manager; nil: this is the manager
	tell    func(event string)
	log     *slog.Logger

	ctx    context.Context // of all that follows a run
	cancel context.CancelFunc
	all    sync.WaitGroup

	mu        sync.Mutex // check, intent and launch are one step, and the end of a run is one
	closed    bool
	processes map[telegram.ProcessID]*Process
	redefined chan struct{} // closed when processes is another one
	running   map[telegram.ProcessID]*execution
	settled   map[telegram.ProcessID]uint64 // the last run of which all is in the history
	held      int                           // ended processes whose output is still open
	marks     distinguisher
	idle      chan struct{} // closed while no order is in progress
}

// execution is a run in progress.
type execution struct {
	*runs.Run
	runs.Intent
	changes  bool       // some end of its order can change field 133
	launched bool       // of type simple: it is up, and its order is done
	waiting  chan filed // the result of the order, for Execute; nil: nobody waits

	recovered bool // an earlier daemon launched it
}

// NewExecutionControl takes up the runs that an earlier daemon of this server left: those that go on are followed, and what is
// known of the others is filed (after Recover). The records stay the caller's, until Close or Stop has returned.
func NewExecutionControl(cfg ExecutionConfig) *ExecutionControl {
	e := &ExecutionControl{
		host: cfg.Host, own: cfg.Own, runs: cfg.Records.Runs, history: cfg.Records.History, tell: cfg.Tell, log: cfg.Log,
		running: map[telegram.ProcessID]*execution{},
		settled: map[telegram.ProcessID]uint64{},
		marks:   distinguisher{earlier: map[telegram.ProcessID][]content{}},
		idle:    make(chan struct{}),
	}
	if e.tell == nil {
		e.tell = func(string) {}
	}
	e.ctx, e.cancel = context.WithCancel(context.Background())
	e.SetProcesses(cfg.Processes)
	close(e.idle)
	return e
}

// SetProcesses has other definitions of processes stand from now on. Runs in progress end as they were launched.
func (e *ExecutionControl) SetProcesses(processes []Process) {
	known := make(map[telegram.ProcessID]*Process, len(processes))
	for i := range processes {
		known[processes[i].ID] = &processes[i]
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.processes = known
	if e.redefined != nil {
		close(e.redefined)
	}
	e.redefined = make(chan struct{})
}

// Running is how many processes of this server are in progress, MaxRuns at most.
func (e *ExecutionControl) Running() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.running)
}

// Execute takes one order (61): it checks the contact file again (63), launches (64), waits until the process has ended or, of
// type simple, is up, updates field 133 (65) and gives what is to be notified (66). Of any number of orders at once for one
// process, one launches it. The result stands in the history when Execute returns. Where ctx ends first, the process goes on,
// its result is still taken into field 133 and the history, and the error is that of ctx.
func (e *ExecutionControl) Execute(ctx context.Context, order Order) (Result, error) {
	result, _, err := e.execute(ctx, order)
	return result, err
}

// execute gives with the result its number in the history, or noRecord.
func (e *ExecutionControl) execute(ctx context.Context, order Order) (Result, int, error) {
	x, waiting, refused := e.begin(&order)
	if x == nil {
		return refused.Result, refused.index, nil
	}
	select {
	case filed := <-waiting:
		return filed.Result, filed.index, nil
	case <-ctx.Done():
	case <-e.ctx.Done():
	}
	return e.leave(x, waiting)
}

// leave ends the wait for the result of an order.
func (e *ExecutionControl) leave(x *execution, waiting <-chan filed) (Result, int, error) {
	e.mu.Lock()
	waits := x.waiting != nil
	x.waiting = nil
	e.mu.Unlock()
	if !waits { // the result is filed, and comes now
		filed := <-waiting
		return filed.Result, filed.index, nil
	}
	return Result{}, noRecord, fmt.Errorf("wait for the end of process %v: %w", x.Process, context.Canceled)
}

// begin is the check, the intent and the launch, one step under the lock. Where nothing was launched, the execution is nil, and the
// result that says so is filed.
func (e *ExecutionControl) begin(order *Order) (*execution, <-chan filed, filed) {
	e.mu.Lock()
	defer e.mu.Unlock()
	stands, outcome, why := e.check(order.Process)
	result := Result{Host: e.host, Process: order.Process, Trigger: order.Trigger, Outcome: outcome, Application: stands,
		Text: why, Time: now()}
	if outcome != Launched {
		return nil, nil, filed{result, e.fileRefusal(&result)}
	}
	p := e.processes[order.Process]
	x, after, err := e.launch(p, stands, order)
	if err != nil {
		result.Outcome, result.Text = Failed, err.Error()
		if !after.IsZero() {
			result.Application = after
		}
		index := e.fileRefusal(&result)
		e.apply(after, stands)
		return nil, nil, filed{result, index}
	}
	waiting := make(chan filed, 1)
	x.waiting = waiting
	e.add(x)
	e.all.Go(func() { e.follow(x) })
	e.log.Info(fmt.Sprintf("%v@%v started", x.Process, e.host), "host", e.host.String(), "process", x.Process.String(),
		"trigger", x.Trigger, "parent", x.PID)
	return x, waiting, filed{}
}

// launch writes the intent and starts the parent of the run. It starts nothing where the result could not be kept. With the error
// comes the status after it: a process that cannot be started as it is defined has failed, a daemon that cannot start one has
// changed nothing.
func (e *ExecutionControl) launch(p *Process, stands telegram.Status, order *Order) (*execution, telegram.Status, error) {
	c, err := commandOf(p, e.host, stands, order)
	if err != nil {
		return nil, p.Failed, err
	}
	unchanged := telegram.Status{}
	if err := e.history.Reserve(recordsPerRun * (len(e.running) + 1)); err != nil {
		return nil, unchanged, fmt.Errorf("not started: the result could not be kept: %w", err)
	}
	intent := runs.Intent{Process: p.ID, Time: now(), Simple: p.Type == Simple, Trigger: string(order.Trigger),
		Before: stands, Status: p.Status, After: p.After, Failed: p.Failed, History: e.history.Len()}
	r, err := e.runs.Launch(intent, c, e.settled[p.ID])
	if err != nil {
		return nil, unchanged, fmt.Errorf("not started: %w", err)
	}
	return newExecution(r), unchanged, nil
}

// recordsPerRun is how many records of the history a run can have: of type simple, LAUNCHED and ENDED.
const recordsPerRun = 2

func newExecution(r *runs.Run) *execution {
	x := &execution{Run: r, Intent: r.Record().Intent}
	x.changes = !x.Status.IsZero() || !x.Failed.IsZero()
	return x
}

// add has the run be known, and its order count as in progress, unless an earlier daemon has had it done.
func (e *ExecutionControl) add(x *execution) {
	if !x.launched && !e.inProgress() {
		e.idle = make(chan struct{})
	}
	e.running[x.Process] = x
}

// inProgress says whether an order is: a process of type simple that is up has had its order done.
func (e *ExecutionControl) inProgress() bool {
	for _, x := range e.running {
		if !x.launched {
			return true
		}
	}
	return false
}

// check says whether the process may be launched now (63): LAUNCHED, or what is answered instead and why.
func (e *ExecutionControl) check(id telegram.ProcessID) (telegram.Status, Outcome, string) {
	if e.closed {
		return e.own.Application(), Refused, "the daemon is shutting down"
	}
	if err := e.own.Unbegun(); err != nil {
		return e.own.Application(), Failed, "not started: " + err.Error()
	}
	if !e.own.Monitored() {
		return e.own.Application(), Refused, "no monitoring on this server"
	}
	stands, err := e.own.ReadApplication()
	if err != nil {
		return e.own.Application(), Refused, WithRemedy(err).Error()
	}
	p, x := e.processes[id], e.running[id]
	switch {
	case p == nil:
		return stands, Refused, fmt.Sprintf("no process %v in the definition", id)
	case !p.On(e.host.String()):
		return stands, Refused, fmt.Sprintf("process %v is not one of this server's", id)
	case x != nil:
		return stands, Already, "in progress since " + x.Time.UTC().Format(time.RFC3339)
	}
	ok, already, why := p.Allows(stands)
	switch {
	case already:
		return stands, Already, why
	case p.changesStatus() && e.changing() != nil:
		return stands, Refused, fmt.Sprintf("%v is in progress", e.changing().Process)
	case !ok:
		return stands, Refused, why
	case len(e.running) >= MaxRuns:
		return stands, Refused, fmt.Sprintf("%d processes are in progress", MaxRuns)
	case e.held >= MaxHeldOutputs:
		return stands, Refused, fmt.Sprintf("children of %d ended processes keep their output open", e.held)
	}
	return stands, Launched, ""
}

// changing is an order in progress that changes the status, if there is one. A process of type simple that is up has changed
// it, and what its status allows may follow.
func (e *ExecutionControl) changing() *execution {
	for _, x := range e.running {
		if x.changes && !x.launched {
			return x
		}
	}
	return nil
}

// Serve checks the applications of this server until ctx ends.
func (e *ExecutionControl) Serve(ctx context.Context) error { return e.serveChecks(ctx) }

// ShutDown refuses every further order, waits a short while for the orders in progress, and logs which processes go on.
func (e *ExecutionControl) ShutDown() {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownWait)
	defer cancel()
	if left := e.Close(ctx); len(left) > 0 {
		e.log.Info("processes go on without the daemon; the next one takes up their results",
			"host", e.host.String(), "process_ids", strings.Join(left, " "))
	}
}

// shutdownWait is how long a daemon that ends waits for the orders in progress.
const shutdownWait = 10 * time.Second

// Close refuses every further order, waits for the orders in progress until ctx ends, and lets go of all runs. It names those
// that go on by themselves.
func (e *ExecutionControl) Close(ctx context.Context) []string {
	e.mu.Lock()
	e.closed = true
	idle := e.idle
	e.mu.Unlock()
	select {
	case <-idle:
	case <-ctx.Done():
	}
	e.Stop()
	e.mu.Lock()
	defer e.mu.Unlock()
	var left []string
	for id := range e.running {
		left = append(left, id.String())
	}
	slices.Sort(left)
	return left
}

// Stop refuses every further order and lets go of all runs at once.
func (e *ExecutionControl) Stop() {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	e.cancel()
	e.all.Wait()
}

// now has the milliseconds that the history and the records keep.
func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }
