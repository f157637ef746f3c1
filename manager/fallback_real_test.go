package manager

import (
	"crypto/tls"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/slave"
	"renraku/slave/credentials"
	"renraku/slave/slavetest"
	"renraku/telegram"
	"renraku/telegram/seal"
)

// Sealed slaves that UDP does not reach, with real TLS.

// sealedData is the control data of these tests: a handshake has half a second also on a machine that is busy.
var sealedData = Slave{Interval: 300 * time.Millisecond, Timeout: time.Second, Retries: 1}

const blockedInSealedMode = "it answers on TCP alone: UDP is blocked, or its keys are not those of the manager"

// realSealedSlave is app01 with these credentials behind a proxy.
func realSealedSlave(t *testing.T, security *credentials.Security) (*slave.Server, *slavetest.Proxy) {
	t.Helper()
	server, addr := newSealedSlave(t, security, quiet())
	inBackground(t, server.Run)
	return server, slavetest.NewProxy(t, addr, 1, 1, slavetest.Impairment{}, slavetest.Streams{})
}

// newSealedSlave is app01 with these credentials, which does not run yet, and its address.
func newSealedSlave(t *testing.T, security *credentials.Security, log *slog.Logger) (*slave.Server, string) {
	t.Helper()
	packets, listener, addr := sockets(t, "127.0.0.1")
	file, _ := contact(t)
	server, err := slave.NewServer(slave.Config{Host: host(t, "app01"), Manager: address(t, "127.0.0.1:9"), Security: security,
		Records: records(t), Log: log}, file, packets, listener)
	require.NoError(t, err)
	return server, addr
}

// watchSealed is a manager in sealed mode with the slave app01 at the address, which asks on TCP too.
func watchSealed(t *testing.T, k *slavetest.Keys, at string) *watch {
	t.Helper()
	data := sealedData
	data.Host, data.Address = host(t, "app01"), address(t, at)
	return newWatch(t, Config{Slaves: []Slave{data}, Security: k.Security(t, "mgr01"), Fallback: true})
}

// awaitDrops waits until so many were dropped for this reason from now on.
func awaitDrops(t *testing.T, drops *slave.Drops, reason slave.Drop, more uint64) {
	t.Helper()
	before := drops.Of(reason)
	require.Eventually(t, func() bool { return drops.Of(reason) >= before+more }, patience, time.Millisecond, reason.String())
}

func TestASealedSlaveWhoseUDPIsBlockedStaysRunningByTLS(t *testing.T) {
	t.Parallel()
	k := slavetest.NewKeys(t, "mgr01")
	_, proxy := realSealedSlave(t, k.Security(t, "app01"))
	w := watchSealed(t, k, proxy.Address)
	w.await(1, "app01 RUNNING")
	require.Zero(t, w.log.count("UDP"))
	proxy.There.Set(slavetest.Impairment{Loss: 1})
	proxy.Back.Set(slavetest.Impairment{Loss: 1})
	awaitDrops(t, w.server.Drops(), slave.DropUDP, 3)
	assert.Equal(t, 1, w.log.count(blockedInSealedMode), "once, though it was asked three times")
	first, n := w.server.Blocked()
	assert.Equal(t, []string{"app01"}, first)
	assert.Equal(t, 1, n)
	proxy.Heal()
	require.Eventually(t, func() bool { return w.log.count("app01: UDP works again") == 1 }, patience, time.Millisecond)
	assert.Zero(t, w.told(" STOPPED"))
}

// Their certificates are right; their keys for UDP are not.
func TestASealedSlaveWithOtherKeysIsRunningByTLSAndTheLogSaysWhatMayBeWrong(t *testing.T) {
	t.Parallel()
	k := slavetest.NewKeys(t, "mgr01")
	other := seal.Master{ID: 1, Secret: seal.Secret{1: 99}}
	right, wrong := k.Masters[0].Derive(k.Manager, host(t, "app01")), other.Derive(k.Manager, host(t, "app01"))
	for _, c := range []struct {
		name      string
		keys      seal.SlaveKeys
		atManager bool // who drops for the MAC
	}{
		{"both keys", wrong, false},
		{"that of its answers", seal.SlaveKeys{ID: 1, ToSlave: right.ToSlave, ToManager: wrong.ToManager}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			folder := k.Folder(t, "app01", time.Now().Add(time.Hour))
			keys := credentials.Keys{SlaveKeys: []seal.SlaveKeys{c.keys}}
			folder[credentials.KeysFile] = keys.Append(nil, "app01")
			loaded, err := credentials.Load("keys-of-app01", slavetest.ReadFrom(folder), host(t, "app01"), k.Manager)
			require.NoError(t, err)
			server, proxy := realSealedSlave(t, credentials.NewSecurity(loaded))
			w := watchSealed(t, k, proxy.Address)
			w.await(1, "app01 RUNNING")
			drops := server.Drops()
			if c.atManager {
				drops = w.server.Drops()
			}
			awaitDrops(t, drops, slave.DropMAC, 2)
			awaitDrops(t, w.server.Drops(), slave.DropUDP, 2)
			assert.Equal(t, 1, w.log.count(blockedInSealedMode))
			assert.Zero(t, w.told(" STOPPED"))
		})
	}
}

// It has the keys and the certificate of app02. The manager hears nothing on UDP, and does not believe it on TCP; what it dropped itself, a
// slave says once a minute and at its end.
func TestASlaveWithTheKeysOfAnotherIsNotRunning(t *testing.T) {
	t.Parallel()
	k, log := slavetest.NewKeys(t, "mgr01"), &logBook{}
	server, at := newSealedSlave(t, k.Security(t, "app02"), slog.New(slog.NewTextHandler(log, nil)))
	end := inBackground(t, server.Run)
	w := watchSealed(t, k, at)
	w.await(1, "app01 STOPPED")
	for words, in := range map[string]*logBook{
		"certificate not accepted: it is that of app02: that of app01 is right": w.log,
		"refused: the peer does not accept this server's certificate":           log,
	} {
		require.Eventually(t, func() bool { return in.count(words) > 0 }, patience, time.Millisecond, words)
	}
	require.NoError(t, end())
	assert.Equal(t, 1, log.count(`"dropped.wrong MAC"=`), "of UDP")
	assert.Zero(t, w.told(" RUNNING"))
}

// Whoever answers takes any certificate of the manager; UDP is a socket that nobody reads.
func TestASlaveWithAnothersCertificateIsNotBelievedOnTCP(t *testing.T) {
	t.Parallel()
	k, foreign := slavetest.NewKeys(t, "mgr01"), slavetest.NewKeys(t, "mgr01")
	later := time.Now().Add(time.Hour)
	for _, c := range []struct {
		name   string
		folder map[string][]byte
		want   string // an event, and a word of the log
		logged string
	}{
		{"its own", k.Folder(t, "app01", later), " RUNNING", blockedInSealedMode},
		{"another slave's", k.Folder(t, "app02", later), " STOPPED", "certificate not accepted: it is that of app02: that of app01 is right"},
		{"the manager's", k.Folder(t, "mgr01", later), " STOPPED", "certificate not accepted: it is that of the manager mgr01"},
		{"another authority's", foreign.Folder(t, "app01", later), " STOPPED", "is not signed by this server's authority"},
		{"an expired one", k.Folder(t, "app01", time.Now().Add(-time.Hour)), " STOPPED", "ended at"},
	} {
		t.Run(c.name, func(t *testing.T) {
			certificate, err := tls.X509KeyPair(c.folder[credentials.CertificateFile], c.folder[credentials.PrivateKeyFile])
			require.NoError(t, err)
			p := newPeer(t, func(conn net.Conn) {
				secured := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{certificate}})
				defer secured.Close()
				secured.Write(encoded(t, telegram.StatusResponse{Host: host(t, "app01"), Control: telegram.Running}))
				receive(secured, telegram.StatusInquiryLength+1) // until it is closed
			})
			deaf, err := net.ListenPacket("udp", p.address)
			require.NoError(t, err)
			defer deaf.Close()
			w := watchSealed(t, k, p.address)
			w.await(1, "app01"+c.want)
			require.Eventually(t, func() bool { return w.log.count(c.logged) > 0 }, patience, time.Millisecond)
			assert.Equal(t, c.want == " STOPPED", w.log.count(`level=ERROR msg="slave not asked on TCP" host=app01`) == 1, "an operator is told why")
			other := map[string]string{" RUNNING": " STOPPED", " STOPPED": " RUNNING"}[c.want]
			assert.Zero(t, w.told(other))
			assert.Positive(t, p.connections.Load())
		})
	}
}
