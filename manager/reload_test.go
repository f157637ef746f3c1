package manager

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"renraku/contactfile"
	"renraku/slave"
	"renraku/telegram"
)

// lived is what became of the slaves that the definition has all the time.
type lived struct {
	inquiries [][]string
	events    [][]string
	records   []contactfile.Record
}

// liveWith has eight slaves live for two minutes, each in its own way: one is silent, one stopped, one loses telegrams, one dies
// and comes back, and all are slow. Meanwhile the definition is read again at the given times, each time in another order, and
// with some of four other slaves.
func liveWith(t *testing.T, reloads []time.Duration, random *rand.Rand) (l lived) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, plan{slaves: 12, later: 4, interval: 10 * time.Second, timeout: time.Second, retries: 1})
		stay, others := f.slaves[:8], f.slaves[8:]
		for i, s := range f.slaves {
			s.latency = time.Duration(100*i+17) * time.Millisecond
		}
		stay[1].silent, stay[2].stopped = true, true
		do := map[time.Duration]func(){
			25 * time.Second: func() { f.set(stay[3], func(s *pretended) { s.lose = 1 }) },
			33 * time.Second: func() { f.set(stay[4], func(s *pretended) { s.silent = true }) },
			50 * time.Second: func() { f.set(stay[5], func(s *pretended) { s.status = status(t, "BATCH") }) },
			66 * time.Second: func() { f.set(stay[4], func(s *pretended) { s.silent = false }) },
			77 * time.Second: func() { require.NoError(t, f.status.SetApplication(stay[6].host, status(t, "BATCH"))) },
		}
		for _, at := range reloads {
			do[at] = func() {
				defined := append(slices.Clone(stay), others[:random.IntN(len(others)+1)]...)
				random.Shuffle(len(defined), func(i, j int) { defined[i], defined[j] = defined[j], defined[i] })
				f.reload(defined...)
				for i, r := range lines(t, f.path)[1:] {
					require.Equal(t, defined[i].host.String(), strings.Fields(r)[0], "definition order")
				}
			}
		}
		times := []time.Duration{}
		for at := range do {
			times = append(times, at)
		}
		slices.Sort(times)
		f.begin()
		for _, at := range times {
			f.at(at)
			do[at]()
		}
		f.at(2 * time.Minute)
		happened := f.happened()
		for _, s := range stay {
			l.inquiries = append(l.inquiries, f.inquiries(s))
			l.events = append(l.events, slices.DeleteFunc(slices.Clone(happened), func(event string) bool {
				return !strings.HasPrefix(event, s.host.String()+" ")
			}))
			r, err := contactfile.ReadRecord(f.path, s.host.String())
			require.NoError(t, err)
			l.records = append(l.records, r)
		}
	})
	return l
}

func TestHundredReloadsInAnyOrderDisturbNoSlaveThatStays(t *testing.T) {
	undisturbed := liveWith(t, nil, nil)
	assert.Equal(t, []string{"app1 RUNNING", "app1 application ONLINE"}, undisturbed.events[0])
	assert.Contains(t, undisturbed.events[4], "app5 STOPPED")
	for seed := range uint64(4) {
		random := rand.New(rand.NewPCG(seed, 0))
		var reloads []time.Duration
		for range 100 {
			reloads = append(reloads, time.Duration(random.Int64N(int64(2*time.Minute))))
		}
		assert.Equal(t, undisturbed, liveWith(t, reloads, random), "seed %d", seed)
	}
}

func TestSlavesThatAppearAreBegunLikeAtBegin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, plan{slaves: 4, later: 3, interval: 9 * time.Second, timeout: time.Second, retries: 2})
		for _, s := range f.slaves[1:] {
			s.latency = 10 * time.Millisecond
		}
		f.slaves[3].silent = true
		f.begin()
		f.at(5 * time.Second)
		f.reload(f.slaves...)
		assert.Equal(t, []string{"mgr01 RUNNING NOT-STARTED", "app1 RUNNING ONLINE", "app2 STOPPED NOT-STARTED",
			"app3 STOPPED NOT-STARTED", "app4 STOPPED NOT-STARTED"}, lines(t, f.path), "before the first answer")
		f.at(18 * time.Second)
		assert.Equal(t, []string{"0s START", "9s CHECK", "18s CHECK"}, f.inquiries(f.slaves[0]))
		assert.Equal(t, []string{"5s START", "14s CHECK"}, f.inquiries(f.slaves[1]))
		assert.Equal(t, []string{"5.001s START", "8s CHECK", "17s CHECK"}, f.inquiries(f.slaves[2]), "spread over the interval")
		assert.Equal(t, []string{"5.002s START", "6.002s START", "7.002s START", "11s START"}, f.inquiries(f.slaves[3]))
		assert.Equal(t, []string{"app1 RUNNING", "app1 application ONLINE", "app2 RUNNING", "app2 application ONLINE", "app3 RUNNING",
			"app3 application ONLINE", "app4 STOPPED"}, f.happened())
		assert.True(t, f.status.knows(f.slaves[3].address.Addr()))
		assert.Equal(t, f.slaves[3].address.String(), f.status.addressOf(f.slaves[3].host).String())
	})
}

func TestSlaveThatGoesIsToldEndOnceAndForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, usual(4))
		f.begin()
		f.at(time.Second)
		f.set(f.slaves[2], func(s *pretended) { s.lose = 1 })
		f.at(5 * time.Second) // app3 is being asked
		f.happened()
		for _, s := range f.slaves {
			f.forget(s)
		}
		f.reload(f.slaves[3], f.slaves[1])
		assert.Equal(t, []string{"mgr01 RUNNING NOT-STARTED", "app4 RUNNING ONLINE", "app2 RUNNING ONLINE"}, lines(t, f.path))
		f.at(13 * time.Second)
		assert.Equal(t, []string{"5s END"}, f.inquiries(f.slaves[0]))
		assert.Equal(t, []string{"5.001s END"}, f.inquiries(f.slaves[2]), "which was asked 4 ms before")
		assert.Equal(t, []string{"12.5s CHECK"}, f.inquiries(f.slaves[1]))
		assert.Equal(t, []string{"7.5s CHECK"}, f.inquiries(f.slaves[3]))
		assert.Empty(t, f.happened(), "that they go is no news of theirs")
		assert.Zero(t, f.log.count("level=WARN"))
		assert.Equal(t, map[string]uint64{slave.DropAddress.String(): 2}, f.drops.All(), "their answers to END")
		assert.Nil(t, f.status.addressOf(f.slaves[0].host))
		assert.False(t, f.status.knows(f.slaves[0].address.Addr()))
		assert.Empty(t, f.status.leaving)
		f.endIn(t.Context())
		assert.Len(t, f.inquiries(f.slaves[0]), 1)
	})
}

func TestSlaveThatComesBackIsNotToldEndAfterwards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, usual(2))
		f.begin()
		f.at(time.Second)
		app2 := f.slaves[1]
		f.forget(app2)
		f.reload()
		f.at(time.Second + time.Millisecond/2) // app1 has been told, app2 not yet
		f.reload(f.slaves[1])
		f.at(20 * time.Second)
		assert.Equal(t, []string{"1.001s START", "11.001s CHECK"}, f.inquiries(app2), "by the tick")
		assert.Equal(t, []string{"mgr01 RUNNING NOT-STARTED", "app2 RUNNING ONLINE"}, lines(t, f.path))
	})
}

func TestSlavesThatGoAreToldEndEvenWhereMonitoringEndsMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, usual(3))
		f.begin()
		f.at(time.Second)
		f.reload(f.slaves[0])
		for _, s := range f.slaves {
			f.forget(s)
		}
		assert.Equal(t, time.Millisecond, f.endIn(t.Context()))
		synctest.Wait()
		assert.Equal(t, []string{"1s END"}, f.inquiries(f.slaves[0]))
		assert.Equal(t, []string{"1.001s END"}, f.inquiries(f.slaves[2]))
		assert.Empty(t, f.status.leaving)
	})
}

func TestSlaveAtAnotherAddressIsAskedThereAgainAndNeverTakenForStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, plan{slaves: 2, interval: 10 * time.Second, timeout: time.Second})
		app, old := f.slaves[0], f.slaves[0].address
		f.begin()
		f.at(9 * time.Second)
		f.happened()
		f.network.Lose(func(_, to netip.AddrPort, _ []byte) bool { return to == old })
		f.at(10*time.Second + time.Second/2)
		app.address = netip.MustParseAddrPort("198.18.7.7:10320")
		f.listen(app)
		f.forget(app)
		f.reload(f.slaves...)
		f.at(21 * time.Second)
		assert.Equal(t, []string{"10.5s CHECK", "20s CHECK"}, f.inquiries(app))
		assert.Empty(t, f.happened())
		f.network.Listen(old.String()).WriteToUDPAddrPort(encoded(t, telegram.StatusResponse{Host: app.host,
			Control: telegram.Stopped}), netip.MustParseAddrPort(managerAddress))
		synctest.Wait()
		assert.Equal(t, map[string]uint64{slave.DropAddress.String(): 1}, f.drops.All(), "the old one is nobody's")
		assert.False(t, f.status.knows(old.Addr()))
		assert.Equal(t, "app1 RUNNING ONLINE", f.record(app))
	})
}

func TestManySlavesAtOtherAddressesAreNotAskedInABurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, usual(100))
		for _, s := range f.slaves {
			s.silent = true
		}
		f.begin()
		f.at(5 * time.Second)
		for i, s := range f.slaves {
			s.address = netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 19, 0, byte(i)}), 10320)
			f.listen(s)
			f.forget(s)
			s.silent = false
		}
		f.reload(f.slaves...)
		f.at(6 * time.Second)
		for i, s := range f.slaves {
			require.Equal(t, fmt.Sprintf("%v START", 5*time.Second+time.Duration(i)*time.Millisecond), f.inquiries(s)[0])
		}
	})
}

// fileLimit has the process write no file beyond so many bytes, as if the disk were full.
func fileLimit(t *testing.T, bytes uint64) (lift func()) {
	t.Helper()
	var before unix.Rlimit
	require.NoError(t, unix.Getrlimit(unix.RLIMIT_FSIZE, &before))
	require.NoError(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: bytes, Max: before.Max}))
	return func() { require.NoError(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &before)) }
}

func TestReloadThatCannotBeWrittenChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, plan{slaves: 3, later: 1, interval: 10 * time.Second, timeout: time.Second, retries: 2})
		f.begin()
		f.at(time.Second)
		before, err := os.ReadFile(f.path)
		require.NoError(t, err)
		f.plan.interval = time.Second
		lift := fileLimit(t, 3*contactfile.RecordLength)
		err = f.status.SetSlaves(f.definition(f.slaves[2], f.slaves[1], f.slaves[0]))
		lift()
		assert.ErrorIs(t, err, unix.EFBIG)
		after, err := os.ReadFile(f.path)
		require.NoError(t, err)
		assert.Equal(t, string(before), string(after))
		f.at(21 * time.Second)
		assert.Equal(t, []string{"0s START", "10s CHECK", "20s CHECK"}, f.inquiries(f.slaves[0]))
		assert.Equal(t, []string{"1ms START", "5s CHECK", "15s CHECK"}, f.inquiries(f.slaves[1]))
		assert.Empty(t, f.inquiries(f.slaves[2]))
		assert.Nil(t, f.status.addressOf(f.slaves[2].host))
		f.respond(f.slaves[1], telegram.Stopped, "BATCH")
		assert.Equal(t, "app2 STOPPED BATCH", f.record(f.slaves[1]))
	})
}

func TestReloadWithoutMonitoringTakesEffectWhenItBegins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, plan{slaves: 3, later: 1, interval: 10 * time.Second, timeout: time.Second, retries: 2})
		f.begin()
		f.at(time.Second)
		f.endIn(t.Context())
		for _, s := range f.slaves {
			f.forget(s)
		}
		f.reload(f.slaves[2], f.slaves[1])
		f.at(15 * time.Second)
		assert.Empty(t, lines(t, f.path))
		f.begin()
		f.at(16 * time.Second)
		assert.Equal(t, []string{"mgr01 RUNNING NOT-STARTED", "app3 RUNNING ONLINE", "app2 RUNNING ONLINE"}, lines(t, f.path))
		assert.Empty(t, f.inquiries(f.slaves[0]), "which was told END when monitoring ended")
		assert.Equal(t, []string{"15s START"}, f.inquiries(f.slaves[2]))
	})
}

func TestReloadWhileMonitoringEndsIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, usual(2))
		f.begin()
		f.at(time.Second)
		f.set(f.slaves[0], func(s *pretended) { s.silent = true })
		ended := make(chan error, 1)
		go func() { ended <- f.status.End(t.Context()) }()
		synctest.Wait()
		assert.ErrorIs(t, f.status.SetSlaves(f.definition(f.slaves[1])), ErrEnding)
		require.Equal(t, &UnansweredError{[]string{"app1"}}, <-ended)
		f.begin()
		assert.Len(t, lines(t, f.path), 3)
	})
}

func TestReloadKeepsWhatStandsInTheContactFile(t *testing.T) {
	damage := func(from, to int) func(*testing.T, *fleet) {
		return func(t *testing.T, f *fleet) {
			b, err := os.ReadFile(f.path)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(f.path, append(b[:from], b[to:]...), 0o640))
		}
	}
	const length = contactfile.RecordLength
	cases := []struct {
		name   string
		change func(*testing.T, *fleet)
		mgr    string
		app1   string
	}{
		{"as the daemon wrote it", func(*testing.T, *fleet) {}, "BATCH", "ONLINE"},
		{"as somebody corrected it by hand", func(t *testing.T, f *fleet) {
			for i := range 2 {
				_, _, err := f.file.Update(i, time.Now(), func(r *contactfile.Record) { r.Application = "CORRECTED" })
				require.NoError(t, err)
			}
		}, "CORRECTED", "CORRECTED"},
		{"emptied", damage(0, 3*length), "BATCH", "ONLINE"},
		{"torn", damage(length+10, 3*length), "BATCH", "ONLINE"},
		{"without its first record", damage(0, length), "BATCH", "ONLINE"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t, usual(2))
				f.begin()
				require.NoError(t, f.own.SetApplication(time.Now(), status(t, "BATCH")))
				f.at(time.Second)
				c.change(t, f)
				f.reload(f.slaves[1], f.slaves[0])
				assert.Equal(t, []string{"mgr01 RUNNING " + c.mgr, "app2 RUNNING ONLINE", "app1 RUNNING " + c.app1}, lines(t, f.path))
				assert.Equal(t, c.mgr, f.own.Application().String())
				f.respond(f.slaves[0], telegram.Stopped, "HALTED")
				assert.Equal(t, "app1 STOPPED HALTED", f.record(f.slaves[0]), "in its new place")
			})
		})
	}
}
