package slave

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"renraku/slave/credentials"
	"renraku/telegram"
)

// Limits of the TCP end.
const (
	MaxConnections = 1024             // at once, of all peers; for one more another gives way, or it is closed at once
	TelegramWait   = 60 * time.Second // for the next telegram on a connection, the first one too
	RestWait       = 5 * time.Second  // for the rest of a telegram that has begun
	ReceiptWait    = 10 * time.Second // for TAKEN after XR
	WriteWait      = 10 * time.Second // for the peer to take the bytes of a telegram
)

// serveOrders takes connections until ctx ends, and returns when the last of them has ended.
func (e *endpoint) serveOrders(ctx context.Context) error {
	return AcceptConnections(ctx, e.listener, e.log, e.perPeer, func(from netip.Addr) Drop {
		if !e.takesFrom(from) {
			return DropAddress
		}
		return NoDrop
	}, e.drops, ServeSealed(e.accept, e.drops, e.log, e.serveConnection))
}

// AcceptConnections gives each connection that admit does not drop to serve, in a goroutine of its own, and closes it
// afterwards; it serves MaxConnections at once, and perPeer of one address. What is dropped is closed without a byte; of one that gives
// way to another, the context ends too. It returns when ctx has ended, or the listener was closed, and the last connection has ended.
func AcceptConnections(ctx context.Context, listener net.Listener, log *slog.Logger, perPeer int,
	admit func(netip.Addr) Drop, drops *Drops, serve func(context.Context, net.Conn, netip.Addr)) error {
	defer context.AfterFunc(ctx, func() { listener.Close() })()
	var all sync.WaitGroup
	defer all.Wait()
	serving, stop := context.WithCancel(ctx)
	defer stop()
	open := newConnections(perPeer)
	for {
		conn, err := listener.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			if errors.Is(err, net.ErrClosed) {
				return err
			}
			log.Warn("connection not accepted", "error", err)
			if !pause(ctx, ErrorPause) {
				return nil
			}
			continue
		}
		one := &connection{Conn: conn, from: remoteAddr(conn)}
		drop := admit(one.from)
		if drop == NoDrop {
			drop = open.enter(one, drops)
		}
		if drop != NoDrop {
			drops.Count(drop)
			conn.Close()
			continue
		}
		ctx, end := context.WithCancel(serving)
		one.end = end // before another one is accepted, to which it may give way
		all.Go(func() {
			defer open.leave(one)
			defer end()
			defer conn.Close()
			serve(ctx, one, one.from)
		})
	}
}

// remoteAddr is the peer's address without the port; connections in memory have none.
func remoteAddr(conn net.Conn) netip.Addr {
	if tcp, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

// conversation is one connection: telegrams one after the other. Orders are answered, and each answer then waited for to be TAKEN;
// inquiries are answered as on UDP. What does not decode ends the connection.
type conversation struct {
	*endpoint
	conn   net.Conn
	reader *telegram.Reader
	open   *response // sent, and no receipt yet
	until  time.Time // when that is given up
}

func (e *endpoint) serveConnection(ctx context.Context, conn net.Conn, _ netip.Addr) {
	defer context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Unix(1, 0)) })()
	c := &conversation{endpoint: e, conn: conn, reader: telegram.NewReader(conn)}
	for {
		t, err := c.next(ctx)
		if err != nil {
			if c.open != nil && ctx.Err() == nil && StreamDrop(err) == NoDrop {
				e.drops.Count(DropReceipt)
			}
			c.settle(false, notTaken(t, err))
			e.countStreamError(conn, err)
			return
		}
		if err := c.serve(ctx, t); err != nil {
			c.settle(false, err.Error())
			CountUntaken(e.drops, err)
			e.log.Warn("connection ended", "peer", conn.RemoteAddr().String(), "error", err)
			return
		}
	}
}

// next reads one telegram; none is waited for longer than the receipt that is outstanding.
func (c *conversation) next(ctx context.Context) (telegram.Telegram, error) {
	until := time.Now().Add(TelegramWait)
	if c.open != nil {
		until = c.until
	}
	t, err := NextTelegram(ctx, c.conn, c.reader, until)
	if c.open != nil && errors.Is(err, errIdle) { // it waited for a receipt
		err = os.ErrDeadlineExceeded
	}
	return t, err
}

// NextTelegram reads one telegram from a connection whose read deadline the end of ctx sets into the past. Its first byte is
// waited for until the given time, or for ever where that is zero, and the rest for RestWait after it. Nothing is taken from one that has
// given way to another.
func NextTelegram(ctx context.Context, conn net.Conn, reader *telegram.Reader, until time.Time) (telegram.Telegram, error) {
	conn.SetReadDeadline(until)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err := reader.Begin(); err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() == nil {
			err = errIdle
		}
		return nil, err
	}
	conn.SetReadDeadline(time.Now().Add(RestWait))
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	t, err := reader.Read()
	if errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() == nil {
		err = errSlow
	}
	if err == nil && !prove(conn) {
		return nil, ctx.Err()
	}
	return t, err
}

// errIdle is the error of a connection on which no telegram began in time, errUntaken of a peer that did not take one.
var (
	errIdle    = fmt.Errorf("no telegram came: %w", os.ErrDeadlineExceeded)
	errUntaken = fmt.Errorf("the peer did not take a telegram within %v: %w", WriteWait, os.ErrDeadlineExceeded)
)

// errSlow is the error of a telegram that began and did not come to its end in time.
var errSlow = fmt.Errorf("the rest of a telegram did not come within %v", RestWait)

// settle says what became of the outstanding answer, if there is one.
func (c *conversation) settle(taken bool, why string) {
	if c.open != nil {
		c.open.settle(taken, why)
		c.open = nil
	}
}

// serve answers one telegram.
func (c *conversation) serve(ctx context.Context, t telegram.Telegram) error {
	switch q := t.(type) {
	case telegram.StatusInquiry:
		r, drop := c.answer(q)
		if drop != NoDrop {
			c.drops.Count(drop)
			return nil
		}
		return WriteTelegram(c.conn, r)
	case telegram.ExecutionOrder:
		if q.Control == telegram.Launch {
			return c.order(ctx, q)
		}
		if c.open != nil && isReceipt(q, &c.open.ExecutionResponse) {
			c.settle(true, "")
		}
		return nil
	}
	return c.dropped(t, DropType)
}

// order answers one order. With the next order on the same connection, there will be no receipt of the one before.
func (c *conversation) order(ctx context.Context, q telegram.ExecutionOrder) error {
	if c.open != nil {
		c.drops.Count(DropReceipt)
		c.settle(false, "the next order came instead of a receipt")
	}
	r, drop := c.execute(ctx, q)
	if drop != NoDrop {
		return c.dropped(q, drop)
	}
	c.open, c.until = r, time.Now().Add(ReceiptWait)
	return WriteTelegram(c.conn, r.ExecutionResponse)
}

// dropped counts a telegram for which the connection ends.
func (e *endpoint) dropped(t telegram.Telegram, reason Drop) error {
	e.drops.Count(reason)
	return fmt.Errorf("dropped %v: %v", t, reason)
}

// WriteTelegram writes one telegram, which the peer has to take within WriteWait.
func WriteTelegram(conn net.Conn, t telegram.Telegram) error {
	conn.SetWriteDeadline(time.Now().Add(WriteWait))
	err := telegram.Write(conn, t)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return errUntaken
	}
	return err
}

// CountUntaken counts the error of WriteTelegram where the peer did not take the telegram in time.
func CountUntaken(drops *Drops, err error) {
	if errors.Is(err, errUntaken) {
		drops.Count(DropUntaken)
	}
}

// isReceipt says whether t is the receipt of r: XQ TAKEN of the same host and process.
func isReceipt(t telegram.Telegram, r *telegram.ExecutionResponse) bool {
	q, ok := t.(telegram.ExecutionOrder)
	return ok && q == telegram.ExecutionOrder{Host: r.Host, Control: telegram.Taken, Process: r.Process}
}

// countStreamError counts bytes that did not decode and a connection that was idle; an end between telegrams and a wait for a receipt that
// is over are no fault, and only the first is worth a line.
func (e *endpoint) countStreamError(conn net.Conn, err error) {
	drop := StreamDrop(err)
	if drop != NoDrop {
		e.drops.Count(drop)
	}
	if drop != NoDrop && drop != DropIdle {
		e.log.Warn("connection ended", "peer", conn.RemoteAddr().String(), "error", err)
	}
}

// StreamDrop is the reason that an error of NextTelegram stands for: NoDrop for an end between telegrams.
func StreamDrop(err error) Drop {
	var field *telegram.FieldError
	switch {
	case errors.As(err, &field) || errors.Is(err, io.ErrUnexpectedEOF):
		return DropOf(err)
	case errors.Is(err, errSlow):
		return DropSlow
	case errors.Is(err, errIdle):
		return DropIdle
	case credentials.Broken(err):
		return DropRecord
	}
	return NoDrop
}
