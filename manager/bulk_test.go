package manager

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"renraku/contactfile"
	"renraku/slave"
	"renraku/slave/datagram"
	"renraku/slave/slavetest"
	"renraku/telegram"
)

// How the slaves of a bulk order behave, in turn.
const (
	runsIt = iota
	refusesIt
	neverAnswersIt
	closesOnIt
	noConnection // answers inquiries only
	lostPower    // so do these, until they are ordered: then nobody answers at all
	saysStopped  // to each inquiry
	neverAnswers // not even an inquiry
	behaviours
)

// bulkSlaves are n slaves at three addresses: at one orders are refused by the system, at one nothing answers them.
type bulkSlaves struct {
	t      *testing.T
	hosts  []telegram.Host
	number map[telegram.Host]int
}

func newBulkSlaves(t *testing.T, n int) (*bulkSlaves, []Slave) {
	b := &bulkSlaves{t: t, number: map[telegram.Host]int{}}
	packets, listener, addr := sockets(t, "127.0.0.1")
	deafPackets, deafListener, deaf := sockets(t, "127.0.0.1")
	deafListener.Close()
	lostPackets, lost := blackHole(t)
	var slaves []Slave
	for i := range n {
		s := Slave{Host: hostNumber(t, i), Address: address(t, addr), Interval: time.Hour, Timeout: time.Second, Retries: 1}
		if i%behaviours == noConnection {
			s.Address = address(t, deaf)
		}
		if i%behaviours == lostPower {
			s.Address = address(t, lost)
		}
		b.hosts = append(b.hosts, s.Host)
		b.number[s.Host] = i
		slaves = append(slaves, s)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{}, 4)
	go func() { b.answerInquiries(packets); ended <- struct{}{} }()
	go func() { b.answerInquiries(deafPackets); ended <- struct{}{} }()
	go func() { b.answerInquiries(lostPackets); ended <- struct{}{} }()
	go func() {
		everyone := func(netip.Addr) slave.Drop { return slave.NoDrop }
		slave.AcceptConnections(ctx, listener, quiet(), slave.MaxConnections, everyone, &slave.Drops{}, b.answerOrder)
		ended <- struct{}{}
	}()
	t.Cleanup(func() {
		stop()
		packets.Close()
		deafPackets.Close()
		lostPackets.Close()
		for range cap(ended) {
			<-ended
		}
	})
	return b, slaves
}

// blackHole is a UDP socket, and a TCP port of the same number that answers no attempt to connect: its backlog is full, so that the
// system drops them, as a machine does that has lost its power.
func blackHole(t *testing.T) (*datagram.Conn, string) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	t.Cleanup(func() { unix.Close(fd) })
	require.NoError(t, unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	require.NoError(t, unix.Listen(fd, 0))
	name, err := unix.Getsockname(fd)
	require.NoError(t, err)
	at := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(name.(*unix.SockaddrInet4).Port))
	for full := false; !full; {
		conn, err := net.DialTimeout("tcp", at.String(), 100*time.Millisecond)
		if full = err != nil; !full {
			t.Cleanup(func() { conn.Close() })
		}
	}
	packets, err := listenPackets(at.String())
	require.NoError(t, err)
	return packets, at.String()
}

func (b *bulkSlaves) behaviour(h telegram.Host) int { return b.number[h] % behaviours }

func (b *bulkSlaves) answerInquiries(packets *datagram.Conn) {
	in, out := slave.NewBatch(), slave.NewBatch()
	unsent := func(_ []byte, to netip.AddrPort, err error) { assert.NoError(b.t, err, to) }
	for packets.Receive(in, time.Time{}) == nil {
		out.Reset()
		for i := range in.Len() {
			inquiry, from := in.At(i)
			q, err := telegram.DecodeStatusInquiry(inquiry)
			if !assert.NoError(b.t, err) || b.behaviour(q.Host) == neverAnswers {
				continue
			}
			r := telegram.StatusResponse{Host: q.Host, Control: telegram.Running, Status: slave.NotStarted}
			if b.behaviour(q.Host) == saysStopped {
				r.Control = telegram.Stopped
			}
			out.Add(encoded(b.t, r), from)
		}
		packets.Send(out, unsent)
	}
}

func (b *bulkSlaves) answerOrder(ctx context.Context, conn net.Conn, _ netip.Addr) {
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	reader := telegram.NewReader(conn)
	got, err := reader.Read()
	if err != nil {
		return
	}
	q := got.(telegram.ExecutionOrder)
	x := telegram.ExecutionResponse{Host: q.Host, Control: telegram.Launched, Process: q.Process, Status: status(b.t, contactfile.Batch)}
	switch b.behaviour(q.Host) {
	case closesOnIt:
		return
	case neverAnswersIt:
		reader.Read()
		return
	case refusesIt:
		x.Control, x.Status = telegram.Refused, slave.NotStarted
	}
	telegram.Write(conn, x)
	reader.Read()
}

func TestBulkOrderOfAThousandGivesEachServersRowInTime(t *testing.T) {
	t.Parallel() // it waits most of the time
	const n = 1000
	const timeout, more = time.Second, dialWait
	b, slaves := newBulkSlaves(t, n)
	packets, listener, _ := sockets(t, "127.0.0.1")
	file, path := contact(t)
	dir := t.TempDir()
	batch := slave.Process{ID: process(t, "BATCH"), Command: []string{"/bin/true"}, Status: status(t, contactfile.Batch), Timeout: timeout}
	s := NewServer(Config{Host: host(t, "mgr01"), Slaves: slaves, Processes: []slave.Process{batch}, Records: recordsIn(t, dir), Log: quiet()},
		file, packets, listener)
	s.execution.courier.more = more
	ctx, kill := context.WithCancelCause(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	defer func() { // those that answer nothing would be told END for long
		kill(slave.ErrKilled)
		assert.NoError(t, <-done)
	}()
	want := []string{"mgr01 RUNNING NOT-STARTED"}
	for i, h := range b.hosts {
		operating := contactfile.Running
		if i%behaviours >= saysStopped {
			operating = contactfile.Stopped
		}
		want = append(want, fmt.Sprintf("%v %s NOT-STARTED", h, operating))
	}
	eventually(t, path, want...)

	outcomes := [behaviours]string{runsIt: "LAUNCHED BATCH", refusesIt: "REFUSED NOT-STARTED", neverAnswersIt: "UNKNOWN NOT-STARTED",
		closesOnIt: "UNKNOWN NOT-STARTED", noConnection: "UNREACHABLE NOT-STARTED", lostPower: "UNREACHABLE NOT-STARTED", saysStopped: "SKIPPED NOT-STARTED", neverAnswers: "SKIPPED NOT-STARTED"}
	rows := map[telegram.Host]int{}
	var inRows []string
	start := time.Now()
	s.Execution().Order(t.Context(), slave.Order{Process: batch.ID, Trigger: slave.ByTime}, b.hosts, func(r slave.Result) {
		rows[r.Host]++
		assert.Equal(t, outcomes[b.behaviour(r.Host)], fmt.Sprintf("%s %v", r.Outcome, r.Application), "%v: %s", r.Host, r.Text)
		record := r.Record()
		inRows = append(inRows, fmt.Sprintf("%s %s %s %s %s: %s", record.Host, record.Process, record.Trigger, record.Outcome, record.Application, record.Text))
	})
	took := time.Since(start)
	slack := 2 * time.Second
	if slavetest.Race { // all is of this machine, the slaves too
		slack *= 3
	}
	assert.Less(t, took, timeout+more+slack)
	t.Logf("%d rows in %v", len(inRows), took)
	assert.Len(t, inRows, n)
	assert.Len(t, rows, n)
	inHistory := historyIn(t, dir)
	for i := range inRows {
		inRows[i] = strings.TrimSuffix(inRows[i], ": ")
	}
	slices.Sort(inRows)
	slices.Sort(inHistory)
	assert.Equal(t, inRows, inHistory, "one record each")
	assert.Len(t, s.targets.journal.free, s.targets.journal.slots, "no order is without an outcome")
}

// A thousand servers that have lost their power, and are not found STOPPED yet, keep the others of a bulk order waiting for a moment.
func TestServersThatDoNotAnswerAtAllHoldNoOtherUp(t *testing.T) {
	const dead = 1000
	hole, at := blackHole(t)
	defer hole.Close()
	var connecting atomic.Int32
	dialTo := func(ctx context.Context, network, address string) (net.Conn, error) {
		connecting.Add(1)
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	c := &courier{dials: newDials(), dialTo: dialTo, addresses: func(telegram.Host) *slave.Address { return address(t, at) }}
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for i := range dead {
		all.Go(func() {
			_, _, err := c.dial(ctx, hostNumber(t, i), notHeld)
			assert.Error(t, err)
		})
	}
	require.Eventually(t, func() bool { return connecting.Load() >= maxDials }, patience, time.Millisecond)
	begun := time.Now()
	place, err := takePlace(ctx, c.dials.making, slowDial)
	require.NoError(t, err)
	place.leave()
	assert.Less(t, time.Since(begun), dialWait/2)
	cancel()
	all.Wait()
}
