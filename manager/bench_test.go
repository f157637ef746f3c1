package manager

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"renraku/slave"
	"renraku/telegram"
)

// window is how many inquiries of the benchmarks are outstanding at once: no socket buffer overflows.
const window = 128

// BenchmarkPollRound asks every slave once and takes its answer, with the code of StatusControl, on loopback. Beside it
// BenchmarkBareRoundTrips is the limit.
func BenchmarkPollRound(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		b.Run(fmt.Sprintf("slaves=%d", n), func(b *testing.B) { pollRounds(b, n) })
	}
}

func pollRounds(b *testing.B, n int) {
	simulation, err := slave.NewSimulation("sim", n)
	require.NoError(b, err)
	theirPackets, theirListener, theirs := sockets(b, "127.0.0.1")
	inBenchmark(b, func(ctx context.Context) error { return simulation.Serve(ctx, theirPackets, theirListener, quiet()) })

	packets, _, _ := sockets(b, "127.0.0.1")
	file, _ := contact(b)
	var slaves []Slave
	for i := range n {
		slaves = append(slaves, at(b, simulation.Host(i), theirs))
	}
	var drops slave.Drops
	s := NewStatusControl(slave.NewOwnRecord(host(b, "mgr01"), file, 0), slaves, file, packets, quiet(), &drops)
	require.NoError(b, s.Begin())

	open := newOutstanding(b)
	inBenchmark(b, func(ctx context.Context) error {
		return slave.ReadPackets(ctx, packets, quiet(), func(bytes []byte, from netip.AddrPort) {
			s.take(bytes, from)
			open.done()
		})
	})
	batch := make([]inquiry, 0, maxBatch)
	round := func() {
		for from := 0; from < n; from += maxBatch {
			some := s.monitors[from:min(from+maxBatch, n)]
			open.add(len(some))
			now := time.Now()
			s.mu.Lock()
			for _, m := range some {
				m.due, m.slot = now, now.Add(time.Hour)
				s.schedule.moved(m)
			}
			s.mu.Unlock()
			batch, _, _ = s.turn(now, batch[:0])
			if len(batch) != len(some) {
				b.Fatalf("%d inquiries, not %d", len(batch), len(some))
			}
			for i := range batch {
				s.send(&batch[i])
			}
		}
		open.none()
	}
	s.mu.Lock() // the first inquiries come from the rounds alone, not from Begin
	for _, m := range s.monitors {
		m.due = time.Now().Add(time.Hour)
	}
	s.schedule = newSchedule(s.monitors)
	s.mu.Unlock()
	round()
	b.ReportAllocs()
	for b.Loop() {
		round()
	}
	b.StopTimer()
	reportRoundTrips(b, n)
	require.Empty(b, drops.All())
	for _, m := range s.monitors {
		require.True(b, m.running && !m.waiting, m.name)
	}
}

// outstanding has a place for each inquiry that has no answer yet.
type outstanding struct {
	b      *testing.B
	places chan struct{}
	lost   *time.Timer
}

func newOutstanding(b *testing.B) *outstanding {
	return &outstanding{b, make(chan struct{}, window), time.NewTimer(0)}
}

// add waits for a place; where an answer was lost there would never be one again.
func (o *outstanding) add(n int) {
	o.lost.Reset(patience)
	for range n {
		select {
		case o.places <- struct{}{}:
		case <-o.lost.C:
			o.b.Fatal("an answer was lost")
		}
	}
}

func (o *outstanding) done() { <-o.places }

// none waits until nothing is outstanding.
func (o *outstanding) none() {
	o.add(window)
	for range window {
		o.done()
	}
}

func reportRoundTrips(b *testing.B, n int) {
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "roundtrips/s")
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

// BenchmarkBareRoundTrips is the limit of BenchmarkPollRound: the same calls of the socket, the same sizes and the same
// window, with nothing in the datagrams and nothing done with them.
func BenchmarkBareRoundTrips(b *testing.B) {
	const n = 1000
	ours, _, _ := sockets(b, "127.0.0.1")
	theirs, _, to := sockets(b, "127.0.0.1")
	address := netip.MustParseAddrPort(to)
	var question [telegram.StatusInquiryLength]byte
	var answer [telegram.StatusResponseLength]byte
	open := newOutstanding(b)
	read := func(conn *net.UDPConn, take func(netip.AddrPort)) func(context.Context) error {
		return func(context.Context) error {
			var buf [telegram.MaxLength + 1]byte
			for {
				_, from, err := conn.ReadFromUDPAddrPort(buf[:])
				if err != nil {
					return nil
				}
				take(from)
			}
		}
	}
	inBenchmark(b, read(theirs, func(from netip.AddrPort) { theirs.WriteToUDPAddrPort(answer[:], from) }))
	inBenchmark(b, read(ours, func(netip.AddrPort) { open.done() }))
	b.Cleanup(func() { ours.Close(); theirs.Close() })
	b.ReportAllocs()
	for b.Loop() {
		for from := 0; from < n; from += maxBatch {
			some := min(maxBatch, n-from)
			open.add(some)
			for range some {
				ours.WriteToUDPAddrPort(question[:], address)
			}
		}
		open.none()
	}
	reportRoundTrips(b, n)
}

// BenchmarkTurn is the schedule alone: one batch of inquiries of 100,000 monitors and the answers to them, without sockets.
func BenchmarkTurn(b *testing.B) {
	const n = 100_000
	file, _ := contact(b)
	to := address(b, "198.18.0.1:10320")
	slaves := make([]Slave, n)
	for i := range slaves {
		slaves[i] = Slave{Host: hostNumber(b, i), Address: to, Interval: 10 * time.Second, Timeout: time.Second, Retries: 5}
	}
	s := NewStatusControl(slave.NewOwnRecord(host(b, "mgr01"), file, 0), slaves, file, nowhere{}, quiet(), &slave.Drops{})
	require.NoError(b, s.Begin())
	now := time.Now()
	step := maxBatch * slaves[0].Interval / n
	batch := make([]inquiry, 0, maxBatch)
	inquiries := 0
	turn := func() {
		now = now.Add(step)
		for more := true; more; {
			batch, _, more = s.turn(now, batch[:0])
			inquiries += len(batch)
			s.mu.Lock()
			for i := range batch {
				m := s.byHost[batch[i].telegram.Host]
				m.answer(now, telegram.Running)
				m.judge(true)
				s.schedule.moved(m)
			}
			s.mu.Unlock()
		}
	}
	for range n/maxBatch + 1 {
		turn() // everyone's first inquiry
	}
	inquiries = 0
	b.ReportAllocs()
	for b.Loop() {
		turn()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(inquiries), "ns/inquiry")
}
