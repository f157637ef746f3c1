package slave

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/slave/slavetest"
)

func TestInquiriesAreAnsweredOnTCPAsOnUDP(t *testing.T) {
	r := startServer(t)
	conn := r.connect("127.0.0.1")
	for _, c := range []struct{ ask, answer []byte }{
		{sq("app01", 0x0001), sr("app01", 0x0010, "NOT-STARTED", "")},
		{sq("app01", 0x0004), sr("app01", 0x0020, "NOT-STARTED", "monitoring ended by the manager")},
		{append(sq("app01", 0x0001), sq("app01", 0x0004)...), sr("app01", 0x0020, "NOT-STARTED", "monitoring ended by the manager")},
		{append(sq("app02", 0x0001), sq("app01", 0x0002)...), sr("app01", 0x0010, "NOT-STARTED", "")},
	} {
		send(t, conn, c.ask)
		assert.Equal(t, string(c.answer), string(take(t, conn, 196)))
	}
	assert.Equal(t, map[string]uint64{"not monitored": 1, "another host": 1}, r.Drops().All())
}

func TestOrdersAreAnsweredByteForByte(t *testing.T) {
	r := startServer(t,
		Process{ID: processID("ONLINE"), Command: sh("echo up"), Status: appStatus("ONLINE")},
		Process{ID: processID("NIGHTBATCH"), Command: sh("echo no database; exit 3"), Status: appStatus("BATCH"), Failed: appStatus("BATCH-FAILED")},
		Process{ID: processID("SIXTEEN-BYTES-ID"), Command: sh(""), From: appStatuses("NOT-STARTED")})
	conn := r.connect("127.0.0.1")
	order := func(id string) []byte {
		send(t, conn, xq("app01", 0x0100, id))
		b := take(t, conn, 212)
		send(t, conn, xq("app01", 0x0200, id))
		return b
	}
	launched := order("ONLINE")
	assert.Equal(t, xr("app01", 0x1000, "ONLINE", "ONLINE", "")[:108], launched[:108])
	assert.Regexp(t, `^ended normally after \d+m?s: up +$`, string(launched[108:]))
	assert.Equal(t, xr("app01", 0x4000, "ONLINE", "ONLINE", "ONLINE stands already"), order("ONLINE"))
	assert.Equal(t, xr("app01", 0x2000, "NIGHTBATCH", "BATCH-FAILED", "exit status 3: no database"), order("NIGHTBATCH"))
	assert.Equal(t, xr("app01", 0x8000, "SIXTEEN-BYTES-ID", "BATCH-FAILED", "not from BATCH-FAILED: it runs from NOT-STARTED"), order("SIXTEEN-BYTES-ID"))
	assert.Equal(t, xr("app01", 0x8000, "NOPE", "BATCH-FAILED", "no process NOPE in the definition"), order("NOPE"))
	assert.Equal(t, sr("app01", 0x0010, "BATCH-FAILED", ""), r.ask(sq("app01", 0x0001)))

	r.ask(sq("app01", 0x0004))
	assert.Equal(t, xr("app01", 0x8000, "NOPE", "BATCH-FAILED", "no monitoring on this server"), order("NOPE"))
	require.NoError(t, conn.CloseWrite())
	requireClosed(t, conn)
	assert.Empty(t, r.Drops().All())
	assert.Empty(t, r.log.with("not taken"))
}

func TestAResponseThatIsNotTakenIsLoggedAndTheNextOrderIsServed(t *testing.T) {
	refused := func(id string) []byte {
		return xr("app01", 0x8000, id, "NOT-STARTED", "no process "+id+" in the definition")
	}
	for name, instead := range map[string][]byte{
		"no receipt at all":  nil,
		"of another process": xq("app01", 0x0200, "OTHER"),
		"of another host":    xq("app02", 0x0200, "FIRST"),
		"an inquiry":         sq("app02", 0x0001), // dropped without an answer
	} {
		t.Run(name, func(t *testing.T) {
			r := startServer(t)
			conn := r.connect("127.0.0.1")
			send(t, conn, xq("app01", 0x0100, "FIRST"))
			assert.Equal(t, refused("FIRST"), take(t, conn, 212))
			send(t, conn, append(instead, xq("app01", 0x0100, "SECOND")...))
			assert.Equal(t, refused("SECOND"), take(t, conn, 212))
			assert.Len(t, r.log.with("response not taken by the manager", "XR REFUSED app01 FIRST"), 1)
			send(t, conn, xq("app01", 0x0200, "SECOND"))
			require.NoError(t, conn.CloseWrite())
			requireClosed(t, conn)
			assert.Len(t, r.log.with("not taken"), 1)
		})
	}
}

func TestAReceiptCountsWhateverCameBeforeIt(t *testing.T) {
	for name, before := range map[string][]byte{
		"nothing":                      nil,
		"an inquiry":                   sq("app01", 0x0001),
		"a receipt of another process": append(xq("app01", 0x0200, "OTHER"), sq("app01", 0x0001)...),
	} {
		t.Run(name, func(t *testing.T) {
			r := startServer(t)
			conn := r.connect("127.0.0.1")
			send(t, conn, xq("app01", 0x0100, "FIRST"))
			take(t, conn, 212)
			send(t, conn, before)
			if before != nil {
				assert.Equal(t, string(sr("app01", 0x0010, "NOT-STARTED", "")), string(take(t, conn, 196)))
			}
			send(t, conn, xq("app01", 0x0200, "FIRST"))
			require.NoError(t, conn.CloseWrite())
			requireClosed(t, conn)
			require.NoError(t, r.stop())
			assert.Empty(t, r.log.with("not taken"))
			assert.Empty(t, r.results.delivered())
		})
	}
}

// One connection that gives no receipt keeps nobody waiting: the answer of another order comes at once.
func TestAnAnswerWithoutAReceiptHoldsNoOtherOrderUp(t *testing.T) {
	r := startServer(t, Process{ID: processID("ONLINE"), Command: sh(""), Status: appStatus("ONLINE")})
	idle := r.connect("127.0.0.1")
	send(t, idle, xq("app01", 0x0100, "FIRST"))
	take(t, idle, 212)
	begun := time.Now()
	other := r.connect("127.0.0.1")
	send(t, other, xq("app01", 0x0100, "ONLINE"))
	assert.Equal(t, xr("app01", 0x1000, "ONLINE", "ONLINE", "")[:108], take(t, other, 212)[:108])
	assert.Less(t, time.Since(begun), ReceiptWait/2)
}

func TestAConnectionThatEndsWithoutAReceiptIsLogged(t *testing.T) {
	r := startServer(t)
	conn := r.connect("127.0.0.1")
	send(t, conn, xq("app01", 0x0100, "FIRST"))
	take(t, conn, 212)
	require.NoError(t, conn.CloseWrite())
	requireClosed(t, conn)
	assert.Len(t, r.log.with("not taken", "XR REFUSED app01 FIRST", "the connection ended without a receipt"), 1)
}

func TestWhatIsNotForThisEndClosesTheConnection(t *testing.T) {
	cases := []struct {
		name string
		b    []byte
		drop string // none: an end between telegrams is no fault
	}{
		{"no telegram", make([]byte, 68), "telegram type"},
		{"another protocol", append([]byte("GET / HTTP/1.1\r\n"), make([]byte, 52)...), "telegram type"},
		{"a status response", sr("app01", 0x0010, "ONLINE", ""), "telegram type"},
		{"an execution response", xr("app01", 0x1000, "ONLINE", "ONLINE", ""), "telegram type"},
		{"a control code that is not the type's", xq("app01", 0x0001, "ONLINE"), "control code"},
		{"two control bits", xq("app01", 0x0300, "ONLINE"), "control code"},
		{"no process ID", xq("app01", 0x0100, ""), "process ID"},
		{"no host name", xq("", 0x0100, "ONLINE"), "host name"},
		{"an order to another host", xq("app02", 0x0100, "ONLINE"), "another host"},
		{"cut in the header", xq("app01", 0x0100, "ONLINE")[:67], "cut off"},
		{"cut after the header", xq("app01", 0x0100, "ONLINE")[:68], "cut off"},
		{"cut before the last byte", xq("app01", 0x0100, "ONLINE")[:83], "cut off"},
		{"nothing", nil, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p, ran := mark(t, Process{ID: processID("ONLINE")})
			r := startServer(t, p)
			conn := r.connect("127.0.0.1")
			send(t, conn, c.b)
			if c.drop == "cut off" || c.drop == "" {
				require.NoError(t, conn.CloseWrite())
			}
			requireClosed(t, conn)
			want := map[string]uint64{c.drop: 1}
			if c.drop == "" {
				want = map[string]uint64{}
			}
			require.NoError(t, r.stop()) // counted when the connection's goroutine has ended
			assert.Equal(t, want, r.Drops().All())
			assert.Zero(t, ran())
		})
	}
}

func TestAConnectionFromAnotherAddressIsClosedUnheard(t *testing.T) {
	p, ran := mark(t, Process{ID: processID("ONLINE")})
	r := startServer(t, p)
	conn := r.connect("127.0.0.2")
	conn.Write(xq("app01", 0x0100, "ONLINE")) // fails where the close comes first
	requireClosed(t, conn)
	require.NoError(t, r.stop())
	assert.Equal(t, map[string]uint64{"unknown address": 1}, r.Drops().All())
	assert.Zero(t, ran())
}

func TestAHundredOrdersAtOnceOverTCPRunTheProcessOnce(t *testing.T) {
	const orders = 100
	p, ran := mark(t, Process{ID: processID("ONLINE"), Status: appStatus("ONLINE")})
	r := startServer(t, p)
	responses := make([][]byte, orders)
	var all sync.WaitGroup
	begin := make(chan struct{})
	for i := range orders {
		conn := r.connect("127.0.0.1")
		all.Go(func() {
			<-begin
			conn.Write(xq("app01", 0x0100, "ONLINE"))
			b := make([]byte, 212)
			if _, err := io.ReadFull(conn, b); err == nil {
				responses[i] = b
			}
			conn.Write(xq("app01", 0x0200, "ONLINE"))
			conn.CloseWrite()
			io.Copy(io.Discard, conn) // until the server has read the receipt
		})
	}
	close(begin)
	all.Wait()
	outcomes := map[string]int{}
	for _, b := range responses {
		require.NotNil(t, b)
		assert.Equal(t, padded("app01", 64)+"XR", string(b[:66]))
		outcomes[string(b[66:68])]++
	}
	assert.Equal(t, map[string]int{"\x10\x00": 1, "\x40\x00": orders - 1}, outcomes)
	assert.Equal(t, 1, ran())
	require.NoError(t, r.stop())
	assert.Empty(t, r.Drops().All())
	assert.Empty(t, r.log.with("not taken"))
}

func TestAnOrderInProgressDoesNotHoldUpInquiriesNorOtherConnections(t *testing.T) {
	g := slavetest.NewGate(t)
	r := startServer(t, Process{ID: processID("ONLINE"), Command: gated(g, "", ""), Status: appStatus("ONLINE")})
	first, second := r.connect("127.0.0.1"), r.connect("127.0.0.1")
	send(t, first, xq("app01", 0x0100, "ONLINE"))
	g.Await(1)
	assert.Equal(t, sr("app01", 0x0010, "NOT-STARTED", ""), r.ask(sq("app01", 0x0001)))
	send(t, second, xq("app01", 0x0100, "ONLINE"))
	assert.Equal(t, xr("app01", 0x4000, "ONLINE", "NOT-STARTED", "")[:108], take(t, second, 212)[:108])
	send(t, second, xq("app01", 0x0200, "ONLINE"))
	g.LetGo(1)
	assert.Equal(t, xr("app01", 0x1000, "ONLINE", "ONLINE", "")[:108], take(t, first, 212)[:108])
}

func TestAManagerHasABoundedNumberOfConnections(t *testing.T) {
	r := startServer(t)
	var open []*net.TCPConn
	for i := range MaxPeerConnections {
		open = append(open, r.connect("127.0.0.1"))
		send(t, open[i], sq("app01", 0x0001))
		take(t, open[i], 196) // so that it is proven
	}
	requireClosed(t, r.connect("127.0.0.1"))
	assert.Equal(t, map[string]uint64{"too many connections of one address": 1}, r.Drops().All())
	send(t, open[0], sq("app01", 0x0001))
	assert.Equal(t, sr("app01", 0x0010, "NOT-STARTED", ""), take(t, open[0], 196), "the others are served")
}
