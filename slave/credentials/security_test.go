package credentials_test

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/slave/credentials"
	"renraku/slave/slavetest"
	"renraku/telegram"
)

func TestManagerAndSlaveTakeEachOtherInBothDirections(t *testing.T) {
	k := slavetest.NewKeys(t, "mgr01")
	for _, name := range []string{"app01", "192.0.2.1", "a_b.", "!~*"} {
		manager, slave := k.Security(t, "mgr01"), k.Security(t, name)
		c, s := handshake(t, to(manager, host(t, name)), slave.Server)
		require.NoError(t, c.err)
		require.NoError(t, s.err)
		assert.Equal(t, host(t, name), c.conn.(*credentials.Conn).Peer)
		assert.Equal(t, host(t, "mgr01"), s.conn.(*credentials.Conn).Peer)
		state := s.conn.(*credentials.Conn).ConnectionState()
		assert.Equal(t, uint16(tls.VersionTLS13), state.Version)

		c, s = handshake(t, to(slave, host(t, "mgr01")), manager.Server)
		require.NoError(t, c.err)
		require.NoError(t, s.err)
		assert.Equal(t, host(t, name), s.conn.(*credentials.Conn).Peer)
		go s.conn.Write([]byte("hello"))
		b := make([]byte, 5)
		_, err := io.ReadFull(c.conn, b)
		require.NoError(t, err)
		assert.Equal(t, "hello", string(b))
	}
}

// rawClient is a client that checks nothing, with the certificate of a folder, or with none.
func rawClient(t *testing.T, folder map[string][]byte, change func(*tls.Config)) func(context.Context, net.Conn) (net.Conn, error) {
	config := &tls.Config{InsecureSkipVerify: true}
	if folder != nil {
		certificate, err := tls.X509KeyPair(folder["host.crt"], folder["host.key"])
		require.NoError(t, err)
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &certificate, nil }
	}
	if change != nil {
		change(config)
	}
	return func(ctx context.Context, conn net.Conn) (net.Conn, error) {
		secured := tls.Client(conn, config)
		return secured, secured.HandshakeContext(ctx)
	}
}

func TestAServerTakesNobodyElse(t *testing.T) {
	k, foreign := slavetest.NewKeys(t, "mgr01"), slavetest.NewKeys(t, "mgr01")
	past := time.Now().Add(-time.Hour)
	slave, manager := k.Security(t, "app01"), k.Security(t, "mgr01")
	plain := func(b string) func(context.Context, net.Conn) (net.Conn, error) {
		return func(_ context.Context, conn net.Conn) (net.Conn, error) {
			_, err := conn.Write([]byte(b))
			return conn, err
		}
	}
	closes := func(_ context.Context, conn net.Conn) (net.Conn, error) { return conn, conn.Close() }
	order, err := telegram.ExecutionOrder{Host: host(t, "app01"), Control: telegram.Launch, Process: must(telegram.NewProcessID("P"))}.Append(nil)
	require.NoError(t, err)
	for _, c := range []struct {
		name   string
		server *credentials.Security
		client func(context.Context, net.Conn) (net.Conn, error)
		want   error
		text   string
	}{
		{"no certificate", slave, rawClient(t, nil, nil), nil, "TLS handshake: tls: client didn't provide a certificate"},
		{"a foreign authority's", slave, rawClient(t, foreign.Folder(t, "mgr01", later()), nil), credentials.ErrCertificate,
			`certificate not accepted: that of "mgr01" is not signed by this server's authority`},
		{"an expired one", slave, rawClient(t, k.Folder(t, "mgr01", past), nil), credentials.ErrCertificate,
			`certificate not accepted: that of "mgr01" ended at ` + past.UTC().Format(time.RFC3339)},
		{"another slave's at a slave", slave, rawClient(t, k.Folder(t, "app02", later()), nil), credentials.ErrCertificate,
			"certificate not accepted: it is that of the slave app02: the manager's is right"},
		{"its own at a slave", slave, rawClient(t, k.Folder(t, "app01", later()), nil), credentials.ErrCertificate,
			"certificate not accepted: it is that of the slave app01: the manager's is right"},
		{"another manager's of the same authority", slave, rawClient(t, (&slavetest.Keys{Manager: host(t, "mgr02"), Authority: k.Authority, Masters: k.Masters}).Folder(t, "mgr02", later()), nil),
			credentials.ErrCertificate, "certificate not accepted: it is that of mgr02: that of mgr01 is right"},
		{"the manager's at the manager", manager, rawClient(t, k.Folder(t, "mgr01", later()), nil), credentials.ErrCertificate,
			"certificate not accepted: it is that of the manager mgr01: the slave's is right"},
		{"the authority's", slave, rawClient(t, authorityAsHost(t, k), nil), credentials.ErrCertificate, "certificate not accepted: its subject is not one of renraku"},
		{"TLS 1.2", slave, rawClient(t, k.Folder(t, "mgr01", later()), func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }), nil,
			"TLS handshake: tls: client offered only unsupported versions"},
		{"a plain order", slave, plain(string(order)), credentials.ErrNotSealed, "no TLS: the peer does not speak it: its mode may be plain"},
		{"nothing", slave, closes, credentials.ErrNotSealed, "no TLS: the peer closed the connection: its mode may be plain"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, s := handshake(t, c.client, c.server.Server)
			require.Error(t, s.err)
			assert.Nil(t, s.conn)
			assert.Contains(t, s.err.Error(), c.text)
			if c.want != nil {
				assert.ErrorIs(t, s.err, c.want)
			}
		})
	}
	_, s := handshake(t, rawClient(t, k.Folder(t, "mgr01", later()), nil), slave.Server)
	require.NoError(t, s.err, "such a client can be right")
}

// withUsages is a folder whose certificate has these extended key usages, signed by the authority.
func withUsages(t *testing.T, k *slavetest.Keys, name string, usages ...x509.ExtKeyUsage) map[string][]byte {
	folder := k.Folder(t, name, later())
	own := must(tls.X509KeyPair(folder["host.crt"], folder["host.key"]))
	certificate, key, err := k.Authority.PEM()
	require.NoError(t, err)
	authority := must(tls.X509KeyPair(certificate, key))
	template := *own.Leaf
	template.ExtKeyUsage = usages
	der, err := x509.CreateCertificate(rand.Reader, &template, authority.Leaf, own.Leaf.PublicKey, authority.PrivateKey)
	require.NoError(t, err)
	folder["host.crt"] = credentials.CertificatePEM(der)
	return folder
}

// Each end needs the usage of the other end (SPEC.md 6.7, check 3); one without any is for every use.
func TestACertificateIsTakenAtTheEndThatItIsForOnly(t *testing.T) {
	k := slavetest.NewKeys(t, "mgr01")
	manager, slave := k.Security(t, "mgr01"), k.Security(t, "app01")
	const client, server = x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth
	for _, c := range []struct {
		name               string
		usages             []x509.ExtKeyUsage
		asClient, asServer bool
	}{
		{"both", []x509.ExtKeyUsage{client, server}, true, true},
		{"of a client", []x509.ExtKeyUsage{client}, true, false},
		{"of a server", []x509.ExtKeyUsage{server}, false, true},
		{"of neither", []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}, false, false},
		{"none", nil, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, taker := handshake(t, rawClient(t, withUsages(t, k, "mgr01", c.usages...), nil), slave.Server)
			certificate := withUsages(t, k, "app01", c.usages...)
			own := must(tls.X509KeyPair(certificate["host.crt"], certificate["host.key"]))
			maker, _ := handshake(t, to(manager, host(t, "app01")), func(ctx context.Context, conn net.Conn) (net.Conn, error) {
				secured := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{own}})
				return secured, secured.HandshakeContext(ctx)
			})
			for end, got := range map[string]struct {
				err   error
				taken bool
			}{"a client's": {taker.err, c.asClient}, "a server's": {maker.err, c.asServer}} {
				if got.taken {
					assert.NoError(t, got.err, end)
					continue
				}
				assert.ErrorIs(t, got.err, credentials.ErrCertificate, end)
				assert.ErrorContains(t, got.err, "x509: certificate specifies an incompatible key usage", end)
			}
		})
	}
}

// authorityAsHost is a folder with the authority's own certificate for the host's.
func authorityAsHost(t *testing.T, k *slavetest.Keys) map[string][]byte {
	certificate, key, err := k.Authority.PEM()
	require.NoError(t, err)
	return map[string][]byte{"host.crt": certificate, "host.key": key}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func TestAClientTakesNobodyElse(t *testing.T) {
	k, foreign := slavetest.NewKeys(t, "mgr01"), slavetest.NewKeys(t, "mgr01")
	past := time.Now().Add(-time.Hour)
	manager, app01 := k.Security(t, "mgr01"), host(t, "app01")
	plain := func(_ context.Context, conn net.Conn) (net.Conn, error) {
		conn.Read(make([]byte, telegram.StatusInquiryLength))
		return conn, conn.Close()
	}
	other := func(_ context.Context, conn net.Conn) (net.Conn, error) {
		_, err := conn.Write([]byte("220 hello\r\n"))
		return conn, err
	}
	raw := func(folder map[string][]byte, change func(*tls.Config)) func(context.Context, net.Conn) (net.Conn, error) {
		certificate := must(tls.X509KeyPair(folder["host.crt"], folder["host.key"]))
		config := &tls.Config{Certificates: []tls.Certificate{certificate}}
		if change != nil {
			change(config)
		}
		return func(ctx context.Context, conn net.Conn) (net.Conn, error) {
			secured := tls.Server(conn, config)
			return secured, secured.HandshakeContext(ctx)
		}
	}
	for _, c := range []struct {
		name   string
		server func(context.Context, net.Conn) (net.Conn, error)
		want   error
		text   string
	}{
		{"a foreign authority's", raw(foreign.Folder(t, "app01", later()), nil), credentials.ErrCertificate,
			`certificate not accepted: that of "app01" is not signed by this server's authority`},
		{"an expired one", raw(k.Folder(t, "app01", past), nil), credentials.ErrCertificate,
			`certificate not accepted: that of "app01" ended at ` + past.UTC().Format(time.RFC3339)},
		{"another host's", raw(k.Folder(t, "app02", later()), nil), credentials.ErrCertificate,
			"certificate not accepted: it is that of app02: that of app01 is right"},
		{"the manager's own", raw(k.Folder(t, "mgr01", later()), nil), credentials.ErrCertificate,
			"certificate not accepted: it is that of the manager mgr01: the slave's is right"},
		{"TLS 1.2", raw(k.Folder(t, "app01", later()), func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }), nil,
			"TLS handshake: tls: "},
		{"a plain server", plain, credentials.ErrNotSealed, "no TLS: the peer closed the connection: its mode may be plain"},
		{"another service", other, credentials.ErrNotSealed, "no TLS: the peer does not speak it: its mode may be plain"},
	} {
		t.Run(c.name, func(t *testing.T) {
			client, _ := handshake(t, to(manager, app01), c.server)
			require.Error(t, client.err)
			assert.Nil(t, client.conn)
			assert.Contains(t, client.err.Error(), c.text)
			if c.want != nil {
				assert.ErrorIs(t, client.err, c.want)
			}
		})
	}
	client, _ := handshake(t, to(manager, app01), raw(k.Folder(t, "app01", later()), nil))
	require.NoError(t, client.err, "such a server can be right")
}

// A server in another language may name the authorities that it takes, or others.
func TestAClientShowsItsCertificateWhateverAuthoritiesTheServerNames(t *testing.T) {
	k, foreign := slavetest.NewKeys(t, "mgr01"), slavetest.NewKeys(t, "mgr01")
	folder := k.Folder(t, "app01", later())
	certificate := must(tls.X509KeyPair(folder["host.crt"], folder["host.key"]))
	named := x509.NewCertPool()
	other := *foreign.Authority.Certificate
	other.RawSubject = append([]byte(nil), other.RawSubject...)
	other.RawSubject[len(other.RawSubject)-1]++ // since all authorities of renraku have the same name
	named.AddCert(&other)
	client, server := handshake(t, to(k.Security(t, "mgr01"), host(t, "app01")), func(ctx context.Context, conn net.Conn) (net.Conn, error) {
		secured := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{certificate}, ClientAuth: tls.RequireAnyClientCert, ClientCAs: named})
		return secured, secured.HandshakeContext(ctx)
	})
	require.NoError(t, errors.Join(client.err, server.err))
	assert.Equal(t, "mgr01", server.conn.(*tls.Conn).ConnectionState().PeerCertificates[0].Subject.CommonName)
}

func TestAHandshakeThatNeverEndsIsGivenUp(t *testing.T) {
	k := slavetest.NewKeys(t, "mgr01")
	for name, begin := range map[string]func(context.Context, net.Conn) (net.Conn, error){
		"server": k.Security(t, "app01").Server, "client": to(k.Security(t, "mgr01"), host(t, "app01"))} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				near, far := net.Pipe()
				go io.Copy(io.Discard, far)
				begun := time.Now()
				conn, err := begin(t.Context(), near)
				assert.Nil(t, conn)
				assert.ErrorIs(t, err, credentials.ErrTooSlow)
				assert.EqualError(t, err, "no end of the handshake within 10s")
				assert.Equal(t, credentials.HandshakeWait, time.Since(begun))
				_, err = near.Write([]byte{0})
				assert.ErrorIs(t, err, io.ErrClosedPipe)

				near, far = net.Pipe()
				go io.Copy(io.Discard, far)
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(time.Second, cancel)
				_, err = begin(ctx, near)
				assert.ErrorIs(t, err, context.Canceled, "the end of the daemon ends it at once")
			})
		})
	}
}

func TestAClientThatIsRefusedLearnsItWhenItReads(t *testing.T) {
	k := slavetest.NewKeys(t, "mgr01")
	slave := k.Security(t, "app01")
	past := time.Now().Add(-time.Hour)
	for _, c := range []struct {
		name    string
		manager *credentials.Security
		want    string
	}{
		{"another manager", (&slavetest.Keys{Manager: host(t, "mgr02"), Authority: k.Authority, Masters: k.Masters}).Security(t, "mgr02"),
			"refused: the peer does not accept this server's certificate (bad certificate)"},
		{"an expired certificate", credentials.NewSecurity(k.Credentials(t, "mgr01", past)),
			"refused: this server's certificate ended at " + past.UTC().Format(time.RFC3339)},
	} {
		t.Run(c.name, func(t *testing.T) {
			client, server := handshake(t, to(c.manager, host(t, "app01")), slave.Server)
			require.ErrorIs(t, server.err, credentials.ErrCertificate)
			require.NoError(t, client.err, "TLS 1.3 is so")
			_, err := client.conn.Read(make([]byte, 1))
			require.Error(t, err)
			refused := c.manager.Refused(err)
			assert.ErrorIs(t, refused, credentials.ErrRefused)
			assert.EqualError(t, refused, c.want)
		})
	}
	for _, err := range []error{io.EOF, errors.New("tls: bad certificate"), &net.OpError{Op: "remote error", Err: tls.AlertError(20)},
		&net.OpError{Op: "local error", Err: tls.AlertError(42)}, &net.OpError{Op: "read", Err: tls.AlertError(42)}} {
		assert.NoError(t, slave.Refused(err), "%v is no refusal", err)
	}
}

func TestOtherCredentialsStandFromTheNextHandshakeOn(t *testing.T) {
	k := slavetest.NewKeys(t, "mgr01")
	manager, slave := k.Security(t, "mgr01"), k.Security(t, "app01")
	client, server := handshake(t, to(manager, host(t, "app01")), slave.Server)
	require.NoError(t, errors.Join(client.err, server.err))

	next := k.Credentials(t, "app01", later())
	slave.Replace(next)
	assert.Same(t, next, slave.Current())
	again, _ := handshake(t, to(manager, host(t, "app01")), slave.Server)
	require.NoError(t, again.err)
	assert.Equal(t, next.Certificate.Raw, again.conn.(*credentials.Conn).ConnectionState().PeerCertificates[0].Raw)

	go client.conn.Write([]byte{7}) // the first one goes on
	b := make([]byte, 1)
	_, err := io.ReadFull(server.conn, b)
	require.NoError(t, err)
	assert.Equal(t, byte(7), b[0])
}

func TestNoSessionIsTakenUpAgain(t *testing.T) {
	k := slavetest.NewKeys(t, "mgr01")
	slave := k.Security(t, "app01")
	cache := tls.NewLRUClientSessionCache(4)
	for range 3 {
		client, server := handshake(t, rawClient(t, k.Folder(t, "mgr01", later()), func(c *tls.Config) { c.ClientSessionCache, c.ServerName = cache, "app01" }), slave.Server)
		require.NoError(t, errors.Join(client.err, server.err))
		assert.False(t, client.conn.(*tls.Conn).ConnectionState().DidResume)
		go server.conn.Write([]byte{7})
		_, err := client.conn.Read(make([]byte, 1)) // a ticket would come before it
		require.NoError(t, err)
		_, kept := cache.Get("app01")
		assert.False(t, kept, "no ticket came")
	}
}

func TestAChangedRecordIsBroken(t *testing.T) {
	k := slavetest.NewKeys(t, "mgr01")
	near, far := connect(t)
	proxied, serverEnd := connect(t)
	go func() { // passes the handshake, and changes a bit of what comes after it
		b := make([]byte, 1<<16)
		for n, total := 0, 0; ; {
			var err error
			if n, err = far.Read(b); err != nil {
				return
			}
			if total += n; b[0] == 0x17 && n < 100 {
				b[n-1] ^= 1
			}
			proxied.Write(b[:n])
		}
	}()
	go io.Copy(far, proxied)
	done := make(chan end, 1)
	go func() {
		conn, err := k.Security(t, "app01").Server(t.Context(), serverEnd)
		done <- end{conn, err}
	}()
	client, err := k.Security(t, "mgr01").Client(t.Context(), near, host(t, "app01"))
	require.NoError(t, err)
	server := <-done
	require.NoError(t, server.err)
	_, err = client.Write([]byte("hello"))
	require.NoError(t, err)
	_, err = server.conn.Read(make([]byte, 5))
	require.Error(t, err)
	assert.True(t, credentials.Broken(err), err)
	assert.False(t, credentials.Broken(io.EOF))
}
