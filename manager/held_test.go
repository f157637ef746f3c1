package manager

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/slave"
	"renraku/telegram"
)

// isolate has the manager suspect itself from now on.
func (o *office) isolate() {
	s := o.server.status
	s.mu.Lock()
	defer s.mu.Unlock()
	s.isolation.until = time.Now().Add(time.Hour)
}

// bulk orders ONLINE on the hosts, and gives what the results say, sorted, when the last one has come.
func (o *office) bulk(order slave.Order, names ...string) <-chan []string {
	hosts := make([]telegram.Host, len(names))
	for i, name := range names {
		hosts[i] = host(o.t, name)
	}
	all := make(chan []string, 1)
	go func() {
		var rows []string
		o.server.Execution().Order(o.t.Context(), order, hosts, func(r slave.Result) { rows = append(rows, r.Host.String()+" "+text(r)) })
		slices.Sort(rows)
		all <- rows
	}()
	return all
}

// triggered are orders of ONLINE, and what becomes of each that waits for a place when the manager becomes isolated.
func triggered(t *testing.T) map[string]struct {
	order slave.Order
	held  bool
} {
	id := process(t, "ONLINE")
	return map[string]struct {
		order slave.Order
		held  bool
	}{
		"of a time":                        {slave.Order{Process: id, Trigger: slave.ByTime}, true},
		"of a message":                     {slave.Order{Process: id, Trigger: slave.ByMessage, Message: "go"}, true},
		"of its isolation, also to others": {slave.Order{Process: id, Trigger: slave.ByMessage, Message: "mgr01 ISOLATED"}, true},
		"of the operator":                  {byOperator(t, "ONLINE"), false},
	}
}

const launchedThere, heldHere = " LAUNCHED ONLINE: done", " SKIPPED NOT-STARTED: the manager is isolated; nothing was sent"

// launches answers one order of app0 or app1.
func launches(conn net.Conn) {
	got := receive(conn, 84)
	if len(got) == 84 {
		conn.Write([]byte(responseBytes(got[:4], launchedBit, "ONLINE", "ONLINE", "done")))
		receive(conn, 84)
	}
}

func TestOrdersOfATriggerThatWaitForAPlaceAreSkippedWhenTheManagerIsIsolated(t *testing.T) {
	for name, c := range triggered(t) {
		t.Run(name, func(t *testing.T) {
			p := newPeer(t, launches)
			o := newOffice(t, online(t), at(t, "app0", p.address), at(t, "app1", p.address))
			d := o.server.execution.courier.dials
			d.making = make(chan struct{}, 1)
			d.making <- struct{}{} // somebody else's
			done := o.bulk(c.order, "app0", "app1")
			require.Eventually(t, func() bool {
				d.mu.Lock()
				defer d.mu.Unlock()
				return len(d.open) == 1 && d.open[netip.MustParseAddrPort(p.address)].users == 2
			}, patience, time.Millisecond, "they wait")
			o.isolate()
			<-d.making
			want, connections, dropped := launchedThere, 2, 0
			if c.held {
				want, connections, dropped = heldHere, 0, 2
			}
			assert.Equal(t, []string{"app0" + want, "app1" + want}, <-done)
			assert.EqualValues(t, connections, p.connections.Load())
			assert.EqualValues(t, dropped, o.server.Drops().Of(slave.DropIsolated))
			assert.Len(t, o.history(), 2)
		})
	}
}

func TestAnOrderOfATriggerIsNotSentOnAConnectionThatWasMadeBeforeTheManagerWasIsolated(t *testing.T) {
	for name, c := range triggered(t) {
		t.Run(name, func(t *testing.T) {
			came := make(chan int, 1)
			p := newPeer(t, func(conn net.Conn) {
				got := receive(conn, 84)
				came <- len(got)
				conn.Write([]byte(responseBytes("app0", launchedBit, "ONLINE", "ONLINE", "done")))
				receive(conn, 84)
			})
			o := newOffice(t, online(t), at(t, "app0", p.address))
			courier := o.server.execution.courier
			connect := courier.dialTo
			courier.dialTo = func(ctx context.Context, network, address string) (net.Conn, error) {
				conn, err := connect(ctx, network, address)
				o.isolate()
				return conn, err
			}
			want, bytes := launchedThere, 84
			if c.held {
				want, bytes = heldHere, 0
			}
			assert.Equal(t, []string{"app0" + want}, <-o.bulk(c.order, "app0"))
			assert.Equal(t, bytes, <-came)
		})
	}
}

func TestAnIsolatedManagerRunsOfItsOwnTriggersWhatSaysSo(t *testing.T) {
	o := newOffice(t, online(t), at(t, "app0", nobody(t)))
	o.isolate()
	id := process(t, "ONLINE")
	for _, order := range []slave.Order{{Process: id, Trigger: slave.ByTime}, {Process: id, Trigger: slave.ByMessage, Message: "go"}} {
		assert.Equal(t, []string{"mgr01" + heldHere}, <-o.bulk(order, "mgr01"))
	}
	isolated := slave.Order{Process: id, Trigger: slave.ByMessage, Message: "mgr01 ISOLATED"}
	assert.Equal(t, []string{"app0" + heldHere, "mgr01" + heldHere}, <-o.bulk(isolated, "app0", "mgr01"))
	assert.EqualValues(t, 4, o.server.Drops().Of(slave.DropIsolated))
	rows := <-o.bulk(isolated, "mgr01")
	assert.Contains(t, rows[0], "mgr01 LAUNCHED ONLINE")
	assert.EqualValues(t, 4, o.server.Drops().Of(slave.DropIsolated))
}
