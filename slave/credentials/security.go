package credentials

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"renraku/telegram"
)

// HandshakeWait is the time for the handshake of one connection, at either end.
const HandshakeWait = 10 * time.Second

// Security is the sealed mode of one daemon. A nil one is the plain mode. The credentials may become others at any time: connections in
// progress go on with those that they began with.
type Security struct {
	current atomic.Pointer[Credentials]
}

// NewSecurity is sealed mode with these credentials.
func NewSecurity(c *Credentials) *Security {
	s := &Security{}
	s.current.Store(c)
	return s
}

// Current is the credentials as they are now: what holds something that was made of them, such as keys for the MAC, compares the pointer.
func (s *Security) Current() *Credentials { return s.current.Load() }

// Replace has other credentials of the same server stand from now on.
func (s *Security) Replace(c *Credentials) { s.current.Store(c) }

// Conn is a connection after its handshake.
type Conn struct {
	*tls.Conn
	Peer telegram.Host // as its certificate says
}

// Client does the handshake of a connection that this server made to the given host, which has the other role. With an error the
// connection is closed.
func (s *Security) Client(ctx context.Context, conn net.Conn, host telegram.Host) (net.Conn, error) {
	c := s.Current()
	config := c.config()
	config.ServerName = host.String() // a program that answers as many servers chooses by it
	peer := expected{role: c.otherRole(), host: host, usage: x509.ExtKeyUsageServerAuth}
	config.VerifyConnection = func(state tls.ConnectionState) error { return c.trust.verify(&state, &peer) }
	return handshake(ctx, conn, tls.Client(conn, config), c.Certificate)
}

// Server does the handshake of a connection that this server took: at a slave from the manager, at the manager from any slave. With an
// error the connection is closed.
func (s *Security) Server(ctx context.Context, conn net.Conn) (net.Conn, error) {
	c := s.Current()
	peer := expected{role: c.otherRole(), usage: x509.ExtKeyUsageClientAuth}
	if c.Role == Slave {
		peer.host = c.Manager
	}
	config := c.config()
	config.VerifyConnection = func(state tls.ConnectionState) error { return c.trust.verify(&state, &peer) }
	return handshake(ctx, conn, tls.Server(conn, config), c.Certificate)
}

func (c *Credentials) otherRole() Role {
	if c.Role == Manager {
		return Slave
	}
	return Manager
}

// config is what both ends have in common.
func (c *Credentials) config() *tls.Config {
	config := newConfig()
	config.Certificates = []tls.Certificate{c.own}
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		return &c.own, nil // whatever authorities the server names: it is the only one there is
	}
	return config
}

// newConfig leaves what is checked to VerifyConnection: host names are not those of DNS, and both ends check the same.
func newConfig() *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		SessionTicketsDisabled: true, // so that every connection is checked anew
		ClientAuth:             tls.RequireAnyClientCert,
		InsecureSkipVerify:     true,
	}
}

// handshake is bounded by HandshakeWait. own is the certificate of this end, nil where it is chosen at the handshake.
func handshake(ctx context.Context, conn net.Conn, secured *tls.Conn, own *x509.Certificate) (net.Conn, error) {
	bounded, cancel := context.WithTimeout(ctx, HandshakeWait)
	defer cancel()
	if err := secured.HandshakeContext(bounded); err != nil {
		conn.Close()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, plainFailure(err, own)
	}
	host, _, err := Identity(secured.ConnectionState().PeerCertificates[0])
	if err != nil { // it was verified
		conn.Close()
		return nil, err
	}
	return &Conn{secured, host}, nil
}

// trust is whom a server believes: its authority.
type trust struct {
	authority *x509.Certificate
	roots     *x509.CertPool
}

func newTrust(authority *x509.Certificate) trust {
	roots := x509.NewCertPool()
	roots.AddCert(authority)
	return trust{authority, roots}
}

// expected is whom a server expects at the other end.
type expected struct {
	role  Role
	host  telegram.Host // zero: any
	usage x509.ExtKeyUsage
}

// verify checks the certificate of the other end: signed by the authority, of this time, for this end, of that role and host.
func (t *trust) verify(state *tls.ConnectionState, peer *expected) error {
	if len(state.PeerCertificates) == 0 {
		return fmt.Errorf("%w: the peer has none", ErrCertificate)
	}
	leaf, now := state.PeerCertificates[0], time.Now()
	_, err := leaf.Verify(x509.VerifyOptions{Roots: t.roots, Intermediates: x509.NewCertPool(), CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{peer.usage}})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCertificate, t.plainVerifyError(leaf, now, err))
	}
	host, role, err := Identity(leaf)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrCertificate, err)
	case role != peer.role:
		return fmt.Errorf("%w: it is that of the %v %v: the %v's is right", ErrCertificate, role, host, peer.role)
	case !peer.host.IsZero() && host != peer.host:
		return fmt.Errorf("%w: it is that of %v: that of %v is right", ErrCertificate, host, peer.host)
	}
	return nil
}

func (t *trust) plainVerifyError(leaf *x509.Certificate, now time.Time, err error) error {
	whose := fmt.Sprintf("that of %.100q", leaf.Subject.CommonName)
	if leaf.CheckSignatureFrom(t.authority) != nil {
		return fmt.Errorf("%s is not signed by this server's authority", whose)
	}
	var invalid x509.CertificateInvalidError
	if !errors.As(err, &invalid) || invalid.Reason != x509.Expired {
		return fmt.Errorf("%s: %w", whose, err)
	}
	if invalid.Cert.Equal(t.authority) {
		whose = "that of the authority"
	}
	if now.Before(invalid.Cert.NotBefore) {
		return fmt.Errorf("%s holds from %s on only: the clock of this machine or of the one that made it may be wrong", whose, instant(invalid.Cert.NotBefore))
	}
	return fmt.Errorf("%s ended at %s", whose, instant(invalid.Cert.NotAfter))
}
