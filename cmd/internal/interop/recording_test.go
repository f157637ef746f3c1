//go:build interop

package interop

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/stretchr/testify/require"
)

// recording is a capture that a test makes packet by packet.
type recording struct {
	t       testing.TB
	now     time.Time
	packets [][]byte
	times   []time.Time
}

func newRecording(t testing.TB) *recording {
	return &recording{t: t, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
}

// frame records one frame, the given time after the one before it, and gives its number.
func (r *recording) frame(after time.Duration, b []byte) int {
	r.now = r.now.Add(after)
	r.packets, r.times = append(r.packets, b), append(r.times, r.now)
	return len(r.packets)
}

// udp records a datagram.
func (r *recording) udp(after time.Duration, from, to, payload string) int {
	return r.frame(after, r.packet(from, to, &layers.UDP{}, payload))
}

// unreachable records what a machine sends where nobody listens on the port to which the frame of the given number went.
func (r *recording) unreachable(after time.Duration, from, to string, number int) int {
	quoted := r.packets[number-1][14:]
	return r.frame(after, r.packet(from, to, &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(3, 3)}, string(quoted)))
}

// packet is an Ethernet frame. Of an address the port counts where the transport has one.
func (r *recording) packet(from, to string, transport gopacket.SerializableLayer, payload string) []byte {
	r.t.Helper()
	src, dst := netip.MustParseAddrPort(from), netip.MustParseAddrPort(to)
	protocol := layers.IPProtocolICMPv4
	switch l := transport.(type) {
	case *layers.UDP:
		l.SrcPort, l.DstPort, protocol = layers.UDPPort(src.Port()), layers.UDPPort(dst.Port()), layers.IPProtocolUDP
	case *layers.TCP:
		l.SrcPort, l.DstPort, protocol = layers.TCPPort(src.Port()), layers.TCPPort(dst.Port()), layers.IPProtocolTCP
	}
	var network interface {
		gopacket.SerializableLayer
		gopacket.NetworkLayer
	} = &layers.IPv4{Version: 4, TTL: 64, Protocol: protocol, SrcIP: src.Addr().AsSlice(), DstIP: dst.Addr().AsSlice()}
	kind := layers.EthernetTypeIPv4
	if src.Addr().Is6() {
		kind = layers.EthernetTypeIPv6
		network = &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: protocol, SrcIP: src.Addr().AsSlice(), DstIP: dst.Addr().AsSlice()}
	}
	if l, ok := transport.(interface {
		SetNetworkLayerForChecksum(gopacket.NetworkLayer) error
	}); ok {
		require.NoError(r.t, l.SetNetworkLayerForChecksum(network))
	}
	ethernet := &layers.Ethernet{SrcMAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, DstMAC: net.HardwareAddr{2, 0, 0, 0, 0, 2}, EthernetType: kind}
	b := gopacket.NewSerializeBuffer()
	options := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	require.NoError(r.t, gopacket.SerializeLayers(b, options, ethernet, network, transport, gopacket.Payload(payload)))
	return b.Bytes()
}

// file is the capture as a file.
func (r *recording) file() []byte {
	var file bytes.Buffer
	w := pcapgo.NewWriter(&file)
	require.NoError(r.t, w.WriteFileHeader(65536, layers.LinkTypeEthernet))
	for i, b := range r.packets {
		info := gopacket.CaptureInfo{Timestamp: r.times[i], CaptureLength: len(b), Length: len(b)}
		require.NoError(r.t, w.WritePacket(info, b))
	}
	return file.Bytes()
}

// The two directions of a connection.
const (
	there = 0 // from the side that made it
	back  = 1
)

// recordedConnection is a TCP connection of a recording.
type recordedConnection struct {
	r    *recording
	ends [2]string
	next [2]uint32 // the sequence number of each direction's next byte
}

// dial records how a connection is made.
func (r *recording) dial(after time.Duration, from, to string) *recordedConnection {
	initial := uint32(100_000 * (1 + len(r.packets))) // another one where the same ports are used again
	c := &recordedConnection{r: r, ends: [2]string{from, to}, next: [2]uint32{initial, initial + 50_000}}
	for _, step := range []struct {
		direction int
		tcp       layers.TCP
	}{{there, layers.TCP{SYN: true}}, {back, layers.TCP{SYN: true, ACK: true}}, {there, layers.TCP{ACK: true}}} {
		r.frame(after, c.packet(step.direction, step.tcp, ""))
		if step.tcp.SYN {
			c.next[step.direction]++
		}
		after = 0
	}
	return c
}

func (c *recordedConnection) packet(direction int, tcp layers.TCP, payload string) []byte {
	tcp.Seq, tcp.Window = c.next[direction], 65535
	if tcp.ACK {
		tcp.Ack = c.next[1-direction]
	}
	return c.r.packet(c.ends[direction], c.ends[1-direction], &tcp, payload)
}

// segment is the packet with the direction's next bytes. Who records it, when, and how often is the caller's.
func (c *recordedConnection) segment(direction int, payload string) []byte {
	b := c.packet(direction, layers.TCP{ACK: true, PSH: true}, payload)
	c.next[direction] += uint32(len(payload))
	return b
}

// send records the bytes in segments of the given lengths, the last one with what is left, 100 µs apart.
func (c *recordedConnection) send(after time.Duration, direction int, payload string, lengths ...int) {
	for _, n := range lengths {
		c.r.frame(after, c.segment(direction, payload[:n]))
		payload, after = payload[n:], 100*time.Microsecond
	}
	c.r.frame(after, c.segment(direction, payload))
}

// end records how both sides end the connection.
func (c *recordedConnection) end(after time.Duration) {
	c.r.frame(after, c.packet(there, layers.TCP{FIN: true, ACK: true}, ""))
	c.next[there]++
	c.r.frame(0, c.packet(back, layers.TCP{FIN: true, ACK: true}, ""))
}

// reset records how one side ends it at once.
func (c *recordedConnection) reset(after time.Duration, direction int) {
	c.r.frame(after, c.packet(direction, layers.TCP{RST: true, ACK: true}, ""))
}

// Telegrams from the tables of SPEC.md, without the help of package telegram, which is under test beside the dissector.

func padded(s string, width int) string {
	if len(s) > width {
		panic(fmt.Sprintf("%q is longer than its field of %d bytes", s, width))
	}
	return s + strings.Repeat(" ", width-len(s))
}

func wireHeader(host, typ string, control uint16) string {
	return padded(host, 64) + typ + string(binary.BigEndian.AppendUint16(nil, control))
}

func wireSQ(host string, control uint16) string { return wireHeader(host, "SQ", control) }

func wireSR(host string, control uint16, status, text string) string {
	return wireHeader(host, "SR", control) + padded(status, 24) + padded(text, 104)
}

func wireXQ(host string, control uint16, process string) string {
	return wireHeader(host, "XQ", control) + padded(process, 16)
}

func wireXR(host string, control uint16, process, status, text string) string {
	return wireHeader(host, "XR", control) + padded(process, 16) + padded(status, 24) + padded(text, 104)
}

// wireTrailer is the numbers of a trailer. The direction is that of the telegram's type.
type wireTrailer struct {
	keyID                    uint16
	session, sequence, epoch uint64
}

// wireSealed is a telegram with its trailer, by the tables of section 12, with the keys of app01 that come from the master key of the
// example there, whatever the key ID.
func wireSealed(telegram string, t wireTrailer) string {
	direction := byte(0)
	if telegram[65] == 'R' {
		direction = 1
	}
	trailer := append([]byte("HBA1\x01"), direction)
	trailer = binary.BigEndian.AppendUint16(trailer, t.keyID)
	for _, number := range []uint64{t.session, t.sequence, t.epoch} {
		trailer = binary.BigEndian.AppendUint64(trailer, number)
	}
	master := make([]byte, 32)
	for i := range master {
		master[i] = byte(i)
	}
	key, err := hkdf.Key(sha256.New, master, nil, "hb1"+string([]byte{direction})+padded("mgr01", 64)+padded("app01", 64), 32)
	if err != nil {
		panic(err)
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "hb1%s%s%s", []byte{direction, 0, byte(len(telegram))}, telegram, trailer)
	return telegram + string(trailer) + string(mac.Sum(nil)[:16])
}

// controlBits is the table of section 3.
var controlBits = map[string]uint16{
	"CHECK": 0x0001, "START": 0x0002, "END": 0x0004,
	"RUNNING": 0x0010, "STOPPED": 0x0020,
	"LAUNCH": 0x0100, "TAKEN": 0x0200,
	"ENDED": 0x0800, "LAUNCHED": 0x1000, "FAILED": 0x2000, "ALREADY": 0x4000, "REFUSED": 0x8000,
}
