package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"strconv"
	"syscall"

	"renraku/cmd/internal/daemon"
	"renraku/cmd/internal/definition"
	"renraku/cmd/internal/trial"
	"renraku/slave"
	"renraku/slave/credentials"
	"renraku/slave/datagram"
)

// The roles of a child.
const (
	roleDaemon     = "daemon"     // definition, host, directory: what renrakud is
	roleSimulation = "simulation" // number, address, in sealed mode the directory of keys: what renraku simulate is
)

// serveRole is the child's side.
func serveRole(role string, args []string) error {
	switch {
	case role == roleDaemon && len(args) == 3:
		return serveDaemon(args[0], args[1], args[2])
	case role == roleSimulation && (len(args) == 2 || len(args) == 3):
		return serveSimulation(args[0], args[1], args[2:]...)
	}
	return fmt.Errorf("no such role with %q", args)
}

// gcPercent is that of renrakud.
const gcPercent = 50

// serveDaemon runs the daemon of renrakud, and says what it uses when it is asked.
func serveDaemon(config, host, dir string) error {
	debug.SetGCPercent(gcPercent)
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	d, err := definition.Load(config)
	if err != nil {
		return err
	}
	ready := func() {
		trial.SayServing("")
		log.Info("ready", "host", host)
	}
	one, err := daemon.Open(daemon.Options{Definition: d, Host: host, Dir: dir, Ready: ready, Log: log})
	if err != nil {
		return err
	}
	go func() {
		trial.Answer(func([]string) (any, error) { return ownInside(), nil })
		one.Kill() // whoever asked is no more
	}()
	go func() {
		for range hangups {
			if err := one.ReadAgain(config); err != nil {
				log.Error("definition not read again", "host", host, "error", err)
			}
		}
	}()
	return one.Run(ctx)
}

// serveSimulation answers as the simulated slaves, in sealed mode with the keys of that directory.
func serveSimulation(slaves, address string, keys ...string) error {
	n, err := strconv.Atoi(slaves)
	if err != nil {
		return err
	}
	s, err := slave.NewSimulation(simulatedPrefix, n)
	if err != nil {
		return err
	}
	for _, dir := range keys {
		if s.Issuer, err = credentials.LoadIssuer(dir, os.ReadFile); err != nil {
			return err
		}
		s.Seal(s.Issuer.Manager, s.Issuer.Masters)
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	udp, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(listener.Addr().(*net.TCPAddr).AddrPort()))
	if err != nil {
		return err
	}
	packets, err := datagram.New(udp)
	if err != nil {
		return err
	}
	packets.SetReadBuffer(simulationBuffer)
	go s.Serve(context.Background(), packets, listener, slog.New(slog.DiscardHandler))
	return trial.Serve("", func(question []string) (any, error) { // first, step, last, whether they are silent; or no word: the keys again
		if len(question) == 0 {
			_, masters, err := credentials.FindMasters(keys[0], os.ReadFile)
			if err == nil {
				s.SetMasters(masters)
			}
			return err == nil, err
		}
		var first, step, last int
		var silent bool
		if _, err := fmt.Sscan(fmt.Sprintln(anys(question)...), &first, &step, &last, &silent); err != nil {
			return nil, err
		}
		for i := first; i <= last; i += step {
			s.SetSilent(i, i, silent)
		}
		return true, nil
	})
}

// simulationBuffer is the wanted size of the simulation's socket buffer in bytes.
const simulationBuffer = 4 << 20

func anys(all []string) (any []any) {
	for _, s := range all {
		any = append(any, s)
	}
	return any
}
