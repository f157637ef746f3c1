package manager

import (
	"fmt"
	"math"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/contactfile"
	"renraku/slave"
	"renraku/slave/datagram"
	"renraku/slave/slavetest"
	"renraku/telegram"
)

// Status control on a bad network, in simulated time. Every failure names its seed.

// lossSeed is the seed of the one test here that compares figures, which another seed could take to their edge by chance.
const lossSeed = 10320

// With 10 % loss in each direction and three retries, a poll has no answer when all four attempts lose the inquiry or the answer. The
// bytes of a million polls go through the encoders, the lines and the decoders; of a tenth of them under the race detector, where less of
// the share can be told.
func TestShareOfPollsWithoutAnyAnswerIsThatOfIndependentLosses(t *testing.T) {
	const (
		slaves  = 1000
		loss    = 0.1
		retries = 3
	)
	wanted, tolerance := 1_000_000, 0.05
	if slavetest.Race {
		wanted, tolerance = wanted/10, 0.25
	}
	s := newLossyControl(t, slaves, Slave{Interval: 10 * time.Second, Timeout: time.Second, Retries: retries}, loss, lossSeed)
	for s.polls < wanted {
		s.step()
	}
	attempt := 1 - (1-loss)*(1-loss)
	want := math.Pow(attempt, retries+1)
	got := float64(s.unanswered) / float64(s.polls)
	t.Logf("%d polls, %d without any answer: %.6f, %.6f by the losses (%.3f of it); %d inquiries; lines %+v and %+v",
		s.polls, s.unanswered, got, want, got/want, s.inquiries, s.there.Counts(), s.back.Counts())
	assert.InEpsilon(t, want, got, tolerance, "seed %d", lossSeed)
}

// lossyControl is a StatusControl without sockets or goroutines: the test gives it the time and carries its telegrams.
type lossyControl struct {
	t                            *testing.T
	control                      *StatusControl
	now                          time.Time
	out                          *datagram.Batch
	answers                      [telegram.MaxLength]byte
	there, back                  *slavetest.Line
	address                      netip.Addr
	status                       telegram.Status
	set                          time.Duration // of the wall clock; the monotonic one goes on
	deaf                         telegram.Host // does not hear its inquiries
	polls, unanswered, inquiries int           // polls with all retries: of slaves that were not found STOPPED; all attempts
}

func newLossyControl(t *testing.T, n int, data Slave, loss float64, seed uint64) *lossyControl {
	file, _ := contact(t)
	l := &lossyControl{t: t, now: time.Now(), out: slave.NewBatch(), address: netip.MustParseAddr("198.18.0.1"), status: status(t, contactfile.Online),
		there: slavetest.NewLine(seed, 1, slavetest.Impairment{Loss: loss}),
		back:  slavetest.NewLine(seed, 2, slavetest.Impairment{Loss: loss})}
	definition := make([]Slave, n)
	for i := range definition {
		definition[i] = data
		definition[i].Host, definition[i].Address = hostNumber(t, i), address(t, "198.18.0.1:10320")
	}
	network := &slavetest.Network{}
	l.control = NewStatusControl(slave.NewOwnRecord(host(t, "mgr01"), file, 0), definition, file, network.Listen(managerAddress),
		quiet(), &slave.Drops{})
	l.control.Tell(func(event string) {
		if strings.HasSuffix(event, " STOPPED") {
			l.unanswered++
		}
	})
	require.NoError(t, l.control.Begin())
	return l
}

// step goes to the next time at which a monitor is due, and does all that is due then.
func (l *lossyControl) step() {
	l.out.Reset()
	now := stepped(l.t, l.now, l.set)
	next, more := l.control.expire(now, now, l.out)
	l.control.events.deliver()
	for i := range l.out.Len() {
		b, _ := l.out.At(i)
		l.inquire(b)
	}
	if !more && next.After(l.now) {
		l.now = next
	}
}

func (l *lossyControl) inquire(inquiry []byte) {
	l.inquiries++
	var q telegram.StatusInquiry
	l.must(q.Decode(inquiry))
	if m := l.control.byHost.of(q.Host); m.attempts == 1 && m.allowedRetries() > 0 {
		l.polls++
	}
	for _, c := range l.there.Carry(inquiry) {
		l.must(q.Decode(c.Bytes))
		if q.Host != l.deaf {
			l.answer(q.Host)
		}
	}
}

func (l *lossyControl) answer(h telegram.Host) {
	r := telegram.StatusResponse{Host: h, Control: telegram.Running, Status: l.status}
	b, err := r.Append(l.answers[:0])
	l.must(err)
	for _, c := range l.back.Carry(b) {
		if drop := l.control.takeOne(stepped(l.t, l.now, l.set), c.Bytes, l.address, &r); drop != slave.NoDrop {
			l.t.Fatalf("dropped: %v", drop)
		}
		l.control.events.deliver()
	}
}

// must is require.NoError, which would take half of the time here.
func (l *lossyControl) must(err error) {
	if err != nil {
		l.t.Fatal(err)
	}
}

// impair has every datagram of the fleet go by a bad line, one for each direction.
func (f *fleet) impair(seed uint64, bad slavetest.Impairment) (there, back *slavetest.Line) {
	f.impaired = true
	there, back = slavetest.NewLine(seed, 1, bad), slavetest.NewLine(seed, 2, bad)
	manager := netip.MustParseAddrPort(managerAddress)
	f.network.Impair(func(_, to netip.AddrPort) *slavetest.Line {
		if to == manager {
			return back
		}
		return there
	})
	return there, back
}

// A record may be as old as the last answer: one interval and the way. It is never of a status from before that, never goes back
// to one, and no slave that is up is ever STOPPED: the longest way there and back is shorter than the waits of a round.
func TestDuplicatedReorderedAndLateDatagramsChangeNoStatusWrongly(t *testing.T) {
	const (
		slaves = 20
		way    = 300 * time.Millisecond // longer than the response wait: many answers are late
		end    = 3 * time.Minute
		tick   = 50 * time.Millisecond
	)
	seed := slavetest.Seed(t)
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, plan{slaves: slaves, interval: time.Second, timeout: 200 * time.Millisecond, retries: 3})
		f.begin()
		f.at(2 * time.Second)
		there, back := f.impair(seed, slavetest.Impairment{Duplicate: 0.3, Delay: way})
		before, now, changed := "", contactfile.Online, time.Duration(0) // the status of all slaves, and since when
		shown := map[*pretended]bool{}                                   // whose record has it
		for at := 2 * time.Second; at < end; at += tick {
			f.at(at)
			if at-changed > 5*time.Second {
				before, now, changed = now, fmt.Sprintf("S%d", at.Milliseconds()), at
				clear(shown)
				for _, s := range f.slaves {
					f.set(s, func(s *pretended) { s.status = status(t, now) })
				}
			}
			for _, s := range f.slaves {
				record, newest := f.record(s), s.host.String()+" RUNNING "+now
				if record == newest {
					shown[s] = true
					continue
				}
				require.Equal(t, s.host.String()+" RUNNING "+before, record, "at %v", at)
				require.False(t, shown[s], "%s went back at %v", record, at)
				require.LessOrEqual(t, at-changed, f.plan.interval+2*way, "%s at %v", record, at)
			}
		}
		assert.Greater(t, there.Counts().Duplicated, 500)
		assert.Greater(t, back.Counts().Duplicated, 500)
		assert.Greater(t, f.drops.Of(slave.DropUnasked), uint64(500), "answers that came late or twice")
	})
}

// A flipped bit that its receiver can see costs that telegram, is counted, and changes nothing else. (The specification names the
// flips that nobody can see.)
func TestFlippedBitsCostTheTelegramAndNothingElse(t *testing.T) {
	const slaves, rounds, flip = 20, 300, 0.2
	seed := slavetest.Seed(t)
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, plan{slaves: slaves, interval: time.Second, timeout: 10 * time.Millisecond, retries: 40})
		f.begin()
		f.at(time.Second)
		invalid := func(b []byte) bool {
			_, err := telegram.Decode(b)
			return err != nil
		}
		there, back := f.impair(seed, slavetest.Impairment{Flip: flip, Seen: invalid})
		for i := range rounds {
			f.at(time.Duration(i+2) * time.Second)
			for _, s := range f.slaves {
				require.Equal(t, s.host.String()+" RUNNING ONLINE", f.record(s))
			}
		}
		f.network.Impair(nil)
		f.at((rounds + 3) * time.Second)
		assert.Greater(t, there.Counts().Flipped, slaves*rounds/10)
		assert.EqualValues(t, there.Counts().Flipped, f.undecoded.Load(), "at the slaves")
		assert.Greater(t, back.Counts().Flipped, slaves*rounds/10)
		dropped := uint64(0)
		for reason := slave.DropLength; reason <= slave.DropText; reason++ {
			dropped += f.drops.Of(reason)
		}
		assert.EqualValues(t, back.Counts().Flipped, dropped, "at the manager: %v", f.drops.All())
	})
}

// However bad the network, a slave that falls silent is found out in time, and one that comes back is found when the network is well.
func TestSilenceIsFoundOutInTimeOnABadNetwork(t *testing.T) {
	const (
		slaves = 50
		way    = 100 * time.Millisecond
		times  = 30
	)
	seed := slavetest.Seed(t)
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, plan{slaves: slaves, interval: 2 * time.Second, timeout: 250 * time.Millisecond, retries: 3})
		f.begin()
		for n := range times {
			there, back := f.impair(seed+uint64(n), slavetest.Impairment{Loss: 0.2, Burst: 0.02, BurstMost: 10, Duplicate: 0.2, Delay: way})
			at := time.Since(f.start) + 20*time.Second
			f.at(at)
			fallen := f.slaves[there.Draw(slaves)]
			f.set(fallen, func(s *pretended) { s.silent = true })
			f.at(at + f.plan.bound() + 2*way)
			require.Equal(t, fallen.host.String()+" STOPPED ONLINE", f.record(fallen), "time %d", n)
			require.Positive(t, there.Counts().Lost+back.Counts().Lost)

			f.network.Impair(nil)
			f.set(fallen, func(s *pretended) { s.silent = false })
			f.at(time.Since(f.start) + f.plan.interval + way)
			for _, s := range f.slaves {
				require.Equal(t, s.host.String()+" RUNNING ONLINE", f.record(s), "time %d", n)
			}
		}
	})
}
