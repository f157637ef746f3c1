package manager

import (
	"context"
	"net/netip"
	"time"

	"renraku/slave"
	"renraku/slave/datagram"
	"renraku/telegram"
)

const (
	maxHandled = 64                // slaves that are asked or found silent under the lock before inquiries are sent and events are told
	maxBacklog = 256               // batches read before inquiries are sent: more than a buffer of 8 MiB holds, at 600 bytes for each datagram
	busy       = datagram.Size / 2 // answers at once from which on the next are waited for by the tick
)

// Serve inquires and takes answers until ctx ends; the error is the socket's. It is called once. One goroutine does both, so
// that all that has come is read before anyone is judged.
func (s *StatusControl) Serve(ctx context.Context) error {
	defer close(s.served)
	defer s.serveProbes(ctx)()
	defer context.AfterFunc(ctx, s.packets.Wake)()
	unsent := s.unsent // made to a value once
	in, out, losses := slave.NewBatch(), slave.NewBatch(), slave.NewLosses(s.packets, s.drops)
	for underWay := (burst{at: time.Now()}); ctx.Err() == nil; {
		read := time.Now()
		taken, err := s.takeBacklog(ctx, in)
		if err != nil {
			return err
		}
		if losses.Count() {
			s.noteLoss()
		}
		out.Reset()
		next, more := s.turn(read, out)
		s.packets.Send(out, unsent) // (18)
		underWay.answered(taken)
		underWay.sent(read, out.Len())
		switch {
		case more && !underWay.full():
			continue
		case more:
			next = time.Now().Add(tickLength)
		case taken >= busy:
			time.Sleep(tickLength)
			underWay.settled()
			continue
		}
		if taken, err = s.await(ctx, in, next); err != nil {
			return err
		}
		if underWay.answered(taken); taken == 0 { // whoever was asked does not answer soon
			underWay.settled()
		}
	}
	return nil
}

// takeBacklog takes what has come until now, and says how many datagrams were looked at.
func (s *StatusControl) takeBacklog(ctx context.Context, in *datagram.Batch) (taken int, err error) {
	for range maxBacklog {
		if err := slave.Receive(ctx, s.packets, in, past, s.ownLog); err != nil {
			return taken, err
		}
		taken += s.take(in)
		if !in.Full() {
			break
		}
	}
	return taken, nil
}

// noteLoss has nobody judged for an answer that may have been lost here.
func (s *StatusControl) noteLoss() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost = time.Now()
}

// past has nobody wait.
var past = time.Unix(1, 0)

// await waits for the next answers, until the next inquiry is due (zero: none is), and says how many datagrams
// were looked at.
func (s *StatusControl) await(ctx context.Context, in *datagram.Batch, next time.Time) (taken int, err error) {
	if err := slave.Receive(ctx, s.packets, in, next, s.ownLog); err != nil {
		return 0, err
	}
	return s.take(in), nil
}

func (s *StatusControl) unsent(inquiry []byte, to netip.AddrPort, err error) {
	q, _ := telegram.DecodeStatusInquiry(inquiry[:min(len(inquiry), telegram.StatusInquiryLength)]) // without a trailer
	s.drops.Count(slave.DropSend)
	s.log.Debug("inquiry not sent", "host", q.Host.String(), "inquiry", q.String(), "peer", to.String(), "error", err)
}

// take takes the datagrams of a batch: answers (20) and unasked responses. It says how many were looked at: what comes from elsewhere
// costs no more than that it is found to, and has nothing wait.
func (s *StatusControl) take(in *datagram.Batch) (taken int) {
	if in.Len() == 0 {
		return 0
	}
	defer s.events.deliver()
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	var drops [datagram.Size]slave.Drop
	s.addresses.Load().admitAll(in, now, &drops)
	var r telegram.StatusResponse
	for i := range in.Len() {
		drop := drops[i]
		if drop == slave.NoDrop {
			taken++
			b, peer := in.At(i)
			drop = s.takeOne(now, b, peer.Addr(), &r)
		}
		if drop != slave.NoDrop {
			s.drops.Count(drop)
		}
	}
	return taken
}

// takeOne takes one datagram, decoded into r, and says why it does not count.
func (s *StatusControl) takeOne(now time.Time, b []byte, from netip.Addr, r *telegram.StatusResponse) slave.Drop {
	if s.sealing != nil {
		return s.takeSealed(now, b, from, r)
	}
	if err := r.Decode(b); err != nil {
		return slave.DropOf(err)
	}
	m, drop := s.sender(r.Host, from)
	if drop != slave.NoDrop {
		return drop
	}
	return s.answer(now, m, r)
}
