package daemon

import (
	"context"

	"renraku/cmd/internal/control"
	"renraku/cmd/internal/definition"
	"renraku/slave"
	"renraku/slave/trigger"
	"renraku/telegram"
)

// slaveStation takes the operator's commands at a slave, which concern this server alone.
type slaveStation struct {
	current *standing
	engine  *trigger.Engine
	host    telegram.Host
	server  *slave.Server
}

// State says which daemon it is.
func (s *slaveStation) State() control.State {
	return control.State{Host: s.host.String(), Role: definition.SlaveRole.String(),
		Monitoring: s.server.Monitoring(), Dropped: s.server.Drops().All(), Definition: pathOf(s.current.Load()), Refused: s.current.refused.Load()}
}

// Begin begins monitoring.
func (s *slaveStation) Begin() error { return s.server.Begin() }

// End ends monitoring (34–36).
func (s *slaveStation) End(context.Context) error { return s.server.End() }

// Order orders the process on this server.
func (s *slaveStation) Order(ctx context.Context, o control.Order, head func(control.Head), row func(control.Row)) error {
	id, err := processOf(s.current.Load(), o.Process)
	if err != nil {
		return err
	}
	if _, err := hostsOf([]string{s.host.String()}, o); err != nil {
		return control.WrongRequest("%w; this is a slave: only the manager orders on other servers", err)
	}
	if o.DryRun {
		return control.WrongRequest("a dry run is the manager's check, and this is a slave")
	}
	head(headOf([]telegram.Host{s.host}))
	r, err := s.server.Execute(ctx, slave.Order{Process: id, Trigger: slave.ByOperator})
	if err != nil {
		r = slave.Result{Host: s.host, Process: id, Outcome: slave.Unknown, Text: notWaitedFor}
	}
	row(rowOf(&r))
	return nil
}

// notWaitedFor is why the result of an order is not known to who gave it: he or the daemon has ended first.
const notWaitedFor = "its end was not waited for: the process goes on, and the history will have its result"

// Message gives the triggers of this server a message.
func (s *slaveStation) Message(text string) error { return tellEngine(s.engine, text) }

// SetStatus corrects field 133 of this server.
func (s *slaveStation) SetStatus(status string) error { return setStatus(status, s.server.SetStatus) }

// holds is never so: a slave's own triggers do not depend on who can be reached.
func (s *slaveStation) holds(*trigger.Trigger, trigger.Cause) bool { return false }

// fire executes the process of a local trigger on this server, where it has it.
func (s *slaveStation) fire(ctx context.Context, t *trigger.Trigger, order slave.Order) {
	if p := s.current.Load().Process(t.Process); p != nil && p.On(s.host.String()) {
		s.server.Execute(ctx, order) // its result is logged, and in the history; an error says that the daemon ends
	}
}

func (s *slaveStation) redefine(d *definition.Definition) error {
	return s.server.Redefine(d.Manager.Address, d.Processes)
}
