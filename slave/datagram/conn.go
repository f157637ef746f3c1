package datagram

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Failed is told a datagram that was not sent.
type Failed func(datagram []byte, to netip.AddrPort, err error)

// SendWait is how long Send waits where the socket's buffer is full; what has no room then is not sent.
const SendWait = 100 * time.Millisecond

// Conn is a UDP socket that reads and writes batches too. One goroutine at a time may Receive, and meanwhile nobody else reads or
// sets a deadline; Send, Wake and Close may be called by any.
type Conn struct {
	*net.UDPConn
	raw   syscall.RawConn
	woken atomic.Bool

	// of the one that receives
	in       *headers
	into     *Batch
	received unix.Errno
	memory   [unix.SK_MEMINFO_VARS]uint32
	receive  func(fd uintptr) // the methods of these names, made to values once
	await    func(fd uintptr) bool
	overflow func(fd uintptr)

	sending  sync.Mutex // over what follows
	out      *headers
	from     *Batch
	first    int
	taken    int
	sent     unix.Errno
	send     func(fd uintptr)
	awaitOut func(fd uintptr) bool
}

// New takes a socket over.
func New(udp *net.UDPConn) (*Conn, error) {
	raw, err := udp.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("take a UDP socket over: %w", err)
	}
	var family int
	var familyErr error
	err = raw.Control(func(fd uintptr) { family, familyErr = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DOMAIN) })
	if err = errors.Join(err, familyErr); err != nil {
		return nil, fmt.Errorf("take a UDP socket over: %w", err)
	}
	c := &Conn{UDPConn: udp, raw: raw, in: newHeaders(uint16(family)), out: newHeaders(uint16(family))}
	c.receive, c.await, c.overflow = c.receiveSome, c.receiveFirst, c.readMemory
	c.send, c.awaitOut = c.sendSome, c.sendFirst
	return c, nil
}

// SetReadBuffer sets the size of the buffer for what comes, in bytes; without the right to more (CAP_NET_ADMIN), it is at most
// net.core.rmem_max.
func (c *Conn) SetReadBuffer(bytes int) error {
	var err error
	controlErr := c.raw.Control(func(fd uintptr) {
		if err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, bytes); err != nil {
			err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, bytes)
		}
	})
	return errors.Join(controlErr, os.NewSyscallError("setsockopt SO_RCVBUF", err))
}

// Overflows is how many datagrams were lost so far for want of room in that buffer; it starts again at 2³². It is for the one that
// receives.
func (c *Conn) Overflows() uint32 {
	c.raw.Control(c.overflow)
	return c.memory[unix.SK_MEMINFO_DROPS]
}

func (c *Conn) readMemory(fd uintptr) { readMemory(fd, &c.memory) }

// Receive fills b with the datagrams that have come, as many as it holds. Where there are none, it waits for the first one until
// the given time (zero: for ever; past: not at all) or until Wake; b is empty then, which is no error. The error is
// net.ErrClosed, or the socket's and may pass.
func (c *Conn) Receive(b *Batch, until time.Time) error {
	b.Reset()
	c.into = b
	if err := c.raw.Control(c.receive); err != nil { // unlike Read, whatever the deadline is
		return err
	}
	if c.received != unix.EAGAIN || !until.IsZero() && time.Until(until) <= 0 {
		return receiveError(c.received)
	}
	c.SetReadDeadline(until)
	if c.woken.Swap(false) { // before the deadline was set
		return nil
	}
	err := c.raw.Read(c.await)
	c.woken.Store(false) // whoever woke it had something to say before, and the caller looks at that next
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return receiveError(c.received)
}

func (c *Conn) receiveSome(fd uintptr) { c.received = c.in.receive(fd, c.into) }

func (c *Conn) receiveFirst(fd uintptr) bool {
	c.receiveSome(fd)
	return c.received != unix.EAGAIN
}

func receiveError(errno unix.Errno) error {
	if errno == 0 || errno == unix.EAGAIN {
		return nil
	}
	return os.NewSyscallError("recvmmsg", errno)
}

// Wake has a Receive that waits, or else the next that would, return at once.
func (c *Conn) Wake() {
	c.woken.Store(true)
	c.SetReadDeadline(time.Unix(1, 0))
}

// Send sends the datagrams of the batch; failed is told each that the system does not take, and why.
func (c *Conn) Send(b *Batch, failed Failed) {
	c.sending.Lock()
	defer c.sending.Unlock()
	c.from = b
	full := error(nil)
	for c.first = 0; c.first < b.n; c.first += max(c.taken, 1) {
		err := full
		if err == nil {
			err = c.sendOnce()
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			full = err
		}
		if err != nil {
			failed(b.bytes[c.first], b.peers[c.first], err)
		}
	}
}

// sendOnce sends some from the first one on; its error is that one's.
func (c *Conn) sendOnce() error {
	c.taken = 0
	if err := c.raw.Control(c.send); err != nil {
		return err
	}
	if c.sent == unix.EAGAIN {
		c.SetWriteDeadline(time.Now().Add(SendWait))
		if err := c.raw.Write(c.awaitOut); err != nil {
			return err
		}
	}
	if c.sent != 0 {
		return os.NewSyscallError("sendmmsg", c.sent)
	}
	return nil
}

func (c *Conn) sendSome(fd uintptr) { c.taken, c.sent = c.out.send(fd, c.from, c.first) }

func (c *Conn) sendFirst(fd uintptr) bool {
	c.sendSome(fd)
	return c.sent != unix.EAGAIN
}
