package manager

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/contactfile"
	"renraku/slave"
	"renraku/slave/slavetest"
)

// In sealed mode its term is on disk then too, so that the next start has a greater one, also where the clock has been set back.
func TestAManagerStartedOnAFullDiskBeginsOnceThereIsRoom(t *testing.T) {
	dir, fill, free := slavetest.TinyDisk(t)
	path := filepath.Join(dir, "contact.dat")
	file, err := contactfile.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { file.Close() })
	packets, listener, _ := sockets(t, "127.0.0.1")
	log := &logBook{}
	cfg := Config{Host: host(t, "mgr01"), Records: recordsIn(t, dir), Log: slog.New(slog.NewTextHandler(log, nil))}
	earlier := NewServer(cfg, file, packets, listener) // in plain mode
	earlier.own.Stop()
	earlier.targets.journal.close()
	fill()
	cfg.Security = slavetest.NewKeys(t, "mgr01").Security(t, "mgr01")
	server := NewServer(cfg, file, packets, listener)
	assert.Equal(t, 1, log.count("number of this start not on disk"))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		assert.NoError(t, <-done)
	})
	require.Eventually(t, func() bool { return log.count("monitoring does not begin; it is tried again") == 1 }, patience, time.Millisecond)
	assert.Equal(t, 2, log.count("no space left on device"))
	assert.False(t, server.Monitoring())
	free()
	eventually(t, path, "mgr01 RUNNING NOT-STARTED")
	require.Eventually(t, func() bool { return log.count("number of this start on disk") == 1 }, patience, time.Millisecond)
	assert.Equal(t, server.status.sealing.term+1, cfg.Records.NextStart(time.Unix(0, 0), cfg.Log).Number)
}

func TestAContactFileThatTheDiskDoesNotTakeAnewIsTriedAgain(t *testing.T) {
	dir, fill, free := slavetest.TinyDisk(t)
	path := filepath.Join(dir, "contact.dat")
	file, err := contactfile.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { file.Close() })
	log := &logBook{}
	s := NewStatusControl(slave.NewOwnRecord(host(t, "mgr01"), file, 0), []Slave{at(t, "app01", "198.18.0.1:10320")}, file, nowhere{},
		slog.New(slog.NewTextHandler(log, nil)), &slave.Drops{})
	require.NoError(t, s.Begin())
	held, err := os.Open(path) // so that the room of what is removed stays taken
	require.NoError(t, err)
	defer held.Close()
	require.NoError(t, os.Remove(path))
	fill()
	for range 3 {
		s.keepFile()
	}
	assert.Equal(t, 1, log.count("contact file not written"), log.text.String())
	assert.Equal(t, 1, log.count("level=ERROR"), "and nobody has damaged it")
	assert.Zero(t, log.count("contact file written again"))
	free()
	s.keepFile()
	assert.Equal(t, 1, log.count("contact file written again"))
	assert.Equal(t, []string{"mgr01 RUNNING NOT-STARTED", "app01 STOPPED NOT-STARTED"}, lines(t, path))
}
