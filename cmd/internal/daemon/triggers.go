package daemon

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"renraku/cmd/internal/definition"
	"renraku/slave"
	"renraku/slave/runs"
	"renraku/slave/trigger"
	"renraku/telegram"
)

// clockFile keeps the last minute that the preset times were looked at, among the records of the runs.
const clockFile = "clock.dat"

// openTriggers opens the socket of messages and makes the engine that fires this server's triggers.
func (d *Daemon) openTriggers(o Options) error {
	var err error
	if d.messages, err = trigger.Listen(o.Dir); err != nil {
		return err
	}
	d.engine, err = trigger.New(trigger.Config{
		Triggers:      d.triggersOf(o.Definition),
		Fire:          d.fire,
		MessageSocket: d.messages,
		StatePath:     filepath.Join(o.Dir, runs.Name, clockFile),
		Log:           d.log,
	})
	return err
}

// triggersOf is the triggers of the definition that this daemon has: of the local ones, those whose process this server has.
func (d *Daemon) triggersOf(def *definition.Definition) []trigger.Trigger {
	var here []trigger.Trigger
	for i := range def.Triggers {
		t := &def.Triggers[i]
		if !t.Here(d.host, d.Role == definition.ManagerRole) {
			continue
		}
		if p := def.Process(t.Process); !t.Local || p != nil && p.On(d.host) {
			here = append(here, *t)
		}
	}
	return here
}

// tell gives the triggers an event of this daemon. It never waits; what is dropped is counted and said by the engine.
func (d *Daemon) tell(event string) { d.engine.Tell(event) }

// fire orders what a trigger is for. Orders in progress when the daemon ends have as much time as those of the operator.
func (d *Daemon) fire(_ context.Context, t trigger.Trigger, cause trigger.Cause) {
	process, err := telegram.NewProcessID(t.Process)
	if err != nil {
		d.log.Error("trigger not fired", "process", t.Process, "error", err)
		return
	}
	why := "at " + t.At
	if cause.By == slave.ByMessage {
		why = fmt.Sprintf("message %q", telegram.Cut(cause.Message, maxLogged))
	}
	if d.station.holds(&t, cause) {
		d.sayHeld(&t, cause, why)
		return
	}
	d.log.Info(fmt.Sprintf("trigger of %v fires", process), "process", t.Process, "trigger", string(cause.By), "cause", why)
	d.station.fire(d.commands, &t, slave.Order{Process: process, Trigger: cause.By, Message: cause.Message})
}

// sayHeld says what a trigger would have done: of a preset time as of one that was missed.
func (d *Daemon) sayHeld(t *trigger.Trigger, cause trigger.Cause, why string) {
	const reason = "the manager is isolated"
	if cause.By == slave.ByTime {
		d.log.Warn("preset time missed, not run", "process", t.Process, "at", t.At,
			"missed", cause.At.In(t.Location).Format(time.RFC3339), "reason", reason)
		return
	}
	d.log.Warn(fmt.Sprintf("trigger of %s held, not run", t.Process), "process", t.Process, "trigger", string(cause.By), "cause", why,
		"reason", reason)
}

// maxLogged is how much of a message stands in the log, in bytes.
const maxLogged = 256
