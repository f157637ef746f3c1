package datagram

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// patience is how long a test waits for what must come; only a test that fails waits so long.
const patience = 20 * time.Second

const room = 16

// open is a socket on loopback, udp4 or udp, which is one of both families.
func open(t testing.TB, network string) *Conn {
	t.Helper()
	at := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}
	if network == "udp6" {
		at.IP = net.IPv6loopback
	}
	if network == "udp" {
		at.IP = nil
	}
	udp, err := net.ListenUDP(network, at)
	require.NoError(t, err)
	c, err := New(udp)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

// addressOf is where the socket is reached on loopback.
func addressOf(c *Conn) netip.AddrPort {
	at := c.LocalAddr().(*net.UDPAddr).AddrPort()
	if at.Addr().IsUnspecified() {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), at.Port())
	}
	return at
}

func send(t testing.TB, c *Conn, b *Batch) {
	c.Send(b, func(datagram []byte, _ netip.AddrPort, err error) { assert.NoError(t, err, string(datagram)) })
}

// sendOne has the socket send itself a datagram.
func sendOne(t testing.TB, c *Conn) {
	out := NewBatch(room)
	out.Add([]byte("x"), addressOf(c))
	send(t, c, out)
}

// receiveAll receives until there are n, and gives each as "text from address".
func receiveAll(t testing.TB, c *Conn, n int) []string {
	t.Helper()
	var all []string
	b := NewBatch(room)
	for until := time.Now().Add(patience); len(all) < n; {
		require.NoError(t, c.Receive(b, until))
		require.NotZero(t, b.Len(), "after %d of %d", len(all), n)
		for i := range b.Len() {
			datagram, from := b.At(i)
			all = append(all, fmt.Sprintf("%s from %v", datagram, from))
		}
	}
	return all
}

func TestDatagramsComeInTheirOrderWithTheirSender(t *testing.T) {
	for _, network := range []string{"udp4", "udp6", "udp"} {
		t.Run(network, func(t *testing.T) {
			ours, theirs := open(t, network), open(t, network)
			out := NewBatch(room)
			var want []string
			for i := range Size {
				text := fmt.Sprint("datagram ", i)[:9+i%2]
				out.Add([]byte(text), addressOf(theirs))
				want = append(want, fmt.Sprintf("%s from %v", text, addressOf(ours)))
			}
			require.True(t, out.Full())
			send(t, ours, out)
			assert.Equal(t, want, receiveAll(t, theirs, Size))
		})
	}
}

func TestALongDatagramIsCutAndAnEmptyOneComes(t *testing.T) {
	ours, theirs := open(t, "udp4"), open(t, "udp4")
	out := NewBatch(1000)
	for _, text := range []string{strings.Repeat("x", 1000), "", "y"} {
		out.Add([]byte(text), addressOf(theirs))
	}
	send(t, ours, out)
	from := " from " + addressOf(ours).String()
	assert.Equal(t, []string{strings.Repeat("x", room) + from, from, "y" + from}, receiveAll(t, theirs, 3))
}

func TestOneThatTheSystemDoesNotTakeDoesNotKeepTheOthersBack(t *testing.T) {
	ours, theirs := open(t, "udp4"), open(t, "udp4")
	out := NewBatch(room)
	bad := netip.MustParseAddrPort("[2001:db8::1]:9")
	for _, to := range []netip.AddrPort{bad, addressOf(theirs), bad, bad, addressOf(theirs), bad} {
		out.Add([]byte(fmt.Sprint(out.Len())), to)
	}
	var failed []string
	ours.Send(out, func(datagram []byte, to netip.AddrPort, err error) {
		assert.ErrorContains(t, err, "sendmmsg")
		assert.Equal(t, bad, to)
		failed = append(failed, string(datagram))
	})
	assert.Equal(t, []string{"0", "2", "3", "5"}, failed)
	from := " from " + addressOf(ours).String()
	assert.Equal(t, []string{"1" + from, "4" + from}, receiveAll(t, theirs, 2))
}

func TestReceiveWaitsUntilItsTimeAndNoLonger(t *testing.T) {
	c, b := open(t, "udp4"), NewBatch(room)
	for _, wait := range []time.Duration{-time.Hour, 0, 20 * time.Millisecond} {
		begun := time.Now()
		require.NoError(t, c.Receive(b, begun.Add(wait)))
		assert.Zero(t, b.Len())
		assert.GreaterOrEqual(t, time.Since(begun), wait)
	}
	sendOne(t, c)
	require.NoError(t, c.Receive(b, time.Now().Add(-time.Hour)))
	assert.Equal(t, 1, b.Len(), "what is there is taken without waiting")
}

func TestWakeEndsAReceive(t *testing.T) {
	c, b := open(t, "udp4"), NewBatch(room)
	ended := make(chan error)
	receive := func() { ended <- c.Receive(b, time.Time{}) }
	for range 100 { // some while it waits, some before it does
		go receive()
		c.Wake()
		select {
		case err := <-ended:
			require.NoError(t, err)
		case <-time.After(patience):
			t.Fatal("not woken")
		}
	}
	sendOne(t, c)
	c.Wake()
	assert.Len(t, receiveAll(t, c, 1), 1, "a datagram that is there comes all the same")
	assert.Zero(t, c.Overflows())
	require.NoError(t, c.Receive(b, time.Time{}), "the next one that would wait does not")
	begun := time.Now()
	require.NoError(t, c.Receive(b, begun.Add(20*time.Millisecond)))
	assert.GreaterOrEqual(t, time.Since(begun), 20*time.Millisecond, "and the one after it does")
}

func TestCloseEndsAReceive(t *testing.T) {
	c := open(t, "udp4")
	ended := make(chan error)
	go func() { ended <- c.Receive(NewBatch(room), time.Time{}) }()
	for until := time.Now().Add(patience); c.users.TryLock(); { // until it waits
		c.users.Unlock()
		require.True(t, time.Now().Before(until))
	}
	require.NoError(t, c.Close())
	assert.ErrorIs(t, <-ended, net.ErrClosed)
	again, err := net.ListenUDP("udp4", c.LocalAddr().(*net.UDPAddr))
	require.NoError(t, err, "the address is free")
	again.Close()
	assert.ErrorIs(t, c.Close(), net.ErrClosed)
	assert.ErrorIs(t, c.Receive(NewBatch(room), time.Time{}), net.ErrClosed)
	one, all := NewBatch(room), error(nil)
	one.Add([]byte("x"), addressOf(open(t, "udp4")))
	c.Send(one, func(_ []byte, _ netip.AddrPort, err error) { all = errors.Join(all, err) })
	assert.ErrorIs(t, all, net.ErrClosed)
}

func TestWhatTheBufferHadNoRoomForIsCounted(t *testing.T) {
	ours, theirs := open(t, "udp4"), open(t, "udp4")
	require.NoError(t, theirs.SetReadBuffer(1))
	out, sent := NewBatch(room), 0
	for range Size {
		out.Add([]byte("x"), addressOf(theirs))
	}
	for range 100 {
		send(t, ours, out)
		sent += out.Len()
	}
	in, got := NewBatch(room), 0
	for {
		require.NoError(t, theirs.Receive(in, time.Unix(1, 0)))
		if in.Len() == 0 {
			break
		}
		got += in.Len()
	}
	assert.Less(t, got, sent)
	assert.EqualValues(t, sent-got, theirs.Overflows())
}

func TestBatchesAreReceivedAndSentWithoutAllocating(t *testing.T) {
	ours, theirs := open(t, "udp4"), open(t, "udp4")
	out, in := NewBatch(room), NewBatch(room)
	for range Size {
		out.Add([]byte("x"), addressOf(theirs))
	}
	failed := func([]byte, netip.AddrPort, error) {}
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		ours.Send(out, failed)
		for got := 0; got < Size; got += in.Len() {
			if err := theirs.Receive(in, time.Time{}); err != nil || theirs.Overflows() > 0 {
				panic(err)
			}
		}
	}))
}
