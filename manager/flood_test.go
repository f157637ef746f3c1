package manager

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/slave"
	"renraku/slave/slavetest"
	"renraku/telegram"
)

const (
	floodRate   = 200_000 // datagrams a second that the stranger aims at
	floodFor    = 4 * time.Second
	smallBuffer = 212_992 // of the manager's socket: what a daemon without rights gets where nobody has set net.core.rmem_max
)

// A stranger can fill the socket's buffer, but not have the manager find anybody STOPPED, even where one lost answer would be enough.
func TestAFloodOfAStrangerHasNobodyFoundStopped(t *testing.T) {
	const slaves, interval = 1000, time.Second
	simulation, err := slave.NewSimulation("sim", slaves)
	require.NoError(t, err)
	theirPackets, theirListener, theirs := sockets(t, "127.0.0.2")
	stopSimulation := inBackground(t, func(ctx context.Context) error {
		return simulation.Serve(ctx, theirPackets, theirListener, quiet())
	})
	var all []Slave
	for i := range slaves {
		all = append(all, Slave{Host: host(t, simulation.Host(i)), Address: address(t, theirs), Interval: interval,
			Timeout: 200 * time.Millisecond})
	}
	packets, listener, ours := sockets(t, "127.0.0.1")
	packets.SetReadBuffer(smallBuffer)
	file, _ := contact(t)
	events := &eventBook{}
	server := NewServer(Config{Host: host(t, "mgr01"), Slaves: all, Records: records(t), Tell: events.tell, Log: quiet()}, file, packets, listener)
	stop := inBackground(t, server.Run)
	count := func(suffix string) (n int) {
		for _, event := range events.told() {
			if strings.HasSuffix(event, suffix) {
				n++
			}
		}
		return n
	}
	require.Eventually(t, func() bool { return count(" RUNNING") == slaves }, patience, 10*time.Millisecond)

	asked := simulation.Inquiries()
	stopFlood, err := slavetest.Flood("127.0.0.77", netip.MustParseAddrPort(ours),
		encoded(t, telegram.StatusResponse{Host: all[0].Host, Control: telegram.Stopped}), floodRate)
	require.NoError(t, err)
	time.Sleep(floodFor)
	sent := stopFlood()
	least := uint32(1 << 31)
	for i, n := range simulation.Inquiries() {
		least = min(least, n-asked[i])
	}
	drops := server.Drops()
	t.Logf("%d datagrams sent; dropped: %v; each slave was asked at least %d times", sent, drops.All(), least)
	assert.Zero(t, count(" STOPPED"))
	assert.Equal(t, slaves, count(" RUNNING"))
	assert.GreaterOrEqual(t, least, uint32(floodFor/interval-1), "all are asked all the time")
	assert.Greater(t, drops.Of(slave.DropAddress)+drops.Of(slave.DropOverflow), uint64(floodRate/4*floodFor/time.Second), "it was a flood")
	require.NoError(t, stop())
	require.NoError(t, stopSimulation())
}
