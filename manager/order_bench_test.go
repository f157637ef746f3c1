package manager

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"renraku/contactfile"
	"renraku/slave"
	"renraku/slave/runs"
	"renraku/telegram"
)

// samples are the times that something took.
type samples []time.Duration

func (s *samples) time(f func()) {
	begun := time.Now()
	f()
	*s = append(*s, time.Since(begun))
}

func (s samples) median() float64 {
	slices.Sort(s)
	return float64(s[len(s)/2].Nanoseconds())
}

// bench is a manager and the slave app01 on loopback, with their files in directories on disk.
type bench struct {
	*testing.B
	manager  *Server
	slave    *slave.Server
	run      *runs.Dir
	started  uint64 // the last run of run
	syncs    *os.File
	commands []slave.Process
}

func newBench(b *testing.B, command ...string) *bench {
	r := &bench{B: b}
	r.commands = []slave.Process{{ID: process(b, "P"), Command: command}}
	theirPackets, theirListener, theirs := sockets(b, "127.0.0.1")
	ourPackets, ourListener, ours := sockets(b, "127.0.0.1")
	ourFile, path := contact(b)
	r.manager = NewServer(Config{Host: host(b, "mgr01"), Slaves: []Slave{at(b, "app01", theirs)}, Processes: r.commands,
		Records: records(b), Log: quiet()}, ourFile, ourPackets, ourListener)
	inBenchmark(b, r.manager.Run)
	theirFile, _ := contact(b)
	theirRecords := records(b)
	theirRecords.KeepParent(quiet()) // as the daemon does
	var err error
	r.slave, err = slave.NewServer(slave.Config{Host: host(b, "app01"), Manager: address(b, ours), Processes: r.commands,
		Records: theirRecords, Log: quiet()}, theirFile, theirPackets, theirListener)
	require.NoError(b, err)
	inBenchmark(b, r.slave.Run)
	require.Eventually(b, func() bool {
		record, err := contactfile.ReadRecord(path, "app01")
		return err == nil && record.Operating == contactfile.Running
	}, patience, time.Millisecond)
	r.run, err = runs.Open(b.TempDir())
	require.NoError(b, err)
	require.NoError(b, r.run.KeepParent())
	b.Cleanup(r.run.DismissParent)
	r.syncs, err = os.OpenFile(filepath.Join(b.TempDir(), "file"), os.O_RDWR|os.O_CREATE, 0o640)
	require.NoError(b, err)
	b.Cleanup(func() { r.syncs.Close() })
	return r
}

// order is one order as the operator has it.
func (r *bench) order() {
	rows := 0
	r.manager.Execution().Order(r.Context(), byOperator(r, "P"), []telegram.Host{host(r, "app01")}, func(got slave.Result) {
		rows++
		require.Equal(r, slave.Launched, got.Outcome, got.Text)
	})
	require.Equal(r, 1, rows)
}

// atSlave is the part of an order that the slave does.
func (r *bench) atSlave() {
	got, err := r.slave.Execute(r.Context(), byOperator(r, "P"))
	require.NoError(r, err)
	require.Equal(r, slave.Launched, got.Outcome, got.Text)
}

// launch is the part of an order that the records of runs and the parent of the run do.
func (r *bench) launch() {
	one, err := r.run.Launch(runs.Intent{Process: process(r, "P"), Time: now(), Trigger: "ORDER"},
		runs.Command{Argv: r.commands[0].Command, Dir: "/"}, r.started)
	require.NoError(r, err)
	state, err := one.Await(r.Context(), false, func(trouble string) { r.Fatal(trouble) })
	require.NoError(r, err)
	require.Equal(r, runs.Done, state)
	require.NoError(r, one.SetFiled("LAUNCHED"))
	r.started = one.Record().Run
	require.NoError(r, one.Close())
}

// limit is what the order is held against: os/exec of the same program.
func (r *bench) limit() {
	c := exec.Command(r.commands[0].Command[0])
	require.NoError(r, c.Start())
	require.NoError(r, c.Wait())
}

// sync is one write in place that waits for the disk.
func (r *bench) sync() {
	_, err := r.syncs.WriteAt(make([]byte, runs.LineLength), 0)
	require.NoError(r, err)
	require.NoError(r, unix.Fdatasync(int(r.syncs.Fd())))
}

// BenchmarkOrder is one order of /bin/true over loopback, from the operator's word to its outcome, with every record on disk. Beside
// it, in the same run and in turn: its parts at the slave and below, the start and end of /bin/true by os/exec, and a write that
// waits for the disk. Each figure is a median. x-exec is that of the order over that of os/exec, and x-least that over os/exec and the
// waits for the disk that an order has one after the other: for the intent, and for a record at the slave and one at the manager.
func BenchmarkOrder(b *testing.B) {
	for name, pause := range map[string]time.Duration{"one": 20 * time.Millisecond, "one after the other": 0} {
		b.Run(name, func(b *testing.B) { benchOrder(b, pause) })
	}
}

// waits is how often an order waits for the disk.
const waits = 3

func benchOrder(b *testing.B, pause time.Duration) {
	r := newBench(b, "/bin/true")
	var order, atSlave, launch, limit, syncs samples
	turn := func() {
		for _, part := range []struct {
			to   *samples
			does func()
		}{{&order, r.order}, {&limit, r.limit}, {&atSlave, r.atSlave}, {&limit, r.limit}, {&launch, r.launch}, {&syncs, r.sync}} {
			if pause > 0 {
				time.Sleep(pause)
			}
			part.to.time(part.does)
		}
	}
	turn()
	order, atSlave, launch, limit, syncs = nil, nil, nil, nil, nil
	for b.Loop() {
		turn()
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(order.median(), "ns/order")
	b.ReportMetric(atSlave.median(), "ns/at-slave")
	b.ReportMetric(launch.median(), "ns/run")
	b.ReportMetric(limit.median(), "ns/exec")
	b.ReportMetric(syncs.median(), "ns/fdatasync")
	b.ReportMetric(order.median()/limit.median(), "x-exec")
	b.ReportMetric(order.median()/(limit.median()+waits*syncs.median()), "x-least")
}
