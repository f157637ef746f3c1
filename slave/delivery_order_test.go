package slave

import (
	"context"
	"net"
	"net/netip"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/slave/slavetest"
)

// backlog is a Server app01 that has results without a receipt from the daemon before it, and the manager's port in memory.
// Everything is inside a bubble of synctest.
type backlog struct {
	*Server
	t     *testing.T
	dials chan net.Conn // the manager's end of each connection that the server makes
	ctx   context.Context
}

// leaveBacklog has a daemon leave one result of each process in its directory.
func leaveBacklog(t *testing.T, processes ...string) (dir string) {
	p := openPost(t, t.TempDir())
	for _, id := range processes {
		p.file(id, Launched, ByOrder, false)
	}
	p.end()
	return p.dir
}

func serveBacklog(t *testing.T, dir string) *backlog {
	var network slavetest.Network
	file, _ := openContactFile(t)
	log, _ := newLog()
	records, err := OpenRecords(dir, log)
	require.NoError(t, err)
	b := &backlog{t: t, dials: make(chan net.Conn, 1)}
	b.Server = newServer(t, Config{Manager: must(NewAddress("192.0.2.10:10320")), Records: records, Log: log}, file,
		network.Listen("192.0.2.1:10320"), newQueueListener())
	b.delivery.dialTo = func(context.Context, string, string) (net.Conn, error) {
		near, far := net.Pipe()
		b.dials <- far
		return near, nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	b.ctx = ctx
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		assert.NoError(t, <-ended)
		records.Close()
	})
	return b
}

// order gives the far end of a connection that the server takes orders on.
func (b *backlog) order(id string) net.Conn {
	near, far := net.Pipe()
	go b.endpoint.serveConnection(b.ctx, near, netip.Addr{})
	b.t.Cleanup(func() { far.Close() })
	send(b.t, far, xq("app01", 0x0100, id))
	return far
}

// almost is the longest that a manager may take for a receipt, but a moment.
const almost = ReceiptWait - time.Second

// requireNothing sees that nothing comes for that long, by the clock of the bubble.
func requireNothing(t *testing.T, conn net.Conn, long time.Duration) {
	t.Helper()
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(long)))
	n, err := conn.Read(make([]byte, 212))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.Zero(t, n)
	require.NoError(t, conn.SetReadDeadline(time.Time{}))
}

func TestEachResultIsTakenBeforeTheNextIsSentOnTheSameConnection(t *testing.T) {
	dir := leaveBacklog(t, "A", "B", "C")
	synctest.Test(t, func(t *testing.T) {
		b := serveBacklog(t, dir)
		conn := <-b.dials
		for _, id := range []string{"A", "B", "C"} {
			require.Equal(t, string(xr("app01", 0x1000, id, "NOT-STARTED", "text of "+id)), string(take(t, conn, 212)))
			requireNothing(t, conn, almost)
			send(t, conn, xq("app01", 0x0200, id))
		}
		requireClosed(t, conn)
		synctest.Wait()
		assert.Empty(t, b.dials, "all of it came on one connection")
	})
}

// An order's own connection must not overtake the results before it, which go to the manager's port.
func TestTheAnswerToAnOrderWaitsForOlderResultsToBeTaken(t *testing.T) {
	dir := leaveBacklog(t, "A", "B")
	synctest.Test(t, func(t *testing.T) {
		b := serveBacklog(t, dir)
		conn := <-b.dials
		require.Equal(t, string(xr("app01", 0x1000, "A", "NOT-STARTED", "text of A")), string(take(t, conn, 212)))
		own := b.order("NOPE")
		requireNothing(t, own, olderFirst/3)
		send(t, conn, xq("app01", 0x0200, "A"))
		require.Equal(t, string(xr("app01", 0x1000, "B", "NOT-STARTED", "text of B")), string(take(t, conn, 212)))
		requireNothing(t, own, olderFirst/3)
		send(t, conn, xq("app01", 0x0200, "B"))
		assert.Equal(t, string(xr("app01", 0x8000, "NOPE", "NOT-STARTED", "no process NOPE in the definition")), string(take(t, own, 212)))
		send(t, own, xq("app01", 0x0200, "NOPE"))
		requireClosed(t, conn)
		synctest.Wait()
		assert.Empty(t, b.dials)
	})
}
