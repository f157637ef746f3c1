package manager

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"renraku/slave"
	"renraku/telegram"
)

// maxBatch is how many inquiries are made ready, and how many slaves found silent, under the lock before inquiries are sent and
// events are told.
const maxBatch = 64

// inquiry is one SQ to be sent.
type inquiry struct {
	telegram telegram.StatusInquiry
	to       *slave.Address
}

// Serve inquires and takes answers until ctx ends; the error is the socket's. It is called once.
func (s *StatusControl) Serve(ctx context.Context) error {
	defer close(s.served)
	serving, stop := context.WithCancel(ctx)
	var inquirer sync.WaitGroup
	inquirer.Go(func() { s.inquireWhenDue(serving) })
	err := slave.ReadPackets(ctx, s.packets, s.log, s.take)
	stop()
	inquirer.Wait()
	return err
}

// inquireWhenDue sends what is due (18), and sleeps until the next monitor is.
func (s *StatusControl) inquireWhenDue(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	batch := make([]inquiry, 0, maxBatch)
	for {
		select {
		case <-timer.C:
		case <-s.wake:
		case <-ctx.Done():
			return
		}
		next := time.Time{}
		for more := true; more && ctx.Err() == nil; {
			batch, next, more = s.turn(time.Now(), batch[:0])
			for i := range batch {
				s.send(&batch[i])
			}
		}
		if next.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(time.Until(next))
		}
	}
}

func (s *StatusControl) send(q *inquiry) {
	to, ok := q.to.AddrPort()
	if !ok {
		s.drops.Count(slave.DropSend)
		return
	}
	var buf [telegram.StatusInquiryLength]byte
	b, err := q.telegram.Append(buf[:0])
	if err == nil {
		_, err = s.packets.WriteToUDPAddrPort(b, to)
	}
	if err != nil {
		s.drops.Count(slave.DropSend)
		s.log.Debug("inquiry not sent", "inquiry", q.telegram.String(), "to", to.String(), "error", err)
	}
}

// take takes one datagram: an answer (20) or an unasked response.
func (s *StatusControl) take(b []byte, from netip.AddrPort) {
	r, err := telegram.DecodeStatusResponse(b)
	if err != nil {
		s.drops.Count(slave.DropOf(err))
		return
	}
	if drop := s.answer(time.Now(), &r, from.Addr()); drop != slave.NoDrop {
		s.drops.Count(drop)
	}
}
