package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"renraku/cmd/internal/cmdtest"
	"renraku/slave"
	"renraku/telegram"
)

// padded is the bytes of the specification by hand: a name, and spaces up to its width.
func padded(name string, width int) string { return name + strings.Repeat(" ", width-len(name)) }

func TestSlaveAnswersTheBytesOfTheSpecification(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, noPolls)
	f.Start(t, first)
	conn, err := net.Dial("udp", fmt.Sprintf("127.0.0.1:%d", f.Ports[first]))
	require.NoError(t, err)
	defer conn.Close()
	for _, c := range []struct{ ask, answer, text string }{
		{"\x00\x02", "\x00\x10", ""},                                // START, RUNNING
		{"\x00\x01", "\x00\x10", ""},                                // CHECK, RUNNING
		{"\x00\x04", "\x00\x20", "monitoring ended by the manager"}, // END, STOPPED
	} {
		_, err = io.WriteString(conn, "app01"+strings.Repeat(" ", 59)+"SQ"+c.ask)
		require.NoError(t, err)
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(aWhile)))
		b := make([]byte, 1000)
		n, err := conn.Read(b)
		require.NoError(t, err)
		assert.Equal(t, padded("app01", 64)+"SR"+c.answer+padded("NOT-STARTED", 24)+padded(c.text, 104), string(b[:n]))
	}
}

func TestOfAHundredOrdersAtOnceOneIsLaunched(t *testing.T) {
	t.Parallel()
	const orders = 100
	f := cmdtest.NewFleet(t, noPolls)
	f.Start(t, first)
	require.NoError(t, unix.Mkfifo(f.File(first, "ONLINE.gate"), 0o600))
	gate, err := os.OpenFile(f.File(first, "ONLINE.gate"), os.O_RDWR, 0) // the process waits for a line, or for its end
	require.NoError(t, err)
	defer gate.Close()

	answers := make(chan telegram.Telegram, orders)
	begun := time.Now()
	for range orders {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", f.Ports[first]))
		require.NoError(t, err)
		t.Cleanup(func() { conn.Close() })
		go func() {
			io.WriteString(conn, padded("app01", 64)+"XQ\x01\x00"+padded("ONLINE", 16))
			x, _ := telegram.NewReader(conn).Read()
			answers <- x
		}()
	}
	take := func() telegram.ExecutionResponse {
		select {
		case x := <-answers:
			require.IsType(t, telegram.ExecutionResponse{}, x)
			return x.(telegram.ExecutionResponse)
		case <-time.After(aWhile):
			require.FailNow(t, "no answer")
		}
		return telegram.ExecutionResponse{}
	}
	for range orders - 1 {
		x := take()
		assert.Equal(t, telegram.Already, x.Control, x.String())
	}
	assert.Less(t, time.Since(begun), slave.ReceiptWait, "nobody waits for another order's receipt")
	_, err = io.WriteString(gate, "go\n")
	require.NoError(t, err)
	x := take()
	assert.Equal(t, telegram.Launched, x.Control, x.String())
	assert.Equal(t, "ONLINE", x.Status.String())
	runs, err := os.ReadFile(f.File(first, "ONLINE.runs"))
	require.NoError(t, err)
	assert.Equal(t, 1, strings.Count(string(runs), "\n"), "runs")
}
