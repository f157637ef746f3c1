package slave

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Whichever byte of a delivered result or of its receipt is the last before RST: without a whole receipt the result waits still,
// and comes again, the same bytes.
func TestADeliveryResetAtAnyByteComesAgainUntilItIsTaken(t *testing.T) {
	p := openPost(t, t.TempDir())
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	t.Cleanup(func() { listener.Close() })
	log, _ := newLog()
	d := newDelivery(p.outbox, must(NewAddress(listener.Addr().String())), listener.Addr(), &Drops{}, log)
	want := xr("app01", 0x1000, "A", "NOT-STARTED", "text of A")
	for n := range len(want) + 84 + 1 {
		p.file("A", Launched, ByOrder, false)
		delivered := make(chan int, 1)
		go func() {
			n, _ := d.attempt(context.Background())
			delivered <- n
		}()
		conn := must(listener.Accept())
		require.Equal(t, string(want[:min(n, len(want))]), string(take(t, conn, min(n, len(want)))))
		send(t, conn, receiptOf(want)[:max(n-len(want), 0)])
		require.NoError(t, conn.(*net.TCPConn).SetLinger(0))
		require.NoError(t, conn.Close())
		if await(t, delivered) == 1 {
			require.Equal(t, len(want)+84, n, "the receipt was not whole")
			continue
		}
		require.Less(t, n, len(want)+84)
		require.Equal(t, []string{"A"}, p.waiting(), "after %d bytes", n)
		go func() {
			conn := must(listener.Accept())
			defer conn.Close()
			b := make([]byte, len(want))
			if _, err := io.ReadFull(conn, b); err == nil && string(b) == string(want) {
				conn.Write(receiptOf(b))
			}
		}()
		again, err := d.attempt(t.Context())
		require.NoError(t, err, "after %d bytes", n)
		require.Equal(t, 1, again)
		require.Empty(t, p.waiting())
	}
}

// A telegram whose bytes come one at a time has no more time than one of which the rest does not come.
func TestATelegramAByteAtATimeHasItsTime(t *testing.T) {
	for name, b := range map[string][]byte{
		"an order":         xq("app1", 0x0100, "ONLINE"),
		"an inquiry":       sq("app1", 0x0001),
		"another protocol": []byte("GET / HTTP/1.1\r\nHost: app1\r\nX-Padding: and more, and more, and more, and more\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn, _ := serveOn(t, t.Context())
				begun := time.Now()
				var writer sync.WaitGroup
				defer writer.Wait()
				writer.Go(func() {
					for i := range b {
						if _, err := conn.Write(b[i:][:1]); err != nil {
							return
						}
						time.Sleep(RestWait / 10)
					}
				})
				requireClosed(t, conn)
				assert.Equal(t, RestWait, time.Since(begun))
			})
		})
	}
}

// Whatever a slave has sent is nothing to it when it comes back, also as if from its manager.
func TestItsOwnAnswersAreNothingToASlave(t *testing.T) {
	p, ran := mark(t, Process{ID: processID("ONLINE"), Status: appStatus("ONLINE")})
	r := startServer(t, p)
	own := [][]byte{sr("app01", 0x0010, "NOT-STARTED", "")} // the announcement
	for _, control := range []uint16{0x0002, 0x0001, 0x0004, 0x0002} {
		own = append(own, r.ask(sq("app01", control)))
	}
	for _, answer := range own {
		r.tell(answer)
	}
	assert.Equal(t, own[0], r.ask(sq("app01", 0x0001)), "the next that is answered is the next that is asked")
	conn := r.connect("127.0.0.1")
	send(t, conn, xq("app01", 0x0100, "ONLINE"))
	result := take(t, conn, 212)
	send(t, conn, result)
	requireClosed(t, conn)
	require.NoError(t, r.stop())
	assert.Equal(t, map[string]uint64{"telegram type": uint64(len(own)) + 1}, r.Drops().All())
	assert.Equal(t, 1, ran())
}

// A day of inquiries and orders that somebody has recorded is nothing where it does not come from the manager's address. From there
// it is as if the manager said it again: what stands already is not done again, and the next inquiry that is the manager's own sets
// monitoring right.
func TestARecordedDayRunsNothingThatStandsAlready(t *testing.T) {
	p, ran := mark(t, Process{ID: processID("ONLINE"), Status: appStatus("ONLINE")})
	r := startServer(t, p)
	inquiries := [][]byte{sq("app01", 0x0002), sq("app01", 0x0001), sq("app01", 0x0001), sq("app01", 0x0004), sq("app01", 0x0002)}
	for _, b := range inquiries {
		r.ask(b)
	}
	orders := append(xq("app01", 0x0100, "ONLINE"), xq("app01", 0x0200, "ONLINE")...)
	conn := r.connect("127.0.0.1")
	send(t, conn, orders[:84])
	launched := take(t, conn, 212)
	send(t, conn, orders[84:])
	require.NoError(t, conn.CloseWrite())
	requireClosed(t, conn)
	before := contents(t, r.path)

	stranger := must(net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 9)}))
	t.Cleanup(func() { stranger.Close() })
	for _, b := range inquiries {
		must(stranger.WriteTo(b, r.packets.LocalAddr()))
	}
	elsewhere := r.connect("127.0.0.9")
	elsewhere.Write(orders) // fails where the close comes first
	requireClosed(t, elsewhere)
	assert.Equal(t, sr("app01", 0x0010, "ONLINE", ""), r.ask(sq("app01", 0x0001)))
	assert.Equal(t, map[string]uint64{"unknown address": uint64(len(inquiries) + 1)}, r.Drops().All())
	assert.Equal(t, before, contents(t, r.path))

	for _, b := range inquiries[:4] {
		r.ask(b)
	}
	again := r.connect("127.0.0.1")
	send(t, again, orders)
	assert.Equal(t, xr("app01", 0x8000, "ONLINE", "ONLINE", "no monitoring on this server"), take(t, again, 212), "after the replayed END")
	assert.Equal(t, sr("app01", 0x0010, "ONLINE", ""), r.ask(sq("app01", 0x0002)), "the manager's own START")
	third := r.connect("127.0.0.1")
	send(t, third, orders)
	assert.Equal(t, xr("app01", 0x4000, "ONLINE", "ONLINE", "ONLINE stands already"), take(t, third, 212))
	assert.Equal(t, xr("app01", 0x1000, "ONLINE", "ONLINE", "")[:108], launched[:108])
	assert.Equal(t, 1, ran())
}
