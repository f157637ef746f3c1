package inspect

import (
	"bytes"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/gopacket/gopacket/layers"
	"github.com/stretchr/testify/assert"
)

// FuzzPrint: whatever comes in, nothing that a terminal obeys goes out, and not much more than came in.
func FuzzPrint(f *testing.F) {
	c := connection{f, manager, slave, 1}
	for _, seed := range []string{
		"", "\n\n", sq, sr + xq + xr, sq + "  ", hexOf(sq), "# c\n" + hexOf(xr) + "\n\n61 7", "0x61:62,zz", with(sr, 92, "\u202e"), "\x1b[2J",
		pcap(f, layers.LinkTypeEthernet, ethernet(f, udp(f, manager, slave, sq), c.syn(), c.data(0, xq[:70]), c.data(70, xq[70:]), c.fin(84))...),
		pcap(f, layers.LinkTypeRaw, c.data(84, sq), c.data(10, xq), c.reset(5), udp(f, slave, manager, "")),
		pcap(f, layers.LinkTypeLinuxSLL, cooked(udp(f, "[::1]:1", "[::1]:2", sr))),
		pcapng(f, []layers.LinkType{layers.LinkTypeRaw, layers.LinkTypeNull}, udp(f, manager, slave, sq), null(c.data(0, xq))),
		sealedSQ, sealedSR + sealedSQ, hexOf(sealedSQ), with(sealedSQ, 70, "?"), with(sealedSR, 201, "\x02"),
		pcap(f, layers.LinkTypeRaw, udp(f, manager, slave, sealedSQ), udp(f, slave, manager, sealedSR)),
		"\n\r\r\n", "\xd4\xc3\xb2\xa1",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var out bytes.Buffer
		sum, err := Print(&out, bytes.NewReader(in))
		assert.GreaterOrEqual(t, sum.Telegrams, sum.Bad)
		if err != nil {
			assert.NotEmpty(t, err.Error())
		}
		assert.LessOrEqual(t, out.Len(), 1024+64*len(in))
		assert.True(t, utf8.Valid(out.Bytes()))
		at := strings.IndexFunc(out.String(), func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) })
		assert.Equal(t, -1, at)
		assert.Regexp(t, `\d+ telegrams?, \d+ bad(; \d+ packets? of other traffic)?\n$`, out.String())
	})
}
