package inspect

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/telegram"
)

// The four telegrams, as the tables of the wire have them.
var (
	sq = padded("app01", 64) + "SQ" + "\x00\x02"
	sr = padded("app01", 64) + "SR" + "\x00\x10" + padded("ONLINE", 24) + padded("本番 up", 104)
	xq = padded("db-2", 64) + "XQ" + "\x01\x00" + padded("ONLINE", 16)
	xr = padded("db-2", 64) + "XR" + "\x20\x00" + padded("ONLINE", 16) + padded("", 24) + padded("", 104)
)

func padded(s string, n int) string { return s + strings.Repeat(" ", n-len(s)) }

// with gives the telegram with other bytes at an offset.
func with(b string, offset int, change string) string {
	return b[:offset] + change + b[offset+len(change):]
}

func hexOf(b string) string { return hex.EncodeToString([]byte(b)) }

func printed(t *testing.T, in string) (string, Summary) {
	t.Helper()
	var out bytes.Buffer
	sum, err := Print(&out, strings.NewReader(in))
	require.NoError(t, err)
	return out.String(), sum
}

func TestAGoodTelegramIsPrintedFieldByField(t *testing.T) {
	const inquiry = `#1 SQ status inquiry, 68 bytes
    0  64  host name (81)     app01
   64   2  telegram type (82) SQ
   66   2  control code (83)  0x0002 START

1 telegram, 0 bad
`
	tests := map[string]struct{ in, want string }{
		"SQ, the example of the wire's description": {
			"61 70 70 30 31 " + strings.Repeat("20 ", 59) + "53 51 00 02", inquiry},
		"SQ": {hexOf(sq), inquiry},
		"SR": {hexOf(sr), `#1 SR status response, 196 bytes
    0  64  host name (84)                    app01
   64   2  telegram type (85)                SR
   66   2  control code (86)                 0x0010 RUNNING
   68  24  application execution status (87) ONLINE
   92 104  text (87)                         "本番 up"

1 telegram, 0 bad
`},
		"XQ": {hexOf(xq), `#1 XQ execution order, 84 bytes
    0  64  host name (88)     db-2
   64   2  telegram type (89) XQ
   66   2  control code (90)  0x0100 LAUNCH
   68  16  process ID (91)    ONLINE

1 telegram, 0 bad
`},
		"XR with an empty status and text": {hexOf(xr), `#1 XR execution response, 212 bytes
    0  64  host name (92)                    db-2
   64   2  telegram type (93)                XR
   66   2  control code (94)                 0x2000 FAILED
   68  16  process ID (95)                   ONLINE
   84  24  application execution status (96) -
  108 104  text (96)                         -

1 telegram, 0 bad
`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			out, sum := printed(t, tt.in)
			assert.Equal(t, tt.want, out)
			assert.Equal(t, Summary{Telegrams: 1}, sum)
		})
	}
}

func TestTheFieldsOfALayoutEndItsTelegram(t *testing.T) {
	for kind, l := range layouts {
		sum := 0
		for _, f := range l.fields {
			sum += f.length
		}
		assert.Equal(t, kind.Length(), sum, "%v", kind)
	}
	assert.Len(t, layouts, 4)
}

func TestABadTelegramIsReportedWithFieldAndOffset(t *testing.T) {
	tests := map[string]struct {
		in   string
		want string // the error
		row  string // the line that is marked
	}{
		"too short for a header": {sq[:40], "length: offset 40: wrong length: 40 bytes, the shortest telegram has 68",
			">  32   20 20 20 20 20 20 20 20>"},
		"one byte": {"a", "length: offset 1: wrong length: 1 bytes", ">   0   61>"},
		"ends where a row of the dump ends": {sr[:192], "SR: length: offset 192: wrong length: 192 bytes, want 196",
			"> 192  > "},
		"SQ with two bytes too many": {sq + "  ", "SQ: length: offset 68: wrong length: 70 bytes, want 68",
			">  64   53 51 00 02>20 20"},
		"unknown type":              {with(sq, 64, "ZZ"), `telegram type: offset 64: unknown telegram type: "ZZ"`, ">  64  >5a 5a 00 02"},
		"two control bits":          {with(sq, 66, "\x00\x03"), "SQ: control code: offset 66:", ">  64   53 51>00 03"},
		"a control bit of XQ in SR": {with(sr, 66, "\x01\x00"), "SR: control code: offset 66:", ">  64   53 52>01 00"},
		"a control character in the host name": {with(sq, 5, "\x1b[2J"), "SQ: host name: offset 5: byte outside 0x21–0x7E: 0x1B",
			">   0   61 70 70 30 31>1b 5b 32 4a 20 20 20 20 20 20 20 |app01.[2J       |"},
		"no host name":         {padded("", 64) + "SQ\x00\x02", "SQ: host name: offset 0: empty", ">   0  >20"},
		"a space in the ID":    {with(xq, 70, " "), "XQ: process ID: offset 70: space before or inside", ">  64   58 51 01 00 4f 4e>20"},
		"a bad byte in status": {with(xr, 84, "\xff"), "XR: application execution status: offset 84: byte outside", ">  80   20 20 20 20>ff"},
		"text that is no UTF-8": {with(sr, 100, "\x80"), "SR: text: offset 100: no valid UTF-8: 0x80",
			">  96  "},
		"a control character in the text": {with(sr, 120, "\u0085"), "SR: text: offset 120: control character: U+0085", "> 112   20 20 20 20 20 20 20 20>c2 85"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			out, sum := printed(t, hexOf(tt.in))
			assert.Equal(t, Summary{Telegrams: 1, Bad: 1}, sum)
			assert.Contains(t, out, "#1 bad telegram, "+count(len(tt.in), "byte")+", from line 1\n")
			assert.Contains(t, out, "\n  "+tt.want)
			assert.Contains(t, out, "\n"+tt.row)
			assert.Equal(t, 1, strings.Count(out, "\n>"), "one line is marked")
			assert.True(t, strings.HasSuffix(out, "\n1 telegram, 1 bad\n"))
		})
	}
}

func TestOfALongBadTelegramOnlyTheBeginningIsShown(t *testing.T) {
	out, sum := printed(t, strings.Repeat("\x00", 10_000))
	assert.Equal(t, Summary{Telegrams: 1, Bad: 1}, sum)
	assert.Contains(t, out, "\n  240  ")
	assert.NotContains(t, out, "\n  256  ")
	assert.Contains(t, out, "\n      … 9744 more bytes left out\n")
}

func TestTextIsQuotedSoThatATerminalObeysNothing(t *testing.T) {
	evil := "a\u202eb\"\u200b\u2028"
	out, sum := printed(t, hexOf(with(sr, 92, evil)))
	assert.Zero(t, sum.Bad)
	assert.Contains(t, out, `"a\u202eb\"\u200b\u2028`)
}

func TestAnErrorOfTheInputIsReturned(t *testing.T) {
	broken := errors.New("disk on fire")
	for name, before := range map[string]string{"at once": "", "in hex": "61 70 70"} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			sum, err := Print(&out, io.MultiReader(strings.NewReader(before), iotest.ErrReader(broken)))
			assert.ErrorIs(t, err, broken)
			assert.Equal(t, Summary{}, sum)
			assert.Equal(t, "0 telegrams, 0 bad\n", out.String())
		})
	}
}

func TestInputBeyondTheLimitIsRefused(t *testing.T) {
	all, err := readAll(strings.NewReader(sq), len(sq))
	assert.NoError(t, err)
	assert.Equal(t, sq, string(all))
	_, err = readAll(strings.NewReader(sq+" "), len(sq))
	assert.ErrorIs(t, err, ErrTooMuch)
	assert.EqualError(t, ErrTooMuch, "more than 64 MiB, and no capture")
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func TestAnErrorOfTheOutputIsReturned(t *testing.T) {
	broken := errors.New("pipe closed")
	_, err := Print(writerFunc(func([]byte) (int, error) { return 0, broken }), strings.NewReader(sq))
	assert.ErrorIs(t, err, broken)
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

func TestTheFirstBadByteIsAlwaysAmongThoseShown(t *testing.T) {
	assert.Greater(t, dumpLimit, telegram.MaxLength)
}
