package slave

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// dialer is the manager's port in memory.
type dialer struct {
	dials []time.Duration // since the beginning
	begun time.Time
	next  func(n int) (net.Conn, error) // what the nth attempt gets
}

func (d *dialer) dial(context.Context, string, string) (net.Conn, error) {
	d.dials = append(d.dials, time.Since(d.begun))
	return d.next(len(d.dials))
}

// takes is a manager that sends receipts for n results, keeps their bytes, and then closes the connection.
func takes(n int, got *[]string) net.Conn {
	near, far := net.Pipe()
	go func() {
		defer far.Close()
		for range n {
			b := make([]byte, 212)
			if _, err := io.ReadFull(far, b); err != nil {
				return
			}
			*got = append(*got, string(b))
			far.Write(receiptOf(b))
		}
	}()
	return near
}

// newDeliveryOf delivers what the post has to a manager in memory.
func newDeliveryOf(p *post, next func(n int) (net.Conn, error)) (*delivery, *dialer) {
	log, book := newLog()
	p.log = book
	d := newDelivery(p.outbox, must(NewAddress("192.0.2.10:10320")), nil, &p.drops, log)
	dialer := &dialer{begun: time.Now(), next: next}
	d.dialTo = dialer.dial
	return d, dialer
}

var errNoManager = errors.New("connection refused")

func TestResultsAreDeliveredInOrderWithTheSameBytesAfterGrowingPauses(t *testing.T) {
	p := openPost(t, t.TempDir())
	var want []string
	for _, id := range []string{"A", "B", "C"} {
		p.file(id, Launched, ByOrder, false)
		want = append(want, string(xr("app01", 0x1000, id, "NOT-STARTED", "text of "+id)))
	}
	p = p.again()
	synctest.Test(t, func(t *testing.T) {
		p.fresh = make(chan struct{}, 1) // of this bubble
		var got []string
		d, dialer := newDeliveryOf(p, func(n int) (net.Conn, error) {
			switch {
			case n < 10:
				return nil, errNoManager
			case n == 10:
				return takes(1, &got), nil // and then it closes
			}
			return takes(3, &got), nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- d.run(ctx) }()
		time.Sleep(time.Hour)
		synctest.Wait()
		assert.Equal(t, want, got)
		var pauses []time.Duration
		for i := 1; i < len(dialer.dials); i++ {
			pauses = append(pauses, dialer.dials[i]-dialer.dials[i-1])
		}
		second := time.Second
		assert.Equal(t, []time.Duration{second, 2 * second, 4 * second, 8 * second, 16 * second, 32 * second, 60 * second, 60 * second, 60 * second, second}, pauses)
		assert.Len(t, p.log.with("results not delivered to the manager", "connection refused"), 1, "said once")
		assert.Len(t, p.log.with("results delivered to the manager"), 2)
		cancel()
		require.NoError(t, <-ended)
	})
	assert.Empty(t, p.again().waiting())
}

func TestTheManagersSTARTShortensThePause(t *testing.T) {
	p := openPost(t, t.TempDir())
	p.file("A", Failed, ByTime, false)
	synctest.Test(t, func(t *testing.T) {
		p.fresh = make(chan struct{}, 1)
		var got []string
		back := false
		d, dialer := newDeliveryOf(p, func(int) (net.Conn, error) {
			if !back {
				return nil, errNoManager
			}
			return takes(1, &got), nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- d.run(ctx) }()
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		attempts := len(dialer.dials)
		back = true
		hurried := time.Now()
		d.hurry()
		d.hurry() // never waits
		synctest.Wait()
		assert.Len(t, got, 1)
		assert.Len(t, dialer.dials, attempts+1)
		assert.Zero(t, time.Since(hurried))
		cancel()
		require.NoError(t, <-ended)
	})
}

func TestWhatIsNoReceiptLeavesTheResultToBeDeliveredAgain(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(far net.Conn)
		why    string
	}{
		"of another process": {func(far net.Conn) { far.Write(xq("app01", 0x0200, "B")) }, "came instead of a receipt"},
		"an order":           {func(far net.Conn) { far.Write(xq("app01", 0x0100, "A")) }, "came instead of a receipt"},
		"nothing":            {func(net.Conn) {}, "no receipt within 10s"},
		"the end":            {func(far net.Conn) { far.Close() }, "the connection ended without a receipt"},
		"half of one":        {func(far net.Conn) { far.Write(xq("app01", 0x0200, "A")[:50]); far.Close() }, "unexpected EOF"},
		"no telegram":        {func(far net.Conn) { far.Write(make([]byte, 84)) }, "telegram type"},
	} {
		t.Run(name, func(t *testing.T) {
			p := openPost(t, t.TempDir())
			p.file("A", Launched, ByOrder, false)
			synctest.Test(t, func(t *testing.T) {
				near, far := net.Pipe()
				defer far.Close()
				d, _ := newDeliveryOf(p, func(int) (net.Conn, error) { return near, nil })
				go func() {
					io.ReadFull(far, make([]byte, 212))
					c.answer(far)
				}()
				delivered, err := d.attempt(t.Context())
				assert.Zero(t, delivered)
				assert.ErrorContains(t, err, c.why)
				assert.ErrorContains(t, err, "A")
				assert.Equal(t, []string{"A"}, p.waiting())
				assert.Equal(t, map[string]uint64{"result without a receipt": 1}, p.drops.All())
			})
		})
	}
}

func TestAResultThatNobodyTakesIsCountedAndDeliveredAgain(t *testing.T) {
	p := openPost(t, t.TempDir())
	p.file("A", Launched, ByOrder, false)
	synctest.Test(t, func(t *testing.T) {
		p.fresh = make(chan struct{}, 1)
		var got []string
		d, dialer := newDeliveryOf(p, func(n int) (net.Conn, error) {
			if n == 1 {
				near, far := net.Pipe()
				t.Cleanup(func() { far.Close() }) // it stays open, and nobody reads
				return near, nil
			}
			return takes(1, &got), nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- d.run(ctx) }()
		time.Sleep(WriteWait + deliveryPause)
		synctest.Wait()
		assert.Len(t, got, 1)
		assert.Equal(t, []time.Duration{0, WriteWait + deliveryPause}, dialer.dials)
		assert.Equal(t, map[string]uint64{"telegram not taken": 1}, p.drops.All())
		assert.Len(t, p.log.with("results not delivered to the manager", "did not take a telegram within 10s"), 1)
		cancel()
		require.NoError(t, <-ended)
	})
}

func TestTheEndOfTheDaemonIsNoResultWithoutAReceipt(t *testing.T) {
	p := openPost(t, t.TempDir())
	p.file("A", Launched, ByOrder, false)
	synctest.Test(t, func(t *testing.T) {
		p.fresh = make(chan struct{}, 1)
		near, far := net.Pipe()
		defer far.Close()
		d, _ := newDeliveryOf(p, func(int) (net.Conn, error) { return near, nil })
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- d.run(ctx) }()
		take(t, far, 212)
		synctest.Wait()
		cancel()
		require.NoError(t, <-ended)
		assert.Empty(t, p.drops.All())
	})
}

func TestAnAnswerWaitsForOlderResultsAShortWhile(t *testing.T) {
	p := openPost(t, t.TempDir())
	p.file("A", Launched, ByTime, false)
	index := p.file("B", Launched, ByOrder, true)
	synctest.Test(t, func(t *testing.T) {
		p.pending[0].settled = make(chan struct{})
		p.fresh = make(chan struct{}, 1)
		d, _ := newDeliveryOf(p, func(int) (net.Conn, error) { return nil, errNoManager })
		begun := time.Now()
		d.olderTaken(t.Context(), index)
		assert.Equal(t, olderFirst, time.Since(begun))
		begun = time.Now()
		go func() {
			time.Sleep(olderFirst / 2)
			p.taken(0)
		}()
		d.olderTaken(t.Context(), index)
		assert.Equal(t, olderFirst/2, time.Since(begun))
		d.olderTaken(t.Context(), index)
		assert.Equal(t, olderFirst/2, time.Since(begun), "nothing is before it any more")
	})
}

func TestAnAnswerDoesNotWaitForAnotherOrdersReceipt(t *testing.T) {
	p := openPost(t, t.TempDir())
	p.file("A", Launched, ByOrder, true) // its connection has it
	index := p.file("B", Launched, ByOrder, true)
	synctest.Test(t, func(t *testing.T) {
		d, _ := newDeliveryOf(p, func(int) (net.Conn, error) { return nil, errNoManager })
		begun := time.Now()
		d.olderTaken(t.Context(), index)
		assert.Zero(t, time.Since(begun))
	})
}

func TestTheDeliveryIsMadeFromTheAddressThatTheManagerKnows(t *testing.T) {
	assert.Equal(t, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)}, LocalAddr(&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 10320}))
	assert.Nil(t, LocalAddr(&net.TCPAddr{IP: net.IPv4zero, Port: 10320}))
	assert.Nil(t, LocalAddr(&net.TCPAddr{IP: net.IPv6unspecified, Port: 10320}))
}

// Over real sockets: what the connection of the order brought no receipt for comes to the manager's port, the same bytes; an
// order that is in progress at the death of a daemon too, from the next one.
func TestAResultWithoutAReceiptComesToTheManagersPort(t *testing.T) {
	r := startServer(t, Process{ID: processID("P"), Command: sh("echo why; exit 3")})
	conn := r.connect("127.0.0.1")
	send(t, conn, xq("app01", 0x0100, "P"))
	answer := take(t, conn, 212)
	require.NoError(t, conn.Close())
	require.Eventually(t, func() bool { return len(r.results.delivered()) == 1 }, patience, pollOften)
	assert.Equal(t, string(answer), string(r.results.delivered()[0]))

	result, err := r.Execute(context.Background(), byOperator("P")) // not the manager's: it learns of it all the same
	require.NoError(t, err)
	assert.Equal(t, Failed, result.Outcome)
	require.Eventually(t, func() bool { return len(r.results.delivered()) == 2 }, patience, pollOften)
	_, err = r.Execute(context.Background(), byOperator("NOPE"))
	require.NoError(t, err)
	require.NoError(t, r.stop())
	assert.Len(t, r.results.delivered(), 2, "a refusal of an order that is not the manager's is no business of its")
}

func TestAnAnswerThatTheEndOfTheDaemonLeftWithoutAReceiptSaysSo(t *testing.T) {
	assert.Equal(t, "the daemon ends", notTaken(nil, fmt.Errorf("read the receipt: %w", context.Canceled)))
}
