package slave

import (
	"fmt"
	"slices"
	"time"

	"renraku/telegram"
)

// ProcessType says when a process counts as launched.
type ProcessType int

const (
	Oneshot ProcessType = iota // runs to its end; LAUNCHED after a normal end
	Simple                     // goes on running once it is up
)

// String is the word of the definition file.
func (t ProcessType) String() string {
	if t == Simple {
		return "simple"
	}
	return "oneshot"
}

// Defaults of a process definition.
const (
	DefaultTimeout       = 10 * time.Minute
	DefaultSettle        = time.Second
	DefaultCheckInterval = 30 * time.Second
)

// Process is one process of the execution process definition (file 90).
type Process struct {
	ID      telegram.ProcessID
	Command []string // argv; the first is an absolute path; never a shell
	Type    ProcessType
	From    []telegram.Status // statuses from which it may run; none: any but its own Status
	Status  telegram.Status   // field 133 after its normal end (Simple: once it is up); zero: changes nothing
	After   telegram.Status   // Simple: after its normal end; zero: the status before it
	Failed  telegram.Status   // after an abnormal end; zero: Oneshot no change, Simple as After
	Timeout time.Duration     // Oneshot: TERM to its process group then; 0: none
	Settle  time.Duration     // Simple: it is up when it has run this long

	Check         []string // argv of the check of the application; none: no check
	CheckInterval time.Duration

	Hosts []Pattern         // servers that have it; none: all
	User  string            // "": the daemon's own
	Dir   string            // "": /
	Env   map[string]string // beside PATH, HOME, LANG and RENRAKU_*
}

// On says whether the server has this process.
func (p *Process) On(host string) bool {
	return len(p.Hosts) == 0 || slices.ContainsFunc(p.Hosts, func(h Pattern) bool { return h.Match(host) })
}

// changesStatus says whether an end of the process, of whatever kind, can change field 133.
func (p *Process) changesStatus() bool {
	return !p.Status.IsZero() || !p.Failed.IsZero()
}

// Allows is the check of field 133 (54, 63): whether the process may be launched from the status that stands. Where it may
// not, already tells an execution that is done from one that is forbidden, and why says it to a person.
func (p *Process) Allows(stands telegram.Status) (ok, already bool, why string) {
	switch {
	case !p.Status.IsZero() && stands == p.Status:
		return false, true, fmt.Sprintf("%v stands already", stands)
	case len(p.From) > 0 && !slices.Contains(p.From, stands):
		return false, false, fmt.Sprintf("not from %s: it runs from %s", shown(stands), joined(p.From))
	}
	return true, false, ""
}

func shown(s telegram.Status) string {
	if s.IsZero() {
		return "an empty status"
	}
	return s.String()
}

func joined(statuses []telegram.Status) string {
	text := ""
	for i, s := range statuses {
		if i > 0 {
			text += ", "
		}
		text += s.String()
	}
	return text
}
