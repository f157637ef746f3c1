package cmdtest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

// The ports lie below those that the kernel gives to connections by itself, so that nobody takes the port of a daemon that is
// down for a moment.
const (
	firstPort = 20000
	ports     = 10000
)

// Ports gives n ports of 127.0.0.1 that are free for UDP and TCP. They stay this test's own until it ends, among all tests of
// this machine: each is held by the name of an abstract socket.
func Ports(t testing.TB, n int) []int {
	t.Helper()
	var found []int
	for attempts := 0; len(found) < n; attempts++ {
		require.Less(t, attempts, ports, "no free ports")
		port := firstPort + rand.IntN(ports)
		held, err := net.Listen("unix", fmt.Sprintf("@renraku-test-port-%d", port))
		if err != nil {
			continue
		}
		if !free(port) {
			held.Close()
			continue
		}
		t.Cleanup(func() { held.Close() })
		found = append(found, port)
	}
	return found
}

func free(port int) bool {
	address := fmt.Sprintf("127.0.0.1:%d", port)
	tcp, err := net.Listen("tcp", address)
	if err != nil {
		return false
	}
	defer tcp.Close()
	udp, err := net.ListenPacket("udp", address)
	if err != nil {
		return false
	}
	udp.Close()
	return true
}
