package slave

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/slave/credentials"
	"renraku/slave/datagram"
	"renraku/slave/slavetest"
	"renraku/telegram"
)

// startSealed is a server app01 in sealed mode.
func startSealed(t testing.TB, k *slavetest.Keys, processes ...Process) *rig {
	r := newSealedRig(t, k.Security(t, "app01"), processes...)
	r.run()
	r.receive() // its announcement
	return r
}

// connectAs is connect with the handshake of a manager.
func (r *rig) connectAs(manager *credentials.Security) (net.Conn, error) {
	conn, err := manager.Client(r.t.Context(), r.connect("127.0.0.1"), app01)
	if err == nil {
		r.t.Cleanup(func() { conn.Close() })
	}
	return conn, err
}

func TestASealedSlaveAnswersTheSameBytesOverTLS(t *testing.T) {
	k := slavetest.NewKeys(t, "mgr01")
	r := startSealed(t, k, Process{ID: processID("ONLINE"), Command: sh("echo up"), Status: appStatus("ONLINE")})
	conn, err := r.connectAs(k.Security(t, "mgr01"))
	require.NoError(t, err)
	send(t, conn, sq("app01", 0x0001))
	assert.Equal(t, sr("app01", 0x0010, "NOT-STARTED", ""), take(t, conn, 196))
	send(t, conn, xq("app01", 0x0100, "ONLINE"))
	assert.Equal(t, xr("app01", 0x1000, "ONLINE", "ONLINE", "")[:108], take(t, conn, 212)[:108])
	send(t, conn, xq("app01", 0x0200, "ONLINE"))
	send(t, conn, sq("app01", 0x0001))
	take(t, conn, 196) // what came before it is settled
	conn.Close()
	assert.Empty(t, r.Drops().All())
	assert.Empty(t, r.log.with("not taken"))
}

func TestASealedSlaveRunsNothingForAnybodyElse(t *testing.T) {
	k, foreign := slavetest.NewKeys(t, "mgr01"), slavetest.NewKeys(t, "mgr01")
	past := time.Now().Add(-time.Hour)
	other := &slavetest.Keys{Manager: must(telegram.NewHost("mgr02")), Authority: k.Authority, Masters: k.Masters}
	// withFolder connects as a client that checks nothing.
	withFolder := func(folder map[string][]byte, most uint16) func(net.Conn) (net.Conn, error) {
		certificate := must(tls.X509KeyPair(folder["host.crt"], folder["host.key"]))
		return func(conn net.Conn) (net.Conn, error) {
			secured := tls.Client(conn, &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{certificate}, MaxVersion: most})
			return secured, secured.Handshake()
		}
	}
	later := time.Now().Add(time.Hour)
	for _, c := range []struct {
		name   string
		client func(net.Conn) (net.Conn, error)
		drop   Drop
	}{
		{"plain", func(conn net.Conn) (net.Conn, error) { return conn, nil }, DropNotSealed},
		{"foreign authority", withFolder(foreign.Folder(t, "mgr01", later), 0), DropCertificate},
		{"expired", withFolder(k.Folder(t, "mgr01", past), 0), DropCertificate},
		{"another manager of the authority", withFolder(other.Folder(t, "mgr02", later), 0), DropCertificate},
		{"another slave", withFolder(k.Folder(t, "app02", later), 0), DropCertificate},
		{"its own certificate", withFolder(k.Folder(t, "app01", later), 0), DropCertificate},
		{"TLS 1.2", withFolder(k.Folder(t, "mgr01", later), tls.VersionTLS12), DropHandshake},
		{"no certificate", func(conn net.Conn) (net.Conn, error) {
			secured := tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
			return secured, secured.Handshake()
		}, DropHandshake},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := startSealed(t, k, Process{ID: processID("ONLINE"), Command: sh(""), Status: appStatus("ONLINE")})
			for range 3 {
				conn, err := c.client(r.connect("127.0.0.1"))
				if err == nil {
					conn.Write(append(sq("app01", 0x0001), xq("app01", 0x0100, "ONLINE")...))
					n, err := conn.Read(make([]byte, 212))
					require.Error(t, err)
					require.Zero(t, n, "no answer")
				}
				conn.Close()
			}
			require.Eventually(t, func() bool { return r.Drops().Of(c.drop) == 3 }, patience, pollOften)
			require.NoError(t, r.stop())
			assert.Equal(t, map[string]uint64{c.drop.String(): 3}, r.Drops().All())
			assert.Len(t, r.log.with("level=ERROR", "connection not taken", "peer=127.0.0.1"), 1, "said once")
			assert.Empty(t, r.log.with("ONLINE"))
		})
	}
}

func TestWhatIsWrongWithAPeerIsSaidOnceUntilItIsWellAgain(t *testing.T) {
	log, book := newLog()
	var drops Drops
	one, two := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	var result error
	serve := ServeSealed(func(_ context.Context, conn net.Conn) (net.Conn, error) { return conn, result }, &drops, log,
		func(context.Context, net.Conn, netip.Addr) {})
	attempt := func(from netip.Addr, err error) {
		near, _ := net.Pipe()
		result = err
		serve(t.Context(), near, from)
	}
	for range 5 {
		attempt(one, credentials.ErrCertificate)
		attempt(one, errors.New("another"))
	}
	attempt(two, credentials.ErrCertificate)
	assert.Len(t, book.with("connection not taken"), 3)
	assert.Empty(t, book.with("connections taken again"))
	attempt(one, nil)
	attempt(one, nil)
	assert.Len(t, book.with("connections taken again", "192.0.2.1"), 1)
	attempt(one, credentials.ErrCertificate)
	assert.Len(t, book.with("connection not taken"), 4)

	next := two
	for range 2 * maxFailing {
		next = next.Next()
		attempt(next, credentials.ErrNotSealed)
	}
	assert.Len(t, book.with("connection not taken"), 4+maxFailing-2, "a bounded number of peers is remembered")
	assert.Equal(t, map[string]uint64{"certificate": 7, "TLS handshake": 5, "not sealed": 2 * maxFailing}, drops.All())
}

func TestAHandshakeThatNeverEndsTakesItsPlaceForItsTimeOnly(t *testing.T) {
	k := slavetest.NewKeys(t, "mgr01")
	security := k.Security(t, "app01")
	synctest.Test(t, func(t *testing.T) {
		listener := newQueueListener()
		log, _ := newLog()
		var drops Drops
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		serve := ServeSealed(security.Server, &drops, log, func(context.Context, net.Conn, netip.Addr) { panic("nobody came through") })
		go func() { ended <- AcceptConnections(ctx, listener, log, MaxConnections, admitAll, &drops, serve) }()
		conns := make([]net.Conn, MaxConnections)
		for i := range conns {
			conns[i] = listener.dial()
		}
		synctest.Wait()
		requireClosed(t, listener.dial())
		assert.Equal(t, map[string]uint64{"too many connections": 1}, drops.All(), "they count within the limit")
		begun := time.Now()
		for _, conn := range conns {
			requireClosed(t, conn)
		}
		assert.Equal(t, credentials.HandshakeWait, time.Since(begun))
		synctest.Wait()
		assert.EqualValues(t, MaxConnections, drops.Of(DropHandshakeTime))
		late := listener.dial()
		cancel()
		requireClosed(t, late)
		require.NoError(t, <-ended)
		assert.Equal(t, map[string]uint64{"too many connections": 1, "TLS handshake too slow": MaxConnections}, drops.All(), "the end of the daemon is no fault of the peer")
	})
}

func TestOrdersGoOnWhileTheCertificateIsReplaced(t *testing.T) {
	k := slavetest.NewKeys(t, "mgr01")
	g := slavetest.NewGate(t)
	r := startSealed(t, k, Process{ID: processID("LONG"), Command: gated(g, "", "")}, Process{ID: processID("SHORT"), Command: sh("")})
	manager := k.Security(t, "mgr01")
	long, err := r.connectAs(manager)
	require.NoError(t, err)
	send(t, long, xq("app01", 0x0100, "LONG"))
	g.Await(1)
	before := r.security.Current()
	for range 3 {
		r.security.Replace(k.Credentials(t, "app01", time.Now().Add(time.Hour)))
		manager.Replace(k.Credentials(t, "mgr01", time.Now().Add(time.Hour)))
		conn, err := r.connectAs(manager)
		require.NoError(t, err)
		shown := conn.(*credentials.Conn).ConnectionState().PeerCertificates[0]
		assert.Equal(t, r.security.Current().Certificate.Raw, shown.Raw)
		assert.NotEqual(t, before.Certificate.Raw, shown.Raw)
		send(t, conn, xq("app01", 0x0100, "SHORT"))
		assert.Equal(t, xr("app01", 0x1000, "SHORT", "NOT-STARTED", "")[:108], take(t, conn, 212)[:108])
		send(t, conn, xq("app01", 0x0200, "SHORT"))
	}
	g.LetGo(1)
	assert.Equal(t, xr("app01", 0x1000, "LONG", "NOT-STARTED", "")[:108], take(t, long, 212)[:108])
	send(t, long, xq("app01", 0x0200, "LONG"))
	send(t, long, sq("app01", 0x0001))
	take(t, long, 196)
	assert.Empty(t, r.Drops().All())
}

// deliverOver delivers the one result of a post to the given end of a connection.
func deliverOver(t *testing.T, security *credentials.Security, manager func(net.Conn)) (p *post, delivered int, err error) {
	t.Helper()
	p = openPost(t, t.TempDir())
	p.file("A", Launched, ByOrder, false)
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	defer listener.Close()
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() {
		conn := must(listener.Accept())
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(patience))
		manager(conn)
	})
	log, _ := newLog()
	d := newDelivery(p.outbox, must(NewAddress(listener.Addr().String())), nil, &Drops{}, log)
	d.security = security
	delivered, err = d.attempt(t.Context())
	return p, delivered, err
}

func TestASealedSlaveDeliversToItsManagerAlone(t *testing.T) {
	k, foreign := slavetest.NewKeys(t, "mgr01"), slavetest.NewKeys(t, "mgr01")
	want := xr("app01", 0x1000, "A", "NOT-STARTED", "text of A")
	takeAs := func(server *credentials.Security) func(net.Conn) {
		return func(raw net.Conn) {
			conn, err := server.Server(context.Background(), raw)
			if err != nil {
				return
			}
			b := make([]byte, 212)
			if _, err := io.ReadFull(conn, b); err == nil && string(b) == string(want) {
				conn.Write(receiptOf(b))
			}
		}
	}
	past := time.Now().Add(-time.Hour)
	var got []byte
	for _, c := range []struct {
		name    string
		slave   *credentials.Security
		manager func(net.Conn)
		err     error
		text    string
	}{
		{"its manager", k.Security(t, "app01"), takeAs(k.Security(t, "mgr01")), nil, ""},
		{"a foreign manager", k.Security(t, "app01"), takeAs(foreign.Security(t, "mgr01")), credentials.ErrCertificate, "is not signed by this server's authority"},
		{"an expired manager", k.Security(t, "app01"), takeAs(credentials.NewSecurity(k.Credentials(t, "mgr01", past))), credentials.ErrCertificate, "ended at"},
		{"another slave", k.Security(t, "app01"), takeAs(k.Security(t, "app02")), credentials.ErrCertificate, "it is that of the slave app02: the manager's is right"},
		{"a plain manager", k.Security(t, "app01"), func(conn net.Conn) {
			got = make([]byte, 212)
			n, _ := conn.Read(got)
			got = got[:n]
		}, credentials.ErrNotSealed, "its mode may be plain"},
		{"itself expired", credentials.NewSecurity(k.Credentials(t, "app01", past)), takeAs(k.Security(t, "mgr01")), nil,
			"refused: this server's certificate ended at"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, delivered, err := deliverOver(t, c.slave, c.manager)
			if c.text == "" {
				require.NoError(t, err)
				assert.Equal(t, 1, delivered)
				assert.Empty(t, p.waiting())
				return
			}
			assert.Zero(t, delivered)
			assert.ErrorContains(t, err, c.text)
			if c.err != nil {
				assert.ErrorIs(t, err, c.err)
			}
			assert.Equal(t, []string{"A"}, p.waiting())
		})
	}
	assert.NotContains(t, string(got), "app01          ", "a plain manager sees nothing of a telegram")
	assert.NotEmpty(t, got)
}

func TestASealedSimulationServesEachOfItsHosts(t *testing.T) {
	k := slavetest.NewKeys(t, "mgr01")
	s := must(NewSimulation("sim", 20))
	s.Issuer = k.Issuer(t)
	packets := must(datagram.New(must(net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}))))
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	ctx, cancel := context.WithCancel(context.Background())
	log, book := newLog()
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, packets, listener, log) }()
	manager := k.Security(t, "mgr01")
	connect := func(name string) (net.Conn, error) {
		conn := must(net.Dial("tcp", listener.Addr().String()))
		require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
		t.Cleanup(func() { conn.Close() })
		return manager.Client(t.Context(), conn, must(telegram.NewHost(name)))
	}
	for _, name := range []string{"sim01", "sim20"} {
		conn, err := connect(name)
		require.NoError(t, err)
		send(t, conn, xq(name, 0x0100, "ONLINE"))
		assert.Equal(t, xr(name, 0x1000, "ONLINE", "ONLINE", "simulated"), take(t, conn, 212))
		conn.Close()
	}
	_, err := connect("sim21")
	assert.Error(t, err)
	require.Eventually(t, func() bool { return s.Drops().Of(DropHandshake) == 1 }, patience, pollOften)
	plain := must(net.Dial("tcp", listener.Addr().String()))
	send(t, plain, xq("sim01", 0x0100, "ONLINE"))
	requireClosed(t, plain)
	require.Eventually(t, func() bool { return s.Drops().Of(DropNotSealed) == 1 && s.Drops().Of(DropReceipt) == 2 }, patience, pollOften)
	cancel()
	require.NoError(t, await(t, ended))
	assert.Equal(t, map[string]uint64{"TLS handshake": 1, "not sealed": 1, "result without a receipt": 2}, s.Drops().All())
	assert.Len(t, book.with("connection not taken"), 2)
}
