package manager

import (
	"context"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"renraku/contactfile"
	"renraku/slave"
	"renraku/slave/credentials"
	"renraku/slave/slavetest"
	"renraku/telegram"
)

// bulkSize is how many slaves the benchmarks of a bulk order have.
const bulkSize = 10_000

// crowd counts connections, and the most there were at once.
type crowd struct{ now, most atomic.Int64 }

func (c *crowd) enter() {
	n := c.now.Add(1)
	for most := c.most.Load(); n > most && !c.most.CompareAndSwap(most, n); most = c.most.Load() {
	}
}

func (c *crowd) leave() { c.now.Add(-1) }

// counted is a connection that is counted until it is closed.
type counted struct {
	net.Conn
	crowd *crowd
	once  sync.Once
}

func (c *counted) Close() error {
	c.once.Do(c.crowd.leave)
	return c.Conn.Close()
}

// BenchmarkBulkOrder orders 10,000 simulated slaves at once, in plain and in sealed mode, with every outcome in the history on disk.
// Beside each, in the same run and in turn, is the limit: as many connections, as many of them at once, in sealed mode with the
// handshake of TLS and no more than 16, that carry the same bytes to and fro, and one write of as many records that waits for the disk. x-bare is the
// time of the order over that of the limit; connections is the most there were at once.
func BenchmarkBulkOrder(b *testing.B) {
	b.Run("plain", func(b *testing.B) { bulkOrders(b, nil) })
	b.Run("sealed", func(b *testing.B) { bulkOrders(b, slavetest.NewKeys(b, "mgr01")) })
}

// bulkOrders is one mode; keys is nil in plain mode.
func bulkOrders(b *testing.B, keys *slavetest.Keys) {
	f := newBulkFleet(b, keys)
	bare := newBareOrders(b, keys, f.bareDial)
	var ordering, limit time.Duration
	rows, n := 0, 0
	b.ReportAllocs()
	for b.Loop() {
		n++
		begun := time.Now()
		f.server.Execution().Order(b.Context(), byOperator(b, "P"), f.hosts, func(r slave.Result) {
			rows++
			if r.Outcome != slave.Launched {
				b.Fatalf("%v: %v %s; the slaves dropped %v", r.Host, r.Outcome, r.Text, f.simulation.Drops().All())
			}
		})
		ordering += time.Since(begun)
		b.StopTimer()
		begun = time.Now()
		bare.run(atOnce(int(f.connections.most.Load()), keys != nil))
		limit += time.Since(begun)
		b.StartTimer()
	}
	require.Equal(b, n*bulkSize, rows, "a row for each")
	require.Equal(b, n*bulkSize, f.records.History.Len(), "and a record")
	b.ReportMetric(float64(rows)/ordering.Seconds(), "orders/s")
	b.ReportMetric(float64(rows)/limit.Seconds(), "bare/s")
	b.ReportMetric(ordering.Seconds()/limit.Seconds(), "x-bare")
	b.ReportMetric(float64(f.connections.most.Load()), "connections")
}

// atOnce is how many of the limit there are at once: more would only wait for the processor in their handshakes.
func atOnce(connections int, sealed bool) int {
	if sealed {
		return min(connections, maxJoinsPerAddress)
	}
	return connections
}

// bulkFleet is a manager and the simulation of its slaves.
type bulkFleet struct {
	simulation  *slave.Simulation
	server      *Server
	hosts       []telegram.Host
	records     *slave.Records
	connections crowd
	bareDial    dialFunc // without counting
}

func newBulkFleet(b *testing.B, keys *slavetest.Keys) *bulkFleet {
	simulation, err := slave.NewSimulation("sim", bulkSize)
	require.NoError(b, err)
	var security *credentials.Security
	if keys != nil {
		simulation.Issuer, security = keys.Issuer(b), keys.Security(b, "mgr01")
	}
	theirPackets, theirListener, theirs := sockets(b, "127.0.0.1")
	inBenchmark(b, func(ctx context.Context) error { return simulation.Serve(ctx, theirPackets, theirListener, quiet()) })
	packets, listener, _ := sockets(b, "127.0.0.1")
	file, _ := contact(b)
	f := &bulkFleet{simulation: simulation}
	var slaves []Slave
	for i := range bulkSize {
		slaves = append(slaves, at(b, simulation.Host(i), theirs))
		f.hosts = append(f.hosts, slaves[i].Host)
	}
	f.records, err = slave.OpenRecords(b.TempDir(), quiet())
	require.NoError(b, err)
	b.Cleanup(func() { f.records.Close() })
	job := slave.Process{ID: process(b, "P"), Command: []string{"/bin/true"}}
	f.server = NewServer(Config{Host: host(b, "mgr01"), Slaves: slaves, Security: security, Processes: []slave.Process{job},
		Records: f.records, Log: quiet()}, file, packets, listener)
	f.bareDial = f.server.execution.courier.dialTo
	f.server.execution.courier.dialTo = func(ctx context.Context, network, to string) (net.Conn, error) {
		conn, err := f.bareDial(ctx, network, to)
		if err != nil {
			return nil, err
		}
		f.connections.enter()
		return &counted{Conn: conn, crowd: &f.connections}, nil
	}
	require.NoError(b, f.server.Begin())
	b.Cleanup(func() { f.server.own.Stop(); f.server.targets.journal.close() })
	for i := range bulkSize {
		_, _, err := file.Update(i+1, time.Now(), func(r *contactfile.Record) { r.Operating = contactfile.Running })
		require.NoError(b, err)
	}
	return f
}

// bareOrders is the limit: what an order has to do on the network and with the disk.
type bareOrders struct {
	b      *testing.B
	dial   dialFunc
	secure secureFunc // nil in plain mode
	to     string
	file   *os.File
}

func newBareOrders(b *testing.B, keys *slavetest.Keys, dial dialFunc) *bareOrders {
	_, listener, to := sockets(b, "127.0.0.1")
	var accept slave.Accept
	var secure secureFunc
	if keys != nil { // one certificate that is there already
		ours, theirs, peer := keys.Security(b, "mgr01"), keys.Security(b, "sim"), host(b, "sim")
		accept = theirs.Server
		secure = func(ctx context.Context, conn net.Conn) (net.Conn, error) { return ours.Client(ctx, conn, peer) }
	}
	inBenchmark(b, func(ctx context.Context) error {
		everyone := func(netip.Addr) slave.Drop { return slave.NoDrop }
		drops := &slave.Drops{}
		return slave.AcceptConnections(ctx, listener, quiet(), slave.MaxConnections, everyone, drops,
			slave.ServeSealed(accept, drops, quiet(), func(_ context.Context, conn net.Conn, _ netip.Addr) {
				var order [telegram.ExecutionOrderLength]byte
				var response [telegram.ExecutionResponseLength]byte
				io.ReadFull(conn, order[:])
				conn.Write(response[:])
				io.ReadFull(conn, order[:])
			}))
	})
	file, err := os.OpenFile(filepath.Join(b.TempDir(), "file"), os.O_RDWR|os.O_CREATE, 0o640)
	require.NoError(b, err)
	b.Cleanup(func() { file.Close() })
	return &bareOrders{b, dial, secure, to, file}
}

// run makes as many orders as the bulk order has, so many at once.
func (o *bareOrders) run(atOnce int) {
	var all sync.WaitGroup
	left := make(chan struct{}, bulkSize)
	for range bulkSize {
		left <- struct{}{}
	}
	close(left)
	for range atOnce {
		all.Go(func() {
			for range left {
				o.one()
			}
		})
	}
	all.Wait()
	o.file.WriteAt(make([]byte, bulkSize*contactfile.HistoryRecordLength), 0)
	require.NoError(o.b, unix.Fdatasync(int(o.file.Fd())))
}

func (o *bareOrders) one() {
	conn, err := o.dial(o.b.Context(), "tcp", o.to)
	if err != nil {
		o.b.Error(err)
		return
	}
	defer conn.Close()
	if o.secure != nil {
		secured, err := o.secure(o.b.Context(), conn)
		if err != nil {
			o.b.Error(err)
			return
		}
		defer secured.Close()
		conn = secured
	}
	var order [telegram.ExecutionOrderLength]byte
	var response [telegram.ExecutionResponseLength]byte
	conn.Write(order[:])
	io.ReadFull(conn, response[:])
	conn.Write(order[:])
}

func inBenchmark(b *testing.B, service func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- service(ctx) }()
	b.Cleanup(func() {
		cancel()
		require.NoError(b, <-done)
	})
}
