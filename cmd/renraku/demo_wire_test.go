package main

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/telegram"
)

// relayed is a wire with one relay, and what stands behind it.
func relayed(t *testing.T) (w *wire, address string, packets *net.UDPConn, listener net.Listener) {
	t.Helper()
	packets, listener, err := listenBoth()
	require.NoError(t, err)
	w = newWire()
	port, err := w.relay(portOf(listener))
	require.NoError(t, err)
	t.Cleanup(func() {
		w.close()
		packets.Close()
		listener.Close()
	})
	limit := time.Now().Add(aWhile)
	packets.SetDeadline(limit)
	listener.(*net.TCPListener).SetDeadline(limit)
	return w, (&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}).String(), packets, listener
}

func nameOf[T any](t *testing.T, parse func(string) (T, error), text string) T {
	t.Helper()
	v, err := parse(text)
	require.NoError(t, err)
	return v
}

func TestWirePassesOrdersAndResponsesAndCountsThem(t *testing.T) {
	t.Parallel()
	w, address, _, listener := relayed(t)
	app01, online := nameOf(t, telegram.NewHost, "app01"), nameOf(t, telegram.NewProcessID, "ONLINE")
	all := []telegram.Telegram{
		telegram.ExecutionOrder{Host: app01, Control: telegram.Launch, Process: online},
		telegram.ExecutionResponse{Host: app01, Control: telegram.Launched, Process: online, Text: nameOf(t, telegram.NewText, "up")},
		telegram.ExecutionOrder{Host: app01, Control: telegram.Taken, Process: online},
	}
	manager, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer manager.Close()
	slave, err := listener.Accept()
	require.NoError(t, err)
	defer slave.Close()
	ends := []net.Conn{manager, slave}
	for i, sent := range all {
		from, to := ends[i%2], ends[1-i%2]
		to.SetDeadline(time.Now().Add(aWhile))
		require.NoError(t, telegram.Write(from, sent))
		got, err := telegram.NewReader(to).Read()
		require.NoError(t, err)
		assert.Equal(t, sent, got)
	}
	assert.NoError(t, w.says("app01", "ONLINE", telegram.Launch, telegram.Launched, telegram.Taken))
	assert.EqualError(t, w.says("app01", "ONLINE", telegram.Launch, telegram.Failed), "FAILED about ONLINE at app01 passed 0 times on the wire, want once")
	require.NoError(t, telegram.Write(manager, all[0]))
	_, err = telegram.NewReader(slave).Read()
	require.NoError(t, err)
	assert.EqualError(t, w.says("app01", "ONLINE", telegram.Launch), "LAUNCH about ONLINE at app01 passed 2 times on the wire, want once")

	slave.Close() // and so the relay ends the other end
	_, err = manager.Read(make([]byte, 1))
	assert.Error(t, err)
	assert.NotErrorIs(t, err, net.ErrClosed)
}

func TestWirePassesInquiriesAndCountsTheirRunningAnswers(t *testing.T) {
	t.Parallel()
	w, address, slave, _ := relayed(t)
	app01 := nameOf(t, telegram.NewHost, "app01")
	manager, err := net.Dial("udp", address)
	require.NoError(t, err)
	defer manager.Close()
	manager.SetDeadline(time.Now().Add(aWhile))
	buf := make([]byte, telegram.MaxLength)
	began := time.Now()
	for i, control := range []telegram.Control{telegram.Running, telegram.Stopped, telegram.Running} {
		require.NoError(t, telegram.Write(manager, telegram.StatusInquiry{Host: app01, Control: telegram.Check}))
		n, relay, err := slave.ReadFromUDPAddrPort(buf)
		require.NoError(t, err)
		assert.Equal(t, telegram.StatusInquiryLength, n)
		answer := telegram.StatusResponse{Host: app01, Control: control}
		b, err := answer.Append(nil)
		require.NoError(t, err)
		_, err = slave.WriteToUDPAddrPort(b, relay)
		require.NoError(t, err)
		n, err = manager.Read(buf)
		require.NoError(t, err)
		assert.Equal(t, string(b), string(buf[:n]))
		answers, last := w.runningAnswers("app01")
		assert.Equal(t, []int{1, 1, 2}[i], answers)
		assert.False(t, last.Before(began))
	}
	answers, _ := w.runningAnswers("app02")
	assert.Zero(t, answers)
}
