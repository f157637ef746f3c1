package manager

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"renraku/contactfile"
	"renraku/slave"
	"renraku/telegram"
)

// MaxOrders is how many orders the manager has in progress at once; further ones of a bulk order wait for a place.
const MaxOrders = 16384

// nothingSent ends the text of every ALREADY of the manager's own check; a slave's does not end so.
const nothingSent = "nothing was sent"

// Ready is the outcome of a dry run where the check (54) allows the order.
const Ready slave.Outcome = "READY"

// ExecutionControl is the execution control unit of the manager (120), steps 50–60 and 62.
type ExecutionControl struct {
	host    telegram.Host
	own     *slave.ExecutionControl // serves the manager's own record
	status  *StatusControl
	file    *contactfile.File
	defined *definitions
	targets *targets
	courier *courier
	log     *slog.Logger
	places  chan struct{}
	waiting atomic.Int64 // orders that have no place yet
}

func newExecutionControl(host telegram.Host, own *slave.ExecutionControl, c *courier, log *slog.Logger) *ExecutionControl {
	k := c.targets
	return &ExecutionControl{
		host: host, own: own, status: k.status, file: k.file, defined: k.defined, targets: k, courier: c, log: log,
		places: make(chan struct{}, MaxOrders),
	}
}

// definitions are the definitions of processes (file 90, 53) that stand now.
type definitions struct {
	all atomic.Pointer[[]slave.Process]
}

// process is the definition of a process, nil where there is none. Nobody changes it, and it stays as it is when others come.
func (d *definitions) process(id telegram.ProcessID) *slave.Process {
	all := *d.all.Load()
	for i := range all {
		if all[i].ID == id {
			return &all[i]
		}
	}
	return nil
}

// SetProcesses has other definitions of processes stand from now on. Orders in progress go on with those that they began with.
// Nobody may change them afterwards.
func (e *ExecutionControl) SetProcesses(processes []slave.Process) {
	e.defined.all.Store(&processes)
	e.targets.prune()
	e.targets.runs.prune()
}

// Order orders the process on each of the hosts at once (50) and gives each result to row as it comes, one for each host,
// from one goroutine at a time. It returns after the last.
func (e *ExecutionControl) Order(ctx context.Context, order slave.Order, hosts []telegram.Host, row func(slave.Result)) {
	rows, held := make(chan slave.Result), e.holder(&order, hosts)
	e.waiting.Add(int64(len(hosts)))
	go func() {
		var all sync.WaitGroup
		said := false
		for i, host := range hosts {
			said = e.place(order.Process, len(hosts)-i, said)
			e.waiting.Add(-1)
			all.Go(func() {
				defer func() { <-e.places }()
				rows <- e.orderOne(ctx, target{host, order.Process}, order, held)
			})
		}
		all.Wait()
		close(rows)
	}()
	for r := range rows {
		row(r)
	}
}

// place waits for a place among the orders in progress. It gives whether that was logged, once for each bulk order.
func (e *ExecutionControl) place(p telegram.ProcessID, left int, said bool) bool {
	select {
	case e.places <- struct{}{}:
		return said
	default:
	}
	if !said {
		e.log.Warn("orders wait: as many as there may be are in progress", "host", e.host.String(), "process", p.String(),
			"waiting", left, "limit", MaxOrders)
	}
	e.places <- struct{}{}
	return true
}

// DryRun gives the verdict of the check (54) for each of the hosts, and sends nothing.
func (e *ExecutionControl) DryRun(id telegram.ProcessID, hosts []telegram.Host, row func(slave.Result)) {
	for _, host := range hosts {
		t := target{host, id}
		entry := e.targets.lock(t)
		_, r := e.check(t, entry.inProgress())
		entry.mu.Unlock()
		row(r)
	}
}

// orderOne is steps 54–60 and 62 for one target. Its outcome stands in the history when it returns, or the text says why not.
func (e *ExecutionControl) orderOne(ctx context.Context, t target, order slave.Order, held func() bool) slave.Result {
	p, entry, verdict := e.begin(t)
	verdict.Trigger, verdict.Time = order.Trigger, now()
	if verdict.Outcome != Ready {
		return e.nothingSent(verdict) // (60)
	}
	defer entry.release()
	if held() {
		return e.nothingSent(heldBack(verdict))
	}
	if t.host == e.host {
		return e.orderOwn(ctx, order, verdict)
	}
	r, sent := e.courier.order(ctx, entry, t, order.Trigger, p.Timeout, held)
	if sent {
		return r
	}
	r.Application = verdict.Application
	return e.nothingSent(r)
}

// nothingSent records an outcome of which no slave knows. It is told even where that fails: nothing was done that could be lost.
func (e *ExecutionControl) nothingSent(r slave.Result) slave.Result {
	if err := e.targets.record(&r); err != nil {
		r.Text += unrecorded(err)
	}
	r.Log(e.log)
	return r
}

// orderOwn orders the process on the manager's own server, which records what becomes of it, and logs it. Where the daemon ends
// first, the next one takes the process up and records it.
func (e *ExecutionControl) orderOwn(ctx context.Context, order slave.Order, verdict slave.Result) slave.Result {
	began := time.Now()
	r, err := e.own.Execute(ctx, order)
	if err == nil {
		e.targets.runs.add(&r, time.Since(began))
		return r
	}
	r = verdict
	r.Outcome, r.Text, r.Time = slave.Unknown, daemonEnded, now()
	r.Log(e.log)
	return r
}

// begin checks the target and, where the order may be sent, has it count as in progress: one step. On the manager's own server
// its slave.ExecutionControl does that.
func (e *ExecutionControl) begin(t target) (*slave.Process, *entry, slave.Result) {
	for {
		entry := e.targets.lock(t)
		p, verdict := e.check(t, entry.inProgress())
		taken := verdict.Outcome != Ready || t.host == e.host || e.targets.claim(t, entry)
		entry.mu.Unlock()
		if taken {
			return p, entry, verdict
		}
	}
}

// check is step 54: 132 and 133 of the target's record, read from the contact file, against the process definition.
func (e *ExecutionControl) check(t target, inProgress bool) (*slave.Process, slave.Result) {
	r := slave.Result{Host: t.host, Process: t.process, Outcome: slave.Skipped}
	p := e.defined.process(t.process)
	record, err := e.status.Record(t.host)
	if err == nil {
		r.Application, err = telegram.NewStatus(record.Application)
	}
	in := e.status.maintenanceAt(t.host)
	switch {
	case !e.status.Monitoring():
		r.Text = "no monitoring"
	case err != nil:
		r.Text = slave.WithRemedy(err).Error()
	case in != nil:
		r.Text = in.reason(t.host)
	case record.Operating != contactfile.Running:
		r.Text = "the server is " + string(record.Operating)
	case p == nil || !p.On(t.host.String()):
		r.Text = "no such process on this server"
	case inProgress:
		r.Outcome, r.Text = slave.Already, "an order is in progress; "+nothingSent
	default:
		ok, already, why := p.Allows(r.Application)
		switch {
		case ok:
			r.Outcome = Ready
		case already:
			r.Outcome, r.Text = slave.Already, why+"; "+nothingSent
		default:
			r.Text = why
		}
	}
	return p, r
}
