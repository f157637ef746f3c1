package trigger

import (
	"context"
	"fmt"
	"strings"
	"time"
)

const (
	maxMissed = 31 * 24 * time.Hour // how far back missed minutes are sought
	maxNamed  = 10                  // missed minutes that the log names for one trigger
)

// sayMissed names, for each trigger, the minutes after from, up to and with to, in which it would have fired.
func (e *Engine) sayMissed(ctx context.Context, from, to minute, why string) {
	if most := minute(maxMissed / time.Minute); to-from > most {
		from = to - most
		e.log.Warn("missed preset times are not sought further back", "from", (from + 1).time(), "reason", why)
	}
	for _, t := range e.triggers().timed {
		if ctx.Err() != nil {
			return
		}
		if missed := t.missed(from, to); missed != "" {
			e.log.Warn("preset time missed, not run", "process", t.Process, "at", t.At, "missed", missed, "reason", why)
		}
	}
}

// missed names the minutes such as "2026-11-22T23:00:00+09:00, 2026-11-23T23:00:00+09:00 and 3 more", and is empty where
// there are none.
func (s *schedule) missed(from, to minute) string {
	var names []string
	more := 0
	for m := from + 1; m <= to; m++ {
		switch {
		case !s.due(m):
		case len(names) < maxNamed:
			names = append(names, m.time().In(s.Location).Format(time.RFC3339))
		default:
			more++
		}
	}
	text := strings.Join(names, ", ")
	if more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
