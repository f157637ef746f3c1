package manager

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"renraku/slave"
	"renraku/slave/datagram"
	"renraku/telegram"
)

// BenchmarkTurn is status control without sockets: inquiries that are due, and the answers to them. What a round trip costs with
// them, and how near that is to the limit, cmd/internal/scale measures.
func BenchmarkTurn(b *testing.B) {
	for _, n := range []int{1000, 10_000, 100_000} {
		b.Run(fmt.Sprintf("slaves=%d", n), func(b *testing.B) { turns(b, n) })
	}
}

func turns(b *testing.B, n int) {
	file, _ := contact(b)
	to := address(b, "198.18.0.1:10320")
	slaves := make([]Slave, n)
	for i := range slaves {
		slaves[i] = Slave{Host: hostNumber(b, i), Address: to, Interval: 10 * time.Second, Timeout: time.Second, Retries: 5}
	}
	s := NewStatusControl(slave.NewOwnRecord(host(b, "mgr01"), file, 0), slaves, file, nowhere{}, quiet(), &slave.Drops{})
	require.NoError(b, s.Begin())
	lookAtAll(s) // its time runs faster than the clock by which datagrams are bounded
	peer, _ := to.AddrPort()
	now, out, in := time.Now(), slave.NewBatch(), slave.NewBatch()
	step := datagram.Size * slaves[0].Interval / time.Duration(n)
	inquiries := 0
	turn := func() {
		now = now.Add(step)
		for more := true; more; {
			out.Reset()
			in.Reset()
			_, more = s.expire(now, now, out)
			inquiries += out.Len()
			for i := range out.Len() {
				q, _ := out.At(i)
				var r telegram.StatusResponse
				r.Host, r.Control, r.Status = hostOf(b, q), telegram.Running, slave.NotStarted
				answer, _ := r.Append(in.Buffer())
				in.Add(answer, peer)
			}
			s.take(in)
		}
	}
	for range 2 * n / datagram.Size {
		turn() // everyone's first inquiries
	}
	inquiries = 0
	b.ReportAllocs()
	for b.Loop() {
		turn()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(inquiries), "ns/inquiry")
}

func hostOf(b *testing.B, inquiry []byte) telegram.Host {
	q, err := telegram.DecodeStatusInquiry(inquiry)
	if err != nil {
		b.Fatal(err)
	}
	return q.Host
}
