package manager

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/contactfile"
	"renraku/slave"
	"renraku/slave/slavetest"
)

// Slaves that the manager does not reach, on real sockets.

// watch is a manager on loopback with the given slaves, which runs until the test ends.
type watch struct {
	t      *testing.T
	server *Server
	path   string // of the contact file
	log    *logBook
	events *eventBook
}

func newWatch(t *testing.T, cfg Config) *watch {
	t.Helper()
	packets, listener, _ := sockets(t, "127.0.0.1")
	w := &watch{t: t, log: &logBook{}, events: &eventBook{}}
	var file *contactfile.File
	file, w.path = contact(t)
	cfg.Host, cfg.Records = host(t, "mgr01"), records(t)
	cfg.Tell, cfg.Log = w.events.tell, slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	w.server = NewServer(cfg, file, packets, listener)
	ctx, kill := context.WithCancelCause(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.server.Run(ctx) }()
	t.Cleanup(func() {
		kill(slave.ErrKilled)
		assert.NoError(t, <-done)
	})
	return w
}

// await waits until the events that end with the words are so many.
func (w *watch) await(n int, words string) {
	w.t.Helper()
	got := 0
	require.Eventually(w.t, func() bool {
		got = w.told(words)
		return got >= n
	}, patience, time.Millisecond, "%d × %q in %q", n, words, w.events.told())
	require.Equal(w.t, n, got)
}

func (w *watch) told(words string) int {
	f := fleet{events: w.events}
	return f.told(words)
}

// behindProxies is n real slaves, each behind a proxy that the manager speaks to.
func behindProxies(t *testing.T, n int, data Slave) (definition []Slave, proxies []*slavetest.Proxy) {
	t.Helper()
	for i := range n {
		packets, listener, addr := sockets(t, "127.0.0.1")
		name := fmt.Sprintf("app%d", i)
		realSlave(t, name, "127.0.0.1:9", packets, listener, nil)
		proxy := slavetest.NewProxy(t, addr, 1, uint64(i), slavetest.Impairment{}, slavetest.Streams{})
		data.Host, data.Address = host(t, name), address(t, proxy.Address)
		definition, proxies = append(definition, data), append(proxies, proxy)
	}
	return definition, proxies
}

func TestRealSlaveWhoseUDPIsDroppedStaysRunning(t *testing.T) {
	t.Parallel()
	definition, proxies := behindProxies(t, 2, Slave{Interval: 200 * time.Millisecond, Timeout: 500 * time.Millisecond, Retries: 1})
	w := newWatch(t, Config{Slaves: definition, Fallback: true})
	w.await(2, " RUNNING")
	proxies[0].There.Set(slavetest.Impairment{Loss: 1})
	rounds := func(n uint64) func() bool { return func() bool { return w.server.Drops().Of(slave.DropUDP) >= n } }
	require.Eventually(t, rounds(3), patience, time.Millisecond)
	assert.Zero(t, w.told(" STOPPED"))
	eventually(t, w.path, "mgr01 RUNNING NOT-STARTED", "app0 RUNNING NOT-STARTED", "app1 RUNNING NOT-STARTED")
	assert.Equal(t, 1, w.log.count("app0 is RUNNING, but UDP is blocked"))
	blocked, _ := w.server.Blocked()
	assert.Equal(t, []string{"app0"}, blocked)
	proxies[0].Heal()
	require.Eventually(t, func() bool { return w.log.count("app0: UDP works again") == 1 }, patience, time.Millisecond)
	_, n := w.server.Blocked()
	assert.Zero(t, n)
	assert.Zero(t, w.told(" STOPPED"))
}

// A thousand slaves fall silent at once, and their TCP port takes connections and says nothing: all are found in time.
func TestRealMassOutageIsFoundInTimeWithTheFallback(t *testing.T) {
	t.Parallel()
	const n = 1000
	simulation, err := slave.NewSimulation("sim", n)
	require.NoError(t, err)
	packets, listener, addr := sockets(t, "127.0.0.1")
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- simulation.Serve(ctx, packets, listener, quiet()) }()
	t.Cleanup(func() {
		cancel()
		assert.NoError(t, <-done)
	})
	data := Slave{Address: address(t, addr), Interval: time.Second, Timeout: time.Second, Retries: 1}
	var definition []Slave
	for i := range n {
		data.Host = host(t, simulation.Host(i))
		definition = append(definition, data)
	}
	w := newWatch(t, Config{Slaves: definition, Fallback: true})
	w.await(n, " RUNNING")
	const slack = time.Second // of a busy machine; one after the other, they would take three seconds more
	bound := data.Interval + time.Duration(data.Retries+1)*data.Timeout
	fell := time.Now()
	simulation.SetSilent(0, n-1, true)
	w.await(n, " STOPPED")
	took := time.Since(fell)
	drops := w.server.Drops()
	t.Logf("%d STOPPED after %v, the bound is %v; %d had no place on TCP", n, took, bound, drops.Of(slave.DropProbe))
	assert.LessOrEqual(t, took, bound+slack)
	assert.Positive(t, drops.Of(slave.DropProbe))
}

// The proxies of five slaves stop, for UDP and TCP alike.
func TestRealManagerThatIsCutOffHoldsItsJudgement(t *testing.T) {
	t.Parallel()
	data := Slave{Interval: time.Second, Timeout: 300 * time.Millisecond, Retries: 2}
	hold := 3 * data.Interval
	definition, proxies := behindProxies(t, 5, data)
	w := newWatch(t, Config{Slaves: definition, Fallback: true, Hold: hold})
	w.await(5, " RUNNING")
	stop := func() {
		for _, p := range proxies {
			p.There.Set(slavetest.Impairment{Loss: 1})
			p.SetStreams(slavetest.Streams{HalfOpen: 1})
		}
	}
	heal := func() {
		for _, p := range proxies {
			p.Heal()
		}
	}

	stop()
	w.await(1, "mgr01 ISOLATED")
	assert.True(t, w.server.Isolated())
	heal()
	w.await(1, "mgr01 isolation ended")
	assert.False(t, w.server.Isolated())
	assert.Equal(t, 1, w.log.count("slaves answer again"))
	assert.Zero(t, w.told(" STOPPED"), "%q", w.events.told())

	require.Eventually(t, func() bool { // else the hold goes on, to its end
		s := w.server.status
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.isolation.silent) == 0
	}, patience, time.Millisecond)
	w.events.forget()
	stop()
	w.await(1, "mgr01 ISOLATED")
	began := time.Now()
	w.await(1, "mgr01 isolation ended")
	assert.GreaterOrEqual(t, time.Since(began), hold-100*time.Millisecond)
	w.await(5, " STOPPED")
	assert.Equal(t, []string{"mgr01 ISOLATED", "mgr01 isolation ended"}, w.events.told()[:2], "nobody was STOPPED before")
	heal()
	w.await(5, " RUNNING")
}
