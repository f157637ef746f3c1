package slave

import (
	"encoding/binary"
	"encoding/hex"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The telegrams as the contract has them, built without package telegram.

func sq(host string, control uint16) []byte { return wire(host, "SQ", control) }

func sr(host string, control uint16, status, text string) []byte {
	return wire(host, "SR", control, padded(status, 24), padded(text, 104))
}

func xq(host string, control uint16, process string) []byte {
	return wire(host, "XQ", control, padded(process, 16))
}

func xr(host string, control uint16, process, status, text string) []byte {
	return wire(host, "XR", control, padded(process, 16), padded(status, 24), padded(text, 104))
}

func wire(host, kind string, control uint16, rest ...string) []byte {
	b := binary.BigEndian.AppendUint16([]byte(padded(host, 64)+kind), control)
	return append(b, strings.Join(rest, "")...)
}

func TestTelegramsOfTheseTestsAreThoseOfTheContract(t *testing.T) {
	example := "6170703031" + strings.Repeat("20", 59) + "53510002"
	assert.Equal(t, example, hex.EncodeToString(sq("app01", 0x0002)))
	assert.Len(t, sr("app01", 0x0010, "", ""), 196)
	assert.Len(t, xq("app01", 0x0100, "ONLINE"), 84)
	assert.Len(t, xr("app01", 0x1000, "ONLINE", "", ""), 212)
}

// send writes bytes on a connection.
func send(t testing.TB, conn net.Conn, b []byte) {
	t.Helper()
	_, err := conn.Write(b)
	require.NoError(t, err)
}

// take reads n bytes from a connection.
func take(t testing.TB, conn net.Conn, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	_, err := io.ReadFull(conn, b)
	require.NoError(t, err)
	return b
}

// requireClosed waits until the peer has closed the connection, and sees that nothing came before.
func requireClosed(t testing.TB, conn net.Conn) {
	t.Helper()
	n, err := conn.Read(make([]byte, 1))
	require.Error(t, err)
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
	require.Zero(t, n)
}
