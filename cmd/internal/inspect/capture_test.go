package inspect

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	manager = "10.0.0.1:50000"
	slave   = "10.0.0.2:10320"
)

func TestADatagramIsPrintedWithTimeCarrierAndAddresses(t *testing.T) {
	out, sum := printed(t, pcap(t, layers.LinkTypeEthernet, ethernet(t, udp(t, manager, slave, sq), udp(t, slave, manager, sr))...))
	assert.Equal(t, Summary{Telegrams: 2}, sum)
	assert.Equal(t, `2026-03-01 03:00:00.123456 UTC  udp 10.0.0.1:50000 → 10.0.0.2:10320
#1 SQ status inquiry, 68 bytes
    0  64  host name (81)     app01
   64   2  telegram type (82) SQ
   66   2  control code (83)  0x0002 START

2026-03-01 03:00:00.124456 UTC  udp 10.0.0.2:10320 → 10.0.0.1:50000
#2 SR status response, 196 bytes
    0  64  host name (84)                    app01
   64   2  telegram type (85)                SR
   66   2  control code (86)                 0x0010 RUNNING
   68  24  application execution status (87) ONLINE
   92 104  text (87)                         "本番 up"

2 telegrams, 0 bad
`, out)
}

func TestTimesAreUTC(t *testing.T) {
	assert.Contains(t, route{}.at(begin), "2026-03-01 03:00:00.123456 UTC")
}

func TestTheLimitOfAPacketIsNotOneOfTheCapture(t *testing.T) {
	header := pcap(t, layers.LinkTypeRaw)
	large := pcap(t, layers.LinkTypeRaw, udp(t, "10.0.0.1:40000", "10.0.0.2:40001", strings.Repeat("x", 60_000)))[len(header):]
	last := pcap(t, layers.LinkTypeRaw, udp(t, manager, slave, sq))[len(header):]
	out, _ := printed(t, header+strings.Repeat(large, maxRecord/60_000+10)+last)
	assert.Equal(t, []string{goodSQ, "1 telegram, 0 bad; 289 packets of other traffic"}, headings(out))
}

func TestCapturesOfAllKindsAreRead(t *testing.T) {
	v4, v6 := udp(t, manager, slave, sq), udp(t, "[fd00::1]:50000", "[fd00::2]:10320", sq)
	tests := map[string]string{
		"Ethernet, IPv6":     pcap(t, layers.LinkTypeEthernet, ethernet(t, v6)...),
		"cooked":             pcap(t, layers.LinkTypeLinuxSLL, cooked(v4)),
		"cooked, IPv6":       pcap(t, layers.LinkTypeLinuxSLL, cooked(v6)),
		"cooked, version 2":  pcap(t, layers.LinkTypeLinuxSLL2, cooked2(v4)),
		"loopback of a BSD":  pcap(t, layers.LinkTypeNull, null(v4)),
		"raw IP":             pcap(t, layers.LinkTypeRaw, v4),
		"raw IP, IPv6":       pcap(t, layers.LinkTypeRaw, v6),
		"IPv4 only":          pcap(t, layers.LinkTypeIPv4, v4),
		"IPv6 only":          pcap(t, layers.LinkTypeIPv6, v6),
		"pcapng":             pcapng(t, []layers.LinkType{layers.LinkTypeEthernet}, ethernet(t, v4)...),
		"pcap, nanoseconds":  nanoseconds(t, v4),
		"pcapng, big-endian": bigEndianNg(ethernet(t, v4)[0]),
	}
	for name, file := range tests {
		t.Run(name, func(t *testing.T) {
			out, sum := printed(t, file)
			assert.Equal(t, Summary{Telegrams: 1}, sum)
			ends := "udp 10.0.0.1:50000 → 10.0.0.2:10320\n"
			if strings.Contains(name, "IPv6") {
				ends = "udp [fd00::1]:50000 → [fd00::2]:10320\n"
			}
			assert.Contains(t, out, ends+"#1 "+goodSQ)
			assert.True(t, strings.HasSuffix(out, "\n1 telegram, 0 bad\n"))
		})
	}
}

func nanoseconds(t *testing.T, packet []byte) string {
	var file bytes.Buffer
	w := pcapgo.NewWriterNanos(&file)
	require.NoError(t, w.WriteFileHeader(65536, layers.LinkTypeRaw))
	require.NoError(t, w.WritePacket(info(0, packet), packet))
	return file.String()
}

// bigEndianNg is a pcapng file written out, since the library writes the other byte order only.
func bigEndianNg(frame []byte) string {
	number := func(n int) string { return string([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}) }
	block := func(kind int, body string) string {
		body += strings.Repeat("\x00", -len(body)&3)
		return number(kind) + number(len(body)+12) + body + number(len(body)+12)
	}
	return block(0x0A0D0D0A, "\x1a\x2b\x3c\x4d\x00\x01\x00\x00"+strings.Repeat("\xff", 8)) +
		block(1, "\x00\x01\x00\x00"+number(65536)) +
		block(6, number(0)+number(0)+number(1)+number(len(frame))+number(len(frame))+string(frame))
}

func TestInterfacesOfOneFileMayDiffer(t *testing.T) {
	packet := udp(t, manager, slave, sq)
	out, _ := printed(t, pcapng(t, []layers.LinkType{layers.LinkTypeEthernet, layers.LinkTypeLinuxSLL2}, ethernet(t, packet)[0], cooked2(packet)))
	assert.Equal(t, []string{goodSQ, goodSQ, "2 telegrams, 0 bad"}, headings(out))
}

func TestWhatIsNoTelegramIsCountedOnly(t *testing.T) {
	const a, b = "127.0.0.1:40000", "127.0.0.1:40001"
	web := connection{t, "10.0.0.1:40000", "10.0.0.9:80", 1}
	arp := make([]byte, 42)
	arp[12], arp[13] = 0x08, 0x06
	frames := append(ethernet(t,
		udp(t, a, b, "dig"),
		udp(t, a, b, strings.Repeat("x", 300)),
		web.syn(), web.data(0, "GET / HTTP/1.1\r\n"), web.data(16, strings.Repeat("x", 100)), web.data(116, sq), web.fin(184),
		udp(t, a, b, sq),
	), arp, []byte{1, 2, 3})
	out, sum := printed(t, pcap(t, layers.LinkTypeEthernet, frames...))
	assert.Equal(t, Summary{Telegrams: 1}, sum)
	assert.Equal(t, []string{goodSQ, "1 telegram, 0 bad; 7 packets of other traffic"}, headings(out))
}

func TestADatagramOfAnyPortWithAKnownTypeIsATelegram(t *testing.T) {
	const a, b = "127.0.0.1:40000", "127.0.0.1:40001"
	out, _ := printed(t, pcap(t, layers.LinkTypeRaw,
		udp(t, a, b, sq), udp(t, a, b, sq+" "), udp(t, a, b, sq[:66]), udp(t, a, b, sq[:65]), udp(t, a, "127.0.0.1:53", sr)))
	assert.Equal(t, []string{goodSQ, "bad telegram, 69 bytes", "bad telegram, 66 bytes", goodSR,
		"4 telegrams, 2 bad; 1 packet of other traffic"}, headings(out))
}

func TestOnOurPortEverythingIsATelegram(t *testing.T) {
	out, _ := printed(t, pcap(t, layers.LinkTypeRaw,
		udp(t, manager, slave, ""), udp(t, slave, manager, "hello"), udp(t, manager, slave, sq+sq)))
	assert.Equal(t, []string{"bad telegram, 0 bytes", "bad telegram, 5 bytes", "bad telegram, 136 bytes", "3 telegrams, 3 bad"}, headings(out))
	assert.Contains(t, out, "udp 10.0.0.2:10320 → 10.0.0.1:50000\n#2 bad telegram, 5 bytes\n  length: offset 5: wrong length")
}

func TestAPacketThatWasNotCapturedWholeIsSaidToBe(t *testing.T) {
	var file bytes.Buffer
	w := pcapgo.NewWriter(&file)
	require.NoError(t, w.WriteFileHeader(96, layers.LinkTypeRaw))
	packet := udp(t, manager, slave, sr)
	about := info(0, packet)
	about.CaptureLength = 96
	require.NoError(t, w.WritePacket(about, packet[:96]))
	out, sum := printed(t, file.String())
	assert.Equal(t, Summary{Telegrams: 1, Bad: 1}, sum)
	assert.Contains(t, out, "SR: length: offset 68: wrong length: 68 bytes, want 196\n  the capture has only 96 of the packet's 224 bytes\n")
}

func TestACaptureThatEndsInsideAPacketIsReadUntilThere(t *testing.T) {
	for _, file := range []string{
		pcap(t, layers.LinkTypeRaw, udp(t, manager, slave, sq), udp(t, slave, manager, sr)),
		pcapng(t, []layers.LinkType{layers.LinkTypeRaw, layers.LinkTypeRaw}, udp(t, manager, slave, sq), udp(t, slave, manager, sr)),
	} {
		for _, cut := range []int{1, 100, 224} { // 224: the last packet has its header and nothing else in the first file
			out, sum := printed(t, file[:len(file)-cut])
			assert.Equal(t, Summary{Telegrams: 1}, sum)
			assert.Contains(t, out, "\nThe capture ends inside a packet.\n\n1 telegram, 0 bad\n", "cut %d", cut)
		}
	}
}

func TestABrokenCaptureIsAnErrorAfterWhatWasRead(t *testing.T) {
	good := pcap(t, layers.LinkTypeRaw, udp(t, manager, slave, sq))
	huge := strings.Repeat("\xff", 16)
	disk := errors.New("disk on fire")
	tests := map[string]struct {
		in   io.Reader
		sum  Summary
		want string
	}{
		"header cut off":            {strings.NewReader(good[:20]), Summary{}, "read the capture: unexpected EOF"},
		"pcapng header cut off":     {strings.NewReader("\n\r\r\n"), Summary{}, "read the capture: unexpected EOF"},
		"a version that is not":     {strings.NewReader(with(good, 4, "\x09")), Summary{}, "read the capture: Unknown major version 9"},
		"a packet of 4 GiB":         {strings.NewReader(good + huge), Summary{Telegrams: 1}, "read the capture: capture length exceeds"},
		"disk":                      {io.MultiReader(strings.NewReader(good), iotest.ErrReader(disk)), Summary{Telegrams: 1}, "read the capture: disk on fire"},
		"no link type that we know": {strings.NewReader(pcap(t, 250, udp(t, manager, slave, sq))), Summary{}, "read the capture: no packet of a link type that is known"},
		"a block beyond the limit": {io.MultiReader(strings.NewReader(bigEndianNg(nil)+"\x00\x00\x00\x63\xff\xff\xff\xf0"), zeros{}),
			Summary{}, "a packet with more than 16 MiB"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			sum, err := Print(&out, tt.in)
			assert.ErrorContains(t, err, tt.want)
			assert.Equal(t, tt.sum, sum)
			assert.Contains(t, out.String(), count(tt.sum.Telegrams, "telegram")+", 0 bad")
		})
	}
}

func TestTelegramsOfARunningCaptureAreShownAtOnce(t *testing.T) {
	r, w := io.Pipe()
	shown, out := io.Pipe()
	go func() {
		io.WriteString(w, pcap(t, layers.LinkTypeRaw, udp(t, manager, slave, sq)))
	}()
	go Print(out, r)
	first := make([]byte, 500)
	n, err := io.ReadAtLeast(shown, first, 200)
	require.NoError(t, err)
	assert.Contains(t, string(first[:n]), "#1 "+goodSQ)
	w.Close()
	rest, err := io.ReadAll(io.LimitReader(shown, int64(len("1 telegram, 0 bad\n"))))
	require.NoError(t, err)
	assert.Equal(t, "1 telegram, 0 bad\n", string(rest))
}
