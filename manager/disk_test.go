package manager

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/contactfile"
	"renraku/slave/slavetest"
)

func TestAManagerStartedOnAFullDiskBeginsOnceThereIsRoom(t *testing.T) {
	dir, fill, free := slavetest.TinyDisk(t)
	path := filepath.Join(dir, "contact.dat")
	file, err := contactfile.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { file.Close() })
	packets, listener, _ := sockets(t, "127.0.0.1")
	log := &logBook{}
	server := NewServer(Config{Host: host(t, "mgr01"), Records: recordsIn(t, dir), Log: slog.New(slog.NewTextHandler(log, nil))},
		file, packets, listener)
	fill()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		assert.NoError(t, <-done)
	})
	require.Eventually(t, func() bool { return log.count("monitoring does not begin; it is tried again") == 1 }, patience, time.Millisecond)
	assert.Equal(t, 1, log.count("no space left on device"))
	assert.False(t, server.Monitoring())
	free()
	eventually(t, path, "mgr01 RUNNING NOT-STARTED")
}
