package manager

import (
	"net/netip"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/contactfile"
	"renraku/slave"
	"renraku/telegram"
)

func TestContactFileShowsWhoAnswersAndWithWhichStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, usual(3))
		f.slaves[1].status = status(t, "BATCH")
		f.slaves[2].silent = true
		f.slaves[0].latency = time.Millisecond
		f.begin()
		assert.Equal(t, []string{"mgr01 RUNNING NOT-STARTED", "app1 STOPPED NOT-STARTED", "app2 STOPPED NOT-STARTED",
			"app3 STOPPED NOT-STARTED"}, lines(t, f.path), "before the first answer")
		f.at(10 * time.Millisecond)
		assert.Equal(t, []string{"mgr01 RUNNING NOT-STARTED", "app1 RUNNING ONLINE", "app2 RUNNING BATCH",
			"app3 STOPPED NOT-STARTED"}, lines(t, f.path))
		assert.Empty(t, f.drops.All())
	})
}

func TestEachSlaveIsAskedOnceAnIntervalAtItsOwnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, usual(4))
		f.begin()
		f.at(22 * time.Second)
		assert.Equal(t, []string{"0s START", "10s CHECK", "20s CHECK"}, f.inquiries(f.slaves[0]))
		assert.Equal(t, []string{"1ms START", "2.5s CHECK", "12.5s CHECK"}, f.inquiries(f.slaves[1]))
		assert.Equal(t, []string{"2ms START", "5s CHECK", "15s CHECK"}, f.inquiries(f.slaves[2]))
		assert.Equal(t, []string{"3ms START", "7.5s CHECK", "17.5s CHECK"}, f.inquiries(f.slaves[3]))
	})
}

func TestSilenceIsFoundOutExactlyInTime(t *testing.T) {
	p := usual(1)
	cases := []struct {
		name     string
		falls    time.Duration // since an inquiry's slot
		latency  time.Duration
		foundOut time.Duration // since that slot
		worst    bool
	}{
		{"just after an answer", 0, 0, 13 * time.Second, true},
		{"just after a slow answer", 900 * time.Millisecond, 900 * time.Millisecond, 13 * time.Second, false},
		{"a nanosecond later", 1, 0, 13 * time.Second, false},
		{"half way", 5 * time.Second, 0, 13 * time.Second, false},
		{"just before the next inquiry", 10*time.Second - 1, 0, 13 * time.Second, false},
		{"between an inquiry and its answer", 100 * time.Millisecond, 900 * time.Millisecond, 13 * time.Second, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t, p)
				app := f.slaves[0]
				app.latency = c.latency
				f.begin()
				f.at(20*time.Second + c.falls)
				f.set(app, func(s *pretended) { s.silent = true })
				f.at(20*time.Second + c.foundOut - 1)
				assert.Equal(t, "app1 RUNNING ONLINE", f.record(app), "a moment before")
				f.at(20*time.Second + c.foundOut)
				assert.Equal(t, "app1 STOPPED ONLINE", f.record(app), "field 133 stays as last known")
				took := c.foundOut - c.falls
				assert.LessOrEqual(t, took, p.bound())
				assert.Equal(t, c.worst, took == p.bound())
				assert.Equal(t, []string{"30s CHECK", "31s CHECK", "32s CHECK"}, f.inquiries(app)[3:])
				f.at(52 * time.Second)
				assert.Equal(t, []string{"40s START", "50s START"}, f.inquiries(app)[6:], "once an interval, without retries")
			})
		})
	}
}

func TestSlaveThatSaysStoppedIsStoppedAtOnceWithItsOwnStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, usual(2))
		f.begin()
		f.at(8 * time.Second)
		f.set(f.slaves[0], func(s *pretended) { s.stopped, s.status = true, status(t, "BATCH") })
		f.respond(f.slaves[1], telegram.Stopped, "HALTED")
		assert.Equal(t, "app2 STOPPED HALTED", f.record(f.slaves[1]), "unasked")
		f.at(10 * time.Second)
		assert.Equal(t, "app1 STOPPED BATCH", f.record(f.slaves[0]), "asked")
		f.respond(f.slaves[0], telegram.Stopped, "ENDED")
		assert.Equal(t, "app1 STOPPED ENDED", f.record(f.slaves[0]), "again, with another status")
		f.at(21 * time.Second)
		assert.Equal(t, []string{"0s START", "10s CHECK", "20s START"}, f.inquiries(f.slaves[0]))
		assert.Equal(t, []string{"1ms START", "5s CHECK", "15s START"}, f.inquiries(f.slaves[1]))
		assert.Equal(t, "app2 RUNNING ONLINE", f.record(f.slaves[1]))
	})
}

func TestSlaveThatReturnsIsGreetedWithStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, usual(1))
		app := f.slaves[0]
		f.begin()
		f.at(9 * time.Second)
		f.set(app, func(s *pretended) { s.silent = true })
		f.at(25 * time.Second)
		require.Equal(t, "app1 STOPPED ONLINE", f.record(app))
		f.set(app, func(s *pretended) { s.silent, s.status = false, status(t, contactfile.NotStarted) })
		f.forget(app)
		f.at(30 * time.Second)
		assert.Equal(t, "app1 RUNNING NOT-STARTED", f.record(app))
		f.at(40 * time.Second)
		assert.Equal(t, []string{"30s START", "40s CHECK"}, f.inquiries(app))
	})
}

func TestSlaveThatAnnouncesItselfIsAskedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, usual(1))
		app := f.slaves[0]
		app.silent = true
		f.begin()
		f.at(15 * time.Second)
		f.set(app, func(s *pretended) { s.silent, s.latency = false, time.Millisecond })
		f.forget(app)
		f.respond(app, telegram.Running, "BATCH")
		assert.Equal(t, "app1 STOPPED NOT-STARTED", f.record(app), "a hint alone changes nothing")
		f.at(15*time.Second + time.Millisecond)
		assert.Equal(t, "app1 RUNNING ONLINE", f.record(app))
		f.at(20 * time.Second)
		assert.Equal(t, []string{"15s START", "20s CHECK"}, f.inquiries(app))
		assert.Empty(t, f.drops.All())
	})
}

func TestLossOfAsManyTelegramsAsThereAreRetriesChangesNothing(t *testing.T) {
	for lost := range 4 {
		synctest.Test(t, func(t *testing.T) {
			f := newFleet(t, usual(1))
			app := f.slaves[0]
			f.begin()
			f.at(9 * time.Second)
			f.set(app, func(s *pretended) { s.lose = lost })
			for at := 10 * time.Second; at < 20*time.Second; at += 100 * time.Millisecond {
				f.at(at)
				want := "app1 RUNNING ONLINE"
				if lost > int(f.status.monitors[0].retries) && at >= 13*time.Second {
					want = "app1 STOPPED ONLINE"
				}
				require.Equal(t, want, f.record(app), "%d lost, at %v", lost, at)
			}
			f.at(20 * time.Second)
			assert.Equal(t, "app1 RUNNING ONLINE", f.record(app))
		})
	}
}

func TestLostAnswersAreLikeLostInquiries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, usual(1))
		app := f.slaves[0]
		f.begin()
		f.at(9 * time.Second)
		f.network.Lose(func(from, _ netip.AddrPort, _ []byte) bool { return from == app.address })
		f.at(12*time.Second + time.Second/2)
		f.network.Lose(nil)
		f.at(13 * time.Second)
		assert.Equal(t, "app1 STOPPED ONLINE", f.record(app), "three answers lost")
		assert.Equal(t, []string{"10s CHECK", "11s CHECK", "12s CHECK"}, f.inquiries(app)[1:])
	})
}

func TestAnswerAfterTheJudgementIsNoMoreThanAHint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, plan{slaves: 1, interval: 10 * time.Second, timeout: time.Second})
		app := f.slaves[0]
		f.begin()
		f.at(9 * time.Second)
		f.set(app, func(s *pretended) { s.latency = 1500 * time.Millisecond })
		f.at(11400 * time.Millisecond)
		require.Equal(t, "app1 STOPPED ONLINE", f.record(app))
		f.set(app, func(s *pretended) { s.silent = true })
		f.at(11500 * time.Millisecond) // the answer comes
		assert.Equal(t, "app1 STOPPED ONLINE", f.record(app))
		f.at(12 * time.Second)
		assert.Equal(t, []string{"0s START", "10s CHECK", "11.5s START"}, f.inquiries(app))
	})
}

func TestDuplicateAnswersChangeNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, usual(1))
		app := f.slaves[0]
		app.copies = 3
		f.begin()
		f.at(25 * time.Second)
		assert.Equal(t, []string{"0s START", "10s CHECK", "20s CHECK"}, f.inquiries(app))
		assert.Equal(t, "app1 RUNNING ONLINE", f.record(app))
		assert.Equal(t, map[string]uint64{slave.DropUnasked.String(): 9}, f.drops.All())
	})
}

func TestWhatIsNoAnswerOfThatSlaveIsCountedAndChangesNothing(t *testing.T) {
	app1Stopped := func(t *testing.T) []byte {
		return encoded(t, telegram.StatusResponse{Host: host(t, "app1"), Control: telegram.Stopped, Status: status(t, "WRONG")})
	}
	cases := []struct {
		name   string
		from   string
		bytes  func(*testing.T) []byte
		reason slave.Drop
	}{
		{"from an address that nobody has", "203.0.113.9:10320", app1Stopped, slave.DropAddress},
		{"nonsense from an address that nobody has", "203.0.113.9:10320", func(*testing.T) []byte { return []byte("nonsense") }, slave.DropAddress},
		{"from another slave's address", "198.18.0.1:10320", app1Stopped, slave.DropAddress},
		{"from the manager's own address", "192.0.2.1:10321", app1Stopped, slave.DropAddress},
		{"of a host that the definition does not have", "198.18.0.0:10320", func(t *testing.T) []byte {
			return encoded(t, telegram.StatusResponse{Host: host(t, "app9"), Control: telegram.Stopped})
		}, slave.DropForeignHost},
		{"of the manager's own host", "198.18.0.0:10320", func(t *testing.T) []byte {
			return encoded(t, telegram.StatusResponse{Host: host(t, "mgr01"), Control: telegram.Stopped})
		}, slave.DropForeignHost},
		{"an inquiry", "198.18.0.0:10320", func(t *testing.T) []byte {
			return encoded(t, telegram.StatusInquiry{Host: host(t, "app1"), Control: telegram.End})
		}, slave.DropType},
		{"cut off", "198.18.0.0:10320", func(t *testing.T) []byte { return app1Stopped(t)[:195] }, slave.DropLength},
		{"empty", "198.18.0.0:10320", func(t *testing.T) []byte { return nil }, slave.DropLength},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t, usual(2))
				f.begin()
				f.at(time.Second)
				before, asked := lines(t, f.path), f.inquiries(f.slaves[0])
				f.network.Listen(c.from).WriteToUDPAddrPort(c.bytes(t), netip.MustParseAddrPort(managerAddress))
				synctest.Wait()
				assert.Equal(t, map[string]uint64{c.reason.String(): 1}, f.drops.All())
				assert.Equal(t, before, lines(t, f.path))
				assert.Equal(t, asked, f.inquiries(f.slaves[0]))
			})
		})
	}
}

func TestAnswerMayComeFromAnotherPortOfTheSlavesAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, usual(1))
		f.begin()
		f.at(time.Second)
		b := encoded(t, telegram.StatusResponse{Host: host(t, "app1"), Control: telegram.Stopped, Status: status(t, "BATCH")})
		f.network.Listen("198.18.0.0:40000").WriteToUDPAddrPort(b, netip.MustParseAddrPort(managerAddress))
		synctest.Wait()
		assert.Equal(t, "app1 STOPPED BATCH", f.record(f.slaves[0]))
	})
}

func TestSlavesOfOneAddressAreToldApartByName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := usual(3)
		p.shared = true
		f := newFleet(t, p)
		f.slaves[1].status = status(t, "BATCH")
		f.begin()
		f.at(time.Second)
		f.set(f.slaves[2], func(s *pretended) { s.silent = true })
		f.at(time.Second + p.bound())
		assert.Equal(t, []string{"mgr01 RUNNING NOT-STARTED", "app1 RUNNING ONLINE", "app2 RUNNING BATCH", "app3 STOPPED ONLINE"},
			lines(t, f.path))
	})
}

func TestField133OfASlaveIsTheSlavesToSay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, usual(1))
		app := f.slaves[0]
		f.begin()
		require.NoError(t, f.status.SetApplication(app.host, status(t, "BATCH")))
		assert.Equal(t, "app1 RUNNING BATCH", f.record(app))
		f.at(10 * time.Second)
		assert.Equal(t, "app1 RUNNING ONLINE", f.record(app), "its next answer wins over the manager's copy")
		require.NoError(t, f.status.SetApplication(host(t, "app9"), status(t, "BATCH")), "no such slave")
	})
}

func TestAnswerToAnInquiryFromBeforeTheXRDoesNotSetField133Back(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, usual(1))
		app := f.slaves[0]
		app.latency = 500 * time.Millisecond
		f.begin()
		f.at(10200 * time.Millisecond)
		require.NoError(t, f.status.SetApplication(app.host, status(t, "BATCH")))
		f.at(10500 * time.Millisecond)
		assert.Equal(t, "app1 RUNNING BATCH", f.record(app), "the answer on its way carried ONLINE")
		f.at(20500 * time.Millisecond)
		assert.Equal(t, "app1 RUNNING ONLINE", f.record(app))
	})
}

func TestThousandSlavesAreNeverAskedInABurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := usual(1000)
		p.shared = true
		f := newFleet(t, p)
		f.begin()
		f.at(30*time.Second - 1)
		var all []time.Duration
		for _, s := range f.slaves {
			perInterval := map[time.Duration]int{}
			for _, a := range s.inquired {
				all = append(all, a.at)
				perInterval[a.at/p.interval]++
			}
			require.Equal(t, 1, perInterval[1], s.host)
			require.Equal(t, 1, perInterval[2], s.host)
			require.LessOrEqual(t, perInterval[0], 2, s.host)
		}
		slices.Sort(all)
		for i := range len(all) - 3 {
			require.Greater(t, all[i+3]-all[i], time.Millisecond, "four within a millisecond at %v", all[i])
		}
		steady := all[slices.IndexFunc(all, func(at time.Duration) bool { return at >= p.interval }):]
		for i := range len(steady) - 1 {
			require.Equal(t, 10*time.Millisecond, steady[i+1]-steady[i], "at %v", steady[i])
		}
		assert.Empty(t, f.drops.All())
	})
}

func TestBeginMakesTheContactFileWholeWhileMonitoringGoesOn(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, path string){
		"as it was": func(*testing.T, string) {},
		"emptied":   func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, 0)) },
		"torn":      func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, 200)) },
		"short":     func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, 256)) },
		"removed":   func(t *testing.T, path string) { require.NoError(t, os.Remove(path)) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t, usual(2))
				f.begin()
				f.at(time.Second)
				damage(t, f.path)
				require.NoError(t, f.status.Begin())
				whole := []string{"mgr01 RUNNING NOT-STARTED", "app1 RUNNING ONLINE", "app2 RUNNING ONLINE"}
				assert.Equal(t, whole, lines(t, f.path))
				assert.Equal(t, name == "as it was", f.log.count("contact file created again") == 0)
				f.respond(f.slaves[0], telegram.Stopped, "HALTED")
				assert.Equal(t, "app1 STOPPED HALTED", f.record(f.slaves[0]), "it is written on")
			})
		})
	}
}
