package manager

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/slave"
	"renraku/slave/datagram"
	"renraku/slave/slavetest"
	"renraku/telegram"
)

func TestSlaveThatUDPDoesNotReachStaysRunningByTCP(t *testing.T) {
	for _, c := range []struct {
		retries int
		asked   string // on TCP, in the first round
	}{{0, "20.5s CHECK"}, {1, "21s CHECK"}, {3, "23s CHECK"}} {
		synctest.Test(t, func(t *testing.T) {
			f := newFleet(t, plan{slaves: 2, interval: 10 * time.Second, timeout: time.Second, retries: c.retries})
			app := f.slaves[0]
			w := f.wire(replies(100*time.Millisecond, telegram.Running))
			f.begin()
			f.at(15 * time.Second)
			f.events.forget()
			f.set(app, func(s *pretended) { s.silent, s.status = true, status(t, "BATCH") })
			f.at(29 * time.Second)
			assert.Equal(t, []string{c.asked}, w.inquiries(app))
			assert.Equal(t, "app1 RUNNING BATCH", f.record(app), "and its status follows")
			f.at(65 * time.Second)
			assert.Equal(t, []string{"app1 application BATCH"}, f.events.told())
			assert.Equal(t, 1, f.log.count("app1 is RUNNING, but UDP is blocked"), "once")
			assert.EqualValues(t, 5, f.drops.Of(slave.DropUDP), "each round")
			first, n := f.status.Blocked()
			assert.Equal(t, []string{"app1"}, first)
			assert.Equal(t, 1, n)
			assert.Empty(t, w.inquiries(f.slaves[1]), "UDP is enough")

			f.set(app, func(s *pretended) { s.silent = false })
			f.at(85 * time.Second)
			assert.Equal(t, 1, f.log.count("app1: UDP works again"))
			first, n = f.status.Blocked()
			assert.Empty(t, first)
			assert.Zero(t, n)
			assert.Len(t, w.inquiries(app), 5)
			assert.Equal(t, []string{"app1 application BATCH"}, f.events.told(), "no event tells of UDP")
			assert.Zero(t, w.stillOpen())
		})
	}
}

func TestTCPDelaysNobodysDetection(t *testing.T) {
	answerLate := func(after time.Duration) func(*pretended, telegram.StatusInquiry) (telegram.Telegram, time.Duration) {
		return replies(after, telegram.Running)
	}
	other := func(s *pretended, q telegram.StatusInquiry) (telegram.Telegram, time.Duration) {
		return telegram.StatusResponse{Host: s.host, Control: telegram.Running, Status: s.status}, 0
	}
	for _, c := range []struct {
		name    string
		reply   func(*pretended, telegram.StatusInquiry) (telegram.Telegram, time.Duration)
		running bool
	}{
		{"no answer", never, false},
		{"the answer comes in the last millisecond", answerLate(999 * time.Millisecond), true},
		{"the answer comes a millisecond after it", answerLate(1001 * time.Millisecond), false},
		{"another telegram comes", func(s *pretended, q telegram.StatusInquiry) (telegram.Telegram, time.Duration) { return q, 0 }, false},
		{"another host's answer comes", func(s *pretended, q telegram.StatusInquiry) (telegram.Telegram, time.Duration) {
			return telegram.StatusResponse{Host: host(t, "app2"), Control: telegram.Running, Status: s.status}, 0
		}, false},
		{"at once", other, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t, usual(1))
				app := f.slaves[0]
				w := f.wire(c.reply)
				f.begin()
				f.at(15 * time.Second)
				f.set(app, func(s *pretended) { s.silent = true })
				f.at(23*time.Second - 1)
				assert.Equal(t, "app1 RUNNING ONLINE", f.record(app), "a moment before")
				f.at(23 * time.Second)
				want := "app1 STOPPED ONLINE"
				if c.running {
					want = "app1 RUNNING ONLINE"
				}
				assert.Equal(t, want, f.record(app))
				f.at(24 * time.Second)
				assert.Equal(t, want, f.record(app), "a late answer changes nothing")
				assert.Equal(t, []string{"22s CHECK"}, w.inquiries(app))
				assert.Zero(t, w.stillOpen())
				f.status.mu.Lock()
				assert.Zero(t, f.status.fallback.before.taken)
				f.status.mu.Unlock()
			})
		})
	}
}

func TestSTOPPEDOnTCPCountsAsSuch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, usual(1))
		app := f.slaves[0]
		f.wire(replies(0, telegram.Stopped))
		f.begin()
		f.at(15 * time.Second)
		f.set(app, func(s *pretended) { s.silent, s.status = true, status(t, "HALTED") })
		f.at(22 * time.Second)
		assert.Equal(t, "app1 STOPPED HALTED", f.record(app))
		assert.Equal(t, 1, f.log.count("it said so"))
		assert.Zero(t, f.drops.Of(slave.DropUDP))
		_, n := f.status.Blocked()
		assert.Zero(t, n)
	})
}

// Whatever an inquiry on TCP brings counts for the round in which it was made, and only while that waits.
func TestLateAnswerOnTCPCountsForNoOtherRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, plan{slaves: 1, interval: 10 * time.Second, timeout: 2 * time.Second})
		app := f.slaves[0]
		f.wire(never)
		f.begin()
		f.at(15 * time.Second)
		f.set(app, func(s *pretended) { s.silent = true })
		f.at(21 * time.Second)
		m := f.status.monitors[0]
		inProgress := func() *tcpProbe {
			f.status.mu.Lock()
			defer f.status.mu.Unlock()
			return m.probe
		}
		p := inProgress()
		require.NotNil(t, p)
		r := telegram.StatusResponse{Host: app.host, Control: telegram.Running, Status: status(t, "LATE")}
		late := func(p *tcpProbe, why string) {
			f.status.mu.Lock()
			f.status.fallback.before.taken++
			f.status.mu.Unlock()
			f.status.probed(p, r, nil)
			assert.NotContains(t, f.record(app), "LATE", why)
		}
		f.at(22 * time.Second)
		require.Equal(t, "app1 STOPPED ONLINE", f.record(app))
		late(p, "after the judgement")
		f.at(31500 * time.Millisecond)
		require.NotNil(t, inProgress())
		require.NotSame(t, p, inProgress())
		other := *p
		other.until = time.Now().Add(time.Hour)
		late(&other, "in the next round, even in time: another one is in progress")
		late(p, "in the next round")
		f.status.mu.Lock()
		m.probe = p
		f.status.mu.Unlock()
		late(p, "even as the one that is in progress: its time is over")
		f.status.mu.Lock()
		m.probe, m.waiting, m.running = &other, false, true
		f.status.mu.Unlock()
		late(&other, "nothing is waited for")
		assert.Zero(t, f.drops.Of(slave.DropUDP))
	})
}

func TestInMassOutageNoMoreThanTheBoundAreAskedOnTCPAndAllAreFoundInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := plan{slaves: 1000, interval: time.Second, timeout: 500 * time.Millisecond, retries: 1, shared: true}
		f := newFleet(t, p)
		w := f.wire(never)
		f.begin()
		f.at(5 * time.Second)
		f.cut(f.slaves...)
		f.at(5*time.Second + p.bound())
		assert.Equal(t, p.slaves, f.told(" STOPPED"))
		assert.Equal(t, maxProbes, w.most)
		asked := 0
		for _, s := range f.slaves {
			asked += len(w.inquiries(s))
		}
		assert.GreaterOrEqual(t, int(f.drops.Of(slave.DropProbe)), p.slaves-asked, "each without a place is counted")
		assert.Positive(t, f.drops.Of(slave.DropProbe))

		f.at(time.Minute)
		w.mu.Lock()
		w.most = 0
		w.mu.Unlock()
		f.at(2 * time.Minute)
		assert.LessOrEqual(t, w.most, maxStoppedProbes, "of those that are STOPPED")
		assert.Positive(t, w.most)
	})
}

func TestFewAreAskedOnTCPWhereThePollIsLateButThoseThatDependOnIt(t *testing.T) {
	for _, c := range []struct {
		name                  string
		late, blocked, others bool
	}{
		{name: "on time"},
		{name: "late", late: true},
		{name: "late, and UDP has been blocked before", late: true, blocked: true},
		{name: "late, and UDP has been blocked before for others, who are asked first", late: true, others: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var socket *stalled
				f := newFleet(t, plan{slaves: 200, interval: time.Second, timeout: 500 * time.Millisecond, retries: 1, shared: true,
					socket: func(s *slavetest.Socket) slave.PacketConn {
						socket = &stalled{Socket: s}
						return socket
					}})
				f.wire(replies(400*time.Millisecond, telegram.Running))
				f.begin()
				f.at(5 * time.Second)
				cut := f.slaves[:50]
				if c.blocked {
					f.cut(cut...)
					f.at(10 * time.Second)
					_, n := f.status.Blocked()
					require.Equal(t, len(cut), n)
				}
				if c.others {
					f.cut(f.slaves[150:]...)
				}
				f.at(10*time.Second + 300*time.Millisecond)
				f.cut(cut...)
				f.at(11*time.Second + 400*time.Millisecond) // the last attempts are due from 11.5 s to 11.75 s
				if c.late {
					socket.waiting.Store(int64(400 * time.Millisecond))
				}
				f.at(12*time.Second + 400*time.Millisecond)
				if c.late && !c.blocked {
					late := len(cut) - maxLateProbes
					assert.EqualValues(t, late, f.drops.Of(slave.DropProbe))
					assert.Equal(t, late, f.told(" STOPPED"))
				} else {
					assert.Zero(t, f.drops.Of(slave.DropProbe))
					assert.Zero(t, f.told(" STOPPED"))
				}
			})
		})
	}
}

// tardy is a socket whose manager needs a moment after each wait until it runs.
type tardy struct{ *slavetest.Socket }

func (s *tardy) Receive(b *datagram.Batch, until time.Time) error {
	err := s.Socket.Receive(b, until)
	if until.After(past) {
		time.Sleep(60 * time.Microsecond)
	}
	return err
}

func TestAPollThatComesByTheTickIsNotLateHoweverShortTheResponseWaitIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const wait = 10 * time.Millisecond // the shortest of a definition
		f := newFleet(t, plan{slaves: 2000, interval: time.Second, timeout: wait, retries: 1, shared: true,
			socket: func(s *slavetest.Socket) slave.PacketConn { return &tardy{s} }})
		f.wire(replies(wait*7/10, telegram.Running))
		f.begin()
		f.at(5*time.Second + 300*time.Microsecond)
		f.cut(f.slaves[:500]...)
		f.at(7 * time.Second)
		_, n := f.status.Blocked()
		assert.Equal(t, 500, n)
		assert.Zero(t, f.drops.Of(slave.DropProbe))
		assert.Zero(t, f.told(" STOPPED"))
	})
}

func TestENDReachesByTCPWhomUDPDoesNotReach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, usual(2))
		app := f.slaves[0]
		w := f.wire(func(s *pretended, q telegram.StatusInquiry) (telegram.Telegram, time.Duration) {
			c := telegram.Running
			if q.Control == telegram.End {
				c = telegram.Stopped
			}
			return replies(0, c)(s, q)
		})
		f.begin()
		f.at(9 * time.Second)
		f.set(app, func(s *pretended) { s.silent = true })
		f.at(19 * time.Second)
		assert.Equal(t, 2*time.Second, f.endIn(t.Context()))
		assert.Equal(t, []string{"12s CHECK", "21s END"}, w.inquiries(app))
	})
}

func TestAnswerOnUDPEndsWhatIsAskedOnTCP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, usual(1))
		app := f.slaves[0]
		w := f.wire(replies(500*time.Millisecond, telegram.Running))
		f.begin()
		f.at(9 * time.Second)
		f.set(app, func(s *pretended) { s.lose, s.latency = 2, 200*time.Millisecond })
		f.at(12100 * time.Millisecond)
		assert.Equal(t, 1, w.stillOpen())
		f.at(12200 * time.Millisecond)
		assert.Zero(t, w.stillOpen())
		assert.Equal(t, "app1 RUNNING ONLINE", f.record(app))
		assert.Zero(t, f.drops.Of(slave.DropUDP))
		assert.Zero(t, f.log.count("UDP"))
	})
}

func TestWithoutTheFallbackNobodyIsAskedOnTCP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, usual(1))
		app := f.slaves[0]
		w := f.wire(replies(0, telegram.Running))
		f.begin()
		f.at(9 * time.Second)
		f.set(app, func(s *pretended) { s.silent = true })
		f.at(15 * time.Second)
		_, n := f.status.Blocked()
		require.Equal(t, 1, n)
		f.status.SetFallback(false)
		_, n = f.status.Blocked()
		assert.Zero(t, n, "nobody knows any more")
		f.at(23 * time.Second)
		assert.Equal(t, "app1 STOPPED ONLINE", f.record(app))
		assert.Len(t, w.inquiries(app), 1)
	})
}

func TestManagerThatIsCutOffOnUDPAloneIsNotIsolated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := plan{slaves: 50, interval: 10 * time.Second, timeout: time.Second, retries: 2, shared: true}
		f := newFleet(t, p)
		f.status.SetHold(30 * time.Second)
		f.wire(replies(10*time.Millisecond, telegram.Running))
		f.begin()
		f.at(35 * time.Second)
		f.events.forget()
		f.cut(f.slaves...)
		f.at(2 * time.Minute)
		assert.Empty(t, f.events.told())
		first, n := f.status.Blocked()
		assert.Equal(t, 50, n)
		assert.Len(t, first, maxBlockedNamed)
		assert.Equal(t, []string{"mgr01 RUNNING NOT-STARTED", "app1 RUNNING ONLINE"}, lines(t, f.path)[:2])
		assert.Equal(t, "app50 RUNNING ONLINE", f.record(f.slaves[49]))
	})
}
