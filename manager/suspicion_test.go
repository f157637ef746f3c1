package manager

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/telegram"
)

// heldFleet is a fleet whose manager suspects itself; it is cut off by cut, with the slaves that are given or all.
func heldFleet(t *testing.T, p plan, hold time.Duration) *fleet {
	f := newFleet(t, p)
	f.status.SetHold(hold)
	f.begin()
	return f
}

func (f *fleet) cut(slaves ...*pretended)  { f.silence(true, slaves) }
func (f *fleet) mend(slaves ...*pretended) { f.silence(false, slaves) }

func (f *fleet) silence(silent bool, slaves []*pretended) {
	for _, s := range slaves {
		f.set(s, func(s *pretended) { s.silent = silent })
	}
}

// awaitEvent goes on by the millisecond until the event is told, and gives the time.
func (f *fleet) awaitEvent(event string, until time.Duration) time.Duration {
	f.t.Helper()
	for at := time.Since(f.start); at <= until; at += time.Millisecond {
		f.at(at)
		if f.told(event) > 0 {
			return at
		}
	}
	require.Fail(f.t, "no event", "%s until %v: %q", event, until, f.events.told())
	return 0
}

// told is how many events end with the words.
func (f *fleet) told(words string) (n int) {
	for _, event := range f.events.told() {
		if strings.HasSuffix(event, words) {
			n++
		}
	}
	return n
}

// Whenever the manager is cut off, whatever the control data: nobody is called STOPPED before the hold, nobody in it, all at its end.
func TestManagerThatIsCutOffHoldsItsJudgementAndThenJudgesAllAtOnce(t *testing.T) {
	for _, c := range []struct {
		slaves            int
		interval, timeout time.Duration
		retries           int
	}{
		{5, 10 * time.Second, time.Second, 5},
		{5, time.Second, 100 * time.Millisecond, 2},
		{5, time.Minute, time.Second, 1},
		{5, 10 * time.Second, time.Second, 0},
		{3, time.Second, 300 * time.Millisecond, 0},
		{3, 2 * time.Second, time.Second, 5},
		{40, 30 * time.Second, time.Second, 1},
		{40, 30 * time.Second, time.Second, 0},
		{200, 10 * time.Second, time.Second, 5},
	} {
		for part := range 5 { // of the interval
			synctest.Test(t, func(t *testing.T) {
				p := plan{slaves: c.slaves, interval: c.interval, timeout: c.timeout, retries: c.retries, shared: true}
				name := fmt.Sprintf("%+v, cut off after %d fifths of an interval", c, part)
				hold := 3*p.interval - 137*time.Millisecond // not when somebody is due
				f := heldFleet(t, p, hold)
				cut := 3*p.interval + p.interval*time.Duration(part)/5 + 10*time.Millisecond
				f.at(cut)
				f.events.forget()
				f.cut(f.slaves...)
				began := f.awaitEvent("mgr01 ISOLATED", cut+p.bound())
				assert.Equal(t, []string{"mgr01 ISOLATED"}, f.events.told(), name)
				assert.True(t, f.status.Isolated())
				f.at(began + hold - time.Millisecond)
				assert.Equal(t, []string{"mgr01 ISOLATED"}, f.events.told(), name)
				for _, s := range f.slaves {
					require.Equal(t, s.host.String()+" RUNNING ONLINE", f.record(s), name)
				}
				f.at(began + hold + 10*time.Millisecond)
				assert.False(t, f.status.Isolated())
				told := f.events.told()
				assert.Equal(t, "mgr01 isolation ended", told[1], name)
				// Who was not due when the hold ended is judged when he is, without another hold.
				f.at(began + hold + p.bound())
				assert.Equal(t, c.slaves, f.told(" STOPPED"), name)
				if p.interval > p.timeout*time.Duration(p.retries+1) {
					assert.Len(t, told, 2+c.slaves, "%s: at once", name)
				}
				assert.Equal(t, 1, f.log.count("mgr01 ISOLATED"), name)
				assert.Equal(t, 1, f.log.count("mgr01 isolation ended"), name)
			})
		}
	}
}

func TestHalfOfTheSlavesOrTwoAreFoundOutInTimeAndWithoutAHold(t *testing.T) {
	for _, c := range []struct{ slaves, cut int }{{2, 2}, {3, 2}, {4, 2}, {6, 3}, {10, 1}, {50, 25}} {
		for _, retries := range []int{0, 1, 3} {
			synctest.Test(t, func(t *testing.T) {
				p := plan{slaves: c.slaves, interval: 10 * time.Second, timeout: time.Second, retries: retries, shared: true}
				f := heldFleet(t, p, time.Minute)
				f.at(30*time.Second + 5*time.Millisecond)
				f.events.forget()
				f.cut(f.slaves[:c.cut]...)
				f.at(30*time.Second + 5*time.Millisecond + p.bound())
				assert.Equal(t, c.cut, f.told(" STOPPED"), "%+v, %d retries", c, retries)
				assert.Zero(t, f.log.count(`msg="mgr01 `), "%+v, %d retries", c, retries)
			})
		}
	}
}

func TestSlavesThatAnswerInTheHoldAreNeverStopped(t *testing.T) {
	for _, back := range []int{20, 15, 11} {
		synctest.Test(t, func(t *testing.T) {
			p := plan{slaves: 20, interval: 10 * time.Second, timeout: time.Second, retries: 2, shared: true}
			f := heldFleet(t, p, 30*time.Second)
			f.at(35 * time.Second)
			f.events.forget()
			f.cut(f.slaves...)
			began := f.awaitEvent("mgr01 ISOLATED", time.Minute)
			for at := began; at < began+20*time.Second; at += 100 * time.Millisecond {
				f.at(at)
			}
			f.forget(f.slaves[7])
			mended := began + 20*time.Second
			f.mend(f.slaves[:back]...)
			ended := f.awaitEvent("mgr01 isolation ended", mended+p.interval)
			assert.LessOrEqual(t, ended-mended, p.interval, "one answer has all others asked")
			assert.Equal(t, []string{"mgr01 ISOLATED", "mgr01 isolation ended"}, f.events.told())
			f.at(ended + 2*p.bound())
			assert.Equal(t, 20-back, f.told(" STOPPED"))
			for n, s := range f.slaves {
				operating := "RUNNING"
				if n >= back {
					operating = "STOPPED"
				}
				assert.Equal(t, s.host.String()+" "+operating+" ONLINE", f.record(s))
			}
			assert.Equal(t, 1, f.log.count("mgr01 ISOLATED"))
			assert.Empty(t, f.drops.All(), "every answer counts")
		})
	}
}

// The answers of all come at once: those that come after the hold's end count too.
func TestAnswersThatAreOnTheirWayAtTheHoldsEndCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := heldFleet(t, plan{slaves: 10, interval: 10 * time.Second, timeout: 2 * time.Second, retries: 1, shared: true}, time.Hour)
		f.at(15 * time.Second)
		f.cut(f.slaves...)
		f.awaitEvent("mgr01 ISOLATED", time.Minute)
		f.status.mu.Lock()
		now := time.Now()
		for _, m := range f.status.monitors {
			m.askAnew(now)
			f.status.schedule.moved(m)
		}
		f.status.mu.Unlock()
		f.status.rouse()
		f.at(time.Since(f.start) + time.Millisecond)
		for _, s := range f.slaves {
			f.forget(s)
			f.respond(s, telegram.Running, "BATCH")
		}
		assert.False(t, f.status.Isolated())
		for _, s := range f.slaves {
			assert.Equal(t, s.host.String()+" RUNNING BATCH", f.record(s))
		}
		assert.Empty(t, f.drops.All())
	})
}

func TestFirstAnswerInTheHoldHasAllOthersAskedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := plan{slaves: 10, interval: time.Minute, timeout: time.Second, retries: 1, shared: true}
		f := heldFleet(t, p, time.Hour)
		f.at(2 * time.Minute)
		f.cut(f.slaves...)
		f.awaitEvent("mgr01 ISOLATED", 4*time.Minute)
		f.at(10 * time.Minute)
		f.mend(f.slaves...)
		ended := f.awaitEvent("mgr01 isolation ended", 20*time.Minute)
		assert.LessOrEqual(t, ended-10*time.Minute, p.interval/10+10*time.Millisecond, "until the next of ten is asked, and a moment")
	})
}

func TestWhoAnswersAtTheHoldsEndHasARoundOfItsOwnAndTheDeadAreFoundInIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := plan{slaves: 10, interval: 10 * time.Second, timeout: time.Second, retries: 2, shared: true}
		f := heldFleet(t, p, 60*time.Second)
		f.at(35 * time.Second)
		f.cut(f.slaves...)
		f.awaitEvent("mgr01 ISOLATED", time.Minute)
		f.mend(f.slaves[:5]...)
		ended := f.awaitEvent("mgr01 isolation ended", 2*time.Minute)
		dead := f.awaitEvent("app10 STOPPED", 2*time.Minute)
		assert.LessOrEqual(t, dead-ended, p.timeout*time.Duration(p.retries+2), "a round of all attempts, and what they are spread over")
		assert.GreaterOrEqual(t, dead-ended, p.timeout*time.Duration(p.retries+1))
	})
}

func TestInTheHoldSlavesAreAskedAtTheirIntervalAndSTOPPEDIsBelieved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := plan{slaves: 5, interval: 10 * time.Second, timeout: time.Second, retries: 1}
		f := heldFleet(t, p, 60*time.Second)
		f.at(39 * time.Second)
		f.events.forget()
		f.cut(f.slaves...)
		f.awaitEvent("mgr01 ISOLATED", time.Minute)
		f.at(55 * time.Second)
		f.forget(f.slaves[0])
		f.at(79 * time.Second)
		assert.Equal(t, []string{"1m0s CHECK", "1m1s CHECK", "1m10s CHECK", "1m11s CHECK"}, f.inquiries(f.slaves[0]))
		f.respond(f.slaves[3], telegram.Stopped, "HALTED")
		assert.Equal(t, "app4 STOPPED HALTED", f.record(f.slaves[3]))
		assert.True(t, f.status.Isolated(), "four of four are silent")
		assert.Equal(t, []string{"app4 STOPPED", "app4 application HALTED", "mgr01 ISOLATED"}, slices.Sorted(slices.Values(f.events.told())))
	})
}

func TestHoldEndsWithMonitoringAndWhenItIsSwitchedOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := plan{slaves: 5, interval: 10 * time.Second, timeout: time.Second, retries: 1}
		f := heldFleet(t, p, time.Hour)
		f.at(39 * time.Second)
		f.cut(f.slaves...)
		f.awaitEvent("mgr01 ISOLATED", time.Minute)
		f.status.SetHold(0)
		assert.False(t, f.status.Isolated())
		assert.Equal(t, 1, f.log.count("it is switched off"))
		f.at(time.Since(f.start) + p.bound())
		assert.Equal(t, 5, f.told(" STOPPED"))

		f.mend(f.slaves...)
		f.status.SetHold(time.Hour)
		f.at(90 * time.Second)
		f.events.forget()
		f.cut(f.slaves...)
		f.awaitEvent("mgr01 ISOLATED", 2*time.Minute)
		f.endIn(t.Context(), "app1", "app2", "app3", "app4", "app5")
		assert.False(t, f.status.Isolated())
		assert.Equal(t, []string{"mgr01 ISOLATED", "mgr01 isolation ended"}, f.events.told())
		require.NoError(t, f.status.Begin())
		f.at(time.Since(f.start) + p.bound())
		assert.Equal(t, 5, f.told(" STOPPED"), "nobody runs who could fall silent: each is judged")
		assert.Equal(t, 1, f.told("mgr01 ISOLATED"))
	})
}

func TestReloadInTheHoldForgetsWhoGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := plan{slaves: 6, interval: 10 * time.Second, timeout: time.Second, retries: 1}
		f := heldFleet(t, p, time.Minute)
		f.at(39 * time.Second)
		f.cut(f.slaves[:4]...)
		f.awaitEvent("mgr01 ISOLATED", time.Minute)
		f.reload(f.slaves[2:]...)
		assert.False(t, f.status.Isolated(), "two of four are silent")
		assert.Equal(t, 1, f.told("mgr01 isolation ended"))
		f.at(2 * time.Minute)
		assert.Equal(t, 2, f.told(" STOPPED"))
	})
}

// A hold of many is ended a few at a time, so that slaves that run are asked and heard meanwhile.
func TestEndOfAHoldOfManyIsNotOneStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 3*maxHandled + 1
		f := newFleet(t, plan{slaves: n, interval: 10 * time.Second, timeout: time.Second, retries: 1, shared: true})
		f.status.SetHold(time.Second)
		f.begin()
		f.at(15 * time.Second)
		s := f.status
		s.mu.Lock()
		now := time.Now()
		for _, m := range s.monitors {
			s.isolation.missed(m)
		}
		for _, m := range s.monitors {
			s.isolation.holdsFor(now, m)
		}
		var stopped []int
		for more := true; more; {
			more = s.judgeHeld(now.Add(time.Second))
			stopped = append(stopped, n-s.isolation.running)
		}
		s.mu.Unlock()
		assert.Equal(t, []int{maxHandled, 2 * maxHandled, 3 * maxHandled, n}, stopped)
	})
}

func TestManagerThatIsConnectedAgainBeforeTheHoldsEndHasCalledNobodyStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := plan{slaves: 5, interval: 10 * time.Second, timeout: time.Second, retries: 1}
		f := heldFleet(t, p, time.Minute)
		f.at(39 * time.Second)
		f.events.forget()
		f.network.Lose(func(netip.AddrPort, netip.AddrPort, []byte) bool { return true })
		f.awaitEvent("mgr01 ISOLATED", time.Minute)
		f.network.Lose(nil)
		f.awaitEvent("mgr01 isolation ended", 2*time.Minute)
		f.at(3 * time.Minute)
		assert.Equal(t, []string{"mgr01 ISOLATED", "mgr01 isolation ended"}, f.events.told())
	})
}
