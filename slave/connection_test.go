package slave

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

	"renraku/telegram"
)

// queueListener gives the connections and errors of a channel, and net.ErrClosed once it is closed.
type queueListener struct {
	conns  chan any
	closed chan struct{}
	once   sync.Once
}

func newQueueListener() *queueListener {
	return &queueListener{conns: make(chan any), closed: make(chan struct{})}
}

func (l *queueListener) Accept() (net.Conn, error) {
	select {
	case v := <-l.conns:
		if err, ok := v.(error); ok {
			return nil, err
		}
		return v.(net.Conn), nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *queueListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *queueListener) Addr() net.Addr { return &net.TCPAddr{} }

// dial gives the far end of a new connection.
func (l *queueListener) dial() net.Conn {
	near, far := net.Pipe()
	l.conns <- near
	return far
}

func admitAll(netip.Addr) Drop { return NoDrop }

func TestOneConnectionTooManyIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		listener := newQueueListener()
		log, book := newLog()
		var drops Drops
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			ended <- AcceptConnections(ctx, listener, log, MaxConnections, admitAll, &drops, func(_ context.Context, conn net.Conn, _ netip.Addr) {
				conn.Read(make([]byte, 1)) // until the far end closes
			})
		}()
		begun := time.Now()
		listener.conns <- errors.New("too many open files")
		conns := make([]net.Conn, MaxConnections)
		for i := range conns {
			conns[i] = listener.dial()
		}
		assert.Equal(t, ErrorPause, time.Since(begun))
		assert.Len(t, book.with("connection not accepted", "too many open files"), 1)
		synctest.Wait()
		assert.Empty(t, drops.All())

		requireClosed(t, listener.dial())
		assert.Equal(t, map[string]uint64{"too many connections": 1}, drops.All())
		conns[0].Close()
		synctest.Wait()
		conns[0] = listener.dial() // there is a place again
		synctest.Wait()
		assert.Equal(t, map[string]uint64{"too many connections": 1}, drops.All())

		cancel()
		synctest.Wait()
		assert.Empty(t, ended, "it waits for the connections")
		for _, conn := range conns {
			conn.Close()
		}
		require.NoError(t, <-ended)
	})
}

// serveOn gives the far end of a connection that a simulation of app1 to app9 serves.
func serveOn(t *testing.T, ctx context.Context) (net.Conn, *logBook) {
	conn, book, _ := countedOn(t, ctx)
	return conn, book
}

// countedOn is serveOn, with what is dropped.
func countedOn(t *testing.T, ctx context.Context) (net.Conn, *logBook, *Drops) {
	s := must(NewSimulation("app", 9))
	log, book := newLog()
	near, far := net.Pipe()
	go func() {
		(&endpoint{responder: s, log: log, drops: &s.drops}).serveConnection(ctx, near, netip.Addr{})
		near.Close()
	}()
	return far, book, &s.drops
}

func TestAConnectionIsNotHeldForEver(t *testing.T) {
	launched := xr("app1", 0x1000, "ONLINE", "ONLINE", "simulated")
	cases := []struct {
		name   string
		talk   func(t *testing.T, conn net.Conn)
		wait   time.Duration
		logged string
		drop   Drop
	}{
		{"nothing comes", func(*testing.T, net.Conn) {}, TelegramWait, "", DropIdle},
		{"half a telegram comes", func(t *testing.T, conn net.Conn) { send(t, conn, xq("app1", 0x0100, "ONLINE")[:80]) }, RestWait,
			"did not come within 5s", DropSlow},
		{"a line of another protocol comes", func(t *testing.T, conn net.Conn) { send(t, conn, []byte("GET / HTTP/1.0\r\n\r\n")) }, RestWait,
			"did not come within 5s", DropSlow},
		{"nothing comes after a receipt", func(t *testing.T, conn net.Conn) {
			send(t, conn, xq("app1", 0x0100, "ONLINE"))
			assert.Equal(t, launched, take(t, conn, 212))
			send(t, conn, xq("app1", 0x0200, "ONLINE"))
		}, TelegramWait, "", DropIdle},
		{"no receipt comes", func(t *testing.T, conn net.Conn) {
			send(t, conn, xq("app1", 0x0100, "ONLINE"))
			assert.Equal(t, launched, take(t, conn, 212))
		}, ReceiptWait, "", DropReceipt},
		{"an inquiry comes instead of a receipt", func(t *testing.T, conn net.Conn) {
			send(t, conn, xq("app1", 0x0100, "ONLINE"))
			assert.Equal(t, launched, take(t, conn, 212))
			time.Sleep(ReceiptWait - time.Second)
			send(t, conn, sq("app1", 0x0001))
			take(t, conn, 196)
		}, time.Second, "", DropReceipt},
		{"the response is not read", func(t *testing.T, conn net.Conn) {
			send(t, conn, xq("app1", 0x0100, "ONLINE"))
			time.Sleep(WriteWait)
			synctest.Wait()
		}, 0, "connection ended", DropUntaken},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn, book, drops := countedOn(t, t.Context())
				c.talk(t, conn)
				begun := time.Now()
				requireClosed(t, conn)
				assert.Equal(t, c.wait, time.Since(begun))
				assert.Equal(t, map[string]uint64{c.drop.String(): 1}, drops.All())
				warnings := book.with("level=WARN")
				if c.logged == "" {
					assert.Empty(t, warnings)
				} else if assert.Len(t, warnings, 1) {
					assert.Contains(t, warnings[0], c.logged)
				}
			})
		})
	}
}

// The time is for the whole of a telegram, also of the first one: a byte now and then does not prolong it.
func TestATelegramThatComesByteForByteEndsTheConnectionInTime(t *testing.T) {
	const pause = RestWait / 20
	for _, first := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			conn, _ := serveOn(t, t.Context())
			if !first {
				send(t, conn, sq("app1", 0x0001))
				take(t, conn, 196)
			}
			time.Sleep(TelegramWait - time.Second) // for the first byte there is time
			begun := time.Now()
			for sent := xq("app1", 0x0100, "ONLINE"); ; sent = sent[1:] {
				require.NotEmpty(t, sent, "all of it was taken")
				if _, err := conn.Write(sent[:1]); err != nil {
					break
				}
				time.Sleep(pause)
			}
			assert.InDelta(t, RestWait, time.Since(begun), float64(pause), "first on its connection: %v", first)
		})
	}
}

// strangers is how many connections a stranger opens: more than a daemon has in all.
const strangers = 10_000

// dialerFrom is a dialer with an address of its own.
func dialerFrom(ip string) *net.Dialer {
	return &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}, Timeout: patience}
}

func TestAStrangerWhoConnectsTenThousandTimesKeepsNobodyOut(t *testing.T) {
	r := startServer(t, Process{ID: processID("ONLINE"), Command: sh("exit 0"), Status: appStatus("ONLINE")})
	dialer, at := dialerFrom("127.0.0.77"), r.listener.Addr().String()
	const atOnce = 500 // open on the stranger's side until there are so many more
	var open []net.Conn
	held := r.connect("127.0.0.1")
	for range strangers {
		conn := must(dialer.Dial("tcp", at))
		if open = append(open, conn); len(open) == atOnce {
			for _, conn := range open {
				require.NoError(t, conn.SetReadDeadline(time.Now().Add(patience)))
				requireClosed(t, conn) // by the slave, without a byte
				conn.Close()
			}
			open = open[:0]
		}
	}
	send(t, held, xq("app01", 0x0100, "ONLINE"))
	assert.Equal(t, xr("app01", 0x1000, "ONLINE", "ONLINE", "")[:108], take(t, held, 212)[:108])
	send(t, held, xq("app01", 0x0200, "ONLINE"))
	late := r.connect("127.0.0.1")
	send(t, late, xq("app01", 0x0100, "ONLINE"))
	assert.Equal(t, xr("app01", 0x4000, "ONLINE", "ONLINE", "ONLINE stands already"), take(t, late, 212))
	assert.Equal(t, map[string]uint64{"unknown address": strangers}, r.Drops().All())
}

func TestTheEndOfTheContextEndsAConnectionThatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		conn, _ := serveOn(t, ctx)
		synctest.Wait()
		begun := time.Now()
		cancel()
		requireClosed(t, conn)
		late, _ := serveOn(t, ctx)
		requireClosed(t, late)
		assert.Zero(t, time.Since(begun))
	})
}

func TestTheAddressOfAPeerHasNoPortAndOneForm(t *testing.T) {
	listener, err := net.Listen("tcp", "[::]:0")
	if err != nil {
		t.Skip("no IPv6 here")
	}
	defer listener.Close()
	conn := must(net.Dial("tcp", "127.0.0.1:"+portOf(listener.Addr())))
	defer conn.Close()
	assert.Equal(t, netip.MustParseAddr("127.0.0.1"), remoteAddr(must(listener.Accept())))
	near, _ := net.Pipe()
	assert.Zero(t, remoteAddr(near))
}

func TestAReceiptIsTAKENOfTheSameHostAndProcess(t *testing.T) {
	x := telegram.ExecutionResponse{Host: app01, Process: processID("P"), Control: telegram.Launched}
	taken := telegram.ExecutionOrder{Host: app01, Process: processID("P"), Control: telegram.Taken}
	assert.True(t, isReceipt(taken, &x))
	launch, otherHost, otherProcess := taken, taken, taken
	launch.Control = telegram.Launch
	otherHost.Host = must(telegram.NewHost("app02"))
	otherProcess.Process = processID("Q")
	for _, no := range []telegram.Telegram{launch, otherHost, otherProcess, x, telegram.StatusInquiry{Host: app01}, nil} {
		assert.False(t, isReceipt(no, &x), "%v", no)
	}
}
