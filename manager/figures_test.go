package manager

import (
	"context"
	"fmt"
	"maps"
	"math"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/contactfile"
	"renraku/slave"
	"renraku/slave/runs"
	"renraku/telegram"
)

// lengths is what a histogram has, one text such as "2 to 500ms" for each bucket that has some.
func lengths(h Histogram) []string {
	all := []string{}
	for i, n := range h.Counts {
		switch {
		case n == 0:
		case i < len(h.Bounds):
			all = append(all, fmt.Sprintf("%d to %v", n, h.Bounds[i]))
		default:
			all = append(all, fmt.Sprintf("%d longer", n))
		}
	}
	return all
}

func TestHistogramCountsEachDurationInTheBucketThatItJustFits(t *testing.T) {
	h := newHistogram([]time.Duration{time.Second, time.Minute})
	for _, d := range []time.Duration{-time.Second, 0, time.Second, time.Second + 1, time.Minute, time.Minute + 1, time.Hour} {
		h.add(d)
	}
	assert.Equal(t, []string{"3 to 1s", "2 to 1m0s", "2 longer"}, lengths(h))
	assert.InDelta(t, 3722*float64(time.Second), h.Sum, 10)
	for range 4 {
		h.add(math.MaxInt64)
	}
	assert.InEpsilon(t, 4*float64(math.MaxInt64), h.Sum, 1e-6, "more than a time.Duration can be")
	assert.True(t, slices.IsSorted(roundTripBounds))
	assert.True(t, slices.IsSorted(runBounds))
}

func TestRoundTripsAreThoseOfRoundsWithOneInquiry(t *testing.T) {
	for _, c := range []struct {
		name    string
		latency time.Duration
		retries int
		want    string
	}{
		{"at once", 0, 2, "1 to 100µs"},
		{"fast", 200 * time.Microsecond, 2, "1 to 250µs"},
		{"slow", 900 * time.Millisecond, 2, "1 to 1s"},
		{"in the first half of the only response wait", 300 * time.Millisecond, 0, "1 to 500ms"},
		{"in its second half", 700 * time.Millisecond, 0, "1 to 1s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t, plan{slaves: 1, interval: 10 * time.Second, timeout: time.Second, retries: c.retries})
				f.slaves[0].latency = c.latency
				f.begin()
				f.at(5 * time.Second)
				got := f.status.figures()
				assert.Equal(t, []string{c.want}, lengths(got.RoundTrips))
				assert.InDelta(t, float64(c.latency), got.RoundTrips.Sum, 1)
				assert.Zero(t, got.Retried)
			})
		})
	}
}

func TestRoundWithMoreThanOneInquirySaysNothingOfTheRoundTrip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, usual(2))
		f.begin()
		f.at(15 * time.Second)
		before := f.status.figures()
		f.set(f.slaves[0], func(s *pretended) { s.lose = 1 })
		f.set(f.slaves[1], func(s *pretended) { s.latency = 1500 * time.Millisecond }) // it answers the first, and after the second
		f.at(28 * time.Second)
		after := f.status.figures()
		assert.Equal(t, before.RoundTrips, after.RoundTrips)
		assert.EqualValues(t, 2, after.Retried-before.Retried)
	})
}

func TestUnaskedResponsesAreNoRoundTrips(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, usual(1))
		app := f.slaves[0]
		f.begin()
		f.at(time.Second)
		f.respond(app, telegram.Running, "ONLINE")
		f.set(app, func(s *pretended) { s.latency = 500 * time.Millisecond })
		f.at(10*time.Second + 100*time.Millisecond)
		f.respond(app, telegram.Stopped, "ONLINE") // while it is being asked
		got := f.status.figures()
		assert.Equal(t, []string{"1 to 100µs"}, lengths(got.RoundTrips), "that of START")
		assert.Zero(t, got.Retried)
	})
}

func TestRoundTripCountsFromTheTimeAtWhichItsResponseWaitBecameShorter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, usual(1))
		f.begin()
		f.at(9 * time.Second)
		f.set(f.slaves[0], func(s *pretended) { s.latency = 200 * time.Millisecond })
		f.at(10*time.Second + 100*time.Millisecond)
		f.plan.timeout = 150 * time.Millisecond
		f.reload(f.slaves...)
		f.at(11 * time.Second)
		assert.Equal(t, []string{"1 to 100µs", "1 to 100ms"}, lengths(f.status.figures().RoundTrips))
	})
}

func TestJudgementsAreCountedWhereTheyAreNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, usual(3))
		f.slaves[2].silent = true
		f.begin()
		f.at(5 * time.Second)
		assert.Equal(t, Judgements{Running: 2, Silent: 1, Application: 2}, f.status.figures().Judgements)
		f.respond(f.slaves[0], telegram.Stopped, "BATCH")
		f.set(f.slaves[0], func(s *pretended) { s.stopped, s.status = true, status(t, "BATCH") })
		f.set(f.slaves[1], func(s *pretended) { s.silent = true })
		f.at(40 * time.Second)
		assert.Equal(t, Judgements{Running: 2, Stopped: 1, Silent: 2, Application: 3}, f.status.figures().Judgements)
		f.set(f.slaves[1], func(s *pretended) { s.silent = false })
		f.at(60 * time.Second)
		assert.Equal(t, Judgements{Running: 3, Stopped: 1, Silent: 2, Application: 3}, f.status.figures().Judgements)
		f.endIn(t.Context())
		got := f.status.figures()
		assert.False(t, got.Monitoring)
		assert.Equal(t, Judgements{Running: 3, Stopped: 1, Silent: 2, Application: 3}, got.Judgements, "the end of monitoring is none of theirs")
	})
}

func TestFiguresSayWhoseUDPIsBlockedAndThatTheManagerIsIsolated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, usual(4))
		f.status.SetHold(30 * time.Second)
		var cut atomic.Bool
		f.wire(func(s *pretended, q telegram.StatusInquiry) (telegram.Telegram, time.Duration) {
			if cut.Load() {
				return never(s, q)
			}
			return replies(100*time.Millisecond, telegram.Running)(s, q)
		})
		f.begin()
		f.at(9 * time.Second)
		assert.Equal(t, Figures{Monitoring: true}, onlyWords(f.status.figures()))
		f.set(f.slaves[0], func(s *pretended) { s.silent = true })
		f.at(25 * time.Second)
		assert.Equal(t, Figures{Monitoring: true, UDPBlocked: 1}, onlyWords(f.status.figures()))
		f.maintain(time.Hour, f.slaves[0])
		assert.Equal(t, Figures{Monitoring: true, UDPBlocked: 1, UDPBlockedMaintained: 1}, onlyWords(f.status.figures()))
		f.endMaintenance(f.slaves[0])
		assert.Equal(t, Figures{Monitoring: true, UDPBlocked: 1}, onlyWords(f.status.figures()))
		cut.Store(true)
		for _, s := range f.slaves {
			f.set(s, func(s *pretended) { s.silent = true })
		}
		f.at(32 * time.Second) // their last attempts are being asked on TCP
		before := f.status.figures().Queues[0]
		assert.Equal(t, Queue{"inquiries on TCP before a judgement", 1, maxProbes}, before)
		f.at(50 * time.Second)
		assert.True(t, f.status.figures().Isolated)
	})
}

// onlyWords leaves out what changes with every answer.
func onlyWords(f Figures) Figures {
	return Figures{Monitoring: f.Monitoring, Isolated: f.Isolated, UDPBlocked: f.UDPBlocked, UDPBlockedMaintained: f.UDPBlockedMaintained}
}

func TestServersAreThoseOfTheContactFile(t *testing.T) {
	const n = 2*serversAtOnce + 1
	var slaves []Slave
	for i := range n {
		slaves = append(slaves, Slave{Host: hostNumber(t, i), Address: address(t, nobody(t)), Interval: time.Hour, Timeout: time.Second})
	}
	o := newOffice(t, online(t), slaves...)
	require.NoError(t, o.server.status.SetApplication(slaves[n-1].Host, status(t, "BATCH")))
	m := o.server.status.byHost.of(slaves[1].Host)
	o.server.status.answer(time.Now(), m, &telegram.StatusResponse{Host: m.host, Control: telegram.Stopped, Status: status(t, "ENDED")})
	m = o.server.status.byHost.of(slaves[serversAtOnce].Host)
	m.waiting = true
	o.server.status.answer(time.Now(), m, &telegram.StatusResponse{Host: m.host, Control: telegram.Running, Status: status(t, contactfile.Online)})

	got := slices.Collect(o.server.Servers())
	want := []ServerStatus{{host(t, "mgr01"), contactfile.Running, slave.NotStarted}}
	for i := range n {
		want = append(want, ServerStatus{slaves[i].Host, contactfile.Stopped, slave.NotStarted})
	}
	want[n].Application = status(t, "BATCH")
	want[2].Application = status(t, "ENDED")
	want[serversAtOnce+1] = ServerStatus{slaves[serversAtOnce].Host, contactfile.Running, status(t, contactfile.Online)}
	assert.Equal(t, want, got)

	for range o.server.Servers() {
		break // nobody need take all
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	o.server.End(ended)
	assert.Empty(t, slices.Collect(o.server.Servers()), "there is no contact file without monitoring")
}

// took is how many runs there are of each process.
func took(o *office) map[string]uint64 {
	all := map[string]uint64{}
	for id, h := range o.server.Figures().Runs {
		for _, n := range h.Counts {
			all[id.String()] += n
		}
	}
	return all
}

func TestRunTimesAreThoseOfOrdersThatBroughtARun(t *testing.T) {
	control := launchedBit
	p := newPeer(t, func(conn net.Conn) {
		receive(conn, 84)
		if control != "" {
			conn.Write([]byte(responseBytes("app01", control, "ONLINE", "NOT-STARTED", "so")))
			receive(conn, 84)
		}
	})
	processes := append(online(t), slave.Process{ID: process(t, "SLEEPS"), Command: []string{"/bin/sleep", "0.2"}})
	o := newOffice(t, processes, at(t, "app01", p.address))
	assert.Empty(t, took(o))
	for _, c := range []struct {
		control string
		want    uint64
	}{{launchedBit, 1}, {failedBit, 2}, {refusedBit, 2}, {alreadyBit, 2}, {"", 2}} {
		control = c.control
		o.order(t.Context(), "ONLINE", "app01")
		assert.Equal(t, map[string]uint64{"ONLINE": c.want}, took(o), "%q", c.control)
	}
	require.Equal(t, slave.Launched, o.order(t.Context(), "SLEEPS", "mgr01").Outcome)
	assert.Equal(t, map[string]uint64{"ONLINE": 2, "SLEEPS": 1}, took(o), "and those of the manager's own server")
	assert.GreaterOrEqual(t, o.server.Figures().Runs[process(t, "SLEEPS")].Sum, float64(200*time.Millisecond))

	o.server.SetProcesses(processes[:1])
	assert.Equal(t, map[string]uint64{"ONLINE": 2}, took(o), "the definition has no other")
}

func TestRunTimeOfAnOrderGoesOnOverTheStartOfAnotherDaemon(t *testing.T) {
	for _, c := range []struct{ defined, want string }{{"ONLINE", "ONLINE"}, {"OTHER", ""}} {
		dir := t.TempDir()
		require.NoError(t, os.MkdirAll(filepath.Join(dir, runs.Name), 0o750))
		s := &sentOrder{target: target{host(t, "app01"), process(t, "ONLINE")}, trigger: slave.ByOperator,
			at: time.Now().Add(-100 * time.Second), until: time.Now().Add(time.Hour)}
		require.NoError(t, os.WriteFile(filepath.Join(dir, runs.Name, ordersFile), s.line(), 0o640))
		processes := []slave.Process{{ID: process(t, c.defined), Command: []string{"/bin/true"}}}
		o := openOffice(t, dir, processes, at(t, "app01", app01+":10320"))
		assert.Equal(t, 1, lengthOf(o, "orders without an outcome"))
		o.takeResponses()
		require.NotEmpty(t, deliver(t, o, app01, responseBytes("app01", launchedBit, "ONLINE", "ONLINE", "")))
		assert.Equal(t, []string{c.want}, slices.Collect(maps.Keys(took(o))), "one that the definition does not have is another")
		for _, h := range o.server.Figures().Runs {
			assert.Equal(t, []string{"1 to 5m0s"}, lengths(h))
		}
		assert.Zero(t, lengthOf(o, "orders without an outcome"))
	}
}

func lengthOf(o *office, queue string) int {
	for _, q := range o.server.Figures().Queues {
		if q.Name == queue {
			return q.Length
		}
	}
	return -1
}

func TestQueuesOfOrdersHaveTheirLengthsAndLimits(t *testing.T) {
	ordered, release := make(chan struct{}), make(chan struct{})
	p := newPeer(t, func(conn net.Conn) {
		receive(conn, 84)
		ordered <- struct{}{}
		<-release
		conn.Write([]byte(responseBytes("app01", launchedBit, "ONLINE", "ONLINE", "")))
		receive(conn, 84)
	})
	o := newOffice(t, online(t), at(t, "app01", p.address))
	for range MaxOrders - 1 {
		o.server.execution.places <- struct{}{}
	}
	done := make(chan struct{})
	go func() {
		hosts := []telegram.Host{host(t, "app01"), host(t, "mgr01"), host(t, "mgr01")}
		o.server.Execution().Order(t.Context(), byOperator(t, "ONLINE"), hosts, func(slave.Result) {})
		close(done)
	}()
	<-ordered
	want := []Queue{
		{"inquiries on TCP before a judgement", 0, maxProbes}, {"inquiries on TCP of STOPPED slaves", 0, maxStoppedProbes},
		{"connections being made", 0, maxDials}, {"orders", MaxOrders, MaxOrders}, {"orders without an outcome", 1, maxOutstanding},
		{"processes of the manager's own server", 0, slave.MaxRuns}}
	got := o.server.Figures()
	assert.Equal(t, want, got.Queues)
	assert.Equal(t, 2, got.OrdersWaiting)
	close(release)
	<-done
	got = o.server.Figures()
	assert.Zero(t, got.OrdersWaiting)
	assert.Equal(t, MaxOrders-1, lengthOf(o, "orders"))
	assert.Zero(t, lengthOf(o, "orders without an outcome"))
}

func BenchmarkPolled(b *testing.B) {
	s := &StatusControl{roundTrips: newHistogram(roundTripBounds)}
	m := &monitor{timeout: time.Second, waiting: true, attempts: 1, unanswered: 1}
	now := time.Now()
	m.due = now.Add(m.timeout - 700*time.Microsecond)
	b.ReportAllocs()
	for b.Loop() {
		s.polled(now, m)
	}
}
