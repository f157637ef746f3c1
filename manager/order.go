package manager

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"time"

	"renraku/slave"
	"renraku/slave/credentials"
	"renraku/telegram"
)

// responseMore is how long the XR is waited for beyond the process's timeout.
const responseMore = 10 * time.Second

// notSent begins the text of the FAILED of an order that could not be noted and so was not sent; a slave's does not begin so.
const notSent = "not sent: "

// courier carries orders to slaves on TCP (55–57) and takes their responses (62).
type courier struct {
	dialTo    func(ctx context.Context, network, address string) (net.Conn, error)
	dials     *dials
	addresses func(telegram.Host) *slave.Address
	security  *credentials.Security // nil: plain
	targets   *targets
	responses *responses
	more      time.Duration // beyond the process's timeout, for the XR
	log       *slog.Logger
}

// order sends one order and waits for its response. Where it was sent, the result stands in the history or is left to it; what it
// cannot say for sure is then UNKNOWN, and the order is never sent again by itself.
func (c *courier) order(ctx context.Context, e *entry, t target, trigger slave.Trigger, timeout time.Duration,
	held func() bool) (r slave.Result, sent bool) {
	nothing := slave.Result{Host: t.host, Process: t.process, Trigger: trigger}
	conn, leave, err := c.dial(ctx, t.host, held)
	if errors.Is(err, errIsolated) {
		return heldBack(nothing), false
	}
	if err != nil {
		nothing.Outcome, nothing.Text, nothing.Time = slave.Unreachable, plainNetworkError(err), now()
		return nothing, false
	}
	defer leave()
	defer conn.Close()
	if held() { // since the connection was begun
		return heldBack(nothing), false
	}
	defer context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Unix(1, 0)) })()
	wait := timeout
	if timeout > 0 {
		wait += c.more
	}
	s, err := c.targets.send(e, t, trigger, wait)
	if err != nil {
		nothing.Outcome, nothing.Text, nothing.Time = slave.Failed, notSent+err.Error(), now()
		return nothing, false
	}
	heard := &hearing{Conn: conn}
	r, err = c.converse(ctx, heard, s, wait)
	switch {
	case err == nil:
		return r, true
	case !heard.any && c.refused(err) != nil: // the slave has read nothing
		return c.targets.takeBack(s, c.refused(err).Error()), true
	case ctx.Err() != nil:
		return c.targets.abandon(s), true
	}
	return c.targets.giveUp(s, whyNoResponse(err)), true
}

// converse writes the order and takes what comes until its response.
func (c *courier) converse(ctx context.Context, conn net.Conn, s *sentOrder, wait time.Duration) (slave.Result, error) {
	err := slave.WriteTelegram(conn, telegram.ExecutionOrder{Host: s.host, Control: telegram.Launch, Process: s.process})
	if err != nil {
		slave.CountUntaken(c.responses.drops, err)
		return slave.Result{}, c.whyNotWritten(conn, err)
	}
	var until time.Time // for ever
	if wait > 0 {
		until = time.Now().Add(wait)
	}
	return c.awaitResponse(ctx, conn, s, until)
}

// awaitResponse takes responses until the one to this order comes; others, such as the report of an earlier run's end, may come before it,
// and count as delivered by the slave itself. The one to the order counts as nothing. The first byte of each is waited for
// until the given time, zero: for ever.
func (c *courier) awaitResponse(ctx context.Context, conn net.Conn, s *sentOrder, until time.Time) (slave.Result, error) {
	reader := telegram.NewReader(conn)
	for {
		got, err := slave.NextTelegram(ctx, conn, reader, until)
		if err != nil {
			if slave.StreamDrop(err) == slave.DropSlow {
				c.responses.drops.Count(slave.DropSlow)
			}
			return slave.Result{}, err
		}
		x, ok := got.(telegram.ExecutionResponse)
		if !ok || x.Host != s.host || x.Process != s.process {
			return slave.Result{}, fmt.Errorf("%v came instead", got)
		}
		r, err := c.responses.take(&x, s)
		if err == nil {
			if err := sendReceipt(conn, &x); err != nil {
				slave.CountUntaken(c.responses.drops, err)
				c.log.Warn("receipt not sent", "host", x.Host.String(), "process", x.Process.String(), "response", x.String(), "error", err)
			}
		}
		if s.isDone() {
			return r, nil
		}
		if err != nil {
			return slave.Result{}, err
		}
		if c.responses.beyond(s.host) {
			return slave.Result{}, errors.New("too many other results came instead")
		}
	}
}

// dial connects to the host, sealed where the mode is so; leave is for when the connection has been closed. Where the order is held when
// its place has come, the error is errIsolated.
func (c *courier) dial(ctx context.Context, host telegram.Host, held func() bool) (conn net.Conn, leave func(), err error) {
	address := c.addresses(host)
	if address == nil { // since the check
		return nil, nil, errors.New("the definition does not have the server any more")
	}
	to, ok := address.AddrPort()
	if !ok {
		return nil, nil, fmt.Errorf("address %v is not resolved", address)
	}
	connect := func(ctx context.Context, network, address string) (net.Conn, error) {
		if held() {
			return nil, errIsolated
		}
		return c.dialTo(ctx, network, address)
	}
	return c.dials.dial(ctx, to, connect, c.secure(host))
}

// sendReceipt says that the manager has the response: XQ TAKEN of the same host and process.
func sendReceipt(conn net.Conn, x *telegram.ExecutionResponse) error {
	return slave.WriteTelegram(conn, telegram.ExecutionOrder{Host: x.Host, Control: telegram.Taken, Process: x.Process})
}

// plainNetworkError is the reason without the words of Go's network package.
func plainNetworkError(err error) string {
	var op *net.OpError
	if errors.As(err, &op) {
		reason := op.Err.Error()
		if op.Timeout() {
			reason = fmt.Sprintf("no connection within %v", dialWait)
		}
		var call *os.SyscallError
		if errors.As(op.Err, &call) {
			reason = call.Err.Error()
		}
		if op.Addr != nil {
			return fmt.Sprintf("%v: %s", op.Addr, reason)
		}
		return reason
	}
	return err.Error()
}

// daemonEnded is why a result is not known to a daemon that did not stay for it.
const daemonEnded = "the daemon was ended meanwhile"

// timeIsOver is why a result is not known for which the manager waited long enough.
const timeIsOver = "the time for it is over"

func whyNoResponse(err error) string {
	switch {
	case slave.StreamDrop(err) == slave.DropSlow:
		return "it began, and its rest did not come"
	case errors.Is(err, os.ErrDeadlineExceeded):
		return timeIsOver
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the slave closed the connection"
	}
	return plainNetworkError(err)
}
