package control

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAnOrderDoesNotWaitForACommandThatReadsNothing(t *testing.T) {
	const servers = 10_000 // rows of which no socket has room for
	done := make(chan bool)
	station := &fakeStation{order: func(_ context.Context, _ Order, head func(Head), row func(Row)) error {
		head(Head{make([]string, servers)})
		for range servers {
			row(Row{Host: "app01", Process: "ONLINE", Outcome: "LAUNCHED"})
		}
		close(done)
		return nil
	}}
	dir, _ := serve(t, station)
	conn, err := net.Dial("unix", filepath.Join(dir, SocketName))
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.Write([]byte("POST /order HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"))
	require.NoError(t, err)
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		require.FailNow(t, "the order waits for whoever reads its rows, as one that was suspended with Ctrl-Z, and so keeps others from their places")
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	rows, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	assert.Equal(t, 1+servers, bytes.Count(rows, []byte("\n")), "each is there for who reads on")
}
