package inspect

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/stretchr/testify/require"
)

// begin is the time of the first packet; each one after it comes a millisecond later.
var begin = time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.FixedZone("JST", 9*3600))

// pcap is a capture file in the old format.
func pcap(t testing.TB, link layers.LinkType, packets ...[]byte) string {
	t.Helper()
	var file bytes.Buffer
	w := pcapgo.NewWriter(&file)
	require.NoError(t, w.WriteFileHeader(65536, link))
	for i, b := range packets {
		require.NoError(t, w.WritePacket(info(i, b), b))
	}
	return file.String()
}

// pcapng is a capture file in the new format, with one interface for each link type and packet.
func pcapng(t testing.TB, links []layers.LinkType, packets ...[]byte) string {
	t.Helper()
	var file bytes.Buffer
	w, err := pcapgo.NewNgWriter(&file, links[0])
	require.NoError(t, err)
	for i, b := range packets {
		if i > 0 {
			_, err := w.AddInterface(pcapgo.NgInterface{LinkType: links[i], TimestampResolution: 9})
			require.NoError(t, err)
		}
		about := info(i, b)
		about.InterfaceIndex = i
		require.NoError(t, w.WritePacket(about, b))
	}
	require.NoError(t, w.Flush())
	return file.String()
}

func info(i int, b []byte) gopacket.CaptureInfo {
	return gopacket.CaptureInfo{Timestamp: begin.Add(time.Duration(i) * time.Millisecond), CaptureLength: len(b), Length: len(b)}
}

// udp is an IP packet.
func udp(t testing.TB, from, to, payload string) []byte {
	return ip(t, from, to, &layers.UDP{}, payload)
}

// connection makes the packets of one direction of a TCP connection whose SYN has the number isn.
type connection struct {
	t        testing.TB
	from, to string
	isn      uint32
}

func (c connection) syn() []byte { return c.packet(-1, "", layers.TCP{SYN: true}) }

func (c connection) fin(offset int) []byte {
	return c.packet(offset, "", layers.TCP{FIN: true, ACK: true})
}

func (c connection) reset(offset int) []byte { return c.packet(offset, "", layers.TCP{RST: true}) }

// data has the bytes that stand at an offset of the stream.
func (c connection) data(offset int, payload string) []byte {
	return c.packet(offset, payload, layers.TCP{ACK: true, PSH: true})
}

func (c connection) packet(offset int, payload string, tcp layers.TCP) []byte {
	tcp.Seq = c.isn + 1 + uint32(offset)
	tcp.Window = 65535
	return ip(c.t, c.from, c.to, &tcp, payload)
}

func ip(t testing.TB, from, to string, transport gopacket.SerializableLayer, payload string) []byte {
	t.Helper()
	src, dst := netip.MustParseAddrPort(from), netip.MustParseAddrPort(to)
	protocol := layers.IPProtocolUDP
	switch l := transport.(type) {
	case *layers.UDP:
		l.SrcPort, l.DstPort = layers.UDPPort(src.Port()), layers.UDPPort(dst.Port())
	case *layers.TCP:
		l.SrcPort, l.DstPort = layers.TCPPort(src.Port()), layers.TCPPort(dst.Port())
		protocol = layers.IPProtocolTCP
	}
	var network gopacket.SerializableLayer = &layers.IPv4{Version: 4, TTL: 64, Protocol: protocol,
		SrcIP: src.Addr().AsSlice(), DstIP: dst.Addr().AsSlice()}
	if src.Addr().Is6() {
		network = &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: protocol,
			SrcIP: src.Addr().AsSlice(), DstIP: dst.Addr().AsSlice()}
	}
	b := gopacket.NewSerializeBuffer()
	err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true}, network, transport, gopacket.Payload(payload))
	require.NoError(t, err)
	return b.Bytes()
}

// ethernet puts IP packets into frames, padded to the least length of a frame.
func ethernet(t testing.TB, packets ...[]byte) [][]byte {
	t.Helper()
	var frames [][]byte
	for _, p := range packets {
		b := gopacket.NewSerializeBuffer()
		frame := &layers.Ethernet{SrcMAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, DstMAC: net.HardwareAddr{2, 0, 0, 0, 0, 2}, EthernetType: etherType(p)}
		require.NoError(t, gopacket.SerializeLayers(b, gopacket.SerializeOptions{}, frame, gopacket.Payload(p)))
		frames = append(frames, append(b.Bytes(), make([]byte, max(0, 60-len(b.Bytes())))...))
	}
	return frames
}

func etherType(packet []byte) layers.EthernetType {
	if packet[0]>>4 == 6 {
		return layers.EthernetTypeIPv6
	}
	return layers.EthernetTypeIPv4
}

// cooked is an IP packet as tcpdump -i any captures it.
func cooked(packet []byte) []byte {
	b := make([]byte, 16)
	binary.BigEndian.PutUint16(b[2:], 772) // loopback
	binary.BigEndian.PutUint16(b[4:], 6)
	binary.BigEndian.PutUint16(b[14:], uint16(etherType(packet)))
	return append(b, packet...)
}

// cooked2 is the second version of it.
func cooked2(packet []byte) []byte {
	b := make([]byte, 20)
	binary.BigEndian.PutUint16(b, uint16(etherType(packet)))
	binary.BigEndian.PutUint32(b[4:], 1)
	binary.BigEndian.PutUint16(b[8:], 772)
	b[11] = 6
	return append(b, packet...)
}

// null is an IP packet as it is captured on the loopback of a BSD.
func null(packet []byte) []byte {
	family := byte(2)
	if packet[0]>>4 == 6 {
		family = 30
	}
	return append([]byte{family, 0, 0, 0}, packet...)
}
