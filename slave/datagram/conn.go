package datagram

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Failed is told a datagram that was not sent. It must neither wake nor close the socket.
type Failed func(datagram []byte, to netip.AddrPort, err error)

// SendWait is how long Send waits where the socket's buffer is full; what has no room then is not sent.
const SendWait = 100 * time.Millisecond

// Conn is a UDP socket that reads and writes batches. One goroutine at a time may Receive, or ask for Overflows; Send, Wake and Close may be
// called by any.
//
// It is not Go's network poller that waits for it: that one's epoll(7) is told of every datagram that comes and of every one that has
// left, and wakes a thread for it, whether anybody waits or not. With many datagrams that costs more than what is done with them.
type Conn struct {
	local net.Addr
	fd    int
	alarm alarm // rings at Wake and Close

	users  sync.RWMutex // held for reading by who uses a descriptor, and for writing by Close
	closed atomic.Bool

	// of the one that receives
	in     *headers
	inWait waiting
	memory [unix.SK_MEMINFO_VARS]uint32

	sending sync.Mutex // over what follows
	out     *headers
	outWait waiting
}

// New takes a socket over: the given one is closed, but where there is an error.
func New(udp *net.UDPConn) (*Conn, error) {
	c, err := takeOver(udp)
	if err != nil {
		return nil, fmt.Errorf("take a UDP socket over: %w", err)
	}
	udp.Close() // the descriptor that Go's poller has; the socket stays
	return c, nil
}

func takeOver(udp *net.UDPConn) (*Conn, error) {
	raw, err := udp.SyscallConn()
	if err != nil {
		return nil, err
	}
	c := &Conn{local: udp.LocalAddr(), fd: -1}
	var family int
	var familyErr, copyErr error
	err = raw.Control(func(fd uintptr) {
		family, familyErr = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DOMAIN)
		c.fd, copyErr = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
	})
	err = errors.Join(err, os.NewSyscallError("getsockopt SO_DOMAIN", familyErr), os.NewSyscallError("fcntl", copyErr))
	if err == nil {
		c.alarm, err = newAlarm()
	}
	if err != nil {
		unix.Close(c.fd)
		return nil, err
	}
	c.in, c.out = newHeaders(uint16(family)), newHeaders(uint16(family))
	return c, nil
}

// LocalAddr is the socket's address.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// use has the descriptors stay until leave; the error is net.ErrClosed.
func (c *Conn) use() error {
	c.users.RLock()
	if c.closed.Load() {
		c.users.RUnlock()
		return net.ErrClosed
	}
	return nil
}

func (c *Conn) leave() { c.users.RUnlock() }

// Close ends a Receive that waits, waits for a Send that does, SendWait at most, and closes the socket.
func (c *Conn) Close() error {
	if c.closed.Swap(true) {
		return net.ErrClosed
	}
	c.alarm.ring() // nobody takes it any more: it rings for all
	c.users.Lock()
	defer c.users.Unlock()
	return errors.Join(os.NewSyscallError("close", unix.Close(c.fd)), c.alarm.close())
}

// SetReadBuffer sets the size of the buffer for what comes, in bytes; without the right to more (CAP_NET_ADMIN), it is at most
// net.core.rmem_max.
func (c *Conn) SetReadBuffer(bytes int) error {
	if err := c.use(); err != nil {
		return err
	}
	defer c.leave()
	if unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, bytes) == nil {
		return nil
	}
	return os.NewSyscallError("setsockopt SO_RCVBUF", unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, bytes))
}

// Overflows is how many datagrams were lost so far for want of room in that buffer; it starts again at 2³².
func (c *Conn) Overflows() uint32 {
	if c.use() == nil {
		readMemory(c.fd, &c.memory)
		c.leave()
	}
	return c.memory[unix.SK_MEMINFO_DROPS]
}

// Receive fills b with the datagrams that have come, as many as it holds. Where there are none, it waits for the first one until
// the given time (zero: for ever; past: not at all) or until Wake; b is empty then, which is no error. The error is
// net.ErrClosed, or the socket's and may pass.
func (c *Conn) Receive(b *Batch, until time.Time) error {
	b.Reset()
	if err := c.use(); err != nil {
		return err
	}
	defer c.leave()
	for {
		errno := c.in.receive(c.fd, b)
		if errno != unix.EAGAIN {
			return receiveError(errno)
		}
		if !until.IsZero() && time.Until(until) <= 0 {
			return nil
		}
		end, err := c.inWait.wait(c.fd, unix.POLLIN, c.alarm, until)
		switch {
		case err != nil:
			return err
		case c.closed.Load():
			return net.ErrClosed
		case end == rung:
			c.alarm.take()
			return nil
		}
	}
}

func receiveError(errno unix.Errno) error {
	if errno == 0 {
		return nil
	}
	return os.NewSyscallError("recvmmsg", errno)
}

// Wake has a Receive that waits, or else the next that would, return at once.
func (c *Conn) Wake() {
	if c.use() == nil {
		c.alarm.ring()
		c.leave()
	}
}

// Send sends the datagrams of the batch; failed is told each that the system does not take, and why.
func (c *Conn) Send(b *Batch, failed Failed) {
	c.sending.Lock()
	defer c.sending.Unlock()
	lasting := c.use() // an error that the others of the batch have too
	if lasting == nil {
		defer c.leave()
	}
	for first := 0; first < b.n; {
		taken, err := 0, lasting
		if err == nil {
			taken, err = c.sendSome(b, first)
		}
		if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, net.ErrClosed) {
			lasting = err
		}
		if err != nil {
			failed(b.bytes[first], b.peers[first], err)
		}
		first += max(taken, 1)
	}
}

// sendSome sends some from the first one on; its error is that one's.
func (c *Conn) sendSome(b *Batch, first int) (taken int, err error) {
	taken, errno := c.out.send(c.fd, b, first)
	if errno == unix.EAGAIN {
		until := time.Now().Add(SendWait)
		for errno == unix.EAGAIN && time.Until(until) > 0 {
			if c.closed.Load() {
				return 0, net.ErrClosed
			}
			if _, err := c.outWait.wait(c.fd, unix.POLLOUT, noAlarm, until); err != nil {
				return 0, err
			}
			taken, errno = c.out.send(c.fd, b, first)
		}
	}
	switch errno {
	case 0:
		return taken, nil
	case unix.EAGAIN:
		return 0, os.ErrDeadlineExceeded
	}
	return 0, os.NewSyscallError("sendmmsg", errno)
}
