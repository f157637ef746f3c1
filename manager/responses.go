package manager

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"renraku/slave"
	"renraku/telegram"
)

// maxSlaveConnections is how many connections of one address the manager has at once; for one more an unproven one gives way, or it is
// closed at once. A slave needs one, to deliver what it has; of many slaves behind one address, some deliver a little later.
const maxSlaveConnections = 64

// responses takes XR, on an order's own connection or delivered by the slave, and gives the receipt for each.
type responses struct {
	status  *StatusControl
	targets *targets
	drops   *slave.Drops
	tell    func(event string)
	log     *slog.Logger
	untaken *sayOnce
	sealed  bool // each connection has a certificate
}

func newResponses(k *targets, tell func(event string), drops *slave.Drops) *responses {
	if tell == nil {
		tell = func(string) {}
	}
	return &responses{status: k.status, targets: k, drops: drops, tell: tell, log: k.log,
		untaken: newSayOnce(k.log, "response not taken", "responses taken again")}
}

// take takes a response: it is recorded, and field 133 follows it (59). One that comes again is taken again and changes nothing.
// Where there is an error, the response may have no receipt, so that the slave delivers it again. own is the order on whose
// connection it came, or nil.
func (r *responses) take(x *telegram.ExecutionResponse, own *sentOrder) (slave.Result, error) {
	result, fresh, err := r.targets.take(x, own)
	r.untaken.say(x.Host, err)
	if fresh {
		in := r.status.maintenanceAt(x.Host)
		result.Log(r.log.With(in.mark()...))
		p, plain := r.targets.defined.process(x.Process), result
		plain.Text = result.Unmarked()
		switch event := plain.Event(p != nil && p.Type == slave.Simple); {
		case event == "":
		case in != nil:
			r.drops.Count(slave.DropMaintenance)
		default:
			r.tell(event)
		}
	}
	return result, err
}

// serveConnection takes the responses that a slave delivers by itself, one after the other. Anything else ends the
// connection: the manager answers no inquiry and takes no order.
func (r *responses) serveConnection(ctx context.Context, conn net.Conn, from netip.Addr) {
	defer context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Unix(1, 0)) })()
	reader := telegram.NewReader(conn)
	for {
		t, err := slave.NextTelegram(ctx, conn, reader, time.Now().Add(slave.TelegramWait))
		if drop := slave.StreamDrop(err); drop != slave.NoDrop {
			r.drops.Count(drop)
		}
		if err != nil {
			return
		}
		if !r.serveTelegram(conn, from, t) {
			return
		}
	}
}

// serveTelegram says whether the connection goes on.
func (r *responses) serveTelegram(conn net.Conn, from netip.Addr, t telegram.Telegram) bool {
	x, ok := t.(telegram.ExecutionResponse)
	if !ok {
		r.drops.Count(slave.DropType)
		return false
	}
	address := r.status.addressOf(x.Host)
	switch {
	case address == nil:
		r.drops.Count(slave.DropForeignHost)
		return false
	case !address.Is(from):
		r.drops.Count(slave.DropAddress)
		return false
	}
	if peer, err := r.otherPeer(conn, x.Host); err != nil {
		r.drops.Count(slave.DropCertificate)
		r.untaken.say(peer, err)
		return false
	}
	if r.beyond(x.Host) {
		return false
	}
	if _, err := r.take(&x, nil); err != nil {
		return false
	}
	if err := sendReceipt(conn, &x); err != nil {
		slave.CountUntaken(r.drops, err)
		r.log.Warn("receipt not sent", "host", x.Host.String(), "process", x.Process.String(), "response", x.String(), "error", err)
		return false
	}
	return true
}
