package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"syscall"

	"github.com/spf13/cobra"

	"renraku/cmd/internal/exit"
	"renraku/cmd/internal/trusted"
	"renraku/slave"
	"renraku/slave/credentials"
	"renraku/slave/datagram"
	"renraku/telegram"
)

func simulateCommand() *cobra.Command {
	var (
		slaves               int
		listen, prefix, keys string
	)
	c := &cobra.Command{
		Use:   "simulate --slaves N --listen ADDR [--prefix sim] [--keys DIR]",
		Short: "Answer as N slaves on one port, to try a definition or to load a manager",
		Long: "Answers inquiries and orders as N slaves on one UDP and TCP port, to whoever asks. Nothing is run: orders are\n" +
			"answered LAUNCHED with the process ID as status. With --keys, it answers in sealed mode, with keys and certificates that it\n" +
			"makes itself: it needs the whole directory of renraku keygen.",
		RunE: func(c *cobra.Command, _ []string) error { return simulate(c, prefix, slaves, listen, keys) },
	}
	c.Flags().IntVar(&slaves, "slaves", 0, "the `number` of slaves")
	c.Flags().StringVar(&listen, "listen", "", "`address` to listen on: host or host:port")
	c.Flags().StringVar(&prefix, "prefix", "sim", "the `text` that the hosts' names begin with")
	c.Flags().StringVar(&keys, "keys", "", "the `directory` of renraku keygen: answer in sealed mode")
	return c
}

func simulate(c *cobra.Command, prefix string, slaves int, listen, keys string) error {
	switch {
	case !c.Flags().Changed("slaves"):
		return exit.With(exit.Usage, errors.New("how many slaves? --slaves N is missing"))
	case listen == "":
		return exit.With(exit.Usage, errors.New("on which address? --listen ADDR is missing"))
	}
	s, err := slave.NewSimulation(prefix, slaves)
	if err != nil {
		return exit.With(exit.Usage, err)
	}
	if keys != "" {
		if s.Issuer, err = credentials.LoadIssuer(keys, trusted.ReadKeyFile); err != nil {
			return fmt.Errorf("--keys %s: %w", keys, err)
		}
	}
	if _, _, err := net.SplitHostPort(listen); err != nil {
		listen = net.JoinHostPort(listen, fmt.Sprint(telegram.Port))
	}
	address, err := net.ResolveUDPAddr("udp", listen)
	if err != nil {
		return exit.With(exit.Usage, fmt.Errorf("--listen %s: %w", listen, err))
	}
	socket, err := net.ListenUDP("udp", address)
	if err != nil {
		return fmt.Errorf("--listen %s: %w", listen, plainListenError(err))
	}
	packets, err := datagram.New(socket)
	if err != nil {
		socket.Close()
		return err
	}
	packets.SetReadBuffer(simulateBuffer)
	listener, err := net.Listen("tcp", packets.LocalAddr().String())
	if err != nil {
		packets.Close()
		return fmt.Errorf("--listen %s: %w", listen, plainListenError(err))
	}
	fmt.Fprintf(c.OutOrStdout(), "answering as %s on %v; for the definition:\n\n[[slave]]\nhost    = %q\naddress = %q\n\n",
		count(slaves, "slave", "slaves"), packets.LocalAddr(), s.Hosts(), packets.LocalAddr().String())
	err = s.Serve(c.Context(), packets, listener, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	fmt.Fprintf(c.OutOrStdout(), "answered %d inquiries and %d orders\n", s.Answers(), s.Orders())
	for reason, n := range s.Drops().All() {
		fmt.Fprintf(c.OutOrStdout(), "dropped %d: %s\n", n, reason)
	}
	if c.Context().Err() == context.Canceled {
		return nil
	}
	return err
}

// plainListenError is why a socket cannot be opened, without the words of Go's network package.
func plainListenError(err error) error {
	var number syscall.Errno
	if errors.As(err, &number) {
		return number
	}
	return err
}

// simulateBuffer is the wanted size of the socket's buffer in bytes, for many slaves asked at once.
const simulateBuffer = 8 << 20
