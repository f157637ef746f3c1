package inspect

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/gopacket/gopacket/layers"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/telegram"
	"renraku/telegram/seal"
	"renraku/testdata/vectors"
)

const (
	trailerFront = "HBA1\x01\x00\x01\x02\x8f\x3c\x52\xa1\x7b\xe0\x64\x9d" + "\x00\x00\x00\x00\x00\x00\x01\x00" + "\x00\x00\x00\x00\x00\x00\x00\x05"
	trailerMAC   = "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\xff"

	goodSealedSQ = "SQ status inquiry, sealed, 116 bytes"
	goodSealedSR = "SR status response, sealed, 244 bytes"
)

var (
	sealedSQ = sq + trailerFront + trailerMAC
	sealedSR = sr + with(with(trailerFront, 5, "\x01"), 8, "\x00\x00\x00\x00\x00\x00\x00\x00") + trailerMAC
)

func TestASealedTelegramIsPrintedWithItsTrailer(t *testing.T) {
	out, sum := printed(t, hexOf(sealedSQ)+"\n\n"+hexOf(sealedSR))
	assert.Equal(t, Summary{Telegrams: 2}, sum)
	assert.Equal(t, `#1 SQ status inquiry, sealed, 116 bytes
    0  64  host name (81)     app01
   64   2  telegram type (82) SQ
   66   2  control code (83)  0x0002 START
   68   4  magic              HBA1
   72   1  algorithm          1 HMAC-SHA256-128
   73   1  flags              0x00 manager to slave
   74   2  key ID             258
   76   8  session            0x8f3c52a17be0649d
   84   8  sequence           256
   92   8  epoch              5
  100  16  MAC                000102030405060708090a0b0c0d0eff not checked

#2 SR status response, sealed, 244 bytes
    0  64  host name (84)                    app01
   64   2  telegram type (85)                SR
   66   2  control code (86)                 0x0010 RUNNING
   68  24  application execution status (87) ONLINE
   92 104  text (87)                         "本番 up"
  196   4  magic                             HBA1
  200   1  algorithm                         1 HMAC-SHA256-128
  201   1  flags                             0x01 slave to manager
  202   2  key ID                            258
  204   8  session                           0 unasked
  212   8  sequence                          256
  220   8  epoch                             5
  228  16  MAC                               000102030405060708090a0b0c0d0eff not checked

2 telegrams, 0 bad
`, out)
}

func TestTheFieldsOfATrailerEndIt(t *testing.T) {
	sum := 0
	for _, f := range trailerFields {
		sum += f.length
	}
	assert.Equal(t, seal.TrailerLength, sum)
	assert.Less(t, seal.MaxLength, dumpLimit, "all of a bad one is shown")
}

func TestAWrongTrailerIsReportedWithFieldAndOffset(t *testing.T) {
	tests := map[string]struct {
		in   string
		want string // the error
		row  string // the line that is marked
	}{
		"magic":                  {with(sealedSQ, 71, "2"), "SQ: magic: offset 68: HBA1 is right", ">  64   53 51 00 02>48 42 41 32"},
		"magic of SR":            {with(sealedSR, 196, "h"), "SR: magic: offset 196: HBA1 is right", "> 192   20 20 20 20>68"},
		"48 bytes of another":    {sq + strings.Repeat("\x00", 48), "SQ: magic: offset 68: HBA1 is right", ">  64   53 51 00 02>00"},
		"algorithm":              {with(sealedSQ, 72, "\x02"), "SQ: algorithm: offset 72: 1 is right", ">  64   53 51 00 02 48 42 41 31>02"},
		"flags":                  {with(sealedSQ, 73, "\x80"), "SQ: flags: offset 73: 0, or 1 from a slave is right", ">  64   53 51 00 02 48 42 41 31 01>80"},
		"SQ from the slave":      {with(sealedSQ, 73, "\x01"), "SQ: flags: offset 73: 0x00, manager to slave, is right", ">  64   53 51 00 02 48 42 41 31 01>01"},
		"SR to the slave":        {with(sealedSR, 201, "\x00"), "SR: flags: offset 201: 0x01, slave to manager, is right", "> 192   20 20 20 20 48 42 41 31 01>00"},
		"the telegram":           {with(sealedSQ, 66, "\x00\x03"), "SQ: control code: offset 66:", ">  64   53 51>00 03"},
		"the trailer before it":  {with(with(sealedSQ, 66, "\x00\x03"), 72, "\x02"), "SQ: algorithm: offset 72:", ">  64   53 51 00 03 48 42 41 31>02"},
		"one byte too many":      {sealedSQ + "\x00", "SQ: length: offset 68: wrong length: 117 bytes, want 68", ">  64   53 51 00 02>48"},
		"a trailer behind an XQ": {xq + trailerFront + trailerMAC, "XQ: length: offset 84: wrong length: 132 bytes, want 84", ">  80   20 20 20 20>48"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			out, sum := printed(t, hexOf(tt.in))
			assert.Equal(t, Summary{Telegrams: 1, Bad: 1}, sum)
			assert.Contains(t, out, "#1 bad telegram, "+count(len(tt.in), "byte")+", from line 1\n  "+tt.want)
			assert.Contains(t, out, "\n"+tt.row)
			assert.Equal(t, 1, strings.Count(out, "\n>"), "one line is marked")
		})
	}
}

func TestTrailersBelongToTheTelegramBeforeThem(t *testing.T) {
	// Its trailer ends where a telegram has its type, and the next one's name would be told from that.
	likeType := with(sealedSQ, 0, strings.Repeat("x", 16)+"SQ") // 48 bytes of trailer and 16 of its name are before it
	tests := map[string]struct {
		in   string
		want []string
	}{
		"sealed ones":                 {sealedSQ + sealedSR + sealedSQ, []string{goodSealedSQ, goodSealedSR, goodSealedSQ, "3 telegrams, 0 bad"}},
		"sealed and plain":            {sealedSQ + sq + xr + sealedSR + sr, []string{goodSealedSQ, goodSQ, goodXR, goodSealedSR, goodSR, "5 telegrams, 0 bad"}},
		"behind an order":             {xq + sealedSQ, []string{goodXQ, goodSealedSQ, "2 telegrams, 0 bad"}},
		"a name like a type":          {sealedSQ + likeType, []string{goodSealedSQ, goodSealedSQ, "2 telegrams, 0 bad"}},
		"a wrong magic between":       {with(sealedSQ, 68, "X") + sq, []string{"bad telegram, 116 bytes, from byte 0", goodSQ, "2 telegrams, 1 bad"}},
		"a telegram behind a plain":   {sq + sq, []string{goodSQ, goodSQ, "2 telegrams, 0 bad"}},
		"a text like a type":          {sq + with(sr, 112, "SQ"), []string{goodSQ, goodSR, "2 telegrams, 0 bad"}},
		"an order's trailer":          {xq + trailerFront + trailerMAC + sq, []string{"bad telegram, 200 bytes, from byte 0", "1 telegram, 1 bad"}},
		"rubbish behind the trailer":  {sealedSQ + "\x01", []string{"bad telegram, 117 bytes, from byte 0", "1 telegram, 1 bad"}},
		"a trailer that is cut short": {sealedSQ[:115], []string{"bad telegram, 115 bytes, from byte 0", "1 telegram, 1 bad"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			out, _ := printed(t, tt.in)
			assert.Equal(t, tt.want, headings(out))
		})
	}
}

func TestOfACaptureDatagramsMayBeSealedAndStreamsMayNot(t *testing.T) {
	c := connection{t, manager, slave, 1}
	out, sum := printed(t, pcap(t, layers.LinkTypeRaw, udp(t, manager, slave, sealedSQ), udp(t, slave, manager, sealedSR),
		c.syn(), c.data(0, sealedSQ), c.fin(116)))
	assert.Equal(t, Summary{Telegrams: 4, Bad: 1}, sum)
	assert.Equal(t, []string{goodSealedSQ, goodSealedSR, goodSQ, "bad telegram, 48 bytes", "4 telegrams, 1 bad"}, headings(out))
	assert.Contains(t, out, "udp 10.0.0.1:50000 → 10.0.0.2:10320\n#1 "+goodSealedSQ)
}

// fieldWords are the names of a vector's fields here.
var fieldWords = map[string]string{"length": "length", "host": "host name", "type": "telegram type", "control": "control code", "text": "text"}

// withoutKey are the vectors in which a reader without a key finds something else wrong: the field and its offset.
var withoutKey = map[string]string{
	"sealed-sq-from-the-slave":                ": flags: offset 73: ",
	"sealed-sq-order-key-id-before-direction": ": flags: offset 73: ",
	"sealed-sq-order-mac-before-host":         ": host name: offset 0: ",
}

// What needs a key or one of the two ends is not known here: such vectors are good. Of what is not as long as a sealed telegram of its
// type, it is the length that is wrong.
func TestEverySealedVectorIsPrintedAsItSays(t *testing.T) {
	all, err := vectors.Read("sealed.txt")
	require.NoError(t, err)
	kinds := map[string]int{}
	for _, v := range all {
		t.Run(v.Name, func(t *testing.T) {
			var out strings.Builder
			p := newPrinter(&out)
			p.telegram(item{bytes: v.Bytes})
			require.NoError(t, p.flush())
			if !isSealed(v.Bytes) {
				_, err := telegram.Decode(v.Bytes)
				assertAsPlain(t, err, out.String())
				return
			}
			kinds[v.Kind]++
			if want, ok := withoutKey[v.Name]; ok {
				assert.Contains(t, out.String(), want)
				return
			}
			toEnd := v.Taken != "" && "sealed-"+v.Taken != v.Of
			if v.Expect == vectors.Value || v.Kind == "mac" || v.Kind == "key-id" || toEnd {
				assert.Contains(t, out.String(), ", sealed, ")
				assertTrailer(t, &v, out.String())
				return
			}
			word := v.Field
			if w, ok := fieldWords[word]; ok {
				word = w
			}
			assert.Contains(t, out.String(), fmt.Sprintf(": %s: offset %d: ", word, v.Offset))
		})
	}
	for _, kind := range []string{"", "magic", "algorithm", "flags", "direction", "mac", "key-id", "control"} {
		assert.Positive(t, kinds[kind], kind)
	}
}

func assertAsPlain(t *testing.T, err error, out string) {
	t.Helper()
	var wrong *telegram.FieldError
	if errors.As(err, &wrong) {
		assert.Contains(t, out, "  "+err.Error()+"\n")
		return
	}
	assert.Regexp(t, `^#1 S[QR] status [a-z]+, \d+ bytes\n`, out)
}

// assertTrailer compares the numbers of a good vector.
func assertTrailer(t *testing.T, v *vectors.Vector, out string) {
	t.Helper()
	if v.Expect != vectors.Value {
		return
	}
	for field, width := range map[string]int{"sequence": 0, "epoch": 0, "session": 16} {
		n, err := strconv.ParseUint(v.Value[field], 0, 64)
		require.NoError(t, err)
		want := fmt.Sprint(n)
		if width > 0 && n != 0 {
			want = fmt.Sprintf("0x%016x", n)
		}
		assert.Regexp(t, `(?m)^ *\d+   8  `+field+` +`+want, out)
	}
	assert.Regexp(t, fmt.Sprintf(`(?m)^ *\d+   2  key ID +%d$`, v.KeyID), out)
	assert.Regexp(t, fmt.Sprintf(`(?m)^ *\d+  16  MAC +%x not checked$`, v.Bytes[len(v.Bytes)-macLength:]), out)
}
