package daemon

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"syscall"

	"renraku/slave"
	"renraku/slave/datagram"
)

// readBuffer is the wanted size of the UDP socket's buffer in bytes; the kernel may give less.
const readBuffer = 4 << 20

// listen opens both sockets at this server's own address of the definition, so that what it sends comes from the address
// that its peers know. Where the machine does not have the address, as behind address translation, it takes any.
func listen(address string, log *slog.Logger) (slave.PacketConn, net.Listener, error) {
	packets, listener, err := listenAt(address)
	if errors.Is(err, syscall.EADDRNOTAVAIL) {
		_, port, splitErr := net.SplitHostPort(address)
		if splitErr != nil {
			return nil, nil, splitErr
		}
		log.Warn("listening on all addresses of this machine", "reason", "it does not have the address of the definition", "address", address)
		packets, listener, err = listenAt(":" + port)
	}
	if err != nil {
		return nil, nil, err
	}
	packets.SetReadBuffer(readBuffer)
	return packets, listener, nil
}

func listenAt(address string) (*datagram.Conn, net.Listener, error) {
	udp, err := net.ResolveUDPAddr("udp", address)
	if err != nil {
		return nil, nil, fmt.Errorf("resolve this server's own address %s: %w", address, err)
	}
	packets, err := net.ListenUDP("udp", udp)
	if err != nil {
		return nil, nil, plainListenError(address, err)
	}
	listener, err := net.Listen("tcp", udp.String())
	if err != nil {
		packets.Close()
		return nil, nil, plainListenError(address, err)
	}
	conn, err := datagram.New(packets)
	if err != nil {
		packets.Close()
		listener.Close()
		return nil, nil, err
	}
	return conn, listener, nil
}

func plainListenError(address string, err error) error {
	var number syscall.Errno
	if errors.As(err, &number) { // without the words of Go's network package
		err = number
	}
	if number == syscall.EADDRINUSE {
		return fmt.Errorf("another program listens on %s: %w", address, err)
	}
	return fmt.Errorf("listen on %s: %w", address, err)
}
