package manager

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"renraku/contactfile"
	"renraku/slave"
	"renraku/telegram"
)

// How long a maintenance may be, and is where nobody says it.
const (
	LeastMaintenance   = time.Minute
	MostMaintenance    = 30 * 24 * time.Hour
	DefaultMaintenance = 2 * time.Hour
)

// Why a maintenance has ended, in the log.
const (
	maintenanceOver = "its time is over"
	maintenanceGone = "the definition does not have the server any more"
)

// maintenance is which servers are in maintenance: they are asked as ever and their records stay true, but nobody orders anything on them,
// nobody is told of them, and the manager's suspicion of itself does not count them.
type maintenance struct {
	path    string        // "": it is kept nowhere; with reloading, and so the next
	behind  bool          // the file could not be written
	written *sayOnce      // what is wrong with it
	changed chan struct{} // somebody's end is another

	of   map[telegram.Host]*maintained        // changed with reloading and mu, read with one of them
	ends atomic.Pointer[map[string]time.Time] // what Maintained gives: it is replaced, and never changed
	own  atomic.Pointer[maintained]           // of the manager's own server, of which events come under the lock of its record
}

// maintained is the maintenance of one server. Nobody changes it once it is among the others.
type maintained struct {
	until       time.Time             // on the wall clock
	operating   contactfile.Operating // as last told before, "": it was not
	application string
}

// mark is what a line of the log has of it.
func (m *maintained) mark() []any {
	if m == nil {
		return nil
	}
	return []any{"maintenance", m.until.Format(time.RFC3339)}
}

func (x *maintenance) open(log *slog.Logger) {
	x.of = map[telegram.Host]*maintained{}
	x.publish()
	x.changed = make(chan struct{}, 1)
	x.written = newSayOnce(log, "maintenance file not written", "maintenance file written again")
}

// publish has everybody see who is in maintenance now. The caller holds reloading.
func (x *maintenance) publish() {
	ends := make(map[string]time.Time, len(x.of))
	for host, m := range x.of {
		ends[host.String()] = m.until
	}
	x.ends.Store(&ends)
}

// Maintain has the hosts be in maintenance until the given time, to the second. Of one that is so already, the new end stands. With an
// error nothing changes.
func (s *StatusControl) Maintain(hosts []telegram.Host, until time.Time, by slave.Trigger) error {
	defer s.events.deliver()
	s.reloading.Lock()
	defer s.reloading.Unlock()
	until = until.UTC().Add(time.Second - 1).Truncate(time.Second)
	begun, err := s.maintenanceOf(hosts, until)
	if err == nil {
		err = s.noteMaintenance(begun)
	}
	if err != nil {
		return fmt.Errorf("begin maintenance: %w", err)
	}
	s.beginMaintenance(begun, until, by)
	s.maintenance.publish()
	signal(s.maintenance.changed)
	return nil
}

// beginMaintenance has what was written stand. The caller holds reloading.
func (s *StatusControl) beginMaintenance(begun map[telegram.Host]*maintained, until time.Time, by slave.Trigger) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for host, m := range begun {
		what := " maintenance goes on"
		if s.maintenance.of[host] == nil {
			what = " maintenance begins"
			m.operating, m.application = s.stands(host) // something may have been told while the file was written
		}
		s.log.Info(host.String()+what, "host", host.String(), "maintenance", until.Format(time.RFC3339), "trigger", string(by))
		s.enterMaintenance(host, m)
	}
	if s.monitoring {
		s.endHoldIfHeard(time.Now())
	}
}

// maintenanceOf is the maintenance of the hosts from now on.
func (s *StatusControl) maintenanceOf(hosts []telegram.Host, until time.Time) (map[telegram.Host]*maintained, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	begun := map[telegram.Host]*maintained{}
	for _, host := range hosts {
		if !s.isServer(host) {
			return nil, fmt.Errorf("host %v: %w", host, errNoServer)
		}
		m := &maintained{until: until}
		if before := s.maintenance.of[host]; before != nil {
			m.operating, m.application = before.operating, before.application
		} else {
			m.operating, m.application = s.stands(host)
		}
		begun[host] = m
	}
	return begun, nil
}

// stands is how a server stands, as its events tell it; operating is "" where it was not judged yet, and for the manager's own.
func (s *StatusControl) stands(host telegram.Host) (operating contactfile.Operating, application string) {
	m := s.byHost.of(host)
	switch {
	case m == nil:
		return "", s.own.Initial(time.Now()).Application
	case !m.judged:
		return "", m.application.String()
	case m.running:
		return contactfile.Running, m.application.String()
	}
	return contactfile.Stopped, m.application.String()
}

// isServer says whether the definition has the host.
func (s *StatusControl) isServer(host telegram.Host) bool {
	return host == s.own.Host() || s.byHost.of(host) != nil
}

func (s *StatusControl) enterMaintenance(host telegram.Host, in *maintained) {
	s.maintenance.of[host] = in
	if m := s.byHost.of(host); m != nil {
		s.isolation.maintain(m, true)
	} else {
		s.maintenance.own.Store(in)
	}
}

// EndMaintenance ends the maintenance of those of the hosts that are in it. It has ended also where there is an error, which is the file's.
func (s *StatusControl) EndMaintenance(hosts []telegram.Host, by slave.Trigger) error {
	defer s.events.deliver()
	s.reloading.Lock()
	defer s.reloading.Unlock()
	ended := false
	for _, host := range hosts {
		ended = s.endMaintenance(host, "trigger", string(by)) || ended
	}
	if !ended {
		return nil
	}
	s.maintenance.publish()
	switch err := s.writeMaintenance(nil); {
	case isUnsynced(err):
		return fmt.Errorf("the maintenance has ended, but a power cut may bring it back: %w", err)
	case err != nil:
		return fmt.Errorf("the maintenance has ended, but a restart of the daemon would bring it back: %w", err)
	}
	return nil
}

// endMaintenance ends the maintenance of one host, if it is in it. What is otherwise than it was last told is an event now. The caller
// holds reloading, publishes, and delivers the events without it.
func (s *StatusControl) endMaintenance(host telegram.Host, why ...any) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.maintenance.of[host]
	if before == nil {
		return false
	}
	delete(s.maintenance.of, host)
	name := host.String()
	s.log.Info(name+" maintenance ends", append([]any{"host", name}, why...)...)
	switch m := s.byHost.of(host); {
	case m != nil:
		s.isolation.maintain(m, false)
		if m.judged && !m.ending {
			s.tellOtherwise(host, m, before)
		}
	case host == s.own.Host():
		s.maintenance.own.Store(nil)
		s.tellOtherwise(host, nil, before)
	}
	return true
}

// tellOtherwise tells how a server stands where that is not as it was last told; m is nil for the manager's own.
func (s *StatusControl) tellOtherwise(host telegram.Host, m *monitor, before *maintained) {
	operating, application := s.stands(host)
	if m != nil && operating != before.operating {
		level := slog.LevelInfo
		if operating != contactfile.Running {
			level = slog.LevelWarn
		}
		s.becomes(level, m, string(operating), "application", application, "reason", "it is so at the end of its maintenance")
	}
	if (m == nil || m.learned) && application != before.application {
		s.tell(host, "application "+application)
	}
}

// Maintained is the hosts in maintenance, and when that ends. Nobody changes the map. It takes no lock: the page asks several times a second.
func (s *StatusControl) Maintained() map[string]time.Time { return *s.maintenance.ends.Load() }

// reasonBegins begins the text of every SKIPPED of a server in maintenance, and of no other.
const reasonBegins = "in maintenance until "

// ForMaintenance says whether nothing was ordered since the server is in maintenance.
func ForMaintenance(outcome, text string) bool {
	return outcome == string(slave.Skipped) && strings.HasPrefix(text, reasonBegins)
}

// reason is why nothing is ordered on the host.
func (m *maintained) reason(host telegram.Host) string {
	return fmt.Sprintf(reasonBegins+"%s (renraku maintain --off %v)", m.until.Format(time.RFC3339), host)
}

// maintenanceAt is the maintenance of a host, nil where it is not in it.
func (s *StatusControl) maintenanceAt(host telegram.Host) *maintained {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.maintenance.of[host]
}

// becomes says in the log what has become of a slave, and tells it, where the slave is not in maintenance.
func (s *StatusControl) becomes(level slog.Level, m *monitor, what string, more ...any) {
	event := m.host.String() + " " + what
	in := s.maintenance.of[m.host]
	s.log.Log(context.Background(), level, event, slices.Concat([]any{"host", m.host.String()}, more, in.mark())...)
	if in == nil {
		s.events.add(event)
	} else {
		s.drops.Count(slave.DropMaintenance)
	}
}

// tell tells what has become of a server; of one in maintenance the log alone says it.
func (s *StatusControl) tell(host telegram.Host, what string) {
	event := host.String() + " " + what
	if in := s.maintenance.of[host]; in != nil {
		holdEvent(event, host, in, s.drops, s.log)
		return
	}
	s.events.add(event)
}

// holdEvent has an event be said in the log and not told.
func holdEvent(event string, host telegram.Host, in *maintained, drops *slave.Drops, log *slog.Logger) {
	drops.Count(slave.DropMaintenance)
	log.Info(event, append([]any{"host", host.String()}, in.mark()...)...)
}
