package slavetest

import (
	"net"
	"net/netip"
	"runtime"
	"sync/atomic"
	"time"

	"renraku/slave/datagram"
)

// floodAtOnce is how many batches a flood sends without a look at the clock, where it is late.
const floodAtOnce = 64

// Flood sends the same datagram from one IP address, such as that of a stranger, so many times a second or as often as it can, until
// stop is called, which says how often that was.
func Flood(from string, to netip.AddrPort, bytes []byte, perSecond int) (stop func() int, err error) {
	udp, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(from), 0)))
	if err != nil {
		return nil, err
	}
	conn, err := datagram.New(udp)
	if err != nil {
		udp.Close()
		return nil, err
	}
	out := datagram.NewBatch(len(bytes))
	for !out.Full() {
		out.Add(bytes, to)
	}
	var ended atomic.Bool
	sent := make(chan int)
	go func() {
		runtime.LockOSThread() // it does not wait for a place of the program that it floods
		n, begun := 0, time.Now()
		for !ended.Load() {
			due := int(time.Since(begun).Seconds() * float64(perSecond))
			for i := 0; i < floodAtOnce && n < due; i++ {
				conn.Send(out, func([]byte, netip.AddrPort, error) { n-- })
				n += out.Len()
			}
			time.Sleep(time.Millisecond)
		}
		conn.Close()
		sent <- n
	}()
	return func() int {
		ended.Store(true)
		return <-sent
	}, nil
}
