package slavetest

import (
	"io"
	"net"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// echoServer answers what comes by UDP and TCP with the IP address that it came from.
func echoServer(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	packets, err := net.ListenPacket("udp", listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() {
		listener.Close()
		packets.Close()
	})
	go func() {
		for b := make([]byte, 100); ; {
			_, from, err := packets.ReadFrom(b)
			if err != nil {
				return
			}
			packets.WriteTo([]byte(from.(*net.UDPAddr).IP.String()), from)
		}
	}()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conn.Write([]byte(conn.RemoteAddr().(*net.TCPAddr).IP.String()))
		}
	}()
	return listener.Addr().String()
}

func openProxy(t *testing.T, place Place) *Proxy {
	p, err := OpenProxy(place, 1, 1, Impairment{}, Streams{})
	require.NoError(t, err)
	t.Cleanup(p.Close)
	return p
}

func TestAProxyIsKnownToEachSideByTheAddressThatItHasThere(t *testing.T) {
	p := openProxy(t, Place{Listen: "127.0.0.2:0", Target: echoServer(t), From: "127.0.0.3"})
	for _, network := range []string{"udp", "tcp"} {
		conn, err := net.Dial(network, p.Address)
		require.NoError(t, err)
		defer conn.Close()
		conn.Write([]byte("?"))
		b := make([]byte, len("127.0.0.3"))
		_, err = io.ReadFull(conn, b)
		require.NoError(t, err)
		assert.Equal(t, "127.0.0.3", string(b), network)
		host, _, _ := net.SplitHostPort(conn.RemoteAddr().String())
		assert.Equal(t, "127.0.0.2", host, network)
	}
}

func TestConnectionsAreResetNowAndNewOnesAreAsBadAsTheyAreSet(t *testing.T) {
	p := openProxy(t, Place{Listen: "127.0.0.1:0", Target: echoServer(t)})
	read := func(conn net.Conn) error {
		_, err := io.ReadFull(conn, make([]byte, len("127.0.0.1")))
		return err
	}
	conn, err := net.Dial("tcp", p.Address)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, read(conn))
	p.Reset()
	assert.ErrorIs(t, read(conn), syscall.ECONNRESET)

	p.SetStreams(Streams{Reset: 1})
	if conn, err = net.Dial("tcp", p.Address); err == nil { // the reset may be as early as that
		defer conn.Close()
		err = read(conn)
	}
	assert.ErrorIs(t, err, syscall.ECONNRESET)
	assert.Equal(t, 1, p.Counts().Reset)
}
