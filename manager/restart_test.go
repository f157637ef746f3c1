package manager

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"renraku/contactfile"
	"renraku/slave"
	"renraku/telegram"
)

// life is one life of a manager's daemon, with its orders, until it is killed.
type life struct {
	*Server
	t      *testing.T
	path   string
	log    *logBook
	orders context.Context
	kill   func()
}

// newLife starts a manager on the records of dir, at the given address, where an earlier one was.
func newLife(t *testing.T, dir, addr string, app Slave, processes []slave.Process) *life {
	packets, err := listenPackets(addr)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", addr)
	require.NoError(t, err)
	file, path := contact(t)
	l := &life{t: t, path: path, log: &logBook{}}
	l.Server = NewServer(Config{Host: host(t, "mgr01"), Slaves: []Slave{app}, Processes: processes, Records: recordsIn(t, dir),
		Log: slog.New(slog.NewTextHandler(l.log, nil))}, file, packets, listener)
	ctx, kill := context.WithCancelCause(context.Background())
	l.orders = ctx
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	l.kill = func() {
		kill(slave.ErrKilled)
		require.NoError(t, <-done)
		done <- nil // for who kills again
	}
	t.Cleanup(l.kill)
	return l
}

func (l *life) order() (r slave.Result) {
	l.Execution().Order(l.orders, byOperator(l.t, "ONLINE"), []telegram.Host{host(l.t, "app01")}, func(row slave.Result) { r = row })
	return r
}

func TestManagerKilledBetweenOrderAndResponse(t *testing.T) {
	for _, name := range []string{"the process ends meanwhile", "the process ends after the restart"} {
		t.Run(name, func(t *testing.T) {
			dir, theirDir := t.TempDir(), t.TempDir()
			launches, gate := filepath.Join(theirDir, "launches"), filepath.Join(theirDir, "gate")
			require.NoError(t, unix.Mkfifo(gate, 0o600))
			processes := []slave.Process{{ID: process(t, "ONLINE"), Status: status(t, contactfile.Online), Timeout: time.Minute,
				Command: []string{"/bin/sh", "-c", `echo launched >>"$0"; cat <"$1"`, launches, gate}}}
			endProcess := func() { // waits until it is there
				f, err := os.OpenFile(gate, os.O_WRONLY, 0)
				require.NoError(t, err)
				require.NoError(t, f.Close())
			}
			theirPackets, theirListener, theirs := sockets(t, "127.0.0.1")
			packets, listener, addr := sockets(t, "127.0.0.1")
			packets.Close()
			listener.Close()
			app := Slave{Host: host(t, "app01"), Address: address(t, theirs), Interval: 100 * time.Millisecond, Timeout: 300 * time.Millisecond, Retries: 3}
			theirPath, _ := realSlaveIn(t, theirDir, "app01", addr, theirPackets, theirListener, processes)

			first := newLife(t, dir, addr, app, processes)
			eventually(t, first.path, "mgr01 RUNNING NOT-STARTED", "app01 RUNNING NOT-STARTED")
			row := make(chan slave.Result, 1)
			go func() { row <- first.order() }()
			require.Eventually(t, func() bool { b, _ := os.ReadFile(launches); return len(b) > 0 }, patience, time.Millisecond)
			first.kill()
			assert.Equal(t, slave.Unknown, (<-row).Outcome)
			assert.Empty(t, historyIn(t, dir))
			if name == "the process ends meanwhile" {
				endProcess()
				eventually(t, theirPath, "app01 RUNNING ONLINE")
			}

			second := newLife(t, dir, addr, app, processes)
			if name != "the process ends meanwhile" {
				eventually(t, second.path, "mgr01 RUNNING NOT-STARTED", "app01 RUNNING NOT-STARTED")
				assert.Equal(t, "ALREADY NOT-STARTED: an order is in progress; nothing was sent", text(second.order()))
				endProcess()
			}
			eventually(t, second.path, "mgr01 RUNNING NOT-STARTED", "app01 RUNNING ONLINE")
			require.Eventually(t, func() bool { return second.log.count("ONLINE@app01 LAUNCHED") == 1 }, patience, time.Millisecond)
			assert.Equal(t, slave.Already, second.order().Outcome)

			ours := slices.DeleteFunc(historyIn(t, dir), func(l string) bool { return strings.HasSuffix(l, nothingSent) })
			for i, l := range ours {
				ours[i] = strings.Replace(l, "ONLINE OPERATOR", "ONLINE ORDER", 1)
				assert.NotEqual(t, l, ours[i], "the manager knows who ordered it")
			}
			assert.Equal(t, historyIn(t, theirDir), ours)
			assert.Len(t, ours, 1)
			assert.Contains(t, ours[0], "LAUNCHED ONLINE")
			b, err := os.ReadFile(launches)
			require.NoError(t, err)
			assert.Equal(t, "launched\n", string(b))
		})
	}
}
