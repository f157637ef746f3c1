package manager

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/contactfile"
	"renraku/slave"
	"renraku/telegram"
)

// maintain has the slaves be in maintenance from now on.
func (f *fleet) maintain(length time.Duration, slaves ...*pretended) {
	f.t.Helper()
	require.NoError(f.t, f.status.Maintain(hostsOf(slaves), time.Now().Add(length), slave.ByOperator))
	synctest.Wait()
}

// endMaintenance ends the maintenance of the slaves.
func (f *fleet) endMaintenance(slaves ...*pretended) {
	f.t.Helper()
	require.NoError(f.t, f.status.EndMaintenance(hostsOf(slaves), slave.ByOperator))
	synctest.Wait()
}

func hostsOf(slaves []*pretended) []telegram.Host {
	var hosts []telegram.Host
	for _, s := range slaves {
		hosts = append(hosts, s.host)
	}
	return hosts
}

// maintainedFleet is a fleet that keeps its maintenance in a file, and has been up for a second.
func maintainedFleet(t *testing.T, p plan) (f *fleet, path string) {
	f = newFleet(t, p)
	path = filepath.Join(filepath.Dir(f.path), MaintenanceFile)
	f.status.KeepMaintenance(path)
	f.run(f.status.keepMaintenance)
	f.begin()
	f.at(time.Second)
	f.happened()
	return f, path
}

func TestEventsOfAServerInMaintenanceAreHeldWhileItsRecordStaysTrue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _ := maintainedFleet(t, usual(2))
		app, other := f.slaves[0], f.slaves[1]
		f.maintain(time.Hour, app)
		f.set(app, func(s *pretended) { s.silent = true })
		f.at(time.Minute)
		assert.Equal(t, "app1 STOPPED ONLINE", f.record(app), "other programs read it")
		assert.Equal(t, 1, f.log.count(`msg="app1 STOPPED"`))
		assert.Equal(t, 1, f.log.count(`reason="no answer to 3 inquiries" maintenance=2000-01-01T01:00:01Z`))
		f.set(app, func(s *pretended) { s.silent, s.status = false, status(t, "BATCH") })
		f.at(2 * time.Minute)
		assert.Equal(t, "app1 RUNNING BATCH", f.record(app))
		assert.Equal(t, 1, f.log.count(`msg="app1 application BATCH" host=app1 maintenance=2000-01-01T01:00:01Z`))
		f.respond(app, telegram.Stopped, "BATCH")
		assert.Equal(t, "app1 STOPPED BATCH", f.record(app))
		assert.Empty(t, f.happened())
		assert.EqualValues(t, 4, f.drops.Of(slave.DropMaintenance))

		f.forget(app)
		f.at(3 * time.Minute)
		assert.Len(t, f.inquiries(app), 6, "polling goes on")
		f.respond(other, telegram.Stopped, "ONLINE")
		assert.Equal(t, []string{"app2 STOPPED"}, f.happened(), "of the others everything is told")
	})
}

func TestAtTheEndOfMaintenanceWhatIsOtherwiseIsTold(t *testing.T) {
	for _, c := range []struct {
		name       string
		stopped    bool // before
		after      func(*pretended)
		want       []string
		everything string // in the contact file
	}{
		{"as before", false, func(*pretended) {}, []string{}, "app1 RUNNING ONLINE"},
		{"it did not come back", false, func(s *pretended) { s.silent = true }, []string{"app1 STOPPED"}, "app1 STOPPED ONLINE"},
		{"it says STOPPED, with another status", false, func(s *pretended) { s.stopped, s.status = true, slave.NotStarted },
			[]string{"app1 STOPPED", "app1 application NOT-STARTED"}, "app1 STOPPED NOT-STARTED"},
		{"it has another status", false, func(s *pretended) { s.status = slave.NotStarted }, []string{"app1 application NOT-STARTED"},
			"app1 RUNNING NOT-STARTED"},
		{"it was STOPPED and is", true, func(*pretended) {}, []string{}, "app1 STOPPED ONLINE"},
		{"it was STOPPED and runs", true, func(s *pretended) { s.stopped = false }, []string{"app1 RUNNING"}, "app1 RUNNING ONLINE"},
	} {
		for _, byOperator := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t, usual(1))
				f.slaves[0].stopped = c.stopped
				f.run(f.status.keepMaintenance)
				f.begin()
				f.at(time.Second)
				f.happened()
				f.maintain(time.Hour, f.slaves[0])
				f.at(20 * time.Minute)
				f.set(f.slaves[0], func(s *pretended) { s.silent = true }) // it is taken down, whatever comes then
				f.at(30 * time.Minute)
				f.set(f.slaves[0], func(s *pretended) { s.silent = false; c.after(s) })
				f.at(50 * time.Minute)
				assert.Equal(t, c.everything, f.record(f.slaves[0]), c.name)
				assert.Empty(t, f.happened(), c.name)
				if byOperator {
					f.endMaintenance(f.slaves[0])
				} else {
					f.at(time.Hour + time.Second - 1)
					assert.Empty(t, f.happened(), c.name)
					f.at(time.Hour + time.Second)
				}
				assert.Equal(t, c.want, f.happened(), "%s, by the operator: %v", c.name, byOperator)
				assert.Empty(t, f.status.Maintained())
				f.at(2 * time.Hour)
				assert.Empty(t, f.happened(), "%s: once", c.name)
				f.endMaintenance(f.slaves[0])
				assert.Equal(t, 1, f.log.count(`msg="app1 maintenance ends"`), c.name)
			})
		}
	}
}

func TestAServerOfWhichNothingWasToldIsToldOfAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, usual(2))
		f.slaves[1].silent = true
		f.run(f.status.keepMaintenance)
		f.maintain(time.Minute, f.slaves...) // before monitoring begins
		f.begin()
		f.at(30 * time.Second)
		assert.Empty(t, f.happened())
		f.at(time.Minute)
		assert.Equal(t, []string{"app1 RUNNING", "app1 application ONLINE", "app2 STOPPED"}, f.happened())
	})
}

func TestMaintenanceIsExtendedByTheNewEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _ := maintainedFleet(t, usual(2))
		start := f.start.UTC()
		f.maintain(time.Hour, f.slaves...)
		f.set(f.slaves[0], func(s *pretended) { s.silent = true })
		f.at(30 * time.Minute)
		f.maintain(2*time.Hour, f.slaves[0])
		f.maintain(10*time.Minute, f.slaves[1])
		assert.Equal(t, map[string]time.Time{"app1": start.Add(150 * time.Minute), "app2": start.Add(40 * time.Minute)}, f.status.Maintained())
		f.at(2 * time.Hour)
		assert.Equal(t, map[string]time.Time{"app1": start.Add(150 * time.Minute)}, f.status.Maintained())
		assert.Empty(t, f.happened())
		f.at(150 * time.Minute)
		assert.Equal(t, []string{"app1 STOPPED"}, f.happened(), "what counts is how it was at the beginning")
	})
}

func TestARackInMaintenanceBringsNoIsolation(t *testing.T) {
	for _, maintained := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			f, _ := maintainedFleet(t, plan{slaves: 10, interval: 10 * time.Second, timeout: time.Second, retries: 2})
			f.status.SetHold(time.Minute)
			rack, rest := f.slaves[:7], f.slaves[7:]
			if maintained {
				f.maintain(time.Hour, rack...)
			}
			f.at(time.Minute)
			f.cut(rack...)
			f.at(2 * time.Minute)
			assert.Equal(t, !maintained, f.told("mgr01 ISOLATED") > 0, "without maintenance it does")
			if !maintained {
				return
			}
			for _, s := range rack {
				assert.Equal(t, s.host.String()+" STOPPED ONLINE", f.record(s))
			}
			f.at(3 * time.Minute)
			f.cut(rest...)
			f.at(3*time.Minute + f.plan.bound())
			assert.Equal(t, 1, f.told("mgr01 ISOLATED"), "who is left makes a suspicion as ever")
			assert.Zero(t, f.told(" STOPPED"))
		})
	}
}

func TestMaintenanceOfWhoIsSilentEndsAnIsolation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _ := maintainedFleet(t, plan{slaves: 6, interval: 10 * time.Second, timeout: time.Second, retries: 2})
		f.status.SetHold(time.Hour)
		f.at(time.Minute)
		f.cut(f.slaves[:4]...)
		f.awaitEvent("mgr01 ISOLATED", 2*time.Minute)
		f.maintain(time.Hour, f.slaves[:4]...)
		assert.Equal(t, []string{"mgr01 ISOLATED", "mgr01 isolation ended"}, f.events.told())
		f.at(3 * time.Minute)
		assert.Equal(t, "app1 STOPPED ONLINE", f.record(f.slaves[0]))
		assert.Equal(t, 2, f.status.isolation.running)
		f.mend(f.slaves...)
		f.at(4 * time.Minute)
		f.endMaintenance(f.slaves...)
		assert.Equal(t, 6, f.status.isolation.running, "they count again")
		assert.Len(t, f.events.told(), 2)
	})
}

func TestMaintenanceGoesOnAfterARestartAndEndsAsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, path := maintainedFleet(t, usual(3))
		f.maintain(time.Hour, f.slaves[:2]...)
		f.maintain(30*time.Second, f.slaves[2])
		left, err := os.ReadFile(path)
		require.NoError(t, err)
		path = filepath.Join(t.TempDir(), MaintenanceFile)
		require.NoError(t, os.WriteFile(path, left, 0o600))

		again := newFleet(t, usual(3)) // the next daemon, on what a killed one left
		again.slaves[0].silent = true
		again.at(45 * time.Second)
		again.status.KeepMaintenance(path)
		again.run(again.status.keepMaintenance)
		assert.Len(t, again.status.Maintained(), 2)
		assert.Equal(t, 1, again.log.count(`msg="app3 maintenance ends" host=app3 reason="its time was over before this daemon began"`))
		again.begin()
		again.at(10 * time.Minute)
		assert.Equal(t, []string{"app3 RUNNING", "app3 application ONLINE"}, again.happened(), "as at every start")
		again.at(time.Hour + time.Second)
		assert.Equal(t, []string{"app1 STOPPED"}, again.happened(), "the other is as it was told before the restart")
		assert.Empty(t, readMaintenance(t, path))
	})
}

func TestMaintenanceThatEndsBeforeTheServerIsJudgedLeavesItToTheJudgement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, path := maintainedFleet(t, usual(2))
		f.maintain(time.Hour, f.slaves...)

		again := newFleet(t, usual(2))
		again.status.KeepMaintenance(path)
		again.slaves[1].silent = true
		again.begin()
		assert.Empty(t, again.happened())
		again.endMaintenance(again.slaves...)
		assert.Empty(t, again.happened(), "nothing is known of app2 yet, and app1 is as it was told")
		again.at(time.Minute)
		assert.Equal(t, []string{"app2 STOPPED"}, again.happened())
	})
}

func readMaintenance(t *testing.T, path string) (hosts []string) {
	t.Helper()
	all, err := contactfile.ReadMaintenance(path)
	require.NoError(t, err)
	for _, m := range all {
		hosts = append(hosts, m.Host)
	}
	return hosts
}

func TestADamagedMaintenanceFileIsSaidLoudlyAndIsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, usual(1))
		path := filepath.Join(t.TempDir(), MaintenanceFile)
		require.NoError(t, os.WriteFile(path, []byte("app1\n"), 0o600))
		f.status.KeepMaintenance(path)
		assert.Empty(t, f.status.Maintained())
		assert.Equal(t, 1, f.log.count("level=ERROR"))
		assert.Equal(t, 1, f.log.count("record 0: host name: offset 5: the file ends inside the record"))
		f.maintain(time.Hour, f.slaves[0])
		assert.Equal(t, []string{"app1"}, readMaintenance(t, path))
	})
}

// The page asks several times a second, and of a large fleet: it is not to have polling wait.
func TestWhoIsInMaintenanceIsSaidWithoutTheLockOfPolling(t *testing.T) {
	f := newFleet(t, usual(3))
	maintained := func() map[string]time.Time {
		f.status.mu.Lock()
		defer f.status.mu.Unlock()
		got := make(chan map[string]time.Time, 1)
		go func() { got <- f.status.Maintained() }()
		select {
		case all := <-got:
			return all
		case <-time.After(patience):
			require.Fail(t, "it waits for the lock")
		}
		return nil
	}
	assert.Empty(t, maintained())
	until := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	require.NoError(t, f.status.Maintain(hostsOf(f.slaves[:2]), until, slave.ByOperator))
	before := maintained()
	require.NoError(t, f.status.EndMaintenance(hostsOf(f.slaves[:1]), slave.ByOperator))
	require.NoError(t, f.status.Maintain(hostsOf(f.slaves[2:]), until, slave.ByOperator))
	assert.Equal(t, map[string]time.Time{"app2": until, "app3": until}, maintained())
	assert.Equal(t, map[string]time.Time{"app1": until, "app2": until}, before, "who has it goes on reading it")
	assert.Zero(t, testing.AllocsPerRun(100, func() { f.status.Maintained() }))
}

func TestReloadEndsTheMaintenanceOfWhoGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, path := maintainedFleet(t, usual(3))
		f.maintain(time.Hour, f.slaves[:2]...)
		own := []telegram.Host{f.own.Host()}
		require.NoError(t, f.status.Maintain(own, time.Now().Add(time.Hour), slave.ByOperator))
		f.at(5 * time.Second)
		f.reload(f.slaves[1:]...)
		assert.NotNil(t, f.status.maintenance.own.Load(), "the manager's own goes on")
		require.NoError(t, f.status.EndMaintenance(own, slave.ByOperator))
		assert.Equal(t, []string{"app2"}, readMaintenance(t, path))
		assert.Equal(t, 1, f.log.count(`msg="app1 maintenance ends" host=app1 reason="the definition does not have the server any more"`))
		assert.ErrorIs(t, f.status.Maintain(hostsOf(f.slaves), time.Now().Add(time.Hour), slave.ByOperator), errNoServer)
		assert.Equal(t, []string{"app2"}, readMaintenance(t, path), "with an error nothing changes")
		f.reload(f.slaves...)
		f.at(20 * time.Second)
		assert.Equal(t, []string{"app1 RUNNING", "app1 application ONLINE"}, f.happened(), "where it comes back it is as any other")

		next := newFleet(t, usual(1)) // whose definition does not have app2
		next.status.KeepMaintenance(path)
		assert.Empty(t, next.status.Maintained())
	})
}

func TestEndOfMonitoringAndItsBeginningLeaveMaintenanceAsItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _ := maintainedFleet(t, usual(2))
		f.maintain(time.Hour, f.slaves[0])
		f.maintain(2*time.Minute, f.slaves[1])
		f.set(f.slaves[1], func(s *pretended) { s.stopped = true })
		f.at(time.Minute)
		f.endIn(t.Context())
		f.at(3 * time.Minute)
		assert.Empty(t, f.happened(), "there is no monitoring, and so nothing to tell at the end")
		f.begin()
		f.at(4 * time.Minute)
		assert.Equal(t, []string{"app2 STOPPED"}, f.happened())
		f.at(2 * time.Hour)
		assert.Empty(t, f.happened(), "it runs, as before")
	})
}

func TestTheClockIsLookedAtNowAndAgainSinceSomebodyMaySetIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _ := maintainedFleet(t, usual(2))
		f.maintain(time.Hour, f.slaves[0])
		assert.Equal(t, maintenanceLook, f.status.endMaintenanceInTime())
		f.maintain(maintenanceLook/2, f.slaves[1])
		assert.Equal(t, maintenanceLook/2, f.status.endMaintenanceInTime())
	})
}
