package slave

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"

	"renraku/slave/credentials"
)

// Accept does the server's end of a handshake, within credentials.HandshakeWait; with an error it has closed the connection.
type Accept = func(ctx context.Context, conn net.Conn) (net.Conn, error)

// Serve is what a connection is given to; it ends with it.
type serveFunc = func(ctx context.Context, conn net.Conn, from netip.Addr)

// ServeSealed gives serve the connections that AcceptConnections took once their handshake is done. Its time counts within the limits of
// connections. What fails is counted by its reason, and logged once for each peer and reason until a handshake of that peer succeeds.
// A nil accept is the plain mode.
func ServeSealed(accept Accept, drops *Drops, log *slog.Logger, serve serveFunc) serveFunc {
	if accept == nil {
		return serve
	}
	said := &failures{log: log, said: map[netip.Addr]map[Drop]bool{}}
	return func(ctx context.Context, conn net.Conn, from netip.Addr) {
		sealed, err := accept(ctx, conn)
		if err == nil && !prove(conn) || ctx.Err() != nil {
			return
		}
		if err != nil {
			drop := handshakeDrop(err)
			drops.Count(drop)
			said.say(from, drop, err)
			return
		}
		defer sealed.Close()
		said.forget(from)
		serve(ctx, sealed, from)
	}
}

func handshakeDrop(err error) Drop {
	switch {
	case errors.Is(err, credentials.ErrNotSealed):
		return DropNotSealed
	case errors.Is(err, credentials.ErrTooSlow):
		return DropHandshakeTime
	case errors.Is(err, credentials.ErrCertificate), errors.Is(err, credentials.ErrRefused):
		return DropCertificate
	}
	return DropHandshake
}

// maxFailing is how many peers are remembered whose handshakes fail; those of others are counted only.
const maxFailing = 1024

// failures says what is wrong with the handshakes of a peer once.
type failures struct {
	log *slog.Logger

	mu   sync.Mutex
	said map[netip.Addr]map[Drop]bool
}

func (f *failures) say(from netip.Addr, drop Drop, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	said := f.said[from]
	switch {
	case said[drop]:
		return
	case said == nil && len(f.said) == maxFailing:
		return
	case said == nil:
		said = map[Drop]bool{}
		f.said[from] = said
	}
	said[drop] = true
	f.log.Error("connection not taken", "peer", from.String(), "error", err)
}

// forget says that a handshake has succeeded.
func (f *failures) forget(from netip.Addr) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.said[from] != nil {
		delete(f.said, from)
		f.log.Info("connections taken again", "peer", from.String())
	}
}
