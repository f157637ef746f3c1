package manager

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/slave"
	"renraku/slave/credentials"
	"renraku/slave/slavetest"
	"renraku/telegram"
)

func newSealedOffice(t *testing.T, security *credentials.Security, slaves ...Slave) *office {
	t.Helper()
	return openSealedOffice(t, security, t.TempDir(), online(t), slaves...)
}

// sealedPeer is a slave's TCP end that answers the order after the handshake of a server that checks nothing, with the certificate of
// the folder. It keeps what came.
func sealedPeer(t *testing.T, folder map[string][]byte, got chan<- string) *peer {
	t.Helper()
	certificate, err := tls.X509KeyPair(folder["host.crt"], folder["host.key"])
	require.NoError(t, err)
	return newPeer(t, func(conn net.Conn) {
		secured := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{certificate}})
		defer secured.Close()
		order := receive(secured, 84)
		secured.Write([]byte(responseBytes("app01", launchedBit, "ONLINE", "ONLINE", "up")))
		got <- order + receive(secured, 84)
	})
}

func TestASealedOrderIsTheSameBytesOverTLS(t *testing.T) {
	k := slavetest.NewKeys(t, "mgr01")
	got := make(chan string, 1)
	p := sealedPeer(t, k.Folder(t, "app01", time.Now().Add(time.Hour)), got)
	o := newSealedOffice(t, k.Security(t, "mgr01"), at(t, "app01", p.address))
	assert.Equal(t, "LAUNCHED ONLINE: up", text(o.order(t.Context(), "ONLINE", "app01")))
	assert.Equal(t, launchBytes("app01", "ONLINE")+takenBytes("app01", "ONLINE"), <-got)
}

func TestAnOrderWhoseHandshakeFailsIsUnreachable(t *testing.T) {
	k, foreign := slavetest.NewKeys(t, "mgr01"), slavetest.NewKeys(t, "mgr01")
	past, later := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	for _, c := range []struct {
		name   string
		folder map[string][]byte // of the slave; nil: it is plain
		want   string
	}{
		{"expired", k.Folder(t, "app01", past), `certificate not accepted: that of "app01" ended at ` + past.UTC().Format(time.RFC3339)},
		{"another authority's", foreign.Folder(t, "app01", later), `certificate not accepted: that of "app01" is not signed by this server's authority`},
		{"another host's", k.Folder(t, "app02", later), "certificate not accepted: it is that of app02: that of app01 is right"},
		{"a manager's", k.Folder(t, "mgr01", later), "certificate not accepted: it is that of the manager mgr01: the slave's is right"},
		{"not sealed", nil, "no TLS: the peer closed the connection: its mode may be plain"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := make(chan string, 1)
			var p *peer
			if c.folder != nil {
				p = sealedPeer(t, c.folder, got)
			} else {
				p = newPeer(t, func(conn net.Conn) { got <- receive(conn, telegram.ExecutionOrderLength) })
			}
			o := newSealedOffice(t, k.Security(t, "mgr01"), at(t, "app01", p.address))
			assert.Equal(t, "UNREACHABLE NOT-STARTED: "+c.want, text(o.order(t.Context(), "ONLINE", "app01")))
			assert.Equal(t, []string{"app01 ONLINE OPERATOR UNREACHABLE NOT-STARTED: " + c.want}, o.history())
			assert.EqualValues(t, 1, p.connections.Load(), "not tried again in another way")
			assert.NotContains(t, <-got, field("app01", 64), "nothing of the order was sent")
			assert.Empty(t, o.server.execution.courier.dials.open, "no place is kept")
		})
	}
}

func TestAnOrderOfAManagerThatASlaveRefusesIsUnreachable(t *testing.T) {
	k := slavetest.NewKeys(t, "mgr01")
	past := time.Now().Add(-time.Hour)
	packets, listener, theirs := sockets(t, "127.0.0.1")
	path, _ := sealedSlaveIn(t, k.Security(t, "app01"), t.TempDir(), "app01", "127.0.0.1:1", packets, listener, online(t))
	eventually(t, path, "app01 RUNNING NOT-STARTED")
	o := newSealedOffice(t, credentials.NewSecurity(k.Credentials(t, "mgr01", past)), at(t, "app01", theirs))
	want := "refused: this server's certificate ended at " + past.UTC().Format(time.RFC3339)
	for range 10 { // whichever of the two is first, the order or the refusal
		require.Equal(t, "UNREACHABLE NOT-STARTED: "+want, text(o.order(t.Context(), "ONLINE", "app01")))
	}
	assert.Equal(t, []string{"app01 RUNNING NOT-STARTED"}, lines(t, path))
	assert.Len(t, o.history(), 10)
	assert.Len(t, o.server.targets.journal.free, o.server.targets.journal.slots, "no order is left")
	o.server.cfg.Security.Replace(k.Credentials(t, "mgr01", time.Now().Add(time.Hour)))
	assert.Equal(t, slave.Launched, o.order(t.Context(), "ONLINE", "app01").Outcome)
}

// mute is a connection on which nothing can be written any more once it is closed for it.
type mute struct {
	net.Conn
	closed bool
}

func (m *mute) Write(b []byte) (int, error) {
	if m.closed {
		return 0, io.ErrClosedPipe
	}
	return m.Conn.Write(b)
}

func TestARefusalIsReadThoughTheOrderCouldNotBeWritten(t *testing.T) {
	k := slavetest.NewKeys(t, "mgr01")
	security := k.Security(t, "mgr01")
	c := &courier{security: security, responses: &responses{drops: &slave.Drops{}}}
	s := &sentOrder{target: target{host(t, "app01"), process(t, "ONLINE")}}
	for _, of := range []string{"mgr01", "mgr02"} { // whom the slave takes
		theirs := (&slavetest.Keys{Manager: host(t, of), Authority: k.Authority, Masters: k.Masters}).Security(t, "app01")
		p := newPeer(t, func(conn net.Conn) {
			if taken, err := theirs.Server(t.Context(), conn); err == nil {
				taken.Close()
			}
		})
		raw, err := net.Dial("tcp", p.address)
		require.NoError(t, err)
		defer raw.Close()
		m := &mute{Conn: raw}
		conn, err := security.Client(t.Context(), m, host(t, "app01"))
		require.NoError(t, err)
		m.closed = true
		_, err = c.converse(t.Context(), conn, s, time.Minute)
		if of == "mgr02" {
			assert.ErrorIs(t, c.refused(err), credentials.ErrRefused)
			continue
		}
		assert.ErrorIs(t, err, io.ErrClosedPipe, "a slave that closes has refused nothing")
		assert.NoError(t, c.refused(err))
	}
}

// deliverSealed is deliver after the handshake of a slave.
func deliverSealed(t *testing.T, o *office, from string, as *credentials.Security, b string) string {
	t.Helper()
	raw := o.dial(from)
	defer raw.Close()
	conn, err := as.Client(t.Context(), raw, host(t, "mgr01"))
	require.NoError(t, err)
	conn.Write([]byte(b))
	conn.(*credentials.Conn).CloseWrite()
	return receive(conn, 1000)
}

func sealedResponseOffice(t *testing.T, k *slavetest.Keys) *office {
	o := newSealedOffice(t, k.Security(t, "mgr01"), at(t, "app01", app01+":10320"), at(t, "app02", app02+":10320"))
	o.takeResponses()
	return o
}

func TestASealedManagerTakesResponsesOfTheHostOfTheCertificate(t *testing.T) {
	k := slavetest.NewKeys(t, "mgr01")
	o := sealedResponseOffice(t, k)
	x := responseBytes("app01", launchedBit, "ONLINE", "ONLINE", "up")
	assert.Equal(t, takenBytes("app01", "ONLINE"), deliverSealed(t, o, app01, k.Security(t, "app01"), x))
	assert.Equal(t, "app01 RUNNING ONLINE", o.record("app01"))
	assert.Empty(t, o.server.Drops().All())
}

// What it delivers is refused, and does not fill the log either.
func TestASlaveThatNamesOthersInTurnIsLoggedOnce(t *testing.T) {
	k := slavetest.NewKeys(t, "mgr01")
	o := newSealedOffice(t, k.Security(t, "mgr01"), at(t, "app01", app01+":10320"), at(t, "app02", app01+":10320"), at(t, "app03", app01+":10320"))
	o.takeResponses()
	for range 3 {
		for _, named := range []string{"app01", "app02"} {
			assert.Empty(t, deliverSealed(t, o, app01, k.Security(t, "app03"), responseBytes(named, launchedBit, "ONLINE", "ONLINE", "up")))
		}
	}
	require.Eventually(t, func() bool { return o.server.Drops().Of(slave.DropCertificate) == 6 }, patience, time.Millisecond)
	assert.Equal(t, 1, o.log.count("response not taken"))
}

func TestASealedManagerTakesNothingElse(t *testing.T) {
	k, foreign := slavetest.NewKeys(t, "mgr01"), slavetest.NewKeys(t, "mgr01")
	x := responseBytes("app01", launchedBit, "ONLINE", "ONLINE", "up")
	sealedAs := func(s *credentials.Security) func(*testing.T, *office) string {
		return func(t *testing.T, o *office) string { return deliverSealed(t, o, app01, s, x) }
	}
	for _, c := range []struct {
		name    string
		deliver func(*testing.T, *office) string
		drop    slave.Drop
		logged  string
	}{
		{"a plain response", func(t *testing.T, o *office) string { return deliver(t, o, app01, x) }, slave.DropNotSealed,
			"no TLS: the peer does not speak it: its mode may be plain"},
		{"a slave with another's keys", sealedAs(k.Security(t, "app02")), slave.DropCertificate,
			"the connection has the certificate of app02, and the response is of another server"},
		{"a slave with an expired certificate", sealedAs(credentials.NewSecurity(k.Credentials(t, "app01", time.Now().Add(-time.Hour)))), slave.DropCertificate,
			"ended at"},
		{"the manager's own certificate", func(t *testing.T, o *office) string {
			raw := o.dial(app01)
			defer raw.Close()
			folder := k.Folder(t, "mgr01", time.Now().Add(time.Hour))
			certificate, err := tls.X509KeyPair(folder["host.crt"], folder["host.key"])
			require.NoError(t, err)
			conn := tls.Client(raw, &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{certificate}})
			conn.Write([]byte(x))
			return receive(conn, 84)
		}, slave.DropCertificate, "it is that of the manager mgr01: the slave's is right"},
		{"a foreign slave", func(t *testing.T, o *office) string {
			raw := o.dial(app01)
			defer raw.Close()
			_, err := foreign.Security(t, "app01").Client(t.Context(), raw, host(t, "mgr01"))
			assert.ErrorIs(t, err, credentials.ErrCertificate)
			return ""
		}, slave.DropCertificate, "the peer does not accept this server's certificate"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := sealedResponseOffice(t, k)
			for range 3 {
				assert.Empty(t, c.deliver(t, o))
			}
			require.Eventually(t, func() bool { return o.server.Drops().Of(c.drop) == 3 }, patience, time.Millisecond)
			assert.Equal(t, map[string]uint64{c.drop.String(): 3}, o.server.Drops().All())
			assert.Equal(t, unlearned, o.record("app01"))
			assert.Equal(t, 1, o.log.count(c.logged), "said once")
		})
	}
}

func TestAPlainManagerTakesNoTLS(t *testing.T) {
	k := slavetest.NewKeys(t, "mgr01")
	o := responseOffice(t)
	raw := o.dial(app01)
	defer raw.Close()
	_, err := k.Security(t, "app01").Client(t.Context(), raw, host(t, "mgr01"))
	assert.ErrorIs(t, err, credentials.ErrNotSealed)
	require.Eventually(t, func() bool { return len(o.server.Drops().All()) == 1 }, patience, time.Millisecond)
}

func TestARecordThatWasChangedOnItsWayIsCounted(t *testing.T) {
	k := slavetest.NewKeys(t, "mgr01")
	o := sealedResponseOffice(t, k)
	raw := o.dial(app01)
	defer raw.Close()
	_, err := k.Security(t, "app01").Client(t.Context(), raw, host(t, "mgr01"))
	require.NoError(t, err)
	raw.Write([]byte("\x17\x03\x03\x00\x20" + field("not what the keys make", 32)))
	require.Eventually(t, func() bool { return o.server.Drops().Of(slave.DropRecord) == 1 }, patience, time.Millisecond)
}

func TestResultsOfASealedSlaveAreDeliveredOverTLS(t *testing.T) {
	k := slavetest.NewKeys(t, "mgr01")
	theirPackets, theirListener, theirs := sockets(t, app01)
	o := newSealedOffice(t, k.Security(t, "mgr01"), at(t, "app01", theirs))
	o.takeResponses()
	dir := t.TempDir()
	simple := []slave.Process{{ID: process(t, "ONLINE"), Command: []string{"/bin/sleep", "0.1"}, Type: slave.Simple, Status: status(t, "ONLINE")}}
	o.server.SetProcesses(simple)
	path, _ := sealedSlaveIn(t, k.Security(t, "app01"), dir, "app01", o.addr, theirPackets, theirListener, simple)
	eventually(t, path, "app01 RUNNING NOT-STARTED")
	require.Equal(t, slave.Launched, o.order(t.Context(), "ONLINE", "app01").Outcome)
	require.Eventually(t, func() bool { return len(o.history()) == 2 }, patience, time.Millisecond, "its end is delivered")
	assert.Contains(t, o.history()[1], "app01 ONLINE ")
	assert.Contains(t, o.history()[1], " ENDED NOT-STARTED: ")
	assert.Empty(t, o.server.Drops().All())
}

// Every order of a bulk to a simulation that answers as many slaves is carried while the manager's certificate is replaced.
func TestABulkOrderOverTLSIsWholeWhileCertificatesAreReplaced(t *testing.T) {
	const n = 100
	k := slavetest.NewKeys(t, "mgr01")
	simulation, err := slave.NewSimulation("sim", n)
	require.NoError(t, err)
	simulation.Issuer = k.Issuer(t)
	theirPackets, theirListener, theirs := sockets(t, "127.0.0.1")
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- simulation.Serve(ctx, theirPackets, theirListener, quiet()) }()
	t.Cleanup(func() {
		cancel()
		assert.NoError(t, <-done)
	})
	var slaves []Slave
	var hosts []telegram.Host
	for i := range n {
		slaves = append(slaves, at(t, simulation.Host(i), theirs))
		hosts = append(hosts, slaves[i].Host)
	}
	security := k.Security(t, "mgr01")
	o := newSealedOffice(t, security, slaves...)
	rows, outcomes := 0, map[string]int{}
	o.server.Execution().Order(t.Context(), byOperator(t, "ONLINE"), hosts, func(r slave.Result) {
		outcomes[fmt.Sprintf("%v: %v", r.Outcome, r.Text)]++
		if rows++; rows%10 == 0 {
			security.Replace(k.Credentials(t, "mgr01", time.Now().Add(time.Hour)))
		}
	})
	assert.Equal(t, map[string]int{"LAUNCHED: simulated": n}, outcomes)
	assert.Empty(t, simulation.Drops().All())
}

func TestInSealedModeAConnectionWithoutACertificateIsNobodys(t *testing.T) {
	ours, theirs := net.Pipe()
	defer ours.Close()
	defer theirs.Close()
	_, err := (&responses{sealed: true}).otherPeer(ours, host(t, "app01"))
	assert.ErrorContains(t, err, "no certificate")
	_, err = (&responses{}).otherPeer(ours, host(t, "app01"))
	assert.NoError(t, err, "plain mode")
}
