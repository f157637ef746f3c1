package manager

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

const (
	endSpread = 10 * time.Second // the longest time over which END is told, so that everyone has been told before endWait is over
	maxNamed  = 10               // hosts that an UnansweredError names
)

// ErrEnding says that monitoring cannot begin, since slaves are being told END.
var ErrEnding = errors.New("monitoring is still ending")

// UnansweredError says that monitoring has ended, and which slaves that were RUNNING did not answer END: their own contact files
// are not cleared.
type UnansweredError struct{ Hosts []string }

// Error names the first hosts.
func (e *UnansweredError) Error() string {
	named := e.Hosts[:min(len(e.Hosts), maxNamed)]
	text := "monitoring has ended, but there was no answer to END from " + strings.Join(named, ", ")
	if more := len(e.Hosts) - len(named); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// ending is the end of monitoring while it goes on.
type ending struct {
	told chan struct{} // closed when every slave has answered END or been given up
	done chan struct{} // closed when the contact file is cleared
}

// End ends monitoring (25–27): every slave is told END, those that run until they answer, management ends, and the contact
// file is cleared. It returns when that is done; where ctx ends first, slaves that did not answer are not waited for. Where
// monitoring is ending already, it waits for that end. The error is an *UnansweredError or the contact file's.
func (s *StatusControl) End(ctx context.Context) error {
	e, first := s.tellEnd()
	if e == nil {
		return nil
	}
	if !first {
		select {
		case <-e.done:
		case <-ctx.Done():
		}
		return nil
	}
	defer close(e.done)
	select {
	case <-e.told:
	case <-ctx.Done():
	case <-s.served:
	}
	return s.clear()
}

// tellEnd has every monitor tell END (25), unless they do already. It gives nothing where there is no monitoring.
func (s *StatusControl) tellEnd() (e *ending, first bool) {
	defer s.events.deliver()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.monitoring || s.ending != nil {
		return s.ending, false
	}
	now := time.Now()
	s.endHold("monitoring ends")
	for i, m := range s.monitors {
		at, _ := spread(now, min(m.interval, endSpread), i, len(s.monitors))
		m.beginEnd(at)
	}
	s.schedule.movedAll(s.everyone())
	s.ending = &ending{told: make(chan struct{}), done: make(chan struct{})}
	s.checkAllEnded()
	s.rouse()
	return s.ending, true
}

// clear is steps 26 and 27: management ends, the contact file is cleared, the monitors end.
func (s *StatusControl) clear() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.own.End()
	unanswered := &UnansweredError{}
	for _, m := range s.monitors {
		m.management.end()
		if m.running {
			name := m.host.String()
			unanswered.Hosts = append(unanswered.Hosts, name)
			s.log.Warn(name+" did not answer END", "host", name)
		}
	}
	s.schedule, s.monitoring, s.ending = newSchedule(time.Now(), nil), false, nil
	clear(s.leaving)
	if err := s.file.Clear(); err != nil {
		return fmt.Errorf("end monitoring: %w", err)
	}
	s.becomesRight()
	s.log.Info("monitoring ends", "host", s.own.Host().String())
	if len(unanswered.Hosts) > 0 {
		return unanswered
	}
	return nil
}

// checkAllEnded says so when the last slave has answered END or been given up.
func (s *StatusControl) checkAllEnded() {
	if s.ending != nil && s.schedule.placed == 0 {
		close(s.ending.told)
	}
}
