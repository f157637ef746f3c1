package slavetest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	floodAtOnce   = 64 // system calls without a look at the clock, where a flood is late
	floodSegments = 64 // datagrams of each, as many as udp(7) takes
)

// Flood sends the same datagram from one IP address, such as that of a stranger, so many times a second or as often as it can, until
// stop is called, which says how often that was. The kernel cuts the datagrams from what one system call gives it (UDP_SEGMENT), so
// that the flood leaves most of a processor to those that it floods.
func Flood(from string, to netip.AddrPort, datagram []byte, perSecond int) (stop func() int, err error) {
	conn, err := net.DialUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(from), 0)), net.UDPAddrFromAddrPort(to))
	if err != nil {
		return nil, err
	}
	many, segment := bytes.Repeat(datagram, floodSegments), segmentSize(len(datagram))
	if _, _, err := conn.WriteMsgUDP(many, segment, nil); err != nil {
		conn.Close()
		return nil, fmt.Errorf("flood: the kernel does not cut datagrams (UDP_SEGMENT): %w", err)
	}
	var ended atomic.Bool
	sent := make(chan int)
	go func() {
		runtime.LockOSThread() // it does not wait for a place of the program that it floods
		n, begun := floodSegments, time.Now()
		for !ended.Load() {
			due := int(time.Since(begun).Seconds() * float64(perSecond))
			for i := 0; i < floodAtOnce && n < due; i++ {
				if _, _, err := conn.WriteMsgUDP(many, segment, nil); err == nil {
					n += floodSegments
				}
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

// segmentSize is the control message that has the kernel cut datagrams of so many bytes.
func segmentSize(bytes int) []byte {
	b := make([]byte, unix.CmsgSpace(2))
	h := (*unix.Cmsghdr)(unsafe.Pointer(unsafe.SliceData(b)))
	h.Level, h.Type = unix.SOL_UDP, unix.UDP_SEGMENT
	h.SetLen(unix.CmsgLen(2))
	binary.NativeEndian.PutUint16(b[unix.CmsgLen(0):], uint16(bytes))
	return b
}
