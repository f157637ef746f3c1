package slave

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"renraku/telegram"
)

// Limits of the TCP end.
const (
	MaxConnections = 1024             // at once; one more is closed at once
	TelegramWait   = 60 * time.Second // for the next telegram on a connection
	ReceiptWait    = 10 * time.Second // for TAKEN after XR
	WriteWait      = 10 * time.Second // for the peer to take the bytes of a telegram
)

// serveOrders takes connections until ctx ends, and returns when the last of them has ended.
func (e *endpoint) serveOrders(ctx context.Context) error {
	return AcceptConnections(ctx, e.listener, e.log, func(from netip.Addr) Drop {
		if !e.takesFrom(from) {
			return DropAddress
		}
		return NoDrop
	}, e.drops, e.serveConnection)
}

// AcceptConnections gives each connection that admit does not drop to serve, in a goroutine of its own, and closes it
// afterwards. It returns when ctx has ended, or the listener was closed, and the last connection has ended.
func AcceptConnections(ctx context.Context, listener net.Listener, log *slog.Logger, admit func(netip.Addr) Drop,
	drops *Drops, serve func(context.Context, net.Conn, netip.Addr)) error {
	defer context.AfterFunc(ctx, func() { listener.Close() })()
	var all sync.WaitGroup
	defer all.Wait()
	serving, stop := context.WithCancel(ctx)
	defer stop()
	places := make(chan struct{}, MaxConnections)
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
		from := remoteAddr(conn)
		if drop := admit(from); drop != NoDrop {
			drops.Count(drop)
			conn.Close()
			continue
		}
		select {
		case places <- struct{}{}:
		default:
			drops.Count(DropConnections)
			conn.Close()
			continue
		}
		all.Go(func() {
			defer func() { <-places }()
			defer conn.Close()
			serve(serving, conn, from)
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

// serveConnection takes telegrams one after the other: orders, each answered and then waited for to be TAKEN, and
// inquiries, answered as on UDP. What does not decode ends the connection.
func (e *endpoint) serveConnection(ctx context.Context, conn net.Conn, _ netip.Addr) {
	defer context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Unix(1, 0)) })()
	reader := telegram.NewReader(conn)
	var open *response // sent, and no receipt yet
	defer func() {
		if open != nil {
			open.settle(false)
		}
	}()
	for {
		wait := TelegramWait
		if open != nil {
			wait = ReceiptWait
		}
		conn.SetReadDeadline(time.Now().Add(wait))
		if ctx.Err() != nil {
			return
		}
		t, err := reader.Read()
		if open != nil {
			taken := isReceipt(t, &open.ExecutionResponse)
			if !taken {
				e.log.Warn("response not taken by the manager; it is delivered again", "response", open.String(), "reason", notTaken(t, err))
			}
			open.settle(taken)
			open = nil
		}
		if err != nil {
			e.countStreamError(conn, err)
			return
		}
		open, err = e.serveTelegram(ctx, conn, t)
		if err != nil {
			e.log.Warn("connection ended", "peer", conn.RemoteAddr().String(), "error", err)
			return
		}
	}
}

// serveTelegram answers one telegram; the XR that it sent is returned, for the receipt.
func (e *endpoint) serveTelegram(ctx context.Context, conn net.Conn, t telegram.Telegram) (*response, error) {
	switch q := t.(type) {
	case telegram.StatusInquiry:
		r, drop := e.answer(q)
		if drop != NoDrop {
			e.drops.Count(drop)
			return nil, nil
		}
		return nil, writeTo(conn, r)
	case telegram.ExecutionOrder:
		if q.Control == telegram.Taken {
			return nil, nil
		}
		r, drop := e.execute(ctx, q)
		if drop != NoDrop {
			return nil, e.dropped(t, drop)
		}
		if err := writeTo(conn, r.ExecutionResponse); err != nil {
			r.settle(false)
			return nil, err
		}
		return r, nil
	}
	return nil, e.dropped(t, DropType)
}

// dropped counts a telegram for which the connection ends.
func (e *endpoint) dropped(t telegram.Telegram, reason Drop) error {
	e.drops.Count(reason)
	return fmt.Errorf("dropped %v: %v", t, reason)
}

func writeTo(conn net.Conn, t telegram.Telegram) error {
	conn.SetWriteDeadline(time.Now().Add(WriteWait))
	return telegram.Write(conn, t)
}

// isReceipt says whether t is the receipt of r: XQ TAKEN of the same host and process.
func isReceipt(t telegram.Telegram, r *telegram.ExecutionResponse) bool {
	q, ok := t.(telegram.ExecutionOrder)
	return ok && q == telegram.ExecutionOrder{Host: r.Host, Control: telegram.Taken, Process: r.Process}
}

// countStreamError counts bytes that did not decode; an end between telegrams and a wait that is over are no fault.
func (e *endpoint) countStreamError(conn net.Conn, err error) {
	var field *telegram.FieldError
	if errors.As(err, &field) || errors.Is(err, io.ErrUnexpectedEOF) {
		e.drops.Count(DropOf(err))
		e.log.Warn("connection ended", "peer", conn.RemoteAddr().String(), "error", err)
	}
}
