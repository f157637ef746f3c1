package datagram

import (
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// descriptors is how many this process has open.
func descriptors(t *testing.T) int {
	all, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return len(all)
}

func TestAllMayUseASocketWhileItIsClosedAndNothingStaysOpen(t *testing.T) {
	before := descriptors(t)
	for range 200 {
		udp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		require.NoError(t, err)
		c, err := New(udp)
		require.NoError(t, err)
		to, begun := addressOf(c), make(chan struct{})
		var all sync.WaitGroup
		all.Go(func() {
			b := NewBatch(room)
			for c.Receive(b, time.Time{}) == nil {
				c.Overflows()
			}
		})
		for range 2 {
			all.Go(func() {
				b := NewBatch(room)
				b.Add([]byte("x"), to)
				for i := range 50 {
					c.Send(b, ignore)
					c.Wake()
					if i == 10 {
						begun <- struct{}{}
					}
				}
			})
		}
		<-begun
		require.NoError(t, c.Close())
		<-begun
		all.Wait()
	}
	assert.Equal(t, before, descriptors(t))
}

func ignore([]byte, netip.AddrPort, error) {}
