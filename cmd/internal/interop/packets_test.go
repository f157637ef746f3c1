//go:build interop

package interop

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/stretchr/testify/require"

	"renraku/telegram"
)

// seen is one telegram of a capture.
type seen struct {
	at       time.Time
	from, to netip.AddrPort
	stream   *stream // of TCP; nil: a datagram
	telegram telegram.Telegram
}

// String is how a violation names it.
func (s seen) String() string {
	carrier := "UDP"
	if s.stream != nil {
		carrier = "TCP"
	}
	return fmt.Sprintf("%s %s %v → %v: %v", s.at.Format("15:04:05.000"), carrier, s.from, s.to, s.telegram)
}

// stream is one TCP connection of a capture: who opened it, and what has come in each direction.
type stream struct {
	opener, peer netip.AddrPort
	sides        map[netip.AddrPort]*side
}

// side is one direction of a connection.
type side struct {
	next uint32 // the sequence number of the byte that comes next
	rest []byte // of a telegram that has begun
}

// reading takes a capture apart.
type reading struct {
	streams map[[2]netip.AddrPort]*stream
	all     []seen
	other   []string // packets that no telegram explains
}

// readCapture gives the telegrams of a capture in their order. Every byte of UDP and TCP has to be one of a telegram; what else there
// is belongs to the network itself: ARP, IPv6's own, ICMP and IGMP.
func readCapture(t *testing.T, path string) []seen {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	packets, err := pcapgo.NewReader(f)
	require.NoError(t, err)
	r := &reading{streams: map[[2]netip.AddrPort]*stream{}}
	for {
		b, info, err := packets.ReadPacketData()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		r.packet(info.Timestamp, gopacket.NewPacket(b, packets.LinkType(), gopacket.Default))
	}
	require.Empty(t, r.other)
	return r.all
}

func (r *reading) packet(at time.Time, p gopacket.Packet) {
	ip, isIP := p.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
	if !isIP {
		if p.Layer(layers.LayerTypeARP) == nil && p.Layer(layers.LayerTypeIPv6) == nil {
			r.other = append(r.other, p.String())
		}
		return
	}
	from, _ := netip.AddrFromSlice(ip.SrcIP.To4())
	to, _ := netip.AddrFromSlice(ip.DstIP.To4())
	switch l := p.TransportLayer().(type) {
	case *layers.UDP:
		if l.DstPort == lastPort {
			return
		}
		decoded, err := telegram.Decode(l.Payload)
		if err != nil {
			r.other = append(r.other, fmt.Sprintf("%v: %v", err, p))
			return
		}
		r.all = append(r.all, seen{at, netip.AddrPortFrom(from, uint16(l.SrcPort)), netip.AddrPortFrom(to, uint16(l.DstPort)), nil, decoded})
	case *layers.TCP:
		if err := r.segment(at, netip.AddrPortFrom(from, uint16(l.SrcPort)), netip.AddrPortFrom(to, uint16(l.DstPort)), l); err != nil {
			r.other = append(r.other, fmt.Sprintf("%v: %v", err, p))
		}
	default:
		if p.Layer(layers.LayerTypeICMPv4) == nil && p.Layer(layers.LayerTypeIGMP) == nil {
			r.other = append(r.other, p.String())
		}
	}
}

// segment takes the bytes of one segment that are new, and the telegrams that they complete.
func (r *reading) segment(at time.Time, from, to netip.AddrPort, l *layers.TCP) error {
	s := r.streams[[2]netip.AddrPort{from, to}]
	if l.SYN && (s == nil || !l.ACK && s.sides[from].next != l.Seq+1) {
		if l.ACK {
			return errors.New("SYN ACK of a connection that nobody has opened")
		}
		s = &stream{opener: from, peer: to, sides: map[netip.AddrPort]*side{from: {}, to: {}}}
		r.streams[[2]netip.AddrPort{from, to}], r.streams[[2]netip.AddrPort{to, from}] = s, s
	}
	if s == nil {
		return errors.New("a segment of no connection")
	}
	d := s.sides[from]
	if l.SYN {
		d.next = l.Seq + 1
		return nil
	}
	b := l.Payload
	switch ahead := int32(l.Seq - d.next); {
	case len(b) == 0 || int(-ahead) >= len(b): // nothing new
		return nil
	case ahead > 0:
		return errors.New("bytes before this segment are missing")
	default:
		b = b[-ahead:]
	}
	d.next += uint32(len(b))
	d.rest = append(d.rest, b...)
	return r.take(at, from, to, s, d)
}

func (r *reading) take(at time.Time, from, to netip.AddrPort, s *stream, d *side) error {
	for len(d.rest) >= telegram.StatusInquiryLength {
		kind, err := telegram.PeekType(d.rest)
		if err != nil {
			return err
		}
		if len(d.rest) < kind.Length() {
			return nil
		}
		decoded, err := telegram.Decode(d.rest[:kind.Length()])
		if err != nil {
			return err
		}
		d.rest = d.rest[kind.Length():]
		r.all = append(r.all, seen{at, from, to, s, decoded})
	}
	return nil
}
