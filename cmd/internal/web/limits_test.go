package web

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/slave"
)

const wholeRequest = "GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n"

func TestAHeaderThatIsTooLargeIsRefused(t *testing.T) {
	s := newSite(t, "mgr01").serve(t)
	c := s.dial(t)
	c.Write([]byte("GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: " + strings.Repeat("x", 2*maxHeader) + "\r\n\r\n")) // the end of it may find nobody
	line, err := bufio.NewReader(c).ReadString('\n')
	if err == nil { // else it was closed before that could be said
		assert.Equal(t, "HTTP/1.1 431 Request Header Fields Too Large\r\n", line)
	}
	answer, _ := s.do(t, "GET", "/", "", "X-Long", strings.Repeat("x", maxHeader/2))
	assert.Equal(t, 200, answer.StatusCode)
}

func TestConnectionsToThePageAreBounded(t *testing.T) {
	s := newSite(t, "mgr01").serve(t)
	ask := func() (c net.Conn, answered func(within time.Duration) bool) {
		c = s.dial(t)
		_, err := c.Write([]byte(wholeRequest))
		require.NoError(t, err)
		return c, func(within time.Duration) bool {
			c.SetReadDeadline(time.Now().Add(within))
			answer, err := http.ReadResponse(bufio.NewReader(c), nil)
			return err == nil && answer.StatusCode == http.StatusNotFound
		}
	}
	var first net.Conn
	for i := range maxConnections {
		c, answered := ask()
		require.True(t, answered(aMoment), i)
		if first == nil {
			first = c
		}
	}
	_, answered := ask()
	assert.False(t, answered(100*time.Millisecond), "it waits")
	first.Close()
	assert.True(t, answered(aMoment), "until another has gone")
}

// pipes is a listener of connections in memory.
type pipes struct {
	accepted chan net.Conn
	closed   chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.accepted:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	close(p.closed)
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func TestAConnectionThatSaysNothingIsClosedInTime(t *testing.T) {
	s := newSite(t, "mgr01")
	for _, c := range []struct {
		name, first, then string
		open              time.Duration // from then on
	}{
		{"nothing at all", "", "", headerWait},
		{"a header without an end", "", "GET / HTTP/1.1\r\n", headerWait},
		{"an order without its body", "", "POST /api/order HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAuthorization: Bearer " + rightToken +
			"\r\nContent-Length: 9\r\n\r\n", requestWait},
		{"no second request", wholeRequest, "", idleWait},
	} {
		synctest.Test(t, func(t *testing.T) {
			s.server.SetToken(newToken(rightToken))
			ctx, end := context.WithCancel(t.Context())
			ours, theirs := net.Pipe()
			p, ended := &pipes{accepted: make(chan net.Conn, 1), closed: make(chan struct{})}, make(chan error, 1)
			p.accepted <- theirs
			go func() { ended <- s.server.Serve(ctx, p) }()
			began := time.Now()
			go io.WriteString(ours, c.first+c.then)
			all, err := io.ReadAll(ours)
			require.NoError(t, err, c.name)
			assert.Equal(t, c.open, time.Since(began), "%s: %s", c.name, all)
			end()
			require.NoError(t, <-ended)
		})
	}
	assert.Empty(t, s.daemon.ordered())
}

func TestAQuestionForTheHistoryLooksBackOnlySoFar(t *testing.T) {
	other := historyOf(0, "app02")
	b, err := other.Append(nil)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), slave.HistoryFile)
	require.NoError(t, os.WriteFile(path, bytes.Repeat(b, maxLookBack+10), 0o600))
	a, err := readHistory(path, "app01", -1)
	require.NoError(t, err)
	assert.Equal(t, historyAnswer{Records: []historyRecord{}, Next: 10}, a, "it goes on there, where that is asked for")
	a, err = readHistory(path, "app01", a.Next)
	require.NoError(t, err)
	assert.Zero(t, a.Next)
}
