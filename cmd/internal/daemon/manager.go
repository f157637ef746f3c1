package daemon

import (
	"context"
	"maps"
	"slices"

	"renraku/cmd/internal/control"
	"renraku/cmd/internal/definition"
	"renraku/cmd/internal/web"
	"renraku/manager"
	"renraku/slave"
	"renraku/slave/trigger"
	"renraku/telegram"
)

// managerStation takes the operator's commands at the manager.
type managerStation struct {
	current *standing
	engine  *trigger.Engine
	server  *manager.Server
	orders  orders
	page    *web.Server // nil: there is none
}

// State says which daemon it is.
func (m *managerStation) State() control.State {
	blocked, n := m.server.Blocked()
	dropped := m.server.Drops().All()
	if m.page != nil {
		maps.Copy(dropped, m.page.Dropped())
	}
	maintained := m.maintained()
	return control.State{Host: m.current.Load().Manager.Host, Role: definition.ManagerRole.String(),
		Monitoring: m.server.Monitoring(), Dropped: dropped,
		Definition: pathOf(m.current.Load()), Refused: m.current.refused.Load(), Isolated: m.server.Isolated(), UDPBlocked: blocked, UDPBlockedCount: n,
		Maintenance: maintained[:min(len(maintained), maxMaintained)], MaintenanceCount: len(maintained)}
}

// Begin begins monitoring.
func (m *managerStation) Begin() error { return m.server.Begin() }

// End ends monitoring (25–27).
func (m *managerStation) End(ctx context.Context) error { return m.server.End(ctx) }

// Order orders the process on every server that is meant, at once (50).
func (m *managerStation) Order(ctx context.Context, o control.Order, head func(control.Head), row func(control.Row)) error {
	d := m.current.Load()
	id, err := processOf(d, o.Process)
	if err != nil {
		return err
	}
	hosts, err := hostsOf(d.Hosts(), o)
	if err != nil {
		return err
	}
	head(headOf(hosts))
	give := func(r slave.Result) { row(rowOf(&r)) }
	if o.DryRun {
		m.server.Execution().DryRun(id, hosts, give)
	} else {
		m.order(ctx, slave.Order{Process: id, Trigger: slave.ByOperator}, hosts, give)
	}
	return nil
}

// order orders the process on the hosts, and has that count as in progress.
func (m *managerStation) order(ctx context.Context, o slave.Order, hosts []telegram.Host, row func(slave.Result)) {
	done, end := m.orders.begin(o, hosts)
	defer end()
	m.server.Execution().Order(ctx, o, hosts, func(r slave.Result) {
		done(r.Host)
		row(r)
	})
}

// Message gives the triggers a message.
func (m *managerStation) Message(text string) error { return tellEngine(m.engine, text) }

// SetStatus corrects field 133 of the manager's own server.
func (m *managerStation) SetStatus(status string) error { return setStatus(status, m.server.SetStatus) }

// holds says whether a trigger is to order nothing. What runs on the manager itself and tells somebody that it is isolated is not held:
// it needs nobody else.
func (m *managerStation) holds(t *trigger.Trigger, cause trigger.Cause) bool {
	own := m.current.Load().Manager.Host
	if cause.By == slave.ByMessage && cause.Message == own+" "+manager.EventIsolated && (t.Local || onlyOn(t.Hosts, own)) {
		return false
	}
	return m.server.HoldsTrigger()
}

// onlyOn says whether the patterns are the host's name, each of them.
func onlyOn(patterns []slave.Pattern, host string) bool {
	return len(patterns) > 0 && !slices.ContainsFunc(patterns, func(p slave.Pattern) bool { return p.String() != host })
}

// fire orders the process on the hosts of the trigger that have it; a local trigger is for this server alone.
func (m *managerStation) fire(ctx context.Context, t *trigger.Trigger, order slave.Order) {
	d := m.current.Load()
	process := d.Process(t.Process)
	if process == nil {
		return
	}
	all := d.Hosts()
	if t.Local {
		all = all[:1]
	}
	var hosts []telegram.Host
	for _, name := range all {
		if !process.On(name) || len(t.Hosts) > 0 && !t.On(name) {
			continue
		}
		if host, err := telegram.NewHost(name); err == nil { // the definition was checked
			hosts = append(hosts, host)
		}
	}
	m.order(ctx, order, hosts, func(slave.Result) {})
}

func (m *managerStation) redefine(d *definition.Definition) error {
	slaves, err := slavesOf(d)
	if err != nil {
		return err
	}
	if err := m.server.Redefine(slaves, d.Processes); err != nil {
		return err
	}
	m.server.SetMonitoring(d.Monitor.IsolationHold, d.Monitor.TCPFallback)
	return nil
}

// slavesOf is the server definition as the manager takes it. The slaves of a range that have one IP address share it; a name is
// looked up for each of them.
func slavesOf(d *definition.Definition) ([]manager.Slave, error) {
	slaves := make([]manager.Slave, 0, len(d.Slaves))
	var address *slave.Address
	for i := range d.Slaves {
		s := &d.Slaves[i]
		host, err := telegram.NewHost(s.Host)
		if err != nil {
			return nil, err
		}
		if i == 0 || s.Address != d.Slaves[i-1].Address || address.IsName() {
			if address, err = slave.NewAddress(s.Address); err != nil {
				return nil, err
			}
		}
		g := d.GroupOf(s)
		slaves = append(slaves, manager.Slave{Host: host, Address: address, Interval: g.Interval, Timeout: g.Timeout, Retries: g.Retries})
	}
	return slaves, nil
}
