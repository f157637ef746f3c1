package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"

	"renraku/cmd/internal/trial"
	"renraku/slave"
	"renraku/slave/credentials"
	"renraku/slave/datagram"
)

// simulatedPrefix begins the names of the simulated slaves.
const simulatedPrefix = "sim"

// serveSimulation is the other side, as renraku simulate is. In sealed mode it has the keys of a directory of renraku keygen, or those that
// a measured poll has.
func serveSimulation(slaves string, how mode, keys ...string) error {
	n, err := strconv.Atoi(slaves)
	if err != nil {
		return err
	}
	s, err := slave.NewSimulation(simulatedPrefix, n)
	if err != nil {
		return err
	}
	switch {
	case len(keys) > 0:
		if s.Issuer, err = credentials.LoadIssuer(keys[0], os.ReadFile); err != nil {
			return err
		}
	case how == sealed:
		s.Seal(managerHost, masters)
	}
	packets, listener, err := listenBoth()
	if err != nil {
		return err
	}
	go s.Serve(context.Background(), packets, listener, slog.New(slog.DiscardHandler))
	return trial.Serve(packets.LocalAddr().String(), func(question []string) (any, error) {
		switch question[0] {
		case "trips":
			return trips{ownUsage(false), s.Answers(), uint64(packets.Overflows())}, nil
		case "inquiries":
			return s.Inquiries(), nil
		case "silent": // first, step, number, whether
			var first, step, number int
			var silent bool
			if _, err := fmt.Sscan(fmt.Sprintln(question[1], question[2], question[3], question[4]), &first, &step, &number, &silent); err != nil {
				return nil, err
			}
			for i := range number {
				s.SetSilent(first+i*step, first+i*step, silent)
			}
			return nil, nil
		}
		return nil, fmt.Errorf("%q is no question", question)
	})
}

// listenAttempts is how many ports are tried that may be free for UDP and not for TCP.
const listenAttempts = 20

// listenBoth opens one port for both.
func listenBoth() (packets *datagram.Conn, listener net.Listener, err error) {
	for range listenAttempts {
		if packets, err = listen(); err != nil {
			return nil, nil, err
		}
		if listener, err = net.Listen("tcp", packets.LocalAddr().String()); err == nil {
			return packets, listener, nil
		}
		packets.Close()
	}
	return nil, nil, err
}
