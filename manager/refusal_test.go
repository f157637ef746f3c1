package manager

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/slave/slavetest"
)

// secretOf is the secret of what a server of TLS 1.3 sends after the handshake, from what it logs for debuggers.
func secretOf(t *testing.T, log string) []byte {
	_, line, found := strings.Cut(log, "SERVER_TRAFFIC_SECRET_0 ")
	require.True(t, found)
	secret, err := hex.DecodeString(strings.Fields(line)[1])
	require.NoError(t, err)
	return secret
}

// expand is HKDF-Expand-Label (RFC 8446, 7.1) without a context.
func expand(t *testing.T, secret []byte, label string, length int) []byte {
	label = "tls13 " + label
	info := append(binary.BigEndian.AppendUint16(nil, uint16(length)), byte(len(label)))
	key, err := hkdf.Expand(sha256.New, secret, string(info)+label+"\x00", length)
	require.NoError(t, err)
	return key
}

// alertRecord is a fatal alert as record number n of the server after its handshake (RFC 8446, 5.2). crypto/tls sends an alert about a
// certificate within the handshake only, before a server can send anything else.
func alertRecord(t *testing.T, secret []byte, n uint64, alert tls.AlertError) []byte {
	block, err := aes.NewCipher(expand(t, secret, "key", 16))
	require.NoError(t, err)
	aead, err := cipher.NewGCM(block)
	require.NoError(t, err)
	nonce := expand(t, secret, "iv", aead.NonceSize())
	for i := range 8 {
		nonce[len(nonce)-1-i] ^= byte(n >> (8 * i))
	}
	const fatal, isAlert = 2, 21
	inner := []byte{fatal, byte(alert), isAlert}
	header := binary.BigEndian.AppendUint16([]byte{23, 3, 3}, uint16(len(inner)+aead.Overhead()))
	return aead.Seal(header, nonce, inner, header)
}

func TestARefusalAfterAByteOfAResponseLeavesTheOutcomeUnknown(t *testing.T) {
	k := slavetest.NewKeys(t, "mgr01")
	folder := k.Folder(t, "app01", time.Now().Add(time.Hour))
	certificate, err := tls.X509KeyPair(folder["host.crt"], folder["host.key"])
	require.NoError(t, err)
	report := responseBytes("app01", endedBit, "ONLINE", "NOT-STARTED", "an earlier run")
	response := responseBytes("app01", launchedBit, "ONLINE", "ONLINE", "up")
	const unreachable = "UNREACHABLE NOT-STARTED: refused: the peer does not accept this server's certificate "
	const unknown = "UNKNOWN NOT-STARTED: sent, and no response: "
	for _, c := range []struct {
		before string // the alert
		alert  tls.AlertError
		want   string
	}{
		{"", 42, unreachable + "(bad certificate)"},
		{"", 48, unreachable + "(unknown certificate authority)"},
		{response[:1], 42, unknown + "tls: bad certificate"},
		{response[:68], 42, unknown + "tls: bad certificate"},
		{response[:211], 48, unknown + "tls: unknown certificate authority"},
		{report, 42, unknown + "tls: bad certificate"},
		{response, 42, "LAUNCHED ONLINE: up"},
	} {
		t.Run(fmt.Sprintf("%v after %d bytes", c.alert, len(c.before)), func(t *testing.T) {
			var suite atomic.Uint32
			p := newPeer(t, func(conn net.Conn) {
				var log bytes.Buffer
				secured := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{certificate}, KeyLogWriter: &log, SessionTicketsDisabled: true})
				if !assert.Equal(t, launchBytes("app01", "ONLINE"), receive(secured, 84)) {
					return
				}
				suite.Store(uint32(secured.ConnectionState().CipherSuite))
				var sent uint64
				if c.before != "" {
					secured.Write([]byte(c.before))
					sent++
				}
				conn.Write(alertRecord(t, secretOf(t, log.String()), sent, c.alert))
				receive(conn, 1000) // until the manager closes
			})
			o := newSealedOffice(t, k.Security(t, "mgr01"), at(t, "app01", p.address))
			got := text(o.order(t.Context(), "ONLINE", "app01"))
			if suite.Load() == uint32(tls.TLS_CHACHA20_POLY1305_SHA256) {
				t.Skip("crypto/tls takes another cipher than AES where the machine has none")
			}
			assert.Equal(t, c.want, got)
			assert.Len(t, o.server.targets.journal.free, o.server.targets.journal.slots, "no order is left")
		})
	}
}
