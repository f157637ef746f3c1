package slave

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"renraku/slave/credentials"
	"renraku/telegram"
)

// Pauses of the delivery, and how long the answer to an order waits for older results.
const (
	deliveryPause     = time.Second // after the first attempt that failed; twice as long after each further one
	deliveryPauseMost = time.Minute
	deliveryDialWait  = 5 * time.Second
	olderFirst        = 2 * time.Second
)

// What a slave delivers at most while the manager is there: the results of as many processes as it may run at once, in each second, and in
// the longest pause of the delivery. What it has after a longer time without the manager has no bound but its disk, and no hurry.
const (
	MaxResultsPerSecond = recordsPerRun * MaxRuns
	MaxResultsAtOnce    = MaxResultsPerSecond * int(deliveryPauseMost/time.Second)
)

// delivery tells the manager every result for which the connection of an order brought no receipt: it dials the manager's port
// and sends the XR, the same bytes, until it is taken; several in their order, each taken before the next.
type delivery struct {
	box     *outbox
	manager *Address
	dialTo  func(ctx context.Context, network, address string) (net.Conn, error)
	drops   *Drops
	log     *slog.Logger
	soon    chan struct{} // the manager was heard of

	security *credentials.Security // nil: plain

	mu     sync.Mutex
	failed chan struct{} // closed when the next attempt has failed
}

func newDelivery(box *outbox, manager *Address, local net.Addr, drops *Drops, log *slog.Logger) *delivery {
	return &delivery{box: box, manager: manager, drops: drops, log: log, soon: make(chan struct{}, 1), failed: make(chan struct{}),
		dialTo: (&net.Dialer{LocalAddr: LocalAddr(local)}).DialContext}
}

// LocalAddr is the address of a listener that is bound to one, without the port: peers know a server by it.
func LocalAddr(listen net.Addr) net.Addr {
	if tcp, ok := listen.(*net.TCPAddr); ok && !tcp.IP.IsUnspecified() {
		return &net.TCPAddr{IP: tcp.IP, Zone: tcp.Zone}
	}
	return nil
}

// run delivers until ctx ends.
func (d *delivery) run(ctx context.Context) error {
	wait := deliveryPause
	var broken lastError
	for {
		if _, ready := d.box.head(); !ready {
			select {
			case <-d.box.fresh:
				continue
			case <-ctx.Done():
				return nil
			}
		}
		delivered, err := d.attempt(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if delivered > 0 {
			d.log.Info("results delivered to the manager", "results", delivered)
			wait, broken = deliveryPause, ""
		}
		if err == nil {
			continue
		}
		d.fail()
		if broken.changed(err) {
			d.log.Warn("results not delivered to the manager; it is tried again", "error", err)
		}
		if !d.pause(ctx, wait) {
			return nil
		}
		wait = min(2*wait, deliveryPauseMost)
	}
}

// pause waits, at most until the manager is heard of.
func (d *delivery) pause(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-d.soon:
	case <-ctx.Done():
		return false
	}
	return true
}

// hurry ends a pause: the manager begins monitoring, and so is back, or an order waits for what is before it.
func (d *delivery) hurry() {
	select {
	case d.soon <- struct{}{}:
	default:
	}
}

// attempt delivers what is ready on one connection.
func (d *delivery) attempt(ctx context.Context) (delivered int, err error) {
	to, ok := d.manager.AddrPort()
	if !ok {
		return 0, fmt.Errorf("address %v of the manager is not resolved", d.manager)
	}
	conn, err := d.connect(ctx, to.String())
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Unix(1, 0)) })()
	reader := telegram.NewReader(conn)
	for {
		p, ready := d.box.head()
		if !ready {
			return delivered, nil
		}
		if err := WriteTelegram(conn, p.response); err != nil {
			CountUntaken(d.drops, err)
			return delivered, err
		}
		conn.SetReadDeadline(time.Now().Add(ReceiptWait))
		if ctx.Err() != nil {
			return delivered, ctx.Err()
		}
		t, err := reader.Read()
		if !isReceipt(t, &p.response) {
			if ctx.Err() == nil {
				d.drops.Count(DropReceipt)
			}
			return delivered, fmt.Errorf("%v: %s", &p.response, d.notTaken(t, err))
		}
		d.box.taken(p.index)
		delivered++
	}
}

// connect gives a connection to the manager that is ready for telegrams.
func (d *delivery) connect(ctx context.Context, to string) (net.Conn, error) {
	dialing, cancel := context.WithTimeout(ctx, deliveryDialWait)
	defer cancel()
	conn, err := d.dialTo(dialing, "tcp", to)
	if err != nil || d.security == nil {
		return conn, err
	}
	return d.security.Client(ctx, conn, d.security.Current().Manager)
}

// notTaken also knows a manager that does not accept this server's certificate: in TLS 1.3 a client learns that when it reads.
func (d *delivery) notTaken(t telegram.Telegram, err error) string {
	if d.security != nil {
		if refused := d.security.Refused(err); refused != nil {
			return refused.Error()
		}
	}
	return notTaken(t, err)
}

// fail says that an attempt has failed.
func (d *delivery) fail() {
	d.mu.Lock()
	defer d.mu.Unlock()
	close(d.failed)
	d.failed = make(chan struct{})
}

// failure is closed when the next attempt has failed.
func (d *delivery) failure() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failed
}

// olderTaken waits until the manager has the results before that one which are to be delivered: it is there, since it has
// ordered. It waits for a short while only; not for those that another order's connection has told it, and not for a manager that
// takes orders' answers but no connection.
func (d *delivery) olderTaken(ctx context.Context, index int) {
	ctx, cancel := context.WithTimeout(ctx, olderFirst)
	defer cancel()
	for {
		p, ready := d.box.head()
		if !ready || p.index >= index {
			return
		}
		failure := d.failure()
		d.hurry()
		select {
		case <-p.settled:
		case <-failure:
			return
		case <-ctx.Done():
			return
		}
	}
}

// notTaken says what came instead of a receipt.
func notTaken(t telegram.Telegram, err error) string {
	switch {
	case err == nil:
		return fmt.Sprintf("%v came instead of a receipt", t)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Sprintf("no receipt within %v", ReceiptWait)
	case errors.Is(err, io.EOF):
		return "the connection ended without a receipt"
	case errors.Is(err, context.Canceled):
		return "the daemon ends"
	}
	return err.Error()
}
