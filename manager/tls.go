package manager

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"renraku/slave/credentials"
	"renraku/telegram"
)

// secure gives the handshake with the host, nil in plain mode.
func (c *courier) secure(host telegram.Host) secureFunc {
	if c.security == nil {
		return nil
	}
	return func(ctx context.Context, conn net.Conn) (net.Conn, error) { return c.security.Client(ctx, conn, host) }
}

// hearing is a connection that knows whether any byte came from the peer.
type hearing struct {
	net.Conn
	any bool
}

func (h *hearing) Read(b []byte) (int, error) {
	n, err := h.Conn.Read(b)
	h.any = h.any || n > 0
	return n, err
}

// refused is not nil where the slave does not accept the manager's certificate: then it has read nothing, where no byte came from it
// before. In TLS 1.3 a client learns that only when it reads, and the order may be written by then.
func (c *courier) refused(err error) error {
	if c.security == nil {
		return nil
	}
	return c.security.Refused(err)
}

// refusalWait is the time for the slave's word on why it has closed the connection.
const refusalWait = time.Second

// whyNotWritten is the error of a write, or the slave's refusal that came before it.
func (c *courier) whyNotWritten(conn net.Conn, err error) error {
	if c.security == nil {
		return err
	}
	conn.SetReadDeadline(time.Now().Add(refusalWait))
	if _, readErr := conn.Read(make([]byte, 1)); c.refused(readErr) != nil {
		return readErr
	}
	return err
}

// otherPeer says of a connection that is not the host's own by its certificate whose it is. In plain mode nobody has one.
func (r *responses) otherPeer(conn net.Conn, host telegram.Host) (peer telegram.Host, err error) {
	if !r.sealed {
		return telegram.Host{}, nil
	}
	sealed, ok := conn.(*credentials.Conn)
	switch {
	case !ok:
		return telegram.Host{}, errors.New("the connection has no certificate")
	case sealed.Peer == host:
		return telegram.Host{}, nil
	}
	// Not of which: a server that names others in turn would have it said each time.
	return sealed.Peer, fmt.Errorf("the connection has the certificate of %v, and the response is of another server", sealed.Peer)
}
