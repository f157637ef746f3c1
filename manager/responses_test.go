package manager

import (
	"context"
	"net"
	"net/netip"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/contactfile"
	"renraku/slave"
	"renraku/telegram"
)

// The addresses of the slaves of these tests. Nobody has stranger.
const (
	app01     = "127.0.0.2"
	app02     = "127.0.0.3"
	stranger  = "127.0.0.4"
	unlearned = "app01 RUNNING NOT-STARTED"
)

// responseOffice takes responses of app01 and app02.
func responseOffice(t *testing.T) *office {
	o := newOffice(t, online(t), at(t, "app01", app01+":10320"), at(t, "app02", app02+":10320"))
	o.takeResponses()
	return o
}

// deliver sends bytes from the given address, on a connection of its own, and gives what comes back until its end.
func deliver(t *testing.T, o *office, from string, b string) string {
	t.Helper()
	conn := o.dial(from)
	defer conn.Close()
	conn.Write([]byte(b))
	conn.(*net.TCPConn).CloseWrite()
	return receive(conn, 1000)
}

func (o *office) dial(from string) net.Conn {
	o.t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := dialer.Dial("tcp", o.addr)
	require.NoError(o.t, err)
	conn.SetDeadline(time.Now().Add(patience))
	return conn
}

func TestDeliveredResponsesAreTakenOneAfterTheOther(t *testing.T) {
	o := responseOffice(t)
	conn := o.dial(app01)
	defer conn.Close()
	for _, c := range []struct{ control, id, application string }{
		{launchedBit, "ONLINE", "ONLINE"},
		{endedBit, "ONLINE", "NOT-STARTED"},
		{failedBit, "BATCH", "BROKEN"},
		{refusedBit, "NO-SUCH-PROCESS!", "ONLINE"}, // a process of the slave's definition, not of the manager's
	} {
		conn.Write([]byte(responseBytes("app01", c.control, c.id, c.application, "why")))
		assert.Equal(t, takenBytes("app01", c.id), receive(conn, 84))
		assert.Equal(t, "app01 RUNNING "+c.application, o.record("app01"), "on disk when it says so")
	}
	assert.Equal(t, "app02 RUNNING NOT-STARTED", o.record("app02"))
	conn.(*net.TCPConn).CloseWrite()
	assert.Empty(t, receive(conn, 1))
	assert.Empty(t, o.server.Drops().All())
}

func TestResponsesSentAtOnceAreTakenInTheirOrder(t *testing.T) {
	o := responseOffice(t)
	got := deliver(t, o, app01, responseBytes("app01", launchedBit, "ONLINE", "ONLINE", "")+responseBytes("app01", launchedBit, "BATCH", "BATCH", ""))
	assert.Equal(t, takenBytes("app01", "ONLINE")+takenBytes("app01", "BATCH"), got)
	assert.Equal(t, "app01 RUNNING BATCH", o.record("app01"))
}

func TestSameResponseAgainIsTakenAgainAndChangesNothing(t *testing.T) {
	o := responseOffice(t)
	x := responseBytes("app01", launchedBit, "ONLINE", "ONLINE", "up")
	taken := takenBytes("app01", "ONLINE")
	require.Equal(t, taken, deliver(t, o, app01, x))
	require.NoError(t, o.server.status.SetApplication(host(t, "app01"), status(t, "BATCH")))
	for range 3 {
		assert.Equal(t, taken, deliver(t, o, app01, x))
		assert.Equal(t, "app01 RUNNING BATCH", o.record("app01"))
	}
	assert.Equal(t, taken, deliver(t, o, app01, responseBytes("app01", launchedBit, "ONLINE", "ONLINE", "up!")))
	assert.Equal(t, "app01 RUNNING ONLINE", o.record("app01"), "other bytes are another response")
	assert.Equal(t, taken, deliver(t, o, app01, x))
}

func TestSameBytesAfterANewOrderAreANewResponse(t *testing.T) {
	packets, listener, addr := sockets(t, app01)
	defer packets.Close()
	go func() { // closes after the order, and delivers the response by itself
		conn, err := listener.Accept()
		if err == nil {
			receive(conn, 84)
			conn.Close()
		}
	}()
	o := newOffice(t, online(t), at(t, "app01", addr))
	o.takeResponses()
	x := responseBytes("app01", launchedBit, "ONLINE", "ONLINE", "up")
	require.Equal(t, takenBytes("app01", "ONLINE"), deliver(t, o, app01, x))
	require.NoError(t, o.server.status.SetApplication(host(t, "app01"), status(t, contactfile.NotStarted)))
	require.Equal(t, slave.Unknown, o.order(t.Context(), "ONLINE", "app01").Outcome)
	assert.Equal(t, takenBytes("app01", "ONLINE"), deliver(t, o, app01, x))
	assert.Equal(t, "app01 RUNNING ONLINE", o.record("app01"))
}

func TestWhatIsNoResponseOfThatHostEndsTheConnection(t *testing.T) {
	good := responseBytes("app01", launchedBit, "ONLINE", "ONLINE", "")
	cases := []struct {
		name   string
		from   string
		bytes  string
		reason slave.Drop
	}{
		{"from an unknown address", stranger, good, slave.DropAddress},
		{"no telegram from an unknown address", stranger, field("GET / HTTP/1.1\r\n", 68), slave.DropAddress},
		{"from the manager's own address", "127.0.0.1", good, slave.DropAddress},
		{"from another slave's address", app02, good, slave.DropAddress},
		{"of an unknown host", app01, responseBytes("app99", launchedBit, "ONLINE", "ONLINE", ""), slave.DropForeignHost},
		{"of the manager's own host", app01, responseBytes("mgr01", launchedBit, "ONLINE", "ONLINE", ""), slave.DropForeignHost},
		{"an inquiry", app01, field("app01", 64) + "SQ\x00\x01", slave.DropType},
		{"a status response", app01, field("app01", 64) + "SR\x00\x20" + field("", 128), slave.DropType},
		{"an order", app01, launchBytes("app01", "ONLINE"), slave.DropType},
		{"a receipt", app01, takenBytes("app01", "ONLINE"), slave.DropType},
		{"no telegram", app01, field("GET / HTTP/1.1\r\n", 68), slave.DropType},
		{"two bits", app01, responseBytes("app01", "\x30\x00", "ONLINE", "ONLINE", ""), slave.DropControl},
		{"a space before the host name", app01, responseBytes(" app01", launchedBit, "ONLINE", "ONLINE", ""), slave.DropHostName},
		{"no process", app01, responseBytes("app01", launchedBit, "", "ONLINE", ""), slave.DropProcess},
		{"a space within the status", app01, responseBytes("app01", launchedBit, "ONLINE", "ON LINE", ""), slave.DropStatus},
		{"a line feed in the text", app01, responseBytes("app01", launchedBit, "ONLINE", "ONLINE", "a\nb"), slave.DropText},
		{"cut within the header", app01, good[:67], slave.DropCut},
		{"cut within the response", app01, good[:211], slave.DropCut},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			o := responseOffice(t)
			all := c.bytes
			if c.reason != slave.DropCut {
				all += good
			}
			assert.Empty(t, deliver(t, o, c.from, all), "no answer, to what comes after it neither")
			assert.Equal(t, map[string]uint64{c.reason.String(): 1}, o.server.Drops().All())
			assert.Equal(t, unlearned, o.record("app01"))
		})
	}
}

func TestConnectionWithoutATelegramIsNoFault(t *testing.T) {
	o := responseOffice(t)
	assert.Empty(t, deliver(t, o, app01, ""))
	assert.Empty(t, o.server.Drops().All())
}

func TestResponseIsTakenWhileTheSlaveIsStoppedOrNobodyIsMonitored(t *testing.T) {
	o := responseOffice(t)
	o.say("app01", contactfile.Stopped, contactfile.NotStarted)
	x := responseBytes("app01", launchedBit, "ONLINE", "ONLINE", "")
	require.Equal(t, takenBytes("app01", "ONLINE"), deliver(t, o, app01, x))
	assert.Equal(t, "app01 STOPPED ONLINE", o.record("app01"), "132 is the status control's")

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, o.server.End(ended))
	x = responseBytes("app01", endedBit, "ONLINE", "BATCH", "")
	require.Equal(t, takenBytes("app01", "ONLINE"), deliver(t, o, app01, x))
	assert.Empty(t, lines(t, o.path))
	require.NoError(t, o.server.Begin())
	assert.Equal(t, "app01 STOPPED BATCH", o.record("app01"), "it is remembered for when monitoring begins again")
}

func TestResponseThatCannotBeWrittenIsNotTaken(t *testing.T) {
	o := responseOffice(t)
	require.NoError(t, os.Truncate(o.path, 0))
	x := responseBytes("app01", launchedBit, "ONLINE", "ONLINE", "")
	assert.Empty(t, deliver(t, o, app01, x))
	require.NoError(t, o.server.Begin()) // creates the contact file again
	o.say("app01", contactfile.Running, contactfile.NotStarted)
	assert.Equal(t, takenBytes("app01", "ONLINE"), deliver(t, o, app01, x), "it counts when it comes again")
	assert.Equal(t, "app01 RUNNING ONLINE", o.record("app01"))
	assert.Equal(t, []string{"app01 ONLINE ORDER LAUNCHED ONLINE"}, o.history(), "and is one record")
}

func TestConnectionsEndWithTheDaemon(t *testing.T) {
	o := newOffice(t, online(t), at(t, "app01", app01+":10320"))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- o.server.serveResponses(ctx) }()
	conn := o.dial(app01)
	defer conn.Close()
	require.NoError(t, telegram.Write(conn, telegram.ExecutionResponse{Host: host(t, "app01"), Control: telegram.Launched, Process: process(t, "ONLINE")}))
	require.Equal(t, takenBytes("app01", "ONLINE"), receive(conn, 84))
	cancel()
	assert.NoError(t, <-done)
	assert.Empty(t, receive(conn, 1))
}

func TestOneSlaveDoesNotTakeTheConnectionsOfTheOthers(t *testing.T) {
	o := responseOffice(t)
	for range maxSlaveConnections {
		defer o.dial(app01).Close()
	}
	more := o.dial(app01)
	defer more.Close()
	assert.Empty(t, receive(more, 1), "closed without a byte")
	for range 1000 { // of a stranger, and idle
		conn := o.dial(stranger)
		assert.Empty(t, receive(conn, 1), "closed without a byte")
		conn.Close()
	}
	assert.Equal(t, map[string]uint64{"too many connections of one address": 1, "unknown address": 1000}, o.server.Drops().All())
	assert.Equal(t, takenBytes("app02", "ONLINE"), deliver(t, o, app02, responseBytes("app02", launchedBit, "ONLINE", "ONLINE", "")))
}

func TestIdleConnectionsOfASlavesAddressKeepItsResultsBackForAMoment(t *testing.T) {
	o := responseOffice(t)
	for range maxSlaveConnections + 10 {
		defer o.dial(app01).Close()
	}
	x, receipt := responseBytes("app01", launchedBit, "ONLINE", "ONLINE", ""), takenBytes("app01", "ONLINE")
	require.Eventually(t, func() bool { return deliver(t, o, app01, x) == receipt }, patience, time.Millisecond)
	assert.Equal(t, uint64(1), o.server.Drops().Of(slave.DropGaveWay))
	assert.Positive(t, o.server.Drops().Of(slave.DropPeerConnections))
	require.Eventually(t, func() bool { return deliver(t, o, app01, x) == receipt }, patience, time.Millisecond, "the place of that one is free again")
}

// The slave does not read; so it does not learn that its result is recorded, and delivers it again.
func TestAReceiptThatTheSlaveDoesNotTakeIsCountedAndTheResultTakenAgain(t *testing.T) {
	o := newOffice(t, online(t), at(t, "app01", app01+":10320"))
	from := netip.MustParseAddr(app01)
	x := responseBytes("app01", launchedBit, "ONLINE", "ONLINE", "")
	deliver := func(t *testing.T) (far net.Conn, ended chan struct{}) {
		near, far := net.Pipe()
		ended = make(chan struct{})
		go func() {
			defer close(ended)
			defer near.Close()
			o.server.responses.serveConnection(t.Context(), near, from)
		}()
		_, err := far.Write([]byte(x))
		require.NoError(t, err)
		return far, ended
	}
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		unread, ended := deliver(t)
		<-ended
		unread.Close()
		assert.Equal(t, slave.WriteWait, time.Since(begun))
		assert.Equal(t, map[string]uint64{"telegram not taken": 1}, o.server.Drops().All())
		assert.Equal(t, 1, o.log.count("receipt not sent"))

		read, ended := deliver(t)
		assert.Equal(t, takenBytes("app01", "ONLINE"), receive(read, 84))
		read.Close()
		<-ended
	})
	assert.Equal(t, []string{"app01 ONLINE ORDER LAUNCHED ONLINE"}, o.history(), "it is one record")
	assert.Equal(t, map[string]uint64{"telegram not taken": 1}, o.server.Drops().All())
}
