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

// BenchmarkBulkOrder orders 10,000 simulated slaves at once, with every outcome in the history on disk. Beside it, in the same run and
// in turn, is the limit: as many connections, as many of them at once, that carry the same bytes to and fro, and one write of as
// many records that waits for the disk. x-bare is the time of the order over that of the limit; connections is the most there were at once.
func BenchmarkBulkOrder(b *testing.B) {
	simulation, err := slave.NewSimulation("sim", bulkSize)
	require.NoError(b, err)
	theirPackets, theirListener, theirs := sockets(b, "127.0.0.1")
	inBenchmark(b, func(ctx context.Context) error { return simulation.Serve(ctx, theirPackets, theirListener, quiet()) })
	packets, listener, _ := sockets(b, "127.0.0.1")
	file, _ := contact(b)
	var slaves []Slave
	var hosts []telegram.Host
	for i := range bulkSize {
		slaves = append(slaves, at(b, simulation.Host(i), theirs))
		hosts = append(hosts, slaves[i].Host)
	}
	dir := b.TempDir()
	opened, err := slave.OpenRecords(dir, quiet())
	require.NoError(b, err)
	b.Cleanup(func() { opened.Close() })
	job := slave.Process{ID: process(b, "P"), Command: []string{"/bin/true"}}
	s := NewServer(Config{Host: host(b, "mgr01"), Slaves: slaves, Processes: []slave.Process{job}, Records: opened, Log: quiet()},
		file, packets, listener)
	var connections crowd
	dial := s.execution.courier.dialTo
	s.execution.courier.dialTo = func(ctx context.Context, network, to string) (net.Conn, error) {
		conn, err := dial(ctx, network, to)
		if err != nil {
			return nil, err
		}
		connections.enter()
		return &counted{Conn: conn, crowd: &connections}, nil
	}
	require.NoError(b, s.Begin())
	b.Cleanup(func() { s.own.Stop(); s.targets.journal.close() })
	for i := range bulkSize {
		_, _, err := file.Update(i+1, time.Now(), func(r *contactfile.Record) { r.Operating = contactfile.Running })
		require.NoError(b, err)
	}
	bare := newBareOrders(b, dial)
	var ordering, limit time.Duration
	rows, n := 0, 0
	b.ReportAllocs()
	for b.Loop() {
		n++
		begun := time.Now()
		s.Execution().Order(b.Context(), byOperator(b, "P"), hosts, func(r slave.Result) {
			rows++
			if r.Outcome != slave.Launched {
				b.Fatalf("%v: %v %s", r.Host, r.Outcome, r.Text)
			}
		})
		ordering += time.Since(begun)
		b.StopTimer()
		begun = time.Now()
		bare.run(int(connections.most.Load()))
		limit += time.Since(begun)
		b.StartTimer()
	}
	require.Equal(b, n*bulkSize, rows, "a row for each")
	require.Equal(b, n*bulkSize, opened.History.Len(), "and a record")
	b.ReportMetric(float64(rows)/ordering.Seconds(), "orders/s")
	b.ReportMetric(float64(rows)/limit.Seconds(), "bare/s")
	b.ReportMetric(ordering.Seconds()/limit.Seconds(), "x-bare")
	b.ReportMetric(float64(connections.most.Load()), "connections")
}

// bareOrders is the limit: what an order has to do on the network and with the disk.
type bareOrders struct {
	b    *testing.B
	dial func(ctx context.Context, network, to string) (net.Conn, error)
	to   string
	file *os.File
}

func newBareOrders(b *testing.B, dial func(ctx context.Context, network, to string) (net.Conn, error)) *bareOrders {
	_, listener, to := sockets(b, "127.0.0.1")
	inBenchmark(b, func(ctx context.Context) error {
		everyone := func(netip.Addr) slave.Drop { return slave.NoDrop }
		return slave.AcceptConnections(ctx, listener, quiet(), slave.MaxConnections, everyone, &slave.Drops{}, func(_ context.Context, conn net.Conn, _ netip.Addr) {
			var order [telegram.ExecutionOrderLength]byte
			var response [telegram.ExecutionResponseLength]byte
			io.ReadFull(conn, order[:])
			conn.Write(response[:])
			io.ReadFull(conn, order[:])
		})
	})
	file, err := os.OpenFile(filepath.Join(b.TempDir(), "file"), os.O_RDWR|os.O_CREATE, 0o640)
	require.NoError(b, err)
	b.Cleanup(func() { file.Close() })
	return &bareOrders{b, dial, to, file}
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
