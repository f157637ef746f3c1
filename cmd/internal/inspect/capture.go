package inspect

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"renraku/telegram"
)

// maxRecord is the most bytes that one packet of a capture, with what stands before it, may have in the file; the largest
// IP packet has 64 KiB. A file says the length itself, and so could ask for any memory.
const maxRecord = 16 << 20

var errRecord = fmt.Errorf("a packet with more than %d MiB", maxRecord>>20)

// recordReader gives an error where more than maxRecord bytes are read between two calls of next.
type recordReader struct {
	r    io.Reader
	left int
}

func (r *recordReader) next() { r.left = maxRecord }

func (r *recordReader) Read(b []byte) (int, error) {
	if r.left <= 0 {
		return 0, errRecord
	}
	n, err := r.r.Read(b[:min(len(b), r.left)])
	r.left -= n
	return n, err
}

// capture is what is known of a capture while it is read.
type capture struct {
	p       *printer
	flows   *flows
	packets int
	unread  int // packets of a link type that is not known
}

func printPcap(p *printer, in io.Reader) error {
	file := &recordReader{r: in, left: maxRecord}
	r, err := pcapgo.NewReader(file)
	if err != nil {
		return captureError(err)
	}
	return printCapture(p, file, r, func(gopacket.CaptureInfo) layers.LinkType { return r.LinkType() })
}

func printPcapNg(p *printer, in io.Reader) error {
	file := &recordReader{r: in, left: maxRecord}
	r, err := pcapgo.NewNgReader(file, pcapgo.NgReaderOptions{WantMixedLinkType: true})
	if err != nil {
		return captureError(err)
	}
	return printCapture(p, file, r, func(info gopacket.CaptureInfo) layers.LinkType {
		return info.AncillaryData[0].(layers.LinkType) // which WantMixedLinkType promises
	})
}

func captureError(err error) error {
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("read the capture: %w", err)
}

func printCapture(p *printer, file *recordReader, r gopacket.PacketDataSource, link func(gopacket.CaptureInfo) layers.LinkType) error {
	c := &capture{p: p, flows: newFlows(p)}
	err := c.readAll(file, r, link)
	c.flows.finish()
	if err == nil && c.unread > 0 && c.unread == c.packets {
		err = errors.New("no packet of a link type that is known")
	}
	if err != nil {
		return captureError(err)
	}
	return nil
}

func (c *capture) readAll(file *recordReader, r gopacket.PacketDataSource, link func(gopacket.CaptureInfo) layers.LinkType) error {
	for {
		file.next()
		data, info, err := r.ReadPacketData()
		switch {
		case errors.Is(err, io.ErrUnexpectedEOF) || err == io.EOF && info.CaptureLength > 0:
			// What was captured until a program or a machine was stopped ends like this; it is no less true.
			c.p.remark("The capture ends inside a packet.")
			return nil
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
		c.packet(data, info, link(info))
		if c.p.flush() != nil { // Print reports it
			return nil
		}
	}
}

// packet prints the telegrams that the packet completes. In tunnels the outermost UDP or TCP that is ours is taken.
//
// All UDP datagrams and TCP connections of port 10320 are taken for telegrams, so that whatever is wrong there is reported.
// Of other ports, a datagram is taken that has one of the four types at offset 64, and a direction of a connection whose
// first captured bytes have. The rest is counted.
func (c *capture) packet(data []byte, info gopacket.CaptureInfo, link layers.LinkType) {
	c.packets++
	decoder := linkDecoder(link)
	if decoder == nil {
		c.unread++
		c.p.other++
		return
	}
	packet := gopacket.NewPacket(data, decoder, gopacket.DecodeOptions{NoCopy: true})
	var from, to netip.Addr
	for _, l := range packet.Layers() {
		switch l := l.(type) {
		case *layers.IPv4:
			from, to = addr(l.SrcIP), addr(l.DstIP)
		case *layers.IPv6:
			from, to = addr(l.SrcIP), addr(l.DstIP)
		case *layers.UDP:
			ends := route{"udp", netip.AddrPortFrom(from, uint16(l.SrcPort)), netip.AddrPortFrom(to, uint16(l.DstPort))}
			if ends.hasOurPort() || hasKnownType(l.Payload) {
				c.datagram(ends, l.Payload, info, packet.Metadata().Truncated)
				return
			}
		case *layers.TCP:
			ends := route{"tcp", netip.AddrPortFrom(from, uint16(l.SrcPort)), netip.AddrPortFrom(to, uint16(l.DstPort))}
			c.flows.segment(ends, l, info.Timestamp)
			return
		}
	}
	c.p.other++
}

func (c *capture) datagram(ends route, payload []byte, info gopacket.CaptureInfo, cut bool) {
	it := item{bytes: payload, route: ends.at(info.Timestamp)}
	if cut || info.CaptureLength < info.Length {
		it.note = fmt.Sprintf("the capture has only %d of the packet's %d bytes", info.CaptureLength, info.Length)
	}
	c.p.telegram(it)
}

// linkDecoder gives nil for a link type that is not known.
func linkDecoder(link layers.LinkType) gopacket.Decoder {
	switch {
	case link == layers.LinkTypeIPv4: // the library has no decoder for these two
		return layers.LayerTypeIPv4
	case link == layers.LinkTypeIPv6:
		return layers.LayerTypeIPv6
	case link < layers.LinkTypeMax && layers.LinkTypeMetadata[link].DecodeWith != nil:
		return link
	}
	return nil
}

func addr(ip net.IP) netip.Addr {
	a, _ := netip.AddrFromSlice(ip)
	return a
}

// route is the carrier and the two ends of a datagram, or of one direction of a connection.
type route struct {
	carrier  string
	from, to netip.AddrPort
}

func (r route) hasOurPort() bool {
	return r.from.Port() == telegram.Port || r.to.Port() == telegram.Port
}

func (r route) String() string { return fmt.Sprintf("%s %v → %v", r.carrier, r.from, r.to) }

func (r route) at(t time.Time) string {
	return t.UTC().Format("2006-01-02 15:04:05.000000 UTC") + "  " + r.String()
}
