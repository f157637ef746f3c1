package credentials_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"renraku/slave/credentials"
	"renraku/slave/slavetest"
	"renraku/telegram"
)

// patience is for what happens at once on a machine that is not busy.
const patience = 20 * time.Second

func host(t testing.TB, name string) telegram.Host {
	t.Helper()
	h, err := telegram.NewHost(name)
	require.NoError(t, err)
	return h
}

// later is when the certificates of most tests end.
func later() time.Time { return time.Now().Add(time.Hour) }

func load(t testing.TB, folder map[string][]byte, name, manager string) (*credentials.Credentials, error) {
	t.Helper()
	return credentials.Load("dir", slavetest.ReadFrom(folder), host(t, name), host(t, manager))
}

// connect is the two ends of a connection on loopback.
func connect(t testing.TB) (client, server net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	client, err = net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	server, err = listener.Accept()
	require.NoError(t, err)
	for _, conn := range []net.Conn{client, server} {
		t.Cleanup(func() { conn.Close() })
		require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	}
	return client, server
}

// end is one end of a handshake: what it gives, and the first byte that comes after it.
type end struct {
	conn net.Conn
	err  error
}

// handshake does both ends at once.
func handshake(t testing.TB, client, server func(context.Context, net.Conn) (net.Conn, error)) (c, s end) {
	t.Helper()
	near, far := connect(t)
	done := make(chan end, 1)
	go func() {
		conn, err := server(t.Context(), far)
		done <- end{conn, err}
	}()
	c.conn, c.err = client(t.Context(), near)
	select {
	case s = <-done:
	case <-time.After(patience):
		require.FailNow(t, "the server's end is not done")
	}
	return c, s
}

// to is the client's end for a host.
func to(s *credentials.Security, h telegram.Host) func(context.Context, net.Conn) (net.Conn, error) {
	return func(ctx context.Context, conn net.Conn) (net.Conn, error) { return s.Client(ctx, conn, h) }
}
