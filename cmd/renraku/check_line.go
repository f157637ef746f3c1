package main

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// nagiosLevel is the exit status of a plugin.
type nagiosLevel int

const (
	nagiosOK nagiosLevel = iota
	nagiosWarning
	nagiosCritical
	nagiosUnknown
)

func (l nagiosLevel) String() string { return [...]string{"OK", "WARNING", "CRITICAL", "UNKNOWN"}[l] }

// Limits of the line. NRPE before version 3 cuts at 1,023 bytes what a plugin prints.
const (
	maxCheckLine = 1000 // bytes, with the performance data
	maxCheckText = 600  // bytes before the performance data
	maxNamed     = 5    // of each kind
)

// checkResult is what a check found.
type checkResult struct {
	servers      int
	stopped      []string        // hosts
	warned       []string        // host and application status of those that are RUNNING
	applications map[string]int  // servers by application status, also those that are STOPPED
	toWarn       map[string]bool // the application statuses that are warned of
	missing      []string        // hosts that were asked for and have no record, in quotes
	maintained   []string        // hosts in maintenance, and until when; they are in none of the above but servers
	remarks      []string        // what changes nothing
	doubt        error           // why what was found may not hold, or why nothing was found
}

func unknown(err error) checkResult { return checkResult{doubt: err} }

func (r *checkResult) level() nagiosLevel {
	switch {
	case len(r.stopped) > 0:
		return nagiosCritical
	case len(r.warned) > 0:
		return nagiosWarning
	case len(r.missing) > 0 || r.doubt != nil:
		return nagiosUnknown
	}
	return nagiosOK
}

// line is the plugin's line: what is found, the worst first, and the performance data.
func (r *checkResult) line() string {
	text := "RENRAKU " + r.level().String() + " - " + plain(strings.Join(r.parts(), "; "))
	if len(text) > maxCheckText {
		const more = "..."
		end := maxCheckText - len(more)
		for !utf8.RuneStart(text[end]) {
			end--
		}
		text = text[:end] + more
	}
	if r.servers == 0 {
		return text
	}
	return text + " | " + strings.Join(r.performance(maxCheckLine-len(text)-len(" | ")), " ")
}

func (r *checkResult) parts() (parts []string) {
	of := fmt.Sprintf("of %s", count(r.servers, "server", "servers"))
	if n := len(r.stopped); n > 0 {
		parts = append(parts, fmt.Sprintf("%d %s STOPPED: %s", n, of, firstNamed(r.stopped)))
	}
	if n := len(r.warned); n > 0 {
		parts = append(parts, fmt.Sprintf("%d %s to warn of: %s", n, of, firstNamed(r.warned)))
	}
	if len(r.missing) > 0 {
		parts = append(parts, "no record of a host "+firstNamed(r.missing))
	}
	if r.doubt != nil {
		parts = append(parts, strings.ReplaceAll(r.doubt.Error(), "\n", "; "))
	}
	if n := r.running(); len(parts) == 0 && (n > 0 || len(r.maintained) == 0) {
		parts = append(parts, fmt.Sprintf("%s RUNNING: %s", count(n, "server", "servers"), firstNamed(r.byApplication())))
	}
	if len(r.maintained) > 0 {
		parts = append(parts, "in maintenance: "+firstNamed(r.maintained))
	}
	return append(parts, r.remarks...)
}

// running is the servers that are RUNNING and not in maintenance.
func (r *checkResult) running() int { return r.servers - len(r.stopped) - len(r.maintained) }

func (r *checkResult) byApplication() (all []string) {
	for _, name := range sortedKeys(r.applications) {
		all = append(all, fmt.Sprintf("%d %s", r.applications[name], orDash(name)))
	}
	return all
}

// performance is label=value;warn;crit;min;max of each count, as many bytes as there is room for. Those by application status that have
// no room are one sum.
func (r *checkResult) performance(room int) []string {
	data := []string{
		fmt.Sprintf("servers=%d;;;0", r.servers),
		fmt.Sprintf("running=%d;;;0;%d", r.running(), r.servers),
		fmt.Sprintf("stopped=%d;;0;0;%d", len(r.stopped), r.servers),
		fmt.Sprintf("warned=%d;0;;0;%d", len(r.warned), r.servers),
		fmt.Sprintf("maintenance=%d;;;0;%d", len(r.maintained), r.servers),
	}
	others := func(n int) string { return fmt.Sprintf("other_applications=%d;;;0;%d", n, r.servers) }
	room -= len(strings.Join(data, " ")) + len(" "+others(r.servers))
	rest := 0
	for _, name := range sortedKeys(r.applications) {
		limit := ""
		if r.toWarn[name] {
			limit = "0"
		}
		item := fmt.Sprintf("%s=%d;%s;;0;%d", label("application_"+orDash(name)), r.applications[name], limit, r.servers)
		if room -= len(" " + item); room < 0 || rest > 0 {
			rest += r.applications[name]
			continue
		}
		data = append(data, item)
	}
	if rest > 0 {
		data = append(data, others(rest))
	}
	return data
}

// firstNamed names the first few.
func firstNamed(all []string) string {
	text := strings.Join(all[:min(len(all), maxNamed)], ", ")
	if more := len(all) - maxNamed; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// plain takes out of a text what would end it: the performance data begin at the first bar.
func plain(s string) string { return strings.ReplaceAll(printable(s), "|", "/") }

// label is a name as a label of performance data: quoted where it is no plain word, without what no label may have.
func label(s string) string {
	s = strings.Map(func(c rune) rune {
		if strings.ContainsRune("='|", c) {
			return '_'
		}
		return c
	}, s)
	for _, c := range s {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune("_-.", c)) {
			return "'" + s + "'"
		}
	}
	return s
}
