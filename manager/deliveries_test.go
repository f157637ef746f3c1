package manager

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/slave"
	"renraku/telegram"
)

// post is what takes the responses of a fleet.
func post(t *testing.T, f *fleet) *responses {
	r := newResponses(fleetTargets(t, f), nil, &f.drops)
	r.log = slog.New(slog.NewTextHandler(f.log, nil))
	return r
}

// deliverOn delivers on one connection what next gives, until that ends, and gives how many have their receipt; twice as many as may have
// one are enough.
func deliverOn(t *testing.T, r *responses, s *pretended, next func(n int) string) (taken int) {
	ours, theirs := net.Pipe()
	go func() {
		defer theirs.Close()
		r.serveConnection(t.Context(), theirs, s.address.Addr())
	}()
	defer ours.Close()
	for ; taken < 2*slave.MaxResultsAtOnce; taken++ {
		ours.Write([]byte(next(taken)))
		if receive(ours, telegram.ExecutionOrderLength) != takenBytes(s.host.String(), "ONLINE") {
			break
		}
	}
	return taken
}

func TestASlaveDeliversABoundedNumberOfResults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := usual(2)
		p.shared = true
		f := newFleet(t, p)
		r := post(t, f)
		same := func(s *pretended) int { // is no record but the first time, and counts all the same
			return deliverOn(t, r, s, func(int) string { return responseBytes(s.host.String(), launchedBit, "ONLINE", "ONLINE", "up") })
		}
		app1, app2 := f.slaves[0], f.slaves[1]
		assert.Equal(t, 7680, same(app1))
		assert.Equal(t, 0, same(app1))
		assert.Equal(t, 7680, same(app2), "another slave behind the same address")
		time.Sleep(time.Second)
		assert.Equal(t, 128, same(app1))
		assert.Equal(t, 1, f.log.count("more results than a slave may deliver; the others have to come later\" host=app1"))
		time.Sleep(time.Minute)
		assert.Equal(t, 7680, same(app1), "a minute later as at first")
		assert.Equal(t, 2, f.log.count("more results than a slave may deliver; the others have to come later\" host=app1"), "once in a minute")
		assert.Equal(t, map[string]uint64{"too many results": 5}, f.drops.All())
	})
}

func TestWhatASlaveMayDeliverBoundsItsRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, usual(1))
		f.status.deliverable = slave.Rate{PerSecond: 10, AtOnce: 20}
		r := post(t, f)
		for second := range 4 {
			deliverOn(t, r, f.slaves[0], func(n int) string {
				return responseBytes("app1", launchedBit, "ONLINE", "ONLINE", fmt.Sprint(second, n))
			})
			assert.Equal(t, 20+10*second, r.targets.history.Len())
			f.reload(f.slaves...) // and a definition that is read again does not give it more
			time.Sleep(time.Second)
		}
	})
}

// orderOf orders on a connection of its own, on which the slave sends some reports first.
func orderOf(t *testing.T, f *fleet, r *responses, reports int) slave.Result {
	ours, theirs := net.Pipe()
	c := &courier{dialTo: func(context.Context, string, string) (net.Conn, error) { return ours, nil }, dials: newDials(),
		addresses: f.status.addressOf, targets: r.targets, responses: r, more: responseMore, log: quiet()}
	go func() {
		defer theirs.Close()
		receive(theirs, telegram.ExecutionOrderLength)
		for n := range reports {
			theirs.Write([]byte(responseBytes("app1", endedBit, "ONLINE", "ONLINE", fmt.Sprint("report ", n))))
			receive(theirs, telegram.ExecutionOrderLength)
		}
		theirs.Write([]byte(responseBytes("app1", launchedBit, "ONLINE", "ONLINE", "up")))
		receive(theirs, telegram.ExecutionOrderLength)
	}()
	at := target{f.slaves[0].host, process(t, "ONLINE")}
	result, _ := c.order(t.Context(), r.targets.find(at), at, slave.ByOperator, time.Minute, notHeld)
	return result
}

func TestTheAnswerToAnOrderIsTakenHoweverMuchTheSlaveHasDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, usual(1))
		f.begin()
		f.status.deliverable = slave.Rate{PerSecond: 1, AtOnce: 10}
		r := post(t, f)
		assert.Equal(t, "LAUNCHED ONLINE: up", text(orderOf(t, f, r, 10)), "reports that come before it count as delivered")
		for range 3 {
			assert.Equal(t, "LAUNCHED ONLINE: up", text(orderOf(t, f, r, 0)), "and it does not count")
		}
		assert.Empty(t, f.drops.All())
		assert.Equal(t, "UNKNOWN ONLINE: sent, and no response: too many other results came instead", text(orderOf(t, f, r, 2)))
		assert.Equal(t, 0, deliverOn(t, r, f.slaves[0], func(int) string { return responseBytes("app1", launchedBit, "ONLINE", "ONLINE", "") }))
		assert.Equal(t, map[string]uint64{"too many results": 2}, f.drops.All())
	})
}

func TestABacklogBeyondWhatASlaveMayDeliverComesWholeAndInOrder(t *testing.T) {
	t.Parallel() // it waits most of the time
	jobs := make([]slave.Process, 12)
	for i := range jobs {
		jobs[i] = slave.Process{ID: process(t, fmt.Sprintf("JOB%d", i)), Command: []string{"/bin/true"}}
	}
	theirPackets, theirListener, theirs := sockets(t, app01)
	o := newOffice(t, jobs, at(t, "app01", theirs))
	o.server.status.deliverable = slave.Rate{PerSecond: 8, AtOnce: 4}
	dir := t.TempDir()
	path, _ := realSlaveIn(t, dir, "app01", o.addr, theirPackets, theirListener, jobs)
	eventually(t, path, "app01 RUNNING NOT-STARTED")
	var all sync.WaitGroup
	for _, job := range jobs { // by a manager that never says TAKEN
		all.Go(func() {
			conn, err := net.Dial("tcp", theirs)
			if assert.NoError(t, err) {
				defer conn.Close()
				conn.SetDeadline(time.Now().Add(patience))
				conn.Write([]byte(launchBytes("app01", job.ID.String())))
				assert.Contains(t, receive(conn, telegram.ExecutionResponseLength), "ended normally")
			}
		})
	}
	all.Wait()
	o.takeResponses()
	require.Eventually(t, func() bool { return len(o.history()) >= len(jobs) }, patience, time.Millisecond)
	assert.Equal(t, historyIn(t, dir), o.history())
	beyond := o.server.Drops().Of(slave.DropResults)
	assert.Positive(t, beyond)
	assert.Equal(t, map[string]uint64{"too many results": beyond}, o.server.Drops().All())
}
