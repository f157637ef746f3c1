package manager

import (
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"renraku/contactfile"
	"renraku/slave"
	"renraku/slave/datagram"
	"renraku/telegram"
)

// StatusControl is the status control unit of the manager (110), steps 13–30: one monitor for each slave, one socket for all.
type StatusControl struct {
	own     *slave.OwnRecord
	file    *contactfile.File
	packets slave.PacketConn
	log     *slog.Logger
	ownLog  *slog.Logger // of what knows no host: its lines are about the manager itself
	drops   *slave.Drops
	sealing *sealing      // nil in plain mode
	served  chan struct{} // closed when Serve has ended: nobody inquires any more
	written *sayOnce      // why the contact file could not be written
	damaged *sayOnce      // what is wrong in it, which the manager has not done
	renamed chan struct{} // there are other monitors, and so other names
	events  events

	deliverable slave.Rate // what each slave may deliver by itself

	isolation isolation // with mu, and so the next
	fallback  fallback

	maintenance maintenance

	reloading sync.Mutex                // held by SetSlaves, and by who changes which servers are in maintenance, before mu
	addresses atomic.Pointer[addresses] // of all slaves; SetSlaves replaces them

	mu         sync.Mutex
	monitors   []*monitor // in definition order; these three change together, and only while reloading is held too
	byHost     *hosts
	named      []*monitor                 // whose addresses are names
	leaving    map[telegram.Host]*monitor // slaves that the definition does not have any more, until they have been told END
	schedule   *schedule                  // empty while there is no monitoring
	lost       time.Time                  // when datagrams were last found to have been lost for want of room in the socket's buffer
	monitoring bool
	ending     *ending // while END is told
	creation   int     // how often the contact file was created
	uncreated  bool    // it could not be, the last time
	look       look
	touched    map[int]bool // records that were written while SetSlaves reads them, else nil
	roundTrips Histogram    // with the next two, see Figures
	retried    uint64
	judgements Judgements
}

// NewStatusControl monitors the given slaves, whose records follow the manager's own in the contact file.
func NewStatusControl(own *slave.OwnRecord, slaves []Slave, file *contactfile.File, packets slave.PacketConn,
	log *slog.Logger, drops *slave.Drops) *StatusControl {
	s := &StatusControl{
		own: own, file: file, packets: packets, log: log, ownLog: log.With("host", own.Host().String()), drops: drops,
		served:  make(chan struct{}),
		written: newSayOnce(log, "contact file not written", "contact file written again"),
		damaged: newSayOnce(log, "contact file damaged", "contact file right again"),
		renamed: make(chan struct{}, 1),
		leaving: map[telegram.Host]*monitor{},

		deliverable: deliverable,
		roundTrips:  newHistogram(roundTripBounds),
	}
	s.isolation.reset()
	s.maintenance.open(log)
	s.fallback.blocked = map[*monitor]bool{}
	s.fallback.refused = newSayOnce(log, "slave not asked on TCP", "slave asked on TCP again")
	s.fallback.bound(nil)
	s.schedule = newSchedule(time.Now(), nil)
	t := newTakeover(slaves, nil, newHosts(0))
	s.follow(time.Now(), t)
	s.adopt(t)
	return s
}

// Tell has what becomes known of the slaves told as events: "app01 STOPPED", "app01 RUNNING", and for each change of field 133
// "app01 application ONLINE". The function must not wait; it is called without a lock of this unit.
func (s *StatusControl) Tell(tell func(event string)) {
	s.events.mu.Lock()
	defer s.events.mu.Unlock()
	s.events.tell, s.events.queue = tell, nil
}

// Begin begins monitoring: it creates the contact file (14) and starts the monitors (15–17). Where monitoring goes on, it only
// creates the contact file again if somebody has emptied, damaged, removed or replaced it.
func (s *StatusControl) Begin() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	switch {
	case s.ending != nil:
		return fmt.Errorf("begin monitoring: %w", ErrEnding)
	case s.monitoring:
		if s.isWhole() {
			return nil
		}
		s.log.Warn("contact file created again", "host", s.own.Host().String(), "reason", "it was not as it should be")
		return s.create(now)
	}
	s.isolation.reset()
	clear(s.fallback.blocked)
	s.greet(now, s.monitors)
	if err := s.create(now); err != nil {
		return err
	}
	s.schedule = newSchedule(now, s.monitors)
	s.addresses.Load().refill()
	s.monitoring = true
	s.log.Info("monitoring begins", "host", s.own.Host().String(), "slaves", len(s.monitors))
	s.rouse()
	return nil
}

// greet has the monitors of some slaves start (15–17): all of them, or those that appear.
func (s *StatusControl) greet(now time.Time, monitors []*monitor) {
	for i, m := range monitors {
		m.begin(spread(now, m.interval, i, len(monitors)))
		m.management.begin()
	}
}

// Monitoring says whether monitoring goes on.
func (s *StatusControl) Monitoring() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.monitoring
}

// turn has the monitors that were due at the given time expire, up to which everything that came is read, and collects their
// inquiries. It gives the time at which the next one is due (zero: none), and whether some are due still.
func (s *StatusControl) turn(read time.Time, out *datagram.Batch) (next time.Time, more bool) {
	defer s.events.deliver()
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.judgeHeld(now) {
		return now, true
	}
	next, more = s.expire(read, now, out)
	return s.isolation.wake(next), more
}

func (s *StatusControl) expire(read, now time.Time, out *datagram.Batch) (next time.Time, more bool) {
	for handled := 0; !out.Full() && handled < maxHandled; handled++ {
		m := s.schedule.due(read)
		if m == nil {
			return s.schedule.next(), false
		}
		late := now.Sub(m.due)
		switch step := m.expire(now, s.lost); step {
		case inquire, inquireLast:
			s.inquire(m, out)
			s.drops.CountAll(slave.DropRound, uint64(m.skipped))
			m.skipped = 0
			s.asked(now, m, late, step == inquireLast)
		case halfway:
			s.lastChance(now, m, late)
		case silent:
			s.judgeSilent(now, m)
		}
		s.reschedule(m)
	}
	return now, true
}

// inquire makes a monitor's inquiry ready (18).
func (s *StatusControl) inquire(m *monitor, out *datagram.Batch) {
	to, ok := m.address.AddrPort()
	if !ok {
		s.drops.Count(slave.DropSend)
		return
	}
	b, err := telegram.StatusInquiry{Host: m.host, Control: m.control()}.Append(out.Buffer())
	if err != nil {
		s.drops.Count(slave.DropSend)
		s.log.Error("inquiry not made", "host", m.host.String(), "error", err)
		return
	}
	if s.sealing != nil {
		b = s.sealing.seal(b, m)
	}
	out.Add(b, to)
}

// reschedule puts a monitor into its place, or takes it out when it has ended.
func (s *StatusControl) reschedule(m *monitor) {
	if !m.ended {
		s.schedule.moved(m)
		return
	}
	s.schedule.remove(m)
	if m.leaving {
		delete(s.leaving, m.host)
	}
	s.checkAllEnded()
}

// sender is the monitor of the slave that a response says it is from, or the reason for which it does not count.
func (s *StatusControl) sender(host telegram.Host, from netip.Addr) (*monitor, slave.Drop) {
	m := s.byHost.of(host)
	switch {
	case m == nil:
		return nil, slave.DropForeignHost
	case !m.address.Is(from):
		return nil, slave.DropAddress
	}
	return m, slave.NoDrop
}

// answer takes one answer of the slave (20), with the lock held, and says why it does not count.
func (s *StatusControl) answer(now time.Time, m *monitor, r *telegram.StatusResponse) slave.Drop {
	if !s.monitoring || m.ended {
		return slave.DropNotMonitored
	}
	asked := m.waiting
	if asked && r.Control == telegram.Running {
		s.polled(now, m)
	}
	drop := s.judgeAnswer(now, m, r)
	if asked && drop == slave.NoDrop {
		s.answeredOnUDP(m)
	}
	return drop
}

// judgeAnswer is what an answer of the slave means (21, 23).
func (s *StatusControl) judgeAnswer(now time.Time, m *monitor, r *telegram.StatusResponse) slave.Drop {
	switch m.answer(now, r.Control) {
	case unasked:
		return slave.DropUnasked
	case isRunning:
		s.answered(now, m, true)
		s.judgeRunning(now, m, r)
	case isStopped:
		s.answered(now, m, false)
		s.judgeStopped(now, m, r)
	}
	s.endHoldIfHeard(now)
	s.reschedule(m)
	return slave.NoDrop
}

// judgeRunning is step 21; for a stopped slave, steps 28–30: its management begins again.
func (s *StatusControl) judgeRunning(now time.Time, m *monitor, r *telegram.StatusResponse) {
	m.management.begin()
	application := m.applicationOf(r)
	s.write(now, m, true, application)
	if m.judge(true) {
		m.onTCP = tcpTurns{}
		s.judgements.Running++
		s.becomes(slog.LevelInfo, m, string(contactfile.Running), "application", r.Status.String())
	}
	s.learn(m, application)
}

// judgeStopped is step 23 for an answer with the STOPPED bit, and 24.
func (s *StatusControl) judgeStopped(now time.Time, m *monitor, r *telegram.StatusResponse) {
	m.management.begin() // where it was stopped before; but its field 133 is its own to say
	s.write(now, m, false, &r.Status)
	m.management.end()
	if m.judge(false) && !m.ending {
		s.judgements.Stopped++
		s.becomes(slog.LevelWarn, m, string(contactfile.Stopped), "application", r.Status.String(), "reason", saidSo(r))
	}
	s.learn(m, &r.Status)
}

// learn keeps field 133 of a slave as it is now known, and tells it where that is news; nil is none.
func (s *StatusControl) learn(m *monitor, application *telegram.Status) {
	if m.learn(application) {
		s.judgements.Application++
		s.tell(m.host, "application "+application.String())
	}
}

func saidSo(r *telegram.StatusResponse) string {
	if text := r.Text.String(); text != "" {
		return "it said so: " + text
	}
	return "it said so"
}

// judgeSilent is step 23 for want of any answer, and 24.
func (s *StatusControl) judgeSilent(now time.Time, m *monitor) {
	if m.ending {
		m.ended = true
		return
	}
	if !s.holds(now, m) {
		s.judgeSilence(now, m, fmt.Sprintf("no answer to %d inquiries", m.attempts))
	}
}

func (s *StatusControl) judgeSilence(now time.Time, m *monitor, reason string) {
	s.isolation.fallen(now, m)
	delete(s.fallback.blocked, m)
	if m.management.goesOn {
		s.write(now, m, false, nil)
		m.management.end()
	}
	if m.judge(false) {
		s.judgements.Silent++
		s.becomes(slog.LevelWarn, m, string(contactfile.Stopped), "reason", reason)
	}
}

// SetApplication has the manager's copy of field 133 follow what an XR carries (59). An answer to an inquiry that was sent
// before is older and does not count for field 133.
func (s *StatusControl) SetApplication(host telegram.Host, application telegram.Status) error {
	defer s.events.deliver()
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.byHost.of(host)
	if m == nil {
		return nil
	}
	now := time.Now()
	m.overtaken = true
	s.learn(m, &application)
	if !s.monitoring { // remembered for when it begins again
		return nil
	}
	return s.update(now, m, func(r *contactfile.Record) { r.Application = application.String() })
}

// rouse has the schedule looked at again.
func (s *StatusControl) rouse() { s.packets.Wake() }

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
