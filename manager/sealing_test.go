package manager

import (
	"math/rand/v2"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/contactfile"
	"renraku/slave"
	"renraku/slave/datagram"
	"renraku/slave/slavetest"
	"renraku/telegram"
	"renraku/telegram/seal"
)

// sealedControl is a StatusControl in sealed mode without sockets or goroutines: the test gives it the time and carries its telegrams.
type sealedControl struct {
	t       testing.TB
	control *StatusControl
	masters []seal.Master
	now     time.Time
	out     *datagram.Batch
	drops   slave.Drops
	path    string
	events  *eventBook
	mac     *seal.MAC
	pairs   map[keyOf]seal.Pair
	starts  map[telegram.Host]uint64 // the epochs of slaves that were restarted; 1 of the others
}

type keyOf struct {
	id   uint16
	host telegram.Host
}

// sealedInquiry is an inquiry as it was sent.
type sealedInquiry struct {
	telegram.StatusInquiry
	trailer seal.Trailer
	bytes   []byte
}

const sealedTerm = 7

func newSealedControl(t testing.TB, slaves int) *sealedControl {
	file, path := contact(t)
	c := &sealedControl{t: t, masters: []seal.Master{master(1)}, now: time.Now(), out: slave.NewBatch(), path: path, events: &eventBook{},
		mac: seal.NewMAC(), pairs: map[keyOf]seal.Pair{}, starts: map[telegram.Host]uint64{}}
	definition := make([]Slave, slaves)
	for i := range definition {
		definition[i] = Slave{Host: hostNumber(t, i), Address: address(t, "198.18.0.1:10320"), Interval: 10 * time.Second,
			Timeout: time.Second, Retries: 3}
	}
	network := &slavetest.Network{}
	c.control = NewStatusControl(slave.NewOwnRecord(host(t, "mgr01"), file, 0), definition, file, network.Listen(managerAddress),
		quiet(), &c.drops)
	c.control.Tell(c.events.tell)
	c.control.Seal(host(t, "mgr01"), c.masters, sealedTerm)
	require.NoError(t, c.control.Begin())
	return c
}

func master(id uint16) seal.Master {
	m := seal.Master{ID: id}
	for i := range m.Secret {
		m.Secret[i] = byte(id) + byte(i)
	}
	return m
}

// turn goes to the next time at which somebody is asked, and gives the inquiries of then.
func (c *sealedControl) turn() (sent []sealedInquiry) {
	for more := true; more || len(sent) == 0; {
		c.out.Reset()
		var next time.Time
		next, more = c.control.expire(c.now, c.now, c.out)
		c.control.events.deliver()
		for i := range c.out.Len() {
			b, _ := c.out.At(i)
			sent = append(sent, c.opened(b))
		}
		if !more && next.After(c.now) {
			c.now = next
		}
	}
	return sent
}

// opened checks that an inquiry is sealed for its slave.
func (c *sealedControl) opened(b []byte) sealedInquiry {
	b = append([]byte(nil), b...)
	plain, trailer, err := seal.Split(b)
	require.NoError(c.t, err)
	q, err := telegram.DecodeStatusInquiry(plain)
	require.NoError(c.t, err)
	keys := c.keys(trailer.KeyID, q.Host)
	require.True(c.t, c.mac.Check(b, seal.ToSlave, &keys.Inquiry))
	return sealedInquiry{q, trailer, b}
}

func (c *sealedControl) keys(id uint16, h telegram.Host) seal.Pair {
	if pair, ok := c.pairs[keyOf{id, h}]; ok {
		return pair
	}
	for i := range c.masters {
		if c.masters[i].ID == id {
			keys := c.masters[i].Derive(host(c.t, "mgr01"), h)
			c.pairs[keyOf{id, h}] = keys.Pair()
			return c.pairs[keyOf{id, h}]
		}
	}
	require.FailNow(c.t, "no such key", "%d", id)
	return seal.Pair{}
}

// sealed is a response of the host with this trailer.
func (c *sealedControl) sealed(h telegram.Host, control telegram.Control, t seal.Trailer) []byte {
	b := encoded(c.t, telegram.StatusResponse{Host: h, Control: control, Status: status(c.t, contactfile.Online)})
	t.Direction = seal.ToManager
	if t.Epoch = c.starts[h]; t.Epoch == 0 {
		t.Epoch = 1
	}
	keys := c.keys(t.KeyID, h)
	return c.mac.Seal(b, &t, &keys.Response)
}

// answer is the response of the slave to an inquiry.
func (c *sealedControl) answer(q *sealedInquiry) []byte {
	control := telegram.Running
	if q.Control == telegram.End {
		control = telegram.Stopped
	}
	return c.sealed(q.Host, control, q.trailer)
}

// take has a datagram come from the slaves' address.
func (c *sealedControl) take(b []byte) slave.Drop {
	return c.takeFrom(b, netip.MustParseAddr("198.18.0.1"))
}

func (c *sealedControl) takeFrom(b []byte, from netip.Addr) slave.Drop {
	var r telegram.StatusResponse
	c.control.mu.Lock()
	drop := c.control.takeOne(c.now, b, from, &r)
	c.control.mu.Unlock()
	c.control.events.deliver()
	return drop
}

// run has everyone answer for so long, and gives all that was sent on both ways.
func (c *sealedControl) run(d time.Duration) (inquiries, answers [][]byte) {
	for end := c.now.Add(d); c.now.Before(end); {
		for _, q := range c.turn() {
			answer := c.answer(&q)
			require.Equal(c.t, slave.NoDrop, c.take(answer))
			inquiries, answers = append(inquiries, q.bytes), append(answers, answer)
		}
	}
	return inquiries, answers
}

// state is all that datagrams could change.
func (c *sealedControl) state() any {
	type one struct {
		monitor
		association
	}
	var all []one
	for _, m := range c.control.monitors {
		all = append(all, one{*m, *m.association})
	}
	file, err := os.ReadFile(c.path)
	require.NoError(c.t, err)
	return []any{all, string(file), c.events.told(), c.control.schedule.placed}
}

func (c *sealedControl) line(i int) string { return lines(c.t, c.path)[i+1] }

func TestSealedInquiriesCountOnAndCarryTheSessionAndTheTerm(t *testing.T) {
	c := newSealedControl(t, 1)
	first := c.turn()
	require.Len(t, first, 1)
	assert.Equal(t, telegram.Start, first[0].Control)
	assert.Equal(t, seal.Trailer{Direction: seal.ToSlave, KeyID: 1, Session: c.control.sealing.session, Sequence: 1, Epoch: sealedTerm},
		first[0].trailer)
	assert.NotZero(t, first[0].trailer.Session)
	second := c.turn()
	assert.Equal(t, uint64(2), second[0].trailer.Sequence, "the next attempt of the same round")
	assert.Equal(t, "app000000 STOPPED NOT-STARTED", c.line(0))
	require.Equal(t, slave.NoDrop, c.take(c.answer(&second[0])))
	assert.Equal(t, "app000000 RUNNING ONLINE", c.line(0))
	assert.NotEqual(t, c.control.sealing.session, newSealedControl(t, 1).control.sealing.session, "of another start")
}

func TestAnAnswerCountsOnceAndOnlyToAnInquiryThatIsOutstanding(t *testing.T) {
	c := newSealedControl(t, 1)
	first := c.turn()[0]
	second := c.turn()[0]
	later := second
	later.trailer.Sequence++
	assert.Equal(t, slave.DropReplay, c.take(c.answer(&later)), "not sent yet")
	elsewhere := second
	elsewhere.trailer.Session++
	assert.Equal(t, slave.DropReplay, c.take(c.answer(&elsewhere)), "of another start of the manager")
	assert.Equal(t, "app000000 STOPPED NOT-STARTED", c.line(0))
	assert.Equal(t, slave.NoDrop, c.take(c.answer(&first)), "the answer to the first attempt comes late")
	assert.Equal(t, "app000000 RUNNING ONLINE", c.line(0))
	assert.Equal(t, slave.DropReplay, c.take(c.answer(&first)))
	assert.Equal(t, slave.DropReplay, c.take(c.answer(&second)), "the round is over")
	third := c.turn()[0]
	assert.Equal(t, slave.DropReplay, c.take(c.answer(&second)), "of the round before")
	assert.Equal(t, slave.NoDrop, c.take(c.answer(&third)))
}

func TestWhatIsNotSealedAsItShouldBeIsDroppedByItsReason(t *testing.T) {
	c := newSealedControl(t, 2)
	var all []sealedInquiry
	for len(all) < 2 {
		all = append(all, c.turn()...)
	}
	q := all[0]
	good := c.answer(&q)
	other := c.answer(&all[1])
	old, keys := q.trailer, c.keys(q.trailer.KeyID, q.Host)
	old.Direction, old.Session = seal.ToManager, old.Session+1
	bad := append([]byte(nil), good[:telegram.StatusResponseLength]...)
	bad[67] = 0xFF // of the control code
	for _, d := range []struct {
		name string
		b    []byte
		want slave.Drop
	}{
		{"plain", good[:telegram.StatusResponseLength], slave.DropTrailer},
		{"short", good[:10], slave.DropTrailer},
		{"nothing", nil, slave.DropTrailer},
		{"a trailer alone", good[telegram.StatusResponseLength:], slave.DropTrailer},
		{"a trailer after less than a name", good[telegram.StatusResponseLength-63:], slave.DropLength},
		{"a plain one of a host that is not there", encoded(t, telegram.StatusResponse{Host: host(t, "foreign"), Control: telegram.Running}), slave.DropTrailer},
		{"another host's MAC", append(append([]byte(nil), good[:telegram.StatusResponseLength]...), other[telegram.StatusResponseLength:]...), slave.DropMAC},
		{"its inquiry sent back", q.bytes, slave.DropMAC},
		{"a host that is not there", c.sealed(host(t, "foreign"), telegram.Running, q.trailer), slave.DropForeignHost},
		{"an old key", c.withKey(&q, 2), slave.DropKey},
		{"no telegram, though it is no answer either", c.mac.Seal(bad, &old, &keys.Response), slave.DropControl},
		{"one byte more", append(append([]byte(nil), good...), 0), slave.DropTrailer},
	} {
		assert.Equal(t, d.want, c.take(d.b), d.name)
	}
	assert.Equal(t, slave.DropAddress, c.takeFrom(good, netip.MustParseAddr("198.18.0.2")))
	assert.Equal(t, slave.NoDrop, c.take(good), "and this one counts still")
}

// withKey is the answer sealed with the keys of another ID.
func (c *sealedControl) withKey(q *sealedInquiry, id uint16) []byte {
	c.masters = append(c.masters, master(id))
	defer func() { c.masters = c.masters[:len(c.masters)-1] }()
	trailer := q.trailer
	trailer.KeyID = id
	return c.sealed(q.Host, telegram.Running, trailer)
}

func TestAnAnswerSealedWithTheKeysOfAnotherIsNone(t *testing.T) {
	c := newSealedControl(t, 2)
	for end := c.now.Add(30 * time.Second); c.now.Before(end); {
		for _, q := range c.turn() {
			b := encoded(t, telegram.StatusResponse{Host: q.Host, Control: telegram.Running, Status: status(t, contactfile.Online)})
			trailer := q.trailer
			trailer.Direction = seal.ToManager
			keys := c.keys(1, hostNumber(t, 1)) // whoever answers
			drop := c.take(c.mac.Seal(b, &trailer, &keys.Response))
			assert.Equal(t, q.Host == hostNumber(t, 1), drop == slave.NoDrop, "%v: %v", q.Host, drop)
		}
	}
	assert.Equal(t, []string{"mgr01 RUNNING NOT-STARTED", "app000000 STOPPED NOT-STARTED", "app000001 RUNNING ONLINE"}, lines(t, c.path))
}

func TestASlaveThatComesBackIntoTheDefinitionIsAskedWithHigherSequences(t *testing.T) {
	c := newSealedControl(t, 2)
	c.run(100 * time.Second)
	last := c.control.monitors[0].association.sequence
	slaves := []Slave{{Host: hostNumber(t, 1), Address: address(t, "198.18.0.1:10320"), Interval: 10 * time.Second, Timeout: time.Second, Retries: 3}}
	require.NoError(t, c.control.SetSlaves(slaves))
	c.control.leaving = map[telegram.Host]*monitor{}
	slaves = append(slaves, slaves[0])
	slaves[1].Host = hostNumber(t, 0)
	require.NoError(t, c.control.SetSlaves(slaves))
	c.now = time.Now().Add(time.Minute)
	for range 5 {
		for _, q := range c.turn() {
			if q.Host == hostNumber(t, 0) && q.Control == telegram.Start {
				assert.Greater(t, q.trailer.Sequence, last)
				return
			}
		}
	}
	assert.Fail(t, "not asked")
}

// The datagrams of a day, and ones forged from them, are taken a million times: no monitor, record or event changes.
func TestAMillionReplayedOrForgedDatagramsChangeNothingAtTheManager(t *testing.T) {
	all := 1_000_000
	if slavetest.Race {
		all /= 20
	}
	const seed = 10320
	random := rand.New(rand.NewPCG(seed, 1))
	c := newSealedControl(t, 5)
	c.run(time.Minute)
	inquiries, answers := c.run(24 * time.Hour)
	for i := range 5 { // and what they said unasked
		h := hostNumber(t, i)
		hint := c.sealed(h, telegram.Stopped, seal.Trailer{KeyID: 1, Sequence: 1})
		require.Equal(t, slave.NoDrop, c.take(hint))
		answers = append(answers, hint)
	}
	_, last := c.run(time.Minute)
	for i := range c.control.monitors {
		require.Equal(t, contactfile.Running, recordsOf(t, c.path)[i+1].Operating)
	}
	waiting := c.turn() // somebody is being asked
	require.NotEmpty(t, waiting)
	answers = append(answers, last...)
	before := c.state()
	var r telegram.StatusResponse
	taken, from := map[slave.Drop]int{}, netip.MustParseAddr("198.18.0.1")
	for range all {
		b := append([]byte(nil), answers[random.IntN(len(answers))]...)
		switch random.IntN(4) {
		case 0: // as it was
		case 1:
			b[random.IntN(len(b))] ^= 1 << random.IntN(8)
		case 2: // the trailer of another
			copy(b[telegram.StatusResponseLength:], answers[random.IntN(len(answers))][telegram.StatusResponseLength:])
		case 3:
			b = append(b[:0], inquiries[random.IntN(len(inquiries))]...)
		}
		taken[c.control.takeOne(c.now, b, from, &r)]++
	}
	c.control.events.deliver() // what they would have had told, before it is compared
	t.Log(taken)
	assert.Zero(t, taken[slave.NoDrop], "seed %d: %v", seed, taken)
	assert.Equal(t, before, c.state())
	assert.Equal(t, slave.NoDrop, c.take(c.answer(&waiting[0])), "the right one counts still")
}

func recordsOf(t testing.TB, path string) []contactfile.Record {
	records, err := contactfile.ReadFile(path)
	require.NoError(t, err)
	return records
}

func TestSealingAndOpeningAllocateNothing(t *testing.T) {
	c := newSealedControl(t, 1)
	c.run(time.Minute)
	m := c.control.monitors[0]
	var r telegram.StatusResponse
	var drop slave.Drop
	from := netip.MustParseAddr("198.18.0.1")
	answer := c.sealed(m.host, telegram.Running, seal.Trailer{KeyID: 1, Session: c.control.sealing.session, Sequence: 1})
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		c.out.Reset()
		c.control.inquire(m, c.out)
		drop = c.control.takeOne(c.now, answer, from, &r)
	}))
	assert.Equal(t, slave.DropReplay, drop)
	assert.Equal(t, 1, c.out.Len())
}

func TestAnAnswerToAnInquiryBeforeTheRoundBeganAnewCounts(t *testing.T) {
	c := newSealedControl(t, 1)
	c.run(15 * time.Second)
	first := c.turn()[0]
	c.turn()
	m := c.control.monitors[0]
	m.askAnew(c.now)
	c.control.schedule.moved(m)
	again := c.turn()[0]
	assert.Equal(t, first.trailer.Sequence+2, again.trailer.Sequence)
	assert.Equal(t, slave.NoDrop, c.take(c.answer(&first)))
}
