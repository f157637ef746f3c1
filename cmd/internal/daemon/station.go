package daemon

import (
	"context"
	"fmt"
	"path/filepath"
	"sync/atomic"

	"renraku/cmd/internal/control"
	"renraku/cmd/internal/definition"
	"renraku/slave"
	"renraku/slave/trigger"
	"renraku/telegram"
)

// station is a manager or a slave as the operator, the triggers and the reload of the definition reach it.
type station interface {
	control.Station

	// holds says whether a trigger is to order nothing now; that is counted.
	holds(t *trigger.Trigger, cause trigger.Cause) bool
	// fire orders what a trigger is for (50), and returns when every result is known.
	fire(ctx context.Context, t *trigger.Trigger, order slave.Order)
	// redefine has another definition stand from now on; with an error, everything stays.
	redefine(d *definition.Definition) error
}

// standing is the definition that stands, and why the one that was read after it did not take its place; nil where none was.
type standing struct {
	atomic.Pointer[definition.Definition]
	refused atomic.Pointer[control.Refused]
}

// setStatus corrects field 133 of the daemon's own server.
func setStatus(text string, set func(telegram.Status) error) error {
	status, err := telegram.NewStatus(text)
	if err != nil || text == "" {
		return control.WrongRequest("%q is not a status: 1 to %d bytes 0x21–0x7E such as NOT-STARTED are right", text, telegram.StatusLength)
	}
	return set(status)
}

// pathOf is where the definition file is, for programs that run in another directory; "" where nobody can say.
func pathOf(d *definition.Definition) string {
	path, err := filepath.Abs(d.File)
	if err != nil {
		return ""
	}
	return path
}

// tellEngine gives the triggers a message of the operator.
func tellEngine(engine *trigger.Engine, text string) error {
	if !engine.Tell(text) {
		return fmt.Errorf("the message was dropped: %d messages wait for the triggers already", trigger.MaxQueued)
	}
	return nil
}

func processOf(d *definition.Definition, id string) (telegram.ProcessID, error) {
	p := d.Process(id)
	if p == nil {
		return telegram.ProcessID{}, control.WrongRequest("no process %q in %s as last read: renraku validate shows what stands there now, SIGHUP has it read again", id, d.File)
	}
	return p.ID, nil
}

// hostsOf is the hosts that the order means, in the order of all. A pattern that matches none is wrong.
func hostsOf(all []string, o control.Order) ([]telegram.Host, error) {
	if o.All == (len(o.Hosts) > 0) {
		return nil, control.WrongRequest("either some hosts or all")
	}
	meant := make([]bool, len(all))
	places := make(map[string]int, len(all)) // so that thousands of names are not compared with thousands of hosts
	for i, host := range all {
		places[host] = i
	}
	for _, written := range o.Hosts {
		p, err := slave.ParsePattern(written)
		if err != nil {
			return nil, control.WrongRequest("host %q: %w", written, err)
		}
		place, any := places[p.String()]
		if any = any && p.Literal(); any {
			meant[place] = true
		}
		for i := 0; i < len(all) && !p.Literal(); i++ {
			if p.Match(all[i]) {
				meant[i], any = true, true
			}
		}
		if !any {
			return nil, control.WrongRequest("no host matches %q", written)
		}
	}
	var hosts []telegram.Host
	for i, name := range all {
		if !o.All && !meant[i] {
			continue
		}
		host, err := telegram.NewHost(name)
		if err != nil {
			return nil, err
		}
		hosts = append(hosts, host)
	}
	return hosts, nil
}

func headOf(hosts []telegram.Host) control.Head {
	h := control.Head{Hosts: make([]string, len(hosts))}
	for i, host := range hosts {
		h.Hosts[i] = host.String()
	}
	return h
}

func rowOf(r *slave.Result) control.Row {
	return control.Row{Host: r.Host.String(), Process: r.Process.String(), Outcome: string(r.Outcome),
		Application: r.Application.String(), Text: r.Text}
}
