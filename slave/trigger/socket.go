package trigger

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
)

// SocketName is the name of the socket in the daemon's directory.
const SocketName = "message.sock"

const (
	socketMode = 0o660
	maxPath    = 107 // bytes of a socket's path, unix(7)
)

// Socket is message.sock, a datagram socket of which each datagram is a message.
type Socket struct {
	*net.UnixConn
	path string
}

// Listen opens the socket in dir. The caller holds the lock of the directory's contact file, so that a socket that is there
// already is a dead daemon's. The receive buffer is the kernel's affair: of this kind of socket it counts datagrams
// (net.unix.max_dgram_qlen), and no size that is set here has any effect.
func Listen(dir string) (*Socket, error) {
	path := filepath.Join(dir, SocketName)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open message socket: %w", err)
	}
	if len(path) > maxPath {
		return nil, fmt.Errorf("open message socket: its path may have %d bytes and has %d: choose a shorter directory than %s",
			maxPath, len(path), dir)
	}
	conn, err := (&net.ListenConfig{Control: setMode}).ListenPacket(context.Background(), "unixgram", path)
	if err != nil {
		return nil, fmt.Errorf("open message socket: %w", err)
	}
	s := &Socket{conn.(*net.UnixConn), path}
	if err := os.Chmod(path, socketMode); err != nil {
		s.Close()
		return nil, fmt.Errorf("open message socket: %w", err)
	}
	return s, nil
}

// setMode has the socket be for the daemon's group at most from the moment on in which it stands in the directory: bind(2) takes the
// mode of the socket itself, without the umask's bits.
func setMode(_, _ string, c syscall.RawConn) error {
	var err error
	controlErr := c.Control(func(fd uintptr) { err = syscall.Fchmod(int(fd), socketMode) })
	return errors.Join(controlErr, err)
}

// Close removes the socket's file and closes it. The caller still holds the lock of the directory.
func (s *Socket) Close() error {
	err := os.Remove(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, s.UnixConn.Close())
}
