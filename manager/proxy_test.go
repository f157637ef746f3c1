package manager

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/contactfile"
	"renraku/slave"
	"renraku/slave/credentials"
	"renraku/slave/slavetest"
	"renraku/telegram"
)

// A manager and slaves on real sockets, each behind a proxy that is a bad network. Every failure names its seed.

// badFleet is a manager and its slaves with their proxies.
type badFleet struct {
	t       *testing.T
	server  *Server
	path    string // of the manager's contact file
	dir     string // of the manager's records
	manager []*slavetest.Proxy
	slaves  []*slavetest.Proxy
	hosts   []telegram.Host
	dirs    []string // of the slaves' records
	runs    string   // each run of host's process adds a line to the file host
}

// badOrder is the process that is ordered: each run adds a line. Nothing but its own run forbids it.
func badOrder(t *testing.T, runs string) slave.Process {
	script := `echo run >> "$0/$RENRAKU_HOST"`
	return slave.Process{ID: process(t, "RUN"), Command: []string{"/bin/sh", "-c", script, runs}, Timeout: time.Second}
}

func newBadFleet(t *testing.T, n int, seed uint64, bad slavetest.Impairment, streams slavetest.Streams) *badFleet {
	return newSealedBadFleet(t, nil, n, seed, bad, streams)
}

// newSealedBadFleet is one in sealed mode, or in plain mode where keys is nil.
func newSealedBadFleet(t *testing.T, keys *slavetest.Keys, n int, seed uint64, bad slavetest.Impairment, streams slavetest.Streams) *badFleet {
	security := func(name string) *credentials.Security {
		if keys == nil {
			return nil
		}
		return keys.Security(t, name)
	}
	f := &badFleet{t: t, dir: t.TempDir(), runs: t.TempDir()}
	another := badOrder(t, f.runs)
	another.ID = process(t, "NEXT")
	processes := []slave.Process{badOrder(t, f.runs), another}
	packets, listener, addr := sockets(t, "127.0.0.1")
	var definition []Slave
	for i := range n {
		slavePackets, slaveListener, slaveAddr := sockets(t, "127.0.0.1")
		toSlave := slavetest.NewProxy(t, slaveAddr, seed, uint64(2*i), bad, streams)
		toManager := slavetest.NewProxy(t, addr, seed, uint64(2*i+1), bad, streams)
		name := fmt.Sprintf("app%d", i)
		dir := t.TempDir()
		sealedSlaveIn(t, security(name), dir, name, toManager.Address, slavePackets, slaveListener, processes)
		definition = append(definition, Slave{Host: host(t, name), Address: address(t, toSlave.Address),
			Interval: 200 * time.Millisecond, Timeout: 100 * time.Millisecond, Retries: 20})
		f.slaves, f.manager = append(f.slaves, toSlave), append(f.manager, toManager)
		f.hosts, f.dirs = append(f.hosts, host(t, name)), append(f.dirs, dir)
	}
	var file *contactfile.File
	file, f.path = contact(t)
	f.server = NewServer(Config{Host: host(t, "mgr01"), Slaves: definition, Processes: processes, Records: recordsIn(t, f.dir), Log: quiet(),
		Security: security("mgr01")},
		file, packets, listener)
	f.server.execution.courier.more = 500 * time.Millisecond // beyond the second of the process: half open is found out soon
	ctx, kill := context.WithCancelCause(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.server.Run(ctx) }()
	t.Cleanup(func() {
		kill(slave.ErrKilled)
		assert.NoError(t, <-done)
	})
	return f
}

// awaitAll waits until each slave is RUNNING at the manager.
func (f *badFleet) awaitAll() {
	want := []string{"mgr01 RUNNING NOT-STARTED"}
	for _, h := range f.hosts {
		want = append(want, h.String()+" RUNNING NOT-STARTED")
	}
	eventually(f.t, f.path, want...)
}

func (f *badFleet) order(h telegram.Host) slave.Result { return f.orderOf(h, "RUN") }

func (f *badFleet) orderOf(h telegram.Host, id string) (r slave.Result) {
	ctx, cancel := context.WithTimeout(f.t.Context(), time.Minute) // one that is never given up fails its test
	defer cancel()
	f.server.Execution().Order(ctx, byOperator(f.t, id), []telegram.Host{h}, func(row slave.Result) { r = row })
	return r
}

// results counts the results of a host's runs that a history has, by outcome and text.
func results(t *testing.T, dir string, h telegram.Host) map[string]int {
	t.Helper()
	all := map[string]int{}
	for r, err := range contactfile.ReadHistory(filepath.Join(dir, slave.HistoryFile)) {
		require.NoError(t, err)
		if ran := slave.Outcome(r.Outcome); r.Host == h.String() && (ran == slave.Launched || ran == slave.Failed) {
			all[r.Outcome+" "+r.Text]++
		}
	}
	return all
}

// Whatever happens to the connections of an order: its process runs once at most, every run has a result, and every result reaches
// the manager, once and in order.
func TestOrdersOnABadNetworkRunOnceAndLoseNoResult(t *testing.T) {
	t.Parallel()
	const slaves, orders = 6, 12
	seed := slavetest.Seed(t)
	seen := func(b []byte) bool {
		_, err := telegram.Decode(b)
		return err != nil
	}
	f := newBadFleet(t, slaves, seed,
		slavetest.Impairment{Loss: 0.1, Burst: 0.01, BurstMost: 3, Duplicate: 0.1, Delay: 20 * time.Millisecond, Flip: 0.05, Seen: seen},
		slavetest.Streams{Reset: 0.4, HalfOpen: 0.04, Within: 84 + 212 + 84, Split: 0.3})
	f.awaitAll()
	outcomes := make([]map[slave.Outcome]int, slaves)
	var all sync.WaitGroup
	for i, h := range f.hosts {
		outcomes[i] = map[slave.Outcome]int{}
		all.Go(func() {
			for range orders {
				outcomes[i][f.order(h).Outcome]++
			}
		})
	}
	all.Wait()
	faults := slavetest.StreamCounts{}
	for _, p := range append(f.slaves, f.manager...) {
		c := p.Counts()
		faults.Connections, faults.Reset, faults.HalfOpen = faults.Connections+c.Connections, faults.Reset+c.Reset, faults.HalfOpen+c.HalfOpen
		p.Heal()
	}
	t.Logf("%+v; %v", faults, outcomes)
	assert.Positive(t, faults.Reset)
	for i, h := range f.hosts {
		// A result may stand at the manager twice where an order was sent before it came again; none may be missing or made up.
		agree := assert.Eventually(t, func() bool {
			return slices.Equal(slices.Sorted(maps.Keys(results(t, f.dirs[i], h))), slices.Sorted(maps.Keys(results(t, f.dir, h))))
		}, patience, 20*time.Millisecond)
		ofSlave, ofManager := results(t, f.dirs[i], h), results(t, f.dir, h)
		require.True(t, agree, "%v: %v at the slave, %v at the manager", h, ofSlave, ofManager)
		launched := 0
		for what, n := range ofSlave {
			launched += n
			assert.Equal(t, 1, n, "%v: no two runs have the same result: %s", h, what)
		}
		runs, err := os.ReadFile(filepath.Join(f.runs, h.String()))
		require.NoError(t, err)
		assert.Equal(t, launched, strings.Count(string(runs), "\n"), "%v: every run has its result", h)
		assert.LessOrEqual(t, launched, outcomes[i][slave.Launched]+outcomes[i][slave.Unknown], "%v: one run for an order, at most", h)
		recorded := 0 // with those that stand twice, and were told for the order that was sent between
		for _, n := range ofManager {
			recorded += n
		}
		assert.LessOrEqual(t, outcomes[i][slave.Launched], recorded, "%v: what the operator was told stands in the history", h)
	}
	f.awaitAll()
}

// Datagrams of status control behind a proxy: a fleet on a bad network comes up, and one that is cut off is found, and found again.
func TestFleetOnABadNetworkComesUpAndLosesOnlyWhoIsCutOff(t *testing.T) {
	t.Parallel()
	seed := slavetest.Seed(t)
	f := newBadFleet(t, 4, seed, slavetest.Impairment{Loss: 0.2, Burst: 0.02, BurstMost: 4, Duplicate: 0.3, Delay: 40 * time.Millisecond},
		slavetest.Streams{})
	f.awaitAll()
	cut := f.slaves[f.slaves[0].There.Draw(len(f.slaves))]
	cut.There.Set(slavetest.Impairment{Loss: 1})
	want := []string{"mgr01 RUNNING NOT-STARTED"}
	for i, h := range f.hosts {
		operating := contactfile.Running
		if f.slaves[i] == cut {
			operating = contactfile.Stopped
		}
		want = append(want, fmt.Sprintf("%v %s NOT-STARTED", h, operating))
	}
	eventually(t, f.path, want...)
	cut.Heal()
	f.awaitAll()
}
