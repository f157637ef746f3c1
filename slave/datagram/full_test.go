package datagram

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// narrow is a socket whose kernel has no room for more than some datagrams that nobody has read, and the other end: UDP on loopback always
// has. Its datagrams are for an address that a socket of IPv4 cannot send to, which leaves the address out, and so the other end has them.
func narrow(t *testing.T) (c *Conn, other int) {
	t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	t.Cleanup(func() { unix.Close(pair[1]) })
	require.NoError(t, unix.SetsockoptInt(pair[0], unix.SOL_SOCKET, unix.SO_SNDBUF, 1)) // the least that there is
	c = &Conn{fd: pair[0], in: newHeaders(unix.AF_INET), out: newHeaders(unix.AF_INET)}
	c.alarm, err = newAlarm()
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c, pair[1]
}

func fullBatch() *Batch {
	b := NewBatch(room)
	for i := range Size {
		b.Add([]byte{byte(i)}, netip.MustParseAddrPort("[2001:db8::1]:9"))
	}
	return b
}

// sendAll gives the errors of those that were not sent, and closes done afterwards.
func sendAll(c *Conn, b *Batch) (errs *[]error, done chan struct{}) {
	errs, done = new([]error), make(chan struct{})
	go func() {
		defer close(done)
		c.Send(b, func(_ []byte, _ netip.AddrPort, err error) { *errs = append(*errs, err) })
	}()
	return errs, done
}

func TestSendWaitsForRoom(t *testing.T) {
	c, other := narrow(t)
	errs, done := sendAll(c, fullBatch())
	var got []byte
	for b := make([]byte, room); len(got) < Size; {
		n, err := unix.Read(other, b) // which waits
		require.NoError(t, err)
		got = append(got, b[:n]...)
	}
	<-done
	assert.Empty(t, *errs)
	for i, b := range got {
		assert.EqualValues(t, i, b)
	}
}

func TestSendWaitsOnceForABatchThatHasNoRoom(t *testing.T) {
	c, _ := narrow(t)
	begun := time.Now()
	errs, done := sendAll(c, fullBatch())
	<-done
	assert.NotEmpty(t, *errs)
	assert.Less(t, len(*errs), Size, "some had room")
	for _, err := range *errs {
		assert.ErrorIs(t, err, os.ErrDeadlineExceeded)
	}
	assert.GreaterOrEqual(t, time.Since(begun), SendWait)
	assert.Less(t, time.Since(begun), 20*SendWait, "not once for each")
}

func TestCloseEndsASend(t *testing.T) {
	for until := time.Now().Add(patience); time.Now().Before(until); { // again, where the Send had waited to its end before
		c, other := narrow(t)
		errs, done := sendAll(c, fullBatch())
		_, err := unix.Read(other, make([]byte, room))
		require.NoError(t, err, "it has begun")
		require.NoError(t, c.Close())
		<-done
		require.NotEmpty(t, *errs)
		if errors.Is((*errs)[len(*errs)-1], net.ErrClosed) {
			return
		}
	}
	t.Fatal("every Send has waited to its end")
}
