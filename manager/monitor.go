package manager

import (
	"time"

	"renraku/contactfile"
	"renraku/slave"
	"renraku/telegram"
)

// pause is how late the manager is where the machine itself may have been stopped, and answers lost with it.
const pause = time.Second

// maxExcused is how many attempts more a round has for answers that may have been lost here. While somebody floods the socket they may be
// lost again and again; who is silent is found all the same.
const maxExcused = 8

// monitor is one slave's monitor (15). It is pure: it takes the time, changes itself, and says what is to be done. Its fields stand so that
// it takes 256 bytes, a size that Go gives out as it is: there may be very many.
type monitor struct {
	host     telegram.Host // (16), with those up to retries
	address  *slave.Address
	interval time.Duration
	timeout  time.Duration // response wait
	record   int32         // of the contact file
	retries  int16

	attempts      int16     // inquiries of this round, or since it was begun anew
	slot          time.Time // when its next regular inquiry is due
	due           time.Time // when expire is to be called: the slot, or the end of the response wait
	unanswered    int32     // all inquiries of this round
	skipped       int32     // intervals before this round in which it was due and did not begin
	answersBefore uint32    // of all slaves, when this round began
	excused       int16     // attempts more of this round, since an answer may have been lost here
	waiting       bool      // an inquiry is outstanding (19, 21)
	half          bool      // it is the first half of the only response wait of a round; due is its end
	overtaken     bool      // an XR has said what field 133 is, since this round began

	greeted    bool // START has been answered since the last STOPPED
	running    bool // as judged
	judged     bool // there was a judgement since monitoring began
	management management

	maintained bool // isolation.maintain sets it

	ending  bool // END is being told (25)
	leaving bool // since the definition does not have the slave any more
	ended   bool // END was answered, or nobody is there to answer it

	learned     bool            // the slave has said its field 133
	application telegram.Status // field 133 as last known

	probe *tcpProbe // the inquiry on TCP of this attempt; nil: none
	onTCP tcpTurns  // of a stopped slave

	association *association // in sealed mode, from its first inquiry on
	deliveries  *deliveries  // from its first one on

	place place // in the schedule
}

// newMonitor is the monitor of a slave that nothing is known of yet; it has no record.
func newMonitor(sl *Slave) *monitor {
	return &monitor{
		host: sl.Host, address: sl.Address,
		interval: sl.Interval, timeout: sl.Timeout, retries: int16(sl.Retries),
		application: slave.NotStarted,
		place:       unplaced,
	}
}

// counts says whether the manager's suspicion of itself counts the slave as one that runs.
func (m *monitor) counts() bool { return m.running && !m.maintained }

// known is the slave's contact record with what is known of it.
func (m *monitor) known(now time.Time) contactfile.Record {
	return contactfile.Record{Host: m.host.String(), Operating: m.operating(), Application: m.application.String(), Since: now}
}

// distrust has the next answer compared with the contact file itself, which has been created again.
func (m *monitor) distrust() {
	m.management.written = false
}

// step is what is to be done when a monitor is due.
type step int

const (
	inquire     step = iota // send an inquiry with control()
	inquireLast             // the same, and it is the last attempt: see lastChance
	halfway                 // half of the only attempt's response wait is over: see lastChance
	silent                  // no answer to any attempt (23)
)

// begin sets the monitor to the start of monitoring: first asked at first, and then at slot and every interval after it.
func (m *monitor) begin(first, slot time.Time) {
	m.slot, m.due = slot, first
	m.waiting, m.attempts, m.excused = false, 0, 0
	m.greeted, m.running, m.judged = false, false, false
	m.ending, m.ended = false, false
}

// applicationOf is the status of an answer where it counts for field 133: not where an XR has come since the round began.
func (m *monitor) applicationOf(r *telegram.StatusResponse) *telegram.Status {
	if m.overtaken {
		return nil
	}
	return &r.Status
}

// learn keeps field 133 as it is now known, and says whether that is news; nil is none.
func (m *monitor) learn(application *telegram.Status) bool {
	m.learned = m.learned || application != nil
	if application == nil || *application == m.application {
		return false
	}
	m.application = *application
	return true
}

// beginEnd has END told from first on (25), as often as it takes.
func (m *monitor) beginEnd(first time.Time) {
	m.ending = true
	m.waiting = false
	m.due = first
}

// leave has END told once, at the given time, to a slave that the definition does not have any more.
func (m *monitor) leave(at time.Time) {
	m.leaving = true
	m.beginEnd(at)
}

// waited is how long ago the inquiry was made whose answer is waited for.
func (m *monitor) waited(now time.Time) time.Duration {
	wait := m.timeout
	if m.half {
		wait /= 2
	}
	return wait - m.due.Sub(now)
}

// operating is field 132 as judged.
func (m *monitor) operating() contactfile.Operating {
	if m.running {
		return contactfile.Running
	}
	return contactfile.Stopped
}

// redefine has the monitor go by other control data from now on (16), as slave i of n. A slave is not asked later than before
// for it, and no later than the new interval says; an outstanding inquiry has the new response wait.
func (m *monitor) redefine(now time.Time, sl *Slave, i, n int) {
	if sl.Interval != m.interval {
		m.slot = now.Add(sl.Interval * time.Duration(i) / time.Duration(n))
		if !m.waiting {
			m.due = earlier(m.due, m.slot)
		}
	}
	m.endHalf()
	if m.waiting {
		m.due = earlier(m.due.Add(max(sl.Timeout-m.timeout, 0)), now.Add(sl.Timeout))
	}
	m.interval, m.timeout, m.retries = sl.Interval, sl.Timeout, int16(sl.Retries)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// move has the slave asked at another address. Where it is being asked, or does not run, a new round begins there at the time
// given. A name that is not looked up yet gets some time for that, so that nobody is judged meanwhile.
func (m *monitor) move(to *slave.Address, now, again time.Time) (asks bool) {
	m.address = to
	asks = m.waiting || !m.running
	if asks {
		m.waiting = false
		m.due = again
	}
	if _, ok := to.AddrPort(); !ok {
		if known := now.Add(resolveWait); m.due.Before(known) {
			m.due = known
		}
	}
	return asks
}

// expire is called when the monitor is due, and whatever had come by now is read. An answer may have been lost on this side since
// the time lost.
func (m *monitor) expire(now, lost time.Time) step {
	switch {
	case m.leaving:
		m.ended = true
		return inquire
	case !m.waiting: // its time has come (18)
		m.overtaken, m.attempts, m.unanswered, m.excused = false, 0, 0, 0
		m.skipped = int32(max(m.skipPastSlots(now)-1, 0))
		return m.attempt(now)
	case m.half:
		m.endHalf()
		return halfway
	case m.attempts <= m.allowedRetries(): // (22)
		return m.attempt(now)
	case m.excused < maxExcused && (lost.After(m.due.Add(-m.timeout)) || now.Sub(m.due) > pause):
		m.excused++
		return m.attempt(now)
	}
	m.endRound(now)
	return silent
}

// control is the control code of the next inquiry: START until the first answer and after every STOPPED.
func (m *monitor) control() telegram.Control {
	switch {
	case m.ending:
		return telegram.End
	case !m.greeted:
		return telegram.Start
	}
	return telegram.Check
}

// verdict is what an answer means.
type verdict int

const (
	unasked verdict = iota // RUNNING without an inquiry, or at the end of monitoring: nothing changes
	hint                   // unasked RUNNING of a stopped slave: ask it at once
	isRunning
	isStopped
)

// answer takes the control code of a response of this slave (20, 21, 23).
func (m *monitor) answer(now time.Time, c telegram.Control) verdict {
	if c == telegram.Stopped {
		m.endRound(now)
		m.greeted = false
		m.ended = m.ending
		return isStopped
	}
	switch {
	case m.ending:
		return unasked
	case m.waiting:
		m.endRound(now)
		m.greeted = true
		return isRunning
	case m.running:
		return unasked
	}
	m.askNow(now)
	return hint
}

// askNow has the slave asked at once, unless it is being asked or told END, and says whether it is.
func (m *monitor) askNow(now time.Time) bool {
	if m.waiting || m.ending {
		return false
	}
	m.due = now
	return true
}

// judge keeps the judgement and says whether it is news.
func (m *monitor) judge(running bool) bool {
	news := m.running != running || !m.judged
	m.greeted = m.greeted && running
	m.running, m.judged = running, true
	return news
}

func (m *monitor) attempt(now time.Time) step {
	m.attempts++
	m.unanswered++
	m.waiting, m.half = true, false
	m.due = now.Add(m.timeout)
	switch {
	case m.attempts <= m.allowedRetries():
		return inquire
	case m.attempts > 1:
		return inquireLast
	}
	m.half, m.due = true, now.Add(m.timeout/2)
	return inquire
}

// endHalf has the second half of the only response wait begin, if it is the first.
func (m *monitor) endHalf() {
	if m.waiting && m.half {
		m.half = false
		m.due = m.due.Add(m.timeout - m.timeout/2)
	}
}

// askAt has a slave that is not being asked asked at the given time, unless it is earlier anyway; its slot stays where it is.
func (m *monitor) askAt(at time.Time) {
	if !m.waiting {
		m.due = earlier(m.due, at)
	}
}

// askAnew has a round of all attempts begin at the given time, whatever was asked before; the answer to that still counts.
func (m *monitor) askAnew(at time.Time) {
	m.attempts, m.half, m.excused = 0, false, 0
	m.due = at
}

// allowedRetries: a stopped slave is asked once at each interval (24, 28), and told END once.
func (m *monitor) allowedRetries() int16 {
	if m.judged && !m.running {
		return 0
	}
	return m.retries
}

func (m *monitor) endRound(now time.Time) {
	m.waiting = false
	m.skipPastSlots(now)
	m.due = m.slot
}

// skipPastSlots keeps the slots where they are, so that the monitors stay spread over the interval. It gives how many have come.
func (m *monitor) skipPastSlots(now time.Time) int {
	late := now.Sub(m.slot)
	if late < 0 {
		return 0
	}
	past := late/m.interval + 1
	m.slot = m.slot.Add(past * m.interval)
	return int(past)
}
