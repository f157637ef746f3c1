package serving

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// pipes is a listener whose connections are pipes, for a bubble.
type pipes struct {
	connections chan net.Conn
	closed      chan struct{}
	once        sync.Once
}

func newPipes() *pipes { return &pipes{connections: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.connections:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

func (p *pipes) isClosed() bool {
	select {
	case <-p.closed:
		return true
	default:
		return false
	}
}

const closing = time.Minute

// rig is a server with one request in progress, which takes so long.
type rig struct {
	listener *pipes
	end      context.CancelFunc
	ended    chan error // it serves no more
	answers  chan string
}

func newRig(t *testing.T, takes time.Duration) *rig {
	t.Helper()
	r := &rig{listener: newPipes(), ended: make(chan error, 1), answers: make(chan string, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	r.end = cancel
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(takes)
		io.WriteString(w, "done")
	})}
	go func() { r.ended <- Until(ctx, server, r.listener, closing) }()
	ours, theirs := net.Pipe()
	t.Cleanup(func() { ours.Close() })
	r.listener.connections <- theirs
	_, err := io.WriteString(ours, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	require.NoError(t, err)
	go func() {
		answer, err := http.ReadResponse(bufio.NewReader(ours), nil)
		if err != nil {
			r.answers <- "none"
			return
		}
		b, _ := io.ReadAll(answer.Body) // what is cut off is seen
		r.answers <- string(b)
	}()
	synctest.Wait()
	return r
}

func TestARequestInProgressIsAnsweredBeforeTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, closing/2)
		assert.False(t, r.listener.isClosed())
		r.end()
		time.Sleep(closing/2 - time.Second)
		synctest.Wait()
		assert.True(t, r.listener.isClosed())
		assert.Empty(t, r.ended, "it waits")
		time.Sleep(3 * time.Second) // the server looks now and then whether requests are done
		synctest.Wait()
		require.Len(t, r.ended, 1)
		assert.Equal(t, "done", <-r.answers)
		assert.NoError(t, <-r.ended)
	})
}

func TestARequestThatDoesNotEndIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, time.Hour)
		r.end()
		time.Sleep(closing - time.Second)
		synctest.Wait()
		assert.Empty(t, r.ended, "it waits")
		time.Sleep(time.Second)
		synctest.Wait()
		require.Len(t, r.ended, 1)
		assert.NoError(t, <-r.ended)
		assert.Equal(t, "none", <-r.answers)
		time.Sleep(time.Hour) // for the request itself
	})
}

func TestAContextThatHasEndedClosesTheListener(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, Until(ctx, &http.Server{}, listener, closing))
	_, err = listener.Accept()
	assert.ErrorIs(t, err, net.ErrClosed)
}

func TestAListenerThatFailsIsAnError(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	assert.ErrorIs(t, Until(t.Context(), &http.Server{}, listener, closing), net.ErrClosed)
}
