package manager

import (
	"errors"
	"fmt"
	"time"

	"renraku/contactfile"
	"renraku/slave"
	"renraku/telegram"
)

// takeover is what a new server definition makes of the monitors: those of the hosts that stay, and new ones. It is made ready
// without the lock over the monitors, since only SetSlaves changes which there are.
type takeover struct {
	slaves    []Slave          // in definition order, and so the next two
	addresses []*slave.Address // the one that a monitor has already, where it stays the same
	from      *addresses       // all of them
	monitors  []*monitor
	byHost    *hosts
	named     []*monitor // whose addresses are names
	fresh     []*monitor // of hosts that appear
	gone      []*monitor // of hosts that go
	shifts    bool       // the records of the contact file are not the same, or not in the same places

	stood    []contactfile.Record // what was read ahead from the contact file
	creation int                  // after so many creations of it
}

func newTakeover(slaves []Slave, monitors []*monitor, byHost *hosts) *takeover {
	t := &takeover{slaves: slaves, byHost: newHosts(len(slaves)), shifts: len(slaves) != len(monitors)}
	for i := range slaves {
		sl := &slaves[i]
		address := sl.Address
		m := byHost.of(sl.Host)
		if m == nil {
			m = newMonitor(sl)
			t.fresh = append(t.fresh, m)
		} else if m.address.String() == address.String() {
			address = m.address // which may be resolved already
		}
		if address.IsName() {
			t.named = append(t.named, m)
		}
		t.shifts = t.shifts || m.record != recordNumber(i)
		t.monitors, t.addresses = append(t.monitors, m), append(t.addresses, address)
		t.byHost.add(m)
	}
	t.from = newAddresses(slaves, t.addresses)
	for _, m := range monitors {
		if t.byHost.of(m.host) == nil {
			t.gone = append(t.gone, m)
		}
	}
	return t
}

// recordNumber is the number of the record of slave i: the manager's own is the first.
func recordNumber(i int) int32 { return int32(i + 1) }

// SetSlaves has another server definition stand from now on. Slaves that stay are monitored as before, with whatever of their
// control data or address has changed; those that appear are begun (14–17); those that go are told END once, and nobody waits
// for them. With an error, which is the contact file's or ErrEnding, everything stays as it was. Without monitoring it takes
// effect when that begins.
func (s *StatusControl) SetSlaves(slaves []Slave) error {
	s.reloading.Lock()
	defer s.reloading.Unlock()
	t := newTakeover(slaves, s.monitors, s.byHost)
	if t.shifts {
		s.readAhead(t)
	}
	if err := s.takeOver(t); err != nil {
		return fmt.Errorf("take over the slaves of the definition: %w", err)
	}
	s.dropMaintenance()
	s.log.Info("slaves of the definition taken over", "host", s.own.Host().String(), "slaves", len(t.slaves), "new", len(t.fresh), "gone", len(t.gone))
	return nil
}

func (s *StatusControl) takeOver(t *takeover) error {
	defer s.events.deliver()
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() { s.touched = nil }()
	if s.ending != nil {
		return ErrEnding
	}
	if s.monitoring && t.shifts {
		if err := s.rewrite(time.Now(), t); err != nil {
			return err
		}
	}
	now := time.Now()
	s.follow(now, t)
	if s.monitoring {
		s.greet(now, t.fresh)
		s.dismiss(now, t)
	}
	s.adopt(t)
	if s.monitoring {
		s.schedule.movedAll(s.everyone())
		s.endHoldIfHeard(now)
	}
	s.rouse()
	signal(s.renamed)
	return nil
}

// readAhead reads the contact file without the lock over the monitors, which nobody is asked under. What is written to it from
// now on is noted.
func (s *StatusControl) readAhead(t *takeover) {
	s.mu.Lock()
	s.touched = map[int]bool{0: true} // the manager's own is written by others
	t.creation = s.creation
	s.mu.Unlock()
	var err error
	if t.stood, err = s.file.Records(); err != nil { // what is known of each slave takes the place of what is damaged
		s.log.Warn("contact file is made anew from what is known", "host", s.own.Host().String(), "error", err)
	}
}

// catchUp reads again what has been written to the contact file since readAhead.
func (s *StatusControl) catchUp(t *takeover) {
	if t.creation != s.creation {
		t.stood = nil // monitoring has begun since: what stands there is what is known
	}
	for i := range s.touched {
		if i < len(t.stood) {
			t.stood[i], _ = s.file.Record(i) // none has no host's name
		}
	}
}

// touch notes that a record is written.
func (s *StatusControl) touch(record int) {
	if s.touched != nil {
		s.touched[record] = true
	}
}

// rewrite has the contact file show the records of the new monitors. Those of slaves that stay are as they stood. Where it
// cannot be written, it gets back what stood in it.
func (s *StatusControl) rewrite(now time.Time, t *takeover) error {
	s.own.Application() // somebody may have corrected field 133 of the manager's own record by hand
	s.catchUp(t)
	if err := s.createAgain(now, t.monitors, t.stood); err != nil {
		return errors.Join(err, s.createAgain(now, s.monitors, t.stood))
	}
	return nil
}

// createAgain creates the contact file while monitoring goes on. The manager's own record is not this unit's, and is left alone;
// where it is damaged it is created too, and written once more if it has changed meanwhile.
func (s *StatusControl) createAgain(now time.Time, monitors []*monitor, stood []contactfile.Record) error {
	records := s.records(now, monitors, stood)
	if len(stood) > 0 && stood[0].Host == records[0].Host {
		return s.file.Replace(1, records[1:])
	}
	if err := s.file.Create(records); err != nil {
		return err
	}
	own, after := records[0], s.own.Initial(now).Application
	if own.Operating == contactfile.Running && own.Application == after {
		return nil
	}
	application, err := telegram.NewStatus(after)
	if err != nil {
		return err
	}
	return s.own.SetApplication(now, application)
}

// records is the contact file for the given monitors: each record as it stood, or else as is known.
func (s *StatusControl) records(now time.Time, monitors []*monitor, stood []contactfile.Record) []contactfile.Record {
	records := make([]contactfile.Record, 1, len(monitors)+1)
	records[0] = s.own.Initial(now)
	if len(stood) > 0 && stood[0].Host == records[0].Host {
		stood[0].Application = records[0].Application
		records[0] = stood[0]
	}
	for _, m := range monitors {
		if 0 < m.record && int(m.record) < len(stood) && stood[m.record].Host == m.host.String() {
			records = append(records, stood[m.record])
		} else {
			records = append(records, m.known(now))
		}
		m.distrust()
	}
	return records
}

// follow has the monitors go by their new places, control data and addresses (16). Slaves that are asked again at another
// address are not asked in a burst.
func (s *StatusControl) follow(now time.Time, t *takeover) {
	n, again := len(t.monitors), now
	for i, m := range t.monitors {
		m.record = recordNumber(i)
		m.redefine(now, &t.slaves[i], i, n)
		if m.address != t.addresses[i] && m.move(t.addresses[i], now, again) {
			again = again.Add(min(firstPause, m.interval/time.Duration(n)))
		}
	}
}

// dismiss has slaves that go told END, unless they have come back before that was done.
func (s *StatusControl) dismiss(now time.Time, t *takeover) {
	for i, m := range t.gone {
		m.management.end()
		s.forget(m)
		at, _ := spread(now, min(m.interval, endSpread), i, len(t.gone))
		m.leave(at)
		s.leaving[m.host] = m
	}
	for _, m := range t.fresh {
		if back := s.leaving[m.host]; back != nil {
			s.schedule.remove(back)
			delete(s.leaving, m.host)
		}
	}
}

// adopt makes the monitors of a takeover those that there are.
func (s *StatusControl) adopt(t *takeover) {
	s.monitors, s.byHost, s.named = t.monitors, t.byHost, t.named
	s.isolation.measure(s.monitors)
	s.addresses.Store(t.from)
}

// everyone is all monitors that have something to say: also those of slaves that went and are not told END yet.
func (s *StatusControl) everyone() []*monitor {
	all := make([]*monitor, 0, len(s.monitors)+len(s.leaving))
	all = append(all, s.monitors...)
	for _, m := range s.leaving {
		all = append(all, m)
	}
	return all
}

// errNoServer says that a host is neither the manager nor one of its slaves.
var errNoServer = errors.New("the definition has no such server")

// Record reads a host's record from the contact file.
func (s *StatusControl) Record(host telegram.Host) (contactfile.Record, error) {
	s.mu.Lock() // so that the number is that of the file as it stands
	defer s.mu.Unlock()
	n := s.number(host)
	r, err := s.file.Record(n)
	if err != nil {
		return contactfile.Record{}, err
	}
	if err := r.Of(host.String(), n); err != nil {
		if s.byHost.of(host) == nil {
			err = errNoServer
		}
		return contactfile.Record{}, err
	}
	return r, nil
}

// record is the number of a host's record, 0 for the manager's own. It stays so until the next SetSlaves.
func (s *StatusControl) record(host telegram.Host) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.number(host)
}

func (s *StatusControl) number(host telegram.Host) int {
	if m := s.byHost.of(host); m != nil {
		return int(m.record)
	}
	return 0
}

// addressOf is the slave's address, nil where there is no such slave.
func (s *StatusControl) addressOf(host telegram.Host) *slave.Address {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.byHost.of(host); m != nil {
		return m.address
	}
	return nil
}
