package manager

import (
	"context"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/slave"
	"renraku/telegram"
)

// endIn ends monitoring and says how long that took. The slaves named are those that do not answer.
func (f *fleet) endIn(ctx context.Context, unanswered ...string) time.Duration {
	f.t.Helper()
	start := time.Now()
	err := f.status.End(ctx)
	if len(unanswered) == 0 {
		require.NoError(f.t, err)
	} else {
		require.Equal(f.t, &UnansweredError{unanswered}, err)
	}
	return time.Since(start)
}

func TestEndTellsEverySlaveAndClearsTheContactFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, usual(3))
		f.begin()
		f.at(time.Second)
		f.set(f.slaves[1], func(s *pretended) { s.lose = 2 })
		for _, s := range f.slaves {
			f.forget(s)
		}
		assert.Equal(t, 2*time.Second+time.Millisecond, f.endIn(t.Context()))
		assert.Equal(t, []string{"1s END"}, f.inquiries(f.slaves[0]))
		assert.Equal(t, []string{"1.001s END", "2.001s END", "3.001s END"}, f.inquiries(f.slaves[1]), "repeated until answered")
		assert.Equal(t, []string{"1.002s END"}, f.inquiries(f.slaves[2]))
		assert.Empty(t, lines(t, f.path))
		assert.False(t, f.status.Monitoring())
		assert.False(t, f.own.Monitored())
		f.at(time.Minute)
		assert.Len(t, f.inquiries(f.slaves[0]), 1, "nobody is asked any more")
		assert.Empty(t, f.drops.All())
	})
}

func TestContactFileStaysUntilTheLastSlaveHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, usual(2))
		f.begin()
		f.at(time.Second)
		f.set(f.slaves[1], func(s *pretended) { s.latency = 500 * time.Millisecond })
		ended := make(chan error, 1)
		go func() { ended <- f.status.End(t.Context()) }()
		f.at(1200 * time.Millisecond)
		assert.Equal(t, []string{"mgr01 RUNNING NOT-STARTED", "app1 STOPPED ONLINE", "app2 RUNNING ONLINE"}, lines(t, f.path))
		assert.True(t, f.status.Monitoring())
		f.at(1600 * time.Millisecond)
		assert.Empty(t, lines(t, f.path))
		require.NoError(t, <-ended)
	})
}

func TestEndGivesASilentSlaveUpAfterItsRetries(t *testing.T) {
	cases := []struct {
		name    string
		silence time.Duration // before END
		took    time.Duration
		asked   []string
		silent  []string // who runs and does not answer
	}{
		{"that runs, as far as is known", 0, 3 * time.Second, []string{"20s END", "21s END", "22s END"}, []string{"app1"}},
		{"that is known to be stopped", 15 * time.Second, time.Second, []string{"20s END"}, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t, usual(1))
				f.begin()
				f.at(19*time.Second - c.silence)
				f.set(f.slaves[0], func(s *pretended) { s.silent = true })
				f.at(20*time.Second - 1)
				f.forget(f.slaves[0])
				time.Sleep(time.Nanosecond) // the slot itself, so that END comes instead of or after the round
				took := f.endIn(t.Context(), c.silent...)
				assert.Equal(t, c.took, took)
				told := f.inquiries(f.slaves[0])
				assert.Equal(t, c.asked, told[len(told)-len(c.asked):])
				assert.Empty(t, lines(t, f.path))
			})
		})
	}
}

func TestEndReturnsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, usual(1))
		f.begin()
		f.set(f.slaves[0], func(s *pretended) { s.silent = true })
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		assert.Equal(t, 1500*time.Millisecond, f.endIn(ctx, "app1"))
		assert.Empty(t, lines(t, f.path))
		f.at(time.Minute)
		assert.Equal(t, []string{"0s START", "0s END", "1s END"}, f.inquiries(f.slaves[0]))
	})
}

func TestEndWithoutSlavesAndWithoutMonitoring(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, usual(0))
		assert.Zero(t, f.endIn(t.Context()), "before Begin")
		f.begin()
		assert.Equal(t, []string{"mgr01 RUNNING NOT-STARTED"}, lines(t, f.path))
		assert.Zero(t, f.endIn(t.Context()))
		assert.Empty(t, lines(t, f.path))
		assert.Zero(t, f.endIn(t.Context()), "after End")
	})
}

func TestMonitoringBeginsAgainWithStartAndTheStatusesLastKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, usual(2))
		f.begin()
		f.at(time.Second)
		require.NoError(t, f.own.SetApplication(time.Now(), status(t, "BATCH")))
		f.endIn(t.Context())
		f.at(5 * time.Second)
		f.respond(f.slaves[0], telegram.Running, "ONLINE")
		assert.Equal(t, map[string]uint64{slave.DropNotMonitored.String(): 1}, f.drops.All())
		assert.Empty(t, lines(t, f.path))
		for _, s := range f.slaves {
			f.forget(s)
		}
		require.NoError(t, f.status.Begin())
		again := lines(t, f.path)
		require.Len(t, again, 3)
		assert.Equal(t, "mgr01 RUNNING BATCH", again[0])
		assert.Regexp(t, "^app1 (STOPPED|RUNNING) ONLINE$", again[1], "its answer may be there already")
		assert.Equal(t, "app2 STOPPED ONLINE", again[2])
		f.at(11 * time.Second)
		assert.Equal(t, []string{"5s START"}, f.inquiries(f.slaves[0]))
		assert.Equal(t, []string{"5.001s START", "10s CHECK"}, f.inquiries(f.slaves[1]))
		assert.Equal(t, []string{"mgr01 RUNNING BATCH", "app1 RUNNING ONLINE", "app2 RUNNING ONLINE"}, lines(t, f.path))
	})
}

func TestBeginWhileMonitoringGoesOnChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, usual(1))
		f.begin()
		f.at(time.Second)
		f.begin()
		assert.Equal(t, "app1 RUNNING ONLINE", f.record(f.slaves[0]))
		f.at(11 * time.Second)
		assert.Equal(t, []string{"0s START", "10s CHECK"}, f.inquiries(f.slaves[0]))
	})
}

// The operator's end command is still waiting for answers when the daemon is ended: that must wait too.
func TestSecondEndWaitsForTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, usual(1))
		f.begin()
		f.at(time.Second)
		f.set(f.slaves[0], func(s *pretended) { s.silent = true })
		first := make(chan error, 1)
		go func() { first <- f.status.End(t.Context()) }()
		synctest.Wait()
		assert.Equal(t, 3*time.Second, f.endIn(t.Context()))
		synctest.Wait()
		assert.Empty(t, lines(t, f.path))
		require.Equal(t, &UnansweredError{[]string{"app1"}}, <-first)
	})
}

// Begin says that monitoring begins; while it still ends, that would not be so.
func TestBeginWhileMonitoringEndsIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, usual(1))
		f.begin()
		f.at(time.Second)
		f.set(f.slaves[0], func(s *pretended) { s.latency = 500 * time.Millisecond })
		first := make(chan error, 1)
		go func() { first <- f.status.End(t.Context()) }()
		synctest.Wait()
		assert.ErrorIs(t, f.status.Begin(), ErrEnding)
		require.NoError(t, <-first)
		assert.Empty(t, lines(t, f.path))
		require.NoError(t, f.status.Begin())
		f.at(3 * time.Second)
		assert.Equal(t, "app1 RUNNING ONLINE", f.record(f.slaves[0]))
	})
}

// Slaves that END was never sent to would go on as if they were monitored.
func TestEveryoneIsToldEndBeforeTheManagerStopsWaiting(t *testing.T) {
	var slaves []Slave
	at := address(t, "198.18.0.0:10320")
	for i := range 40_000 {
		slaves = append(slaves, Slave{Host: hostNumber(t, i), Address: at, Interval: time.Hour, Timeout: time.Second, Retries: 1})
	}
	file, _ := contact(t)
	s := NewStatusControl(slave.NewOwnRecord(host(t, "mgr01"), file, 0), slaves, file, nowhere{}, quiet(), &slave.Drops{})
	require.NoError(t, s.Begin())
	now := time.Now()
	_, first := s.tellEnd()
	require.True(t, first)
	for i, m := range s.monitors {
		require.Less(t, m.due.Sub(now), endWait, "slave %d", i)
	}
}

// nowhere is a socket from which nothing comes and into which all vanishes.
type nowhere struct{ slave.PacketConn }

func (nowhere) Wake() {}

func TestUnansweredErrorNamesTheFirstHosts(t *testing.T) {
	var hosts []string
	for i := range maxNamed + 2 {
		hosts = append(hosts, hostNumber(t, i).String())
	}
	const start = "monitoring has ended, but there was no answer to END from "
	assert.EqualError(t, &UnansweredError{hosts[:1]}, start+hosts[0])
	assert.EqualError(t, &UnansweredError{hosts}, start+strings.Join(hosts[:maxNamed], ", ")+" and 2 more")
}

func TestBeginCreatesAContactFileAgainThatSomebodyHasEmptied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, usual(2))
		f.set(f.slaves[1], func(s *pretended) { s.silent = true })
		f.begin()
		f.at(15 * time.Second)
		before := lines(t, f.path)
		require.NoError(t, os.Truncate(f.path, 0))
		require.NoError(t, f.status.Begin())
		assert.Equal(t, before, lines(t, f.path), "with what is known")
		f.set(f.slaves[0], func(s *pretended) { s.silent = true })
		f.at(45 * time.Second)
		assert.NotEqual(t, before, lines(t, f.path), "and monitoring goes on")
	})
}
