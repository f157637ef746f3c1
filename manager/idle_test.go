package manager

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/slave"
	"renraku/slave/slavetest"
)

const (
	hostileSlaves   = 20     // whose addresses are right; together they may hold more connections than the manager has
	hostileEach     = 70     // connections that each tries to hold at once, more than one address may
	hostileAttempts = 10_000 // to begin with: they go on
)

// hostile is slaves that answer inquiries, and meanwhile open connections and say nothing on them, as many as they get.
type hostile struct {
	slaves   []Slave
	attempts atomic.Int64
}

func newHostile(t *testing.T, keys *slavetest.Keys, data Slave) *hostile {
	h := &hostile{}
	for i := range hostileSlaves {
		simulation, err := slave.NewSimulation(fmt.Sprintf("bad%d-", i), 1)
		require.NoError(t, err)
		if keys != nil {
			simulation.Issuer = keys.Issuer(t)
		}
		packets, listener, addr := sockets(t, fmt.Sprintf("127.0.1.%d", 1+i))
		inBackground(t, func(ctx context.Context) error { return simulation.Serve(ctx, packets, listener, quiet()) })
		data.Host, data.Address = host(t, simulation.Host(0)), address(t, addr)
		h.slaves = append(h.slaves, data)
	}
	return h
}

// attack has them connect until the test ends, each time again when the manager has closed one.
func (h *hostile) attack(t *testing.T, manager string) {
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for i := range h.slaves {
		at, _ := h.slaves[i].Address.AddrPort()
		dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: at.Addr().AsSlice()}}
		for range hostileEach {
			all.Go(func() {
				for ctx.Err() == nil {
					conn, err := dialer.DialContext(ctx, "tcp", manager)
					h.attempts.Add(1)
					if err != nil {
						continue
					}
					stop := context.AfterFunc(ctx, func() { conn.Close() })
					conn.Read(make([]byte, 1)) // until the manager closes it
					stop()
					conn.Close()
				}
			})
		}
	}
	t.Cleanup(func() {
		cancel()
		all.Wait()
	})
}

// Slaves whose addresses are right want more connections than there are, again and again. Whoever has none gets one at once.
func TestTenThousandIdleConnectionsOfHostileSlavesKeepNoResultBack(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode.name, func(t *testing.T) {
			keys := mode.keys(t)
			data := Slave{Interval: 500 * time.Millisecond, Timeout: 2 * time.Second, Retries: 2}
			h := newHostile(t, keys, data)
			packets, listener, addr := sockets(t, "127.0.0.2")
			data.Host, data.Address = host(t, "app1"), address(t, addr)
			w := newWatch(t, Config{Slaves: append(h.slaves, data), Security: securityOf(t, keys, "mgr01"), Fallback: true, Processes: online(t)})
			file, _ := contact(t)
			log := &logBook{}
			proper, err := slave.NewServer(slave.Config{Host: data.Host, Manager: address(t, w.server.listener.Addr().String()), Processes: online(t),
				Security: securityOf(t, keys, "app1"), Records: records(t), Log: slog.New(slog.NewTextHandler(log, nil))}, file, packets, listener)
			require.NoError(t, err)
			inBackground(t, proper.Run)
			w.await(hostileSlaves+1, " RUNNING")
			w.events.forget()

			h.attack(t, w.server.listener.Addr().String())
			drops := w.server.Drops()
			require.Eventually(t, func() bool {
				return h.attempts.Load() >= hostileAttempts && drops.Of(slave.DropConnections) > 0
			}, 4*patience, time.Millisecond, "they hold all that there are")
			begun := time.Now()
			_, err = proper.Execute(t.Context(), slave.Order{Process: process(t, "ONLINE"), Trigger: slave.ByTime})
			require.NoError(t, err)
			require.Eventually(t, func() bool { return w.told("ONLINE@app1 ended normally") == 1 }, patience, time.Millisecond)
			t.Logf("taken %v after its order, after %d attempts; dropped: %v", time.Since(begun), h.attempts.Load(), drops.All())
			assert.Zero(t, log.count("not delivered"), "at the first attempt")
			assert.Positive(t, drops.Of(slave.DropGaveWay))
			assert.Zero(t, drops.Of(slave.DropHandshake), "what gives way is counted for nothing else")
			asked := drops.Of(slave.DropConnections)
			require.Eventually(t, func() bool { return drops.Of(slave.DropConnections) > asked }, patience, time.Millisecond)
			assert.Zero(t, w.told(" STOPPED"))
		})
	}
}
