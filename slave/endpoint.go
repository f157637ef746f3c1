package slave

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"time"

	"renraku/telegram"
)

// PacketConn is the part of *net.UDPConn that status control needs; tests put a network in memory in its place.
type PacketConn interface {
	ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error)
	WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error)
	SetReadDeadline(t time.Time) error
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
	packets  PacketConn
	listener net.Listener
	log      *slog.Logger
	drops    *Drops
}

// servePackets answers inquiries until ctx ends (33, 37). Each answer goes to the address and port that asked.
func (e *endpoint) servePackets(ctx context.Context) error {
	return ReadPackets(ctx, e.packets, e.log, func(b []byte, from netip.AddrPort) {
		answer, drop := e.answerPacket(b, from)
		if drop != NoDrop {
			e.drops.Count(drop)
			return
		}
		e.send(answer, from)
	})
}

func (e *endpoint) answerPacket(b []byte, from netip.AddrPort) (telegram.StatusResponse, Drop) {
	if !e.takesFrom(from.Addr()) {
		return telegram.StatusResponse{}, DropAddress
	}
	q, err := telegram.DecodeStatusInquiry(b)
	if err != nil {
		return telegram.StatusResponse{}, DropOf(err)
	}
	return e.answer(q)
}

func (e *endpoint) send(r telegram.StatusResponse, to netip.AddrPort) {
	var buf [telegram.StatusResponseLength]byte
	b, err := r.Append(buf[:0])
	if err == nil {
		_, err = e.packets.WriteToUDPAddrPort(b, to)
	}
	if err != nil {
		e.drops.Count(DropSend)
		e.log.Debug("response not sent", "to", to.String(), "error", err)
	}
}

// ReadPackets gives each datagram to take until ctx ends, which is no error; a closed socket is one. The bytes are take's
// only until it returns; what is longer than any telegram comes cut to one byte more than the longest.
func ReadPackets(ctx context.Context, packets PacketConn, log *slog.Logger, take func(b []byte, from netip.AddrPort)) error {
	defer context.AfterFunc(ctx, func() { packets.SetReadDeadline(time.Unix(1, 0)) })()
	buf := make([]byte, telegram.MaxLength+1)
	for {
		n, from, err := packets.ReadFromUDPAddrPort(buf)
		switch {
		case err == nil:
			take(buf[:n], netip.AddrPortFrom(from.Addr().Unmap(), from.Port()))
		case ctx.Err() != nil && (errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, net.ErrClosed)):
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		default:
			log.Warn("datagram not read", "error", err)
			if !pause(ctx, ErrorPause) {
				return nil
			}
		}
	}
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
