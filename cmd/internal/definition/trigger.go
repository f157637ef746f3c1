package definition

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // a server without zone files has the same zones

	"renraku/slave"
)

const (
	rightProcess  = `the ID of a [[process]] such as "ONLINE"`
	rightAt       = `five fields of cron (minute, hour, day, month, weekday) such as "0 23 * * 1-5"`
	rightMessage  = `a Go regular expression such as '^NIGHTBATCH@app01 ended normally$'`
	rightTimezone = `a name of the zone database such as "Asia/Tokyo"`
)

// trigger reads one [[trigger]] table.
func (r *reader) trigger(t *table) {
	g := Trigger{}
	id, idOK := t.needed("process", rightProcess)
	process := r.processes[id]
	if idOK && process == nil {
		t.wrong("process", "%s is not defined%s: %s is right", quoted(id), r.meant(id), rightProcess)
	}
	g.Process = id
	t.cause(&g)
	g.Local = t.boolean("local", false)
	if t.has("hosts") {
		var ok bool
		g.Hosts, ok = r.patterns(t, "hosts")
		if ok && r.hostsOK && process != nil && process.hostsOK && !r.meets(g.Hosts, &process.process) {
			t.wrong("hosts", "none of these hosts has process %s: a host that its own hosts match is right", quoted(id))
		}
	} else if !g.Local && !t.wrongLocal() {
		t.missing("hosts", `a list of the hosts to order, such as ["app*"], or local = true`)
	}
	t.unknown()
	r.def.Triggers = append(r.def.Triggers, g)
}

// wrongLocal says whether local is there but neither true nor false, so that nobody knows whether hosts are needed.
func (t *table) wrongLocal() bool {
	value, there := t.values["local"]
	_, isBool := value.(bool)
	return there && !isBool
}

// cause reads what fires the trigger: a preset time or a message.
func (t *table) cause(g *Trigger) {
	at, atOK := t.text("at", rightAt)
	if atOK {
		fields := strings.Fields(at)
		if err := checkCron(fields); err != nil {
			t.wrong("at", "%s is not a preset time (%v): %s is right", quoted(at), err, rightAt)
		}
		g.At, g.Location = strings.Join(fields, " "), time.Local
	}
	if zone, ok := t.text("timezone", rightTimezone); ok {
		location, err := time.LoadLocation(zone)
		if err != nil {
			t.wrong("timezone", "%s is not a time zone: %s is right", quoted(zone), rightTimezone)
		}
		g.Location = location
	}
	if message, ok := t.text("message", rightMessage); ok {
		expression, err := regexp.Compile(message)
		if err != nil {
			t.wrong("message", "%s is not a regular expression (%s): %s is right", quoted(message), oneLine(strings.TrimPrefix(err.Error(), "error parsing regexp: ")), rightMessage)
		}
		g.Message = expression
	}
	hasAt, hasMessage := t.has("at"), t.has("message")
	switch {
	case hasAt && hasMessage:
		t.wrong("message", "at is there too: one of at and message is right, or a trigger for each")
	case !hasAt && !hasMessage:
		t.wrong("at", "missing, and so is message: one of the two is right, such as at = \"0 23 * * 1-5\"")
	}
	if t.has("timezone") && !hasAt {
		t.wrong("timezone", "only for at: at = \"0 23 * * 1-5\", or no timezone, is right")
	}
}

func (r *reader) meant(id string) string {
	if near := nearest(id, slices.Sorted(maps.Keys(r.processes))); near != "" {
		return fmt.Sprintf(", %q may be meant", near)
	}
	return ""
}

// meets says whether a host that a pattern matches has the process.
func (r *reader) meets(patterns []slave.Pattern, p *slave.Process) bool {
	return r.anyHost(func(host string) bool {
		return p.On(host) && slices.ContainsFunc(patterns, func(h slave.Pattern) bool { return h.Match(host) })
	})
}
