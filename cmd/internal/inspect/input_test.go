package inspect

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// headings gives the lines of the output that begin a telegram, without "#1 ", and the last line.
func headings(out string) []string {
	var found []string
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	for _, line := range lines {
		if strings.HasPrefix(line, "#") {
			_, rest, _ := strings.Cut(line, " ")
			found = append(found, rest)
		}
	}
	return append(found, lines[len(lines)-1])
}

const (
	goodSQ = "SQ status inquiry, 68 bytes"
	goodSR = "SR status response, 196 bytes"
	goodXQ = "XQ execution order, 84 bytes"
	goodXR = "XR execution response, 212 bytes"
)

func TestTheFormOfInputIsToldByItsContent(t *testing.T) {
	long := hexOf(sq)
	tests := map[string]struct {
		in   string
		want []string
	}{
		"nothing":                   {"", []string{"0 telegrams, 0 bad"}},
		"white space":               {"\n \t\r\n\n", []string{"0 telegrams, 0 bad"}},
		"comments only":             {"# nothing\n# 何もない", []string{"0 telegrams, 0 bad"}},
		"hex":                       {long, []string{goodSQ, "1 telegram, 0 bad"}},
		"hex in capitals":           {strings.ToUpper(long), []string{goodSQ, "1 telegram, 0 bad"}},
		"hex over several lines":    {long[:50] + "\n" + long[50:80] + "\r\n" + long[80:], []string{goodSQ, "1 telegram, 0 bad"}},
		"hex behind a BOM":          {"\ufeff" + long, []string{goodSQ, "1 telegram, 0 bad"}},
		"hex with comments":         {"# 状態問合せ\n" + long[:64] + " # host\n# a line of its own\n" + long[64:], []string{goodSQ, "1 telegram, 0 bad"}},
		"hex with prefixes":         {"0x" + long[:64] + " 0X" + long[64:], []string{goodSQ, "1 telegram, 0 bad"}},
		"hex with colons":           {separated(sq, ":"), []string{goodSQ, "1 telegram, 0 bad"}},
		"hex with commas and 0x":    {"0x" + separated(sq, ", 0x"), []string{goodSQ, "1 telegram, 0 bad"}},
		"hex, a type in a comment":  {"# " + strings.Repeat("-", 62) + "SQ\n" + long, []string{goodSQ, "1 telegram, 0 bad"}},
		"two datagrams":             {long + "\n \n\n" + hexOf(sr) + "\n", []string{goodSQ, goodSR, "2 telegrams, 0 bad"}},
		"a stream in one datagram":  {hexOf(xr + sq + xq + sr), []string{goodXR, goodSQ, goodXQ, goodSR, "4 telegrams, 0 bad"}},
		"raw":                       {sq, []string{goodSQ, "1 telegram, 0 bad"}},
		"raw, one after another":    {sq + xr + xq, []string{goodSQ, goodXR, goodXQ, "3 telegrams, 0 bad"}},
		"raw, a host that begins #": {with(sq, 0, "#"), []string{goodSQ, "1 telegram, 0 bad"}},
		"raw, and all of it text":   {with(sq, 66, "  "), []string{"bad telegram, 68 bytes, from byte 0", "1 telegram, 1 bad"}},
		"raw and binary":            {"\xff\xfe", []string{"bad telegram, 2 bytes, from byte 0", "1 telegram, 1 bad"}},
		"text":                      {"hello", []string{"bad telegram", "1 telegram, 1 bad"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			out, _ := printed(t, tt.in)
			assert.Equal(t, tt.want, headings(out))
		})
	}
}

func separated(b, separator string) string {
	var pairs []string
	for i := range len(b) {
		pairs = append(pairs, hexOf(b[i:i+1]))
	}
	return strings.Join(pairs, separator)
}

func TestBadHexIsABadTelegramWithItsLine(t *testing.T) {
	good := hexOf(sq)
	tests := map[string]struct{ in, want string }{
		"a digit too few": {"\n" + good[:64] + "\n" + good[64:135], `line 3: "2020202020202020"… has an odd number of hex digits`},
		"a lone digit":    {"61 7 70", `line 1: "7" has an odd number of hex digits`},
		"no digit":        {"# head\n\n61 70\n61 7g", `line 4: 'g' is no hex digit`},
		"no ASCII":        {"61 ７0", `line 1: '\uff17' is no hex digit`},
		"0x and nothing":  {"61 0x", `line 1: "0x" has an odd number of hex digits`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			out, sum := printed(t, tt.in+"\n\n"+good)
			assert.Equal(t, Summary{Telegrams: 2, Bad: 1}, sum)
			assert.Contains(t, out, "#1 bad telegram\n  "+tt.want+"\n\n#2 "+goodSQ)
		})
	}
}

func TestTheRestOfADatagramIsSkippedAfterABadDigit(t *testing.T) {
	out, sum := printed(t, "zz\nyy\n61\n\n61 7")
	assert.Equal(t, Summary{Telegrams: 2, Bad: 2}, sum)
	assert.Contains(t, out, "line 1: 'z'")
	assert.NotContains(t, out, "line 2")
	assert.Contains(t, out, "line 5:")
}

func TestWhatIsLeftOverIsATelegramOrMakesOneTooLong(t *testing.T) {
	tests := map[string]struct {
		in    string
		want  []string
		error string
	}{
		"two bytes after SQ": {sq + "  ", []string{"bad telegram, 70 bytes, from byte 0", "1 telegram, 1 bad"},
			"SQ: length: offset 68"},
		"a process ID after SQ": {sq + padded("ONLINE", 16), []string{"bad telegram, 84 bytes, from byte 0", "1 telegram, 1 bad"},
			"SQ: length: offset 68"},
		"as much as a telegram of no known type": {sq + with(sq, 64, "ZZ"),
			[]string{"bad telegram, 136 bytes, from byte 0", "1 telegram, 1 bad"}, "SQ: length: offset 68"},
		"two bytes after the second": {xq + sq + "  ", []string{goodXQ, "bad telegram, 70 bytes, from byte 84", "2 telegrams, 1 bad"},
			"SQ: length: offset 68"},
		"a second that is cut off": {sq + sr[:100], []string{goodSQ, "bad telegram, 100 bytes, from byte 68", "2 telegrams, 1 bad"},
			"SR: length: offset 100"},
		"a bad one between good ones": {sq + with(xq, 66, "\x00\x01") + xr,
			[]string{goodSQ, "bad telegram, 84 bytes, from byte 68", goodXR, "3 telegrams, 1 bad"}, "XQ: control code: offset 66"},
		"XQ as short as SQ": {xq[:68], []string{"bad telegram, 68 bytes, from byte 0", "1 telegram, 1 bad"},
			"XQ: length: offset 68"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			out, _ := printed(t, tt.in)
			assert.Equal(t, tt.want, headings(out))
			assert.Contains(t, out, "\n  "+tt.error)
		})
	}
}
