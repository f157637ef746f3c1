package manager

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/slave"
	"renraku/slave/slavetest"
	"renraku/telegram"
)

// The bytes of an order with its response and its receipt, in their order on the connection.
const (
	afterOrder    = telegram.ExecutionOrderLength
	afterResponse = afterOrder + telegram.ExecutionResponseLength
	afterReceipt  = afterResponse + telegram.ExecutionOrderLength
)

// runsOf is how many runs there are of an order whose connection broke after so many bytes.
func runsOf(broken int) int {
	if broken < afterOrder {
		return 0
	}
	return 1
}

// requireTold holds what the operator is told against the byte after which the order's connection broke.
func requireTold(t lane, broken int, told slave.Result) {
	t.Helper()
	want := []slave.Outcome{slave.Unknown}
	switch {
	case broken >= afterResponse:
		want = []slave.Outcome{slave.Launched}
	case broken >= afterOrder:
		want = append(want, slave.Launched) // where the slave's own delivery is faster than the end of the connection
	}
	require.Contains(t, want, told.Outcome, "%v, broken after %d bytes: %s", told.Host, broken, told.Text)
}

// awaitRuns waits until slave i has run so often, and the manager has said of every result that it has it; and compares what both
// have.
func (f *badFleet) awaitRuns(t lane, i, runs int) {
	t.Helper()
	h := f.hosts[i]
	want := fmt.Sprintf("TAKEN %025d\n%s", runs, strings.Repeat("+", runs))
	require.Eventually(t, func() bool {
		b, err := os.ReadFile(filepath.Join(f.dirs[i], "runs", "taken.dat"))
		return err == nil && (string(b) == want || runs == 0 && len(b) == 0)
	}, patience, 10*time.Millisecond, "%v: %d results taken", h, runs)
	marks := 0
	if b, err := os.ReadFile(filepath.Join(f.runs, h.String())); err == nil {
		marks = bytes.Count(b, []byte("\n"))
	}
	require.Equal(t, runs, marks, "%v: runs", h)
	ofSlave := results(t.T, f.dirs[i], h)
	all := 0
	for _, n := range ofSlave { // results that are far apart may read the same
		all += n
	}
	require.Equal(t, runs, all, "%v: results", h)
	require.Equal(t, ofSlave, results(t.T, f.dir, h), "%v: at the slave, and at the manager", h)
}

// lane is a part of a test that goes on beside others; where it fails, the others go on.
type lane struct{ *testing.T }

// FailNow ends the goroutine of the lane alone.
func (l lane) FailNow() {
	l.Fail()
	runtime.Goexit()
}

// each does the same for each slave, for all at the same time: most of it is waiting, and so it is no matter of processors.
func (f *badFleet) each(t *testing.T, do func(t lane, i int, h telegram.Host)) {
	var all sync.WaitGroup
	for i, h := range f.hosts {
		all.Go(func() { do(lane{t}, i, h) })
	}
	all.Wait()
}

// Whichever byte of an order, its response or its receipt is the last before RST: the process has run once where the order was whole
// and else not at all, the operator is told what is true, and the result stands in both histories, once.
func TestAnOrderResetAtAnyByteRunsOnceAtMostAndLosesNoResult(t *testing.T) {
	t.Parallel()
	const slaves = 4
	f := newBadFleet(t, slaves, 1, slavetest.Impairment{}, slavetest.Streams{})
	f.awaitAll()
	f.each(t, func(t lane, i int, h telegram.Host) {
		runs := 0
		for n := i; n <= afterReceipt; n += slaves {
			f.slaves[i].ResetNext(n)
			requireTold(t, n, f.order(h))
			runs += runsOf(n)
			f.awaitRuns(t, i, runs)
		}
	})
	resets := 0
	for _, p := range f.slaves {
		resets += p.Counts().Reset
	}
	assert.Equal(t, afterReceipt+1, resets)
}

// The same in sealed mode, where nobody sees from outside which byte ends what: the cuts go from the first byte of the handshake beyond the
// last of the receipt, in steps that are shorter than the record of any telegram. What is ordered after each of them is another process, since
// the same one again would be an order in between (SPEC.md 6.5).
func TestASealedOrderResetAnywhereRunsOnceAtMostAndLosesNoResult(t *testing.T) {
	t.Parallel()
	const slaves, step, most = 4, telegram.ExecutionOrderLength, 20_000
	f := newSealedBadFleet(t, slavetest.NewKeys(t, "mgr01"), slaves, 1, slavetest.Impairment{}, slavetest.Streams{})
	f.awaitAll()
	marks := func(h telegram.Host) int {
		b, _ := os.ReadFile(filepath.Join(f.runs, h.String())) // there is none before the first
		return bytes.Count(b, []byte("\n"))
	}
	f.each(t, func(t lane, i int, h telegram.Host) {
		seen := map[slave.Outcome]int{}
		for n := i * step; ; n += slaves * step {
			require.Less(t, n, most, "%v: the connection has no end", h)
			before, resets := marks(h), f.slaves[i].Counts().Reset
			f.slaves[i].ResetNext(n)
			told := f.order(h)
			seen[told.Outcome]++
			require.Eventually(t, func() bool { return f.orderOf(h, "NEXT").Outcome == slave.Launched }, patience, time.Millisecond, "the next one")
			ran := marks(h) - before - 1
			want := map[slave.Outcome][]int{slave.Unreachable: {0}, slave.Unknown: {0, 1}, slave.Launched: {1}}
			require.Contains(t, want[told.Outcome], ran, "%v, reset after %d bytes: %v %s", h, n, told.Outcome, told.Text)
			f.awaitRuns(t, i, marks(h))
			if f.slaves[i].Counts().Reset == resets {
				break
			}
		}
		assert.Positive(t, seen[slave.Unreachable], "%v", h)
		assert.Positive(t, seen[slave.Unknown], "%v", h)
		assert.Positive(t, seen[slave.Launched], "%v", h)
		t.Log(h, seen)
	})
}

// A peer that vanishes says nothing: each side gives the other up by itself, and the result comes all the same.
func TestAnOrderWhosePeerVanishesIsGivenUpAndItsResultComes(t *testing.T) {
	t.Parallel()
	cuts := []int{0, afterOrder - 1, afterOrder, afterResponse - 1, afterResponse, afterReceipt - 1}
	f := newBadFleet(t, len(cuts), 1, slavetest.Impairment{}, slavetest.Streams{})
	f.awaitAll()
	f.each(t, func(t lane, i int, h telegram.Host) {
		f.slaves[i].HalfOpenNext(cuts[i])
		told := f.order(h)
		switch {
		case cuts[i] == afterResponse-1:
			assert.Contains(t, told.Text, "it began, and its rest did not come", "%v", h)
		case cuts[i] < afterResponse:
			assert.Contains(t, told.Text, timeIsOver, "%v", h)
		}
		requireTold(t, cuts[i], told)
		f.awaitRuns(t, i, runsOf(cuts[i]))
		assert.Equal(t, slave.Launched, f.order(h).Outcome, "%v: the next order is as any other", h)
	})
	for _, p := range f.slaves {
		assert.Equal(t, 1, p.Counts().HalfOpen)
	}
}

// reset ends a connection with RST.
func reset(conn net.Conn) {
	conn.(*net.TCPConn).SetLinger(0)
	conn.Close()
}

// A slave that delivers a result knows only of a whole receipt. What was reset before comes again, and is one record.
func TestADeliveryResetAtAnyByteIsOneRecord(t *testing.T) {
	o := responseOffice(t)
	for n := range afterReceipt - afterOrder + 1 {
		text := fmt.Sprintf("result %d", n)
		x := responseBytes("app01", launchedBit, "ONLINE", "ONLINE", text)
		conn := o.dial(app01)
		conn.Write([]byte(x[:min(n, len(x))]))
		receive(conn, max(n-len(x), 0))
		reset(conn)
		require.Equal(t, takenBytes("app01", "ONLINE"), deliver(t, o, app01, x), "after %d bytes", n)
		history := o.history()
		require.Len(t, history, n+1, "after %d bytes", n)
		require.Equal(t, "app01 ONLINE ORDER LAUNCHED ONLINE: "+text, history[n])
	}
}
