package definition

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"renraku/slave"
	"renraku/telegram"
)

// What the times of a process may be.
var (
	processTimeouts = span{least: time.Second, most: 168 * time.Hour, zero: "none", example: "10m"}
	settles         = span{least: 0, most: time.Minute, example: "1s"}
	checkIntervals  = span{least: 100 * time.Millisecond, most: time.Hour, example: "30s"}
)

const (
	rightID       = `an ID of 1 to 16 letters, digits, ".", "_" and "-" that begins with a letter or digit, such as "ONLINE",`
	rightStatus   = `a status of 1 to 24 characters without spaces, such as "ONLINE",`
	rightStatuses = `a list of statuses such as ["NOT-STARTED"]`
	rightCommand  = `a list of program and arguments such as ["/opt/app/online", "start"]`
	rightUser     = `a user's name such as "app"`
	rightDir      = `an absolute path such as "/opt/app"`
	rightEnv      = `a table of texts such as { LANG = "ja_JP.UTF-8" }`
)

// ownPrefix begins the variables that the daemon itself gives to a process.
const ownPrefix = "RENRAKU_"

var idPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,15}$`)

// process reads one [[process]] table.
func (r *reader) process(t *table) {
	p := slave.Process{}
	id, idOK := t.needed("id", rightID)
	if idOK && !idPattern.MatchString(id) {
		t.wrong("id", "%s is not a process ID: %s is right", quoted(id), rightID)
		idOK = false
	}
	if !t.has("command") {
		t.missing("command", rightCommand)
	}
	p.Command = t.command("command")
	p.Type = t.processType()
	p.From = t.statuses("from")
	p.Status = t.status("status")
	if len(p.From) > 0 && !p.Status.IsZero() && !slices.ContainsFunc(p.From, func(s telegram.Status) bool { return s != p.Status }) {
		t.wrong("from", "only the status that it leads to, from which it never runs: another one is right")
	}
	p.Failed = t.status("failed")
	p.Timeout = t.duration("timeout", processTimeouts, slave.DefaultTimeout)
	t.simple(&p)
	t.check(&p)
	hostsOK := true
	if t.has("hosts") {
		p.Hosts, hostsOK = r.patterns(t, "hosts")
	}
	p.User = t.user()
	p.Dir = t.dir()
	p.Env = t.stringMap("env", rightEnv, checkVariable)
	t.unknown()

	if !idOK {
		return
	}
	if first := r.processes[id]; first != nil {
		t.wrong("id", "%s is in line %d already: one process for each ID is right", quoted(id), first.line)
		return
	}
	p.ID, _ = telegram.NewProcessID(id)
	r.processes[id] = &known{line: t.line("id"), process: p, hostsOK: hostsOK}
	r.def.Processes = append(r.def.Processes, p)
}

func (t *table) processType() slave.ProcessType {
	const right = `"oneshot" (runs to its end) or "simple" (goes on running)`
	s, ok := t.text("type", right)
	switch {
	case !ok || s == slave.Oneshot.String():
	case s == slave.Simple.String():
		return slave.Simple
	default:
		t.wrong("type", "%s is not a type: %s is right", quoted(s), right)
	}
	return slave.Oneshot
}

// simple reads the keys that only a process of type simple has.
func (t *table) simple(p *slave.Process) {
	standard := time.Duration(0)
	if p.Type == slave.Simple {
		standard = slave.DefaultSettle
	}
	p.Settle = t.duration("settle", settles, standard)
	p.After = t.status("after")
	if p.Type == slave.Simple || !t.typeKnown() {
		return
	}
	for _, key := range []string{"settle", "after"} {
		if t.has(key) {
			t.wrong(key, `only for type simple: type = "simple", or no %s, is right`, key)
		}
	}
}

// typeKnown is false where the type itself is a mistake, so that the keys of the type meant are none.
func (t *table) typeKnown() bool {
	return !t.has("type") || t.values["type"] == slave.Oneshot.String()
}

// check reads the check of the application.
func (t *table) check(p *slave.Process) {
	p.Check = t.command("check")
	checked := t.has("check")
	standard := time.Duration(0)
	if checked {
		standard = slave.DefaultCheckInterval
	}
	p.CheckInterval = t.duration("check_interval", checkIntervals, standard)
	if t.has("check_interval") && !checked {
		t.wrong("check_interval", "there is no check: check = [command], or no check_interval, is right")
	}
	if checked && !t.has("status") {
		t.wrong("check", "there is no status to check in: %s, or no check, is right", `status = "ONLINE"`)
	}
}

// command reads an argv. Nothing is ever launched through a shell, so that its program has to be a path.
func (t *table) command(key string) []string {
	argv, ok := t.strings(key, rightCommand)
	if !ok {
		return nil
	}
	if !path.IsAbs(argv[0]) {
		t.wrongItem(key, 0, "%s is not an absolute path: %s is right", quoted(argv[0]), rightCommand)
	}
	for i, arg := range argv {
		if strings.Contains(arg, "\x00") {
			t.wrongItem(key, i, "%s has a zero byte: a text without one is right", quoted(arg))
		}
	}
	return argv
}

func (t *table) status(key string) telegram.Status {
	text, ok := t.text(key, rightStatus)
	if !ok {
		return telegram.Status{}
	}
	s, err := telegram.NewStatus(text)
	if err != nil {
		t.wrong(key, "%s is not a status (%s): %s is right", quoted(text), because(err), rightStatus)
	}
	return s
}

func (t *table) statuses(key string) []telegram.Status {
	texts, ok := t.strings(key, rightStatuses)
	if !ok {
		return nil
	}
	list := make([]telegram.Status, len(texts))
	for i, text := range texts {
		s, err := telegram.NewStatus(text)
		switch {
		case text == "":
			t.wrongItem(key, i, "empty: %s is right", rightStatus)
		case err != nil:
			t.wrongItem(key, i, "%s is not a status (%s): %s is right", quoted(text), because(err), rightStatus)
		}
		list[i] = s
	}
	return list
}

func (t *table) user() string {
	user, ok := t.text("user", rightUser)
	if ok && strings.ContainsFunc(user, func(r rune) bool { return r <= ' ' || r == 0x7F || r == ':' || r == '/' }) {
		t.wrong("user", "%s is not a user's name: %s is right", quoted(user), rightUser)
	}
	return user
}

func (t *table) dir() string {
	dir, ok := t.text("dir", rightDir)
	if ok && (!path.IsAbs(dir) || strings.Contains(dir, "\x00")) {
		t.wrong("dir", "%s is not an absolute path: %s is right", quoted(dir), rightDir)
	}
	return dir
}

// checkVariable checks one variable of the environment.
func checkVariable(env *table, name, value string) {
	switch {
	case name == "" || strings.ContainsAny(name, "=\x00"):
		env.wrong(name, `not a variable's name: one without "=" and zero bytes, such as LANG, is right`)
	case strings.HasPrefix(name, ownPrefix):
		env.wrong(name, "names that begin with %s are the daemon's own: another name is right", ownPrefix)
	case strings.Contains(value, "\x00"):
		env.wrong(name, "%s has a zero byte: a text without one is right", quoted(value))
	}
}
