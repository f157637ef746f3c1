package manager

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/slave"
	"renraku/telegram"
)

// A program that answers as many slaves at one address takes slave.MaxConnections, and closes the next one, whose order then would
// be UNKNOWN.
func TestABulkOrderToManyServersAtOneAddressIsWhole(t *testing.T) {
	const n = 10_000
	simulation, err := slave.NewSimulation("sim", n)
	require.NoError(t, err)
	theirPackets, theirListener, theirs := sockets(t, "127.0.0.1")
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- simulation.Serve(ctx, theirPackets, theirListener, quiet()) }()
	t.Cleanup(func() {
		cancel()
		assert.NoError(t, <-done)
	})
	var slaves []Slave
	var hosts []telegram.Host
	for i := range n {
		slaves = append(slaves, at(t, simulation.Host(i), theirs))
		hosts = append(hosts, slaves[i].Host)
	}
	o := newOffice(t, online(t), slaves...)
	rows := 0
	o.server.Execution().Order(t.Context(), byOperator(t, "ONLINE"), hosts, func(r slave.Result) {
		rows++
		assert.Equal(t, slave.Launched, r.Outcome, r.Text)
	})
	assert.Equal(t, n, rows)
	assert.Len(t, o.history(), n)
	assert.Empty(t, simulation.Drops().All())
	assert.Empty(t, o.server.execution.courier.dials.open, "no address is kept")
}

func TestOneAddressHasABoundedNumberOfConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDials()
		one, other := netip.MustParseAddrPort("192.0.2.1:1"), netip.MustParseAddrPort("192.0.2.1:2")
		connect := func(context.Context, string, string) (net.Conn, error) {
			conn, _ := net.Pipe()
			return conn, nil
		}
		var leaves []func()
		for range maxPerAddress {
			_, leave, err := d.dial(t.Context(), one, connect)
			require.NoError(t, err)
			leaves = append(leaves, leave)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		_, _, err := d.dial(ctx, one, connect)
		require.ErrorIs(t, err, context.DeadlineExceeded, "one more waits")
		_, leave, err := d.dial(t.Context(), other, connect)
		require.NoError(t, err, "another address has places of its own")
		leave()
		var all sync.WaitGroup
		all.Go(func() {
			_, leave, err := d.dial(t.Context(), one, connect)
			assert.NoError(t, err)
			leave()
		})
		synctest.Wait()
		leaves[0]()
		all.Wait()
		for _, leave := range leaves {
			leave() // what was given back already stays so
		}
		assert.Empty(t, d.open)

		failed := errors.New("failed")
		_, _, err = d.dial(t.Context(), one, func(context.Context, string, string) (net.Conn, error) { return nil, failed })
		require.ErrorIs(t, err, failed)
		assert.Empty(t, d.open, "no place is kept by a connection that was not made")
	})
}
