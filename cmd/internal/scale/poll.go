package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"renraku/cmd/internal/trial"
	"renraku/contactfile"
	"renraku/manager"
	"renraku/slave"
	"renraku/telegram"
)

// A poll at saturation: every slave is due again before it can have been asked, so that status control has always somebody to ask.
const (
	demand  = 500_000          // inquiries a second that are due, more than there can be
	patient = 10 * time.Second // response wait: whoever is late is not asked twice
)

// servePoll is a status control of the manager that polls the simulated slaves at the address.
func servePoll(slaves string, how mode, to, interval string) error {
	n, err := strconv.Atoi(slaves)
	if err != nil {
		return err
	}
	every, err := time.ParseDuration(interval)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "renraku-scale-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	before := ownUsage(true).Heap
	drops := &slave.Drops{}
	status, err := newStatusControl(filepath.Join(dir, "contact.dat"), n, to, every, drops)
	if err != nil {
		return err
	}
	if how == sealed {
		status.Seal(managerHost, masters, term)
	}
	if err := status.Begin(); err != nil {
		return err
	}
	go status.Serve(context.Background())
	return trial.Serve("", func(question []string) (any, error) {
		u := ownUsage(question[0] == "memory")
		u.Heap -= min(before, u.Heap)
		return polled{u, drops.Of(slave.DropOverflow)}, nil
	})
}

// polled is what a poll has used, and how many datagrams its socket's buffer had no room for.
type polled struct {
	usage
	Overflow uint64
}

func newStatusControl(path string, n int, to string, interval time.Duration, drops *slave.Drops) (*manager.StatusControl, error) {
	address, err := slave.NewAddress(to)
	if err != nil {
		return nil, err
	}
	names, err := slave.NewSimulation(simulatedPrefix, n)
	if err != nil {
		return nil, err
	}
	slaves := make([]manager.Slave, n)
	for i := range slaves {
		host, err := telegram.NewHost(names.Host(i))
		if err != nil {
			return nil, err
		}
		slaves[i] = manager.Slave{Host: host, Address: address, Interval: interval, Timeout: patient}
	}
	file, err := contactfile.Open(path)
	if err != nil {
		return nil, err
	}
	packets, err := listen()
	if err != nil {
		return nil, err
	}
	own := slave.NewOwnRecord(managerHost, file, 0)
	return manager.NewStatusControl(own, slaves, file, packets, slog.New(slog.DiscardHandler), drops), nil
}
