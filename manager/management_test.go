package manager

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/contactfile"
	"renraku/slave"
	"renraku/telegram"
)

// leaveBehind has the contact file be as a killed manager left it.
func (f *fleet) leaveBehind(b []byte) { require.NoError(f.t, os.WriteFile(f.path, b, 0o640)) }

// What a killed manager knew is in nobody's memory any more but the slaves'.
func TestManagerThatWasKilledKnowsEverySlaveAgainWithinOneInterval(t *testing.T) {
	const n = 1000
	p := plan{slaves: n, interval: 10 * time.Second, timeout: time.Second, retries: 2, shared: true}
	old := []contactfile.Record{{Host: "mgr01", Operating: contactfile.Running, Application: "OLD"}}
	for i := range n {
		operating := []contactfile.Operating{contactfile.Running, contactfile.Stopped}[i/2%2]
		old = append(old, contactfile.Record{Host: fmt.Sprint("app", n-i), Operating: operating, Application: "OLD"})
	}
	var oldBytes []byte
	for i := range old {
		var err error
		oldBytes, err = old[i].Append(oldBytes)
		require.NoError(t, err)
	}
	left := map[string][]byte{
		"the file of an older definition": oldBytes,
		"a torn file":                     oldBytes[:n/2*contactfile.RecordLength+77],
		"damaged bytes":                   append(slices.Repeat([]byte{0}, 4096), oldBytes[4096:]...),
		"more records than there are":     slices.Concat(oldBytes, oldBytes),
		"nothing":                         nil,
	}
	for name, b := range left {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t, p)
				want := []string{"mgr01 RUNNING NOT-STARTED"}
				for i, s := range f.slaves {
					s.latency = time.Duration(i%900) * time.Millisecond
					s.silent, s.stopped = i%7 == 3, i%7 == 4
					s.status = status(t, []string{"NOT-STARTED", "ONLINE", "BATCH", fmt.Sprint("S", i)}[i%4])
					switch {
					case s.silent:
						want = append(want, s.host.String()+" STOPPED NOT-STARTED")
					case s.stopped:
						want = append(want, fmt.Sprintf("%v STOPPED %v", s.host, s.status))
					default:
						want = append(want, fmt.Sprintf("%v RUNNING %v", s.host, s.status))
					}
				}
				f.leaveBehind(b)
				f.begin()
				f.at(p.interval + p.timeout)
				got := lines(t, f.path)
				require.Len(t, got, len(want))
				for i := range want {
					require.Equal(t, want[i], got[i])
				}
			})
		})
	}
}

func TestWhatIsWrittenWhileTheContactFileIsReadAheadIsNotLost(t *testing.T) {
	cases := []struct {
		name      string
		meanwhile func(*testing.T, *fleet)
		want      []string
	}{
		{"answers and XR", func(t *testing.T, f *fleet) {
			f.respond(f.slaves[0], telegram.Stopped, "HALTED")
			require.NoError(t, f.status.SetApplication(f.slaves[1].host, status(t, "BATCH")))
			require.NoError(t, f.own.SetApplication(time.Now(), status(t, "BATCH")))
		}, []string{"mgr01 RUNNING BATCH", "app2 RUNNING BATCH", "app1 STOPPED HALTED"}},
		{"the end of monitoring and its beginning", func(t *testing.T, f *fleet) {
			require.NoError(t, f.own.SetApplication(time.Now(), status(t, "BATCH")))
			f.set(f.slaves[0], func(s *pretended) { s.silent = true })
			f.endIn(t.Context(), "app1")
			f.begin()
		}, []string{"mgr01 RUNNING BATCH", "app2 STOPPED ONLINE", "app1 STOPPED ONLINE"}},
		{"the end of monitoring", func(t *testing.T, f *fleet) { f.endIn(t.Context()) }, []string{}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t, usual(2))
				f.begin()
				f.at(time.Second)
				next := newTakeover(f.definition(f.slaves[1], f.slaves[0]), f.status.monitors, f.status.byHost)
				f.status.readAhead(next)
				c.meanwhile(t, f)
				require.NoError(t, f.status.takeOver(next))
				assert.Equal(t, c.want, lines(t, f.path))
				assert.Nil(t, f.status.touched)
			})
		})
	}
}

func BenchmarkReload(b *testing.B) {
	const n = 100_000
	file, _ := contact(b)
	slaves := make([]Slave, n)
	for i := range slaves {
		slaves[i] = at(b, hostNumber(b, i).String(), "198.18.0.1:10320")
	}
	s := NewStatusControl(slave.NewOwnRecord(host(b, "mgr01"), file, 0), slaves, file, nowhere{}, quiet(), &slave.Drops{})
	require.NoError(b, s.Begin())
	for _, c := range []struct {
		name string
		next func()
	}{
		{"nothing", func() {}},
		{"order", func() { slices.Reverse(slaves) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			var held time.Duration
			for b.Loop() {
				c.next()
				t := newTakeover(slaves, s.monitors, s.byHost)
				if t.shifts {
					s.readAhead(t)
				}
				start := time.Now()
				require.NoError(b, s.takeOver(t))
				held += time.Since(start)
			}
			b.ReportMetric(float64(held.Milliseconds())/float64(b.N), "ms-held/op")
		})
	}
}

// works is a manager's status control on real sockets and a real file, with slaves that answer for themselves.
type works struct {
	t          *testing.T
	status     *StatusControl
	own        *slave.OwnRecord
	simulation *slave.Simulation
	theirs     string
	path       string
}

const (
	worksSlaves = 40
	worksStay   = 20 // the first of them are in every definition
)

func newWorks(t *testing.T) *works {
	simulation, err := slave.NewSimulation("sim", worksSlaves)
	require.NoError(t, err)
	theirPackets, theirListener, theirs := sockets(t, "127.0.0.1")
	packets, _, _ := sockets(t, "127.0.0.1")
	w := &works{t: t, simulation: simulation, theirs: theirs}
	var file *contactfile.File
	file, w.path = contact(t)
	w.own = slave.NewOwnRecord(host(t, "mgr01"), file, 0)
	w.status = NewStatusControl(w.own, nil, file, packets, quiet(), &slave.Drops{})
	w.run(func(ctx context.Context) error { return simulation.Serve(ctx, theirPackets, theirListener, quiet()) })
	w.run(w.status.Serve)
	w.run(w.status.keepResolved)
	return w
}

func (w *works) run(service func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- service(ctx) }()
	w.t.Cleanup(func() {
		cancel()
		assert.NoError(w.t, <-done)
	})
}

// definition has the given slaves, with control data that differ from one time to the next.
func (w *works) definition(at string, random *rand.Rand, numbers ...int) []Slave {
	var all []Slave
	for _, i := range numbers {
		ms := time.Duration(1 + random.IntN(3))
		all = append(all, Slave{Host: host(w.t, w.simulation.Host(i)), Address: address(w.t, at),
			Interval: 10 * ms * time.Millisecond, Timeout: 5 * time.Second, Retries: random.IntN(3)})
	}
	return all
}

// shows waits until the contact file has exactly these records, all RUNNING.
func (w *works) shows(slaves []Slave) {
	w.t.Helper()
	require.Eventually(w.t, func() bool {
		records, err := contactfile.ReadFile(w.path)
		return err == nil && len(records) == 1+len(slaves) && !slices.ContainsFunc(records, func(r contactfile.Record) bool {
			return r.Operating != contactfile.Running
		}) && slices.EqualFunc(records[1:], slaves, func(r contactfile.Record, s Slave) bool { return r.Host == s.Host.String() })
	}, patience, 5*time.Millisecond)
}

func TestReloadsOnRealSocketsWhileEverythingElseGoesOn(t *testing.T) {
	w := newWorks(t)
	var others sync.WaitGroup
	reloading, stop := context.WithCancel(t.Context())
	while := func(work func(*rand.Rand)) {
		random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
		others.Go(func() {
			for reloading.Err() == nil {
				work(random)
			}
		})
	}
	book := &eventBook{}
	w.status.Tell(book.tell)
	first := rand.New(rand.NewPCG(1, 2))
	require.NoError(t, w.status.SetSlaves(w.definition(w.theirs, first, first.Perm(worksSlaves)...)))
	require.NoError(t, w.status.Begin())
	stays := func(random *rand.Rand) telegram.Host { return host(t, w.simulation.Host(random.IntN(worksStay))) }
	while(func(random *rand.Rand) { // orders
		h := stays(random)
		r, err := w.status.Record(h)
		if !errors.Is(err, contactfile.ErrNoRecord) { // there is no monitoring
			assert.NoError(t, err)
			assert.Equal(t, h.String(), r.Host)
		}
		if err := w.status.SetApplication(h, status(t, "BATCH")); !errors.Is(err, contactfile.ErrNoRecord) {
			assert.NoError(t, err)
		}
		assert.NotNil(t, w.status.addressOf(h))
		assert.True(t, w.status.knows(netip.MustParseAddr("127.0.0.1")))
	})
	while(func(random *rand.Rand) { // the manager's own runs
		w.own.SetApplication(time.Now(), status(t, []string{"ONLINE", "BATCH"}[random.IntN(2)]))
	})
	while(func(*rand.Rand) { // the operator
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		if err := w.status.End(ctx); err != nil {
			assert.ErrorAs(t, err, new(*UnansweredError))
		}
		assert.NoError(t, w.status.Begin())
	})
	for range 300 {
		err := w.status.SetSlaves(w.definition(w.theirs, first, first.Perm(worksStay+first.IntN(worksSlaves-worksStay))...))
		if !errors.Is(err, ErrEnding) {
			require.NoError(t, err)
		}
	}
	stop()
	others.Wait()
	last := w.definition(w.theirs, first, first.Perm(worksSlaves)...)
	require.NoError(t, w.status.SetSlaves(last))
	w.shows(last)
	assert.NotEmpty(t, book.told())
}

func TestNamesOfSlavesThatAppearOrMoveAreLookedUp(t *testing.T) {
	w := newWorks(t)
	random := rand.New(rand.NewPCG(1, 2))
	byAddress := w.definition(w.theirs, random, 0, 1)
	require.NoError(t, w.status.SetSlaves(byAddress))
	require.NoError(t, w.status.Begin())
	w.shows(byAddress)
	book := &eventBook{}
	w.status.Tell(book.tell)
	byName := w.definition(fmt.Sprintf("localhost:%d", netip.MustParseAddrPort(w.theirs).Port()), random, 2, 1, 0)
	require.NoError(t, w.status.SetSlaves(byName))
	w.shows(byName)
	assert.Equal(t, []string{"sim03 RUNNING"}, book.told(), "and the others go on")
	known := w.status.addressOf(host(t, w.simulation.Host(1)))
	require.NoError(t, w.status.SetSlaves(w.definition(byName[0].Address.String(), random, 1)))
	assert.Same(t, known, w.status.addressOf(host(t, w.simulation.Host(1))), "which is looked up already")
}
