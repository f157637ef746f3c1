package inspect

import (
	"io"
	"math"
	"net/netip"
	"strings"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func toSlave(t testing.TB) connection { return connection{t, manager, slave, 1000} }

func TestTelegramsAreTakenOutOfAConnection(t *testing.T) {
	c := toSlave(t)
	wrapping := connection{t, manager, slave, math.MaxUint32 - 30}
	other := connection{t, "127.0.0.1:40000", "127.0.0.1:40001", 7}
	v6 := connection{t, "[::1]:40000", "[::1]:10320", 7}
	two := xq + sq
	tests := map[string]struct {
		packets [][]byte
		want    []string
	}{
		"one segment":        {[][]byte{c.syn(), c.data(0, xq), c.fin(84)}, []string{goodXQ, "1 telegram, 0 bad"}},
		"two in one segment": {[][]byte{c.syn(), c.data(0, two)}, []string{goodXQ, goodSQ, "2 telegrams, 0 bad"}},
		"three segments":     {[][]byte{c.syn(), c.data(0, xq[:10]), c.data(10, xq[10:70]), c.data(70, xq[70:])}, []string{goodXQ, "1 telegram, 0 bad"}},
		"out of order":       {[][]byte{c.syn(), c.data(70, xq[70:]), c.data(10, xq[10:70]), c.data(0, xq[:10])}, []string{goodXQ, "1 telegram, 0 bad"}},
		"sent again":         {[][]byte{c.syn(), c.syn(), c.data(0, xq), c.data(0, xq), c.data(84, sq), c.data(0, xq)}, []string{goodXQ, goodSQ, "2 telegrams, 0 bad"}},
		"sent again, cut differently": {[][]byte{c.syn(), c.data(0, two[:100]), c.data(50, two[50:120]), c.data(90, two[90:])},
			[]string{goodXQ, goodSQ, "2 telegrams, 0 bad"}},
		"sent again while it waits": {[][]byte{c.syn(), c.data(84, sq), c.data(100, sq[16:]), c.data(84, sq), c.data(0, xq)},
			[]string{goodXQ, goodSQ, "2 telegrams, 0 bad"}},
		"sent again after the end":          {[][]byte{c.syn(), c.data(0, xq), c.fin(84), c.data(0, xq), c.fin(84)}, []string{goodXQ, "1 telegram, 0 bad"}},
		"bytes after the end":               {[][]byte{c.syn(), c.data(0, xq), c.fin(84), c.data(84, sq)}, []string{goodXQ, "1 telegram, 0 bad"}},
		"the end before the data":           {[][]byte{c.syn(), c.fin(84), c.data(0, xq), c.data(0, xq)}, []string{goodXQ, "1 telegram, 0 bad"}},
		"a byte of keep-alive":              {[][]byte{c.syn(), c.data(0, xq), c.data(83, "\x00"), c.data(84, sq)}, []string{goodXQ, goodSQ, "2 telegrams, 0 bad"}},
		"numbers that wrap around":          {[][]byte{wrapping.syn(), wrapping.data(60, xq[60:]), wrapping.data(0, xq[:60])}, []string{goodXQ, "1 telegram, 0 bad"}},
		"data in the SYN":                   {[][]byte{c.packet(-1, xq, layers.TCP{SYN: true}), c.data(84, sq)}, []string{goodXQ, goodSQ, "2 telegrams, 0 bad"}},
		"no SYN in the capture":             {[][]byte{c.data(0, xq), c.data(84, sq)}, []string{goodXQ, goodSQ, "2 telegrams, 0 bad"}},
		"no SYN, and out of order":          {[][]byte{c.data(10, xq[10:70]), c.data(70, xq[70:]), c.data(0, xq[:10])}, []string{goodXQ, "1 telegram, 0 bad"}},
		"IPv6":                              {[][]byte{v6.syn(), v6.data(0, xq)}, []string{goodXQ, "1 telegram, 0 bad"}},
		"another port, segments":            {[][]byte{other.syn(), other.data(65, xq[65:]), other.data(0, xq[:65]), other.data(84, sq)}, []string{goodXQ, goodSQ, "2 telegrams, 0 bad"}},
		"another port, and no SYN":          {[][]byte{other.data(0, xq), other.fin(84)}, []string{goodXQ, "1 telegram, 0 bad"}},
		"a connection that carries nothing": {[][]byte{c.syn(), c.fin(0)}, []string{"0 telegrams, 0 bad"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			out, _ := printed(t, pcap(t, layers.LinkTypeEthernet, ethernet(t, tt.packets...)...))
			assert.Equal(t, tt.want, headings(out))
		})
	}
}

func TestATelegramHasTheTimeOfItsFirstByte(t *testing.T) {
	c := toSlave(t)
	out, _ := printed(t, pcap(t, layers.LinkTypeRaw, c.syn(), c.data(0, xq[:10]), c.data(10, xq[10:]+sq[:5]), c.data(89, sq[5:]+xq)))
	assert.Contains(t, out, "03:00:00.124456 UTC  tcp 10.0.0.1:50000 → 10.0.0.2:10320\n#1 "+goodXQ)
	assert.Contains(t, out, "03:00:00.125456 UTC  tcp 10.0.0.1:50000 → 10.0.0.2:10320\n#2 "+goodSQ)
	assert.Contains(t, out, "03:00:00.126456 UTC  tcp 10.0.0.1:50000 → 10.0.0.2:10320\n#3 "+goodXQ)
}

func TestBothDirectionsOfAConnectionAreRead(t *testing.T) {
	c, back := toSlave(t), connection{t, slave, manager, 77}
	out, _ := printed(t, pcap(t, layers.LinkTypeRaw, c.syn(), back.syn(), c.data(0, xq), back.data(0, xr), c.data(84, xq)))
	assert.Equal(t, []string{goodXQ, goodXR, goodXQ, "3 telegrams, 0 bad"}, headings(out))
	assert.Contains(t, out, "tcp 10.0.0.2:10320 → 10.0.0.1:50000\n#2 "+goodXR)
}

func TestAConnectionWithTheAddressesOfAnEarlierOneIsReadAnew(t *testing.T) {
	c, later := toSlave(t), connection{t, manager, slave, 99}
	for name, between := range map[string][][]byte{
		"after its end": {c.fin(84)},
		"after a reset": {c.reset(84)},
		"after a reset in the other direction, or none that was captured": nil,
	} {
		t.Run(name, func(t *testing.T) {
			packets := append([][]byte{c.syn(), c.data(0, xq)}, between...)
			packets = append(packets, later.syn(), later.data(0, sq))
			out, _ := printed(t, pcap(t, layers.LinkTypeRaw, packets...))
			assert.Equal(t, []string{goodXQ, goodSQ, "2 telegrams, 0 bad"}, headings(out))
		})
	}
}

func TestWhatIsWrongInAConnectionIsReported(t *testing.T) {
	c := toSlave(t)
	unknown := with(xq, 64, "ZZ")
	tests := map[string]struct {
		packets [][]byte
		want    []string
		text    string
	}{
		"a bad field does not lose the place": {[][]byte{c.syn(), c.data(0, with(xq, 66, "\x00\x01")+sq)},
			[]string{"bad telegram, 84 bytes", goodSQ, "2 telegrams, 1 bad"}, "\n  XQ: control code: offset 66:"},
		"an unknown type, and then a segment that begins a telegram": {
			[][]byte{c.syn(), c.data(0, unknown), c.data(84, "rest"), c.data(88, sq), c.data(156, xq)},
			[]string{"bad telegram, 84 bytes", goodSQ, goodXQ, "3 telegrams, 1 bad"},
			"tcp 10.0.0.1:50000 → 10.0.0.2:10320: 4 bytes skipped, in which no telegram begins.\n"},
		"an unknown type, and nothing good after it": {[][]byte{c.syn(), c.data(0, unknown), c.data(84, "x")},
			[]string{"bad telegram, 84 bytes", "1 telegram, 1 bad"}, ": 1 byte skipped, in which no telegram begins.\n"},
		"not our protocol": {[][]byte{c.syn(), c.data(0, "GET / HTTP/1.1\r\n\r\n"), c.fin(18)},
			[]string{"bad telegram, 18 bytes", "1 telegram, 1 bad"}, "\n  length: offset 18: wrong length: 18 bytes, the shortest"},
		"ends inside a telegram": {[][]byte{c.syn(), c.data(0, xq[:70]), c.fin(70)},
			[]string{"bad telegram, 70 bytes", "1 telegram, 1 bad"},
			"\n  XQ: length: offset 70: wrong length: 70 bytes, want 84\n  the connection, or the capture of it, ends inside this telegram\n"},
		"bytes missing inside a telegram": {[][]byte{c.syn(), c.data(0, xq[:70]), c.data(84, sq), c.fin(152)},
			[]string{"bad telegram, 70 bytes", goodSQ, "2 telegrams, 1 bad"},
			"\n  the capture lacks the next 14 bytes of this direction\n"},
		"bytes missing between telegrams": {[][]byte{c.syn(), c.data(0, xq), c.data(168, sq)},
			[]string{goodXQ, goodSQ, "2 telegrams, 0 bad"},
			"\ntcp 10.0.0.1:50000 → 10.0.0.2:10320: the capture lacks the next 84 bytes of this direction.\n"},
		"begins before the capture": {[][]byte{c.data(20, xq[20:]+sq)},
			[]string{"bad telegram, 132 bytes", "1 telegram, 1 bad"}, "\n  the connection began before the capture\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			out, _ := printed(t, pcap(t, layers.LinkTypeRaw, tt.packets...))
			assert.Equal(t, tt.want, headings(out))
			assert.Contains(t, out, tt.text)
		})
	}
}

func TestBytesMissingOnAPortThatIsNotOursAreNotReported(t *testing.T) {
	c := connection{t, "127.0.0.1:40000", "127.0.0.1:40001", 5}
	out, _ := printed(t, pcap(t, layers.LinkTypeRaw, c.syn(), c.data(0, "abc"), c.data(50, "def")))
	assert.Equal(t, "0 telegrams, 0 bad; 2 packets of other traffic\n", out)
}

func TestAMissingSegmentIsNotAwaitedBeyondTheLimit(t *testing.T) {
	c := toSlave(t)
	packets := [][]byte{c.syn()}
	const size = 500 * headerLength
	const n = 2 * maxHeldFlow / size
	for i := range n {
		packets = append(packets, c.data(84+i*size, strings.Repeat(sq, 500)))
	}
	p := newPrinter(io.Discard)
	most := 0
	flows := newFlows(p)
	for _, packet := range packets {
		flows.segment(route{from: netip.MustParseAddrPort(slave)}, tcpOf(t, packet), begin)
		most = max(most, flows.held)
	}
	assert.Less(t, most, maxHeldFlow+size+segmentCost)
	assert.Equal(t, Summary{Telegrams: 500 * n}, p.sum, "all are printed before the end")
	assert.Zero(t, flows.held)
}

func TestTheDirectionThatWasSilentLongestMakesRoom(t *testing.T) {
	p := newPrinter(io.Discard)
	flows := newFlows(p)
	c := toSlave(t)
	syn := tcpOf(t, c.syn())
	silent, busy := route{carrier: "silent"}, route{carrier: "busy"}
	for _, r := range []route{silent, busy} {
		flows.segment(r, syn, begin)
		flows.segment(r, tcpOf(t, c.data(0, xq[:70])), begin)
		flows.find(r).out.ours = true
	}
	for i := range maxFlows + 10 {
		flows.segment(route{from: netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(i))}, syn, begin)
		flows.find(busy)
	}
	assert.Len(t, flows.all, maxFlows)
	assert.Equal(t, maxFlows, flows.recent.Len())
	assert.Equal(t, Summary{Telegrams: 1, Bad: 1}, p.sum)
	assert.NotContains(t, flows.all, silent)
	assert.Contains(t, flows.all, busy)
	flows.finish()
	assert.Equal(t, Summary{Telegrams: 2, Bad: 2}, p.sum)
	assert.Empty(t, flows.all)
}

func tcpOf(t *testing.T, packet []byte) *layers.TCP {
	t.Helper()
	tcp, ok := gopacket.NewPacket(packet, layers.LayerTypeIPv4, gopacket.Default).TransportLayer().(*layers.TCP)
	require.True(t, ok)
	return tcp
}
