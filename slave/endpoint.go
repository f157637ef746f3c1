package slave

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"renraku/slave/datagram"
	"renraku/telegram"
	"renraku/telegram/seal"
)

// PacketConn is what status control needs of a *datagram.Conn; tests put a network in memory in its place.
type PacketConn interface {
	Receive(b *datagram.Batch, until time.Time) error
	Send(b *datagram.Batch, failed datagram.Failed)
	Wake()
	Overflows() uint32
	LocalAddr() net.Addr
	Close() error
}

// ErrorPause is the pause after an error of a socket that may pass, such as no free descriptor.
const ErrorPause = 100 * time.Millisecond

// responder is what stands behind the sockets of a slave: a Server or a Simulation.
type responder interface {
	// takesFrom says whether telegrams from this address are looked at.
	takesFrom(ip netip.Addr) bool
	// answer gives the response to an inquiry, or the reason for which there is none.
	answer(q telegram.StatusInquiry) (telegram.StatusResponse, Drop)
	// execute gives the response to a LAUNCH order when its process has ended or is up, or the reason for which there is none.
	execute(ctx context.Context, q telegram.ExecutionOrder) (*response, Drop)
}

// response is the answer to an order; settle is called once, and says whether the manager has taken it, or why not.
type response struct {
	telegram.ExecutionResponse
	settle func(taken bool, why string)
}

// endpoint is the message send/receive program of a slave (240): its UDP socket and its TCP listener.
type endpoint struct {
	responder
	sealer   sealer // nil in plain mode
	packets  PacketConn
	listener net.Listener
	accept   Accept // nil: plain
	perPeer  int    // connections of one address
	log      *slog.Logger
	drops    *Drops

	allowance *Allowance    // what may reach the parser; nil: everything
	now       time.Duration // when the batch came that is looked at, since servePackets began
}

// servePackets answers inquiries until ctx ends (33, 37). Each answer goes to the address and port that asked.
func (e *endpoint) servePackets(ctx context.Context) error {
	defer context.AfterFunc(ctx, e.packets.Wake)()
	in, out, losses, begun := NewBatch(), NewBatch(), NewLosses(e.packets, e.drops), time.Now()
	for ctx.Err() == nil {
		if err := Receive(ctx, e.packets, in, time.Time{}, e.log); err != nil {
			return err
		}
		losses.Count()
		out.Reset()
		e.now = time.Since(begun)
		for i := range in.Len() {
			b, from := in.At(i)
			answer, trailer, drop := e.answerPacket(b, from)
			if drop != NoDrop {
				e.drops.Count(drop)
				continue
			}
			e.add(out, &answer, &trailer, from)
		}
		e.send(out)
	}
	return nil
}

// answerPacket gives the response and, in sealed mode, its trailer.
func (e *endpoint) answerPacket(b []byte, from netip.AddrPort) (r telegram.StatusResponse, t seal.Trailer, drop Drop) {
	if !e.takesFrom(from.Addr()) {
		return r, t, DropAddress
	}
	if !e.allowance.Take(e.now) {
		return r, t, DropRate
	}
	var q telegram.StatusInquiry
	if e.sealer == nil {
		if err := q.Decode(b); err != nil {
			return r, t, DropOf(err)
		}
	} else if q, t, drop = e.sealer.take(b); drop != NoDrop {
		return r, t, drop
	}
	r, drop = e.answer(q)
	return r, t, drop
}

// add adds a response to those that are to be sent, with its trailer in sealed mode.
func (e *endpoint) add(out *datagram.Batch, r *telegram.StatusResponse, t *seal.Trailer, to netip.AddrPort) {
	b, err := r.Append(out.Buffer())
	if err != nil {
		e.sayUnsent(r.String(), to, err)
		return
	}
	if e.sealer != nil {
		b = e.sealer.seal(b, &r.Host, t)
	}
	out.Add(b, to)
}

func (e *endpoint) send(out *datagram.Batch) { e.packets.Send(out, e.unsent) }

func (e *endpoint) unsent(b []byte, to netip.AddrPort, err error) {
	r, _ := telegram.DecodeStatusResponse(b[:min(len(b), telegram.StatusResponseLength)]) // without a trailer
	e.sayUnsent(r.String(), to, err)
}

func (e *endpoint) sayUnsent(response string, to netip.AddrPort, err error) {
	e.drops.Count(DropSend)
	e.log.Debug("response not sent", "response", response, "peer", to.String(), "error", err)
}

// NewBatch is a batch for telegrams, sealed or not; what is longer than any comes cut to one byte more than the longest.
func NewBatch() *datagram.Batch {
	return datagram.NewBatch(max(telegram.MaxLength, seal.MaxLength) + 1)
}

// Receive fills the batch as a *datagram.Conn does. An error that may pass is logged and followed by a pause; a closed socket is
// one that is returned, unless ctx has ended.
func Receive(ctx context.Context, packets PacketConn, in *datagram.Batch, until time.Time, log *slog.Logger) error {
	err := packets.Receive(in, until)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, net.ErrClosed):
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	log.Warn("datagrams not read", "error", err)
	pause(ctx, ErrorPause)
	return nil
}

// Losses counts the datagrams for which a socket's buffer had no room. One goroutine uses it.
type Losses struct {
	packets PacketConn
	drops   *Drops
	counted uint32
}

// NewLosses counts what is lost from now on.
func NewLosses(packets PacketConn, drops *Drops) *Losses {
	return &Losses{packets, drops, packets.Overflows()}
}

// Count counts what was lost since the last time, and says whether that was any.
func (l *Losses) Count() bool {
	now := l.packets.Overflows()
	n := now - l.counted // the kernel's count may start again
	l.counted = now
	l.drops.CountAll(DropOverflow, uint64(n))
	return n > 0
}

// pause waits, and says whether ctx goes on.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
