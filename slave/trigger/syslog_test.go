package trigger

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
)

var datagrams = []struct{ name, datagram, want string }{
	{"plain", "app01 STOPPED", "app01 STOPPED"},
	{"plain with colons", "backup: db01: done", "backup: db01: done"},
	{"line end", "done\n", "done"},
	{"line ends and NULs", "done\r\n\x00\n", "done"},
	{"several lines are one message", "one\ntwo\tthree\x7f\u0085four\u2028five", "one two three  four five"},
	{"spaces stay", "  a  ", "  a  "},
	{"empty", "", ""},
	{"a NUL", "\x00", ""},
	{"no UTF-8", "a\xff\xfeb", "a\uFFFD\uFFFDb"},
	{"UTF-8", "夜間バッチ 終了", "夜間バッチ 終了"},

	{"local", "<13>Nov 22 10:59:43 root: done", "done"},
	{"local, day of one digit", "<13>Nov  2 10:59:43 root: done", "done"},
	{"local, process ID", "<13>Nov 22 10:59:43 root[4711]: a: b", "a: b"},
	{"local, tag of words", "<13>Nov 22 10:59:43 my night batch: done", "done"},
	{"local, no tag", "<13>Nov 22 10:59:43 : done", "done"},
	{"local, no text", "<13>Nov 22 10:59:43 root: ", ""},
	{"rfc3164", "<13>Nov 22 10:59:43 app01 root: done", "done"},
	{"rfc3164, process ID and colons", "<13>Nov 22 10:59:43 app01 tag[1]: a: b", "a: b"},
	{"rfc3164, spaces stay", "<13>Nov 22 10:59:43 app01 tag:   a ", "  a "},
	{"rfc3164 without a tag", "<13>Nov 22 10:59:43 app01 done", "app01 done"},
	{"time of rfc3339", "<13>2026-11-22T10:59:43+09:00 app01 tag[1]: a: b", "a: b"},
	{"priority alone", "<14>tag: done\x00", "tag: done"},
	{"wrong day", "<13>Nov 32 10:59:43 root: done", "Nov 32 10:59:43 root: done"},

	{"rfc5424", `<13>1 2026-11-22T10:59:43.123456+09:00 app01 root - - [timeQuality tzKnown="1" isSynced="0"] done`, "done"},
	{"rfc5424, colons", `<13>1 2026-11-22T10:59:43Z app01 root 4711 ID7 - a: b`, "a: b"},
	{"rfc5424, nothing given", `<13>1 - - - - - - done`, "done"},
	{"rfc5424, two elements", `<13>1 - - - - - [a@1 x="1"][b@1] done`, "done"},
	{"rfc5424, escapes", `<13>1 - - - - - [a x="]\"]\\" y="\]"] [done]`, "[done]"},
	{"rfc5424, BOM", "<13>1 - - - - - - \ufeffdone", "done"},
	{"rfc5424, no text", `<13>1 - - - - - -`, ""},
	{"rfc5424, element not closed", `<13>1 - - - - - [a x="]" done`, `1 - - - - - [a x="]" done`},
	{"rfc5424, no space after the data", `<13>1 - - - - - [a]done`, "1 - - - - - [a]done"},
	{"rfc5424, no data", `<13>1 - - - - - done`, "1 - - - - - done"},
	{"rfc5424, no time", `<13>1 apple a day - - - done`, "1 apple a day - - - done"},
	{"rfc5424, another version", `<13>2 - - - - - - done`, "2 - - - - - - done"},

	{"no priority", "Nov 22 10:59:43 root: done", "Nov 22 10:59:43 root: done"},
	{"no priority before 5424", "1 - - - - - - done", "1 - - - - - - done"},
	{"priority too large", "<192>done", "<192>done"},
	{"the largest priority", "<191>done", "done"},
	{"priority with zeros", "<013>done", "<013>done"},
	{"priority zero", "<0>done", "done"},
	{"priority of four digits", "<1234>done", "<1234>done"},
	{"no digits", "<>done", "<>done"},
	{"no number", "<b>done</b>", "<b>done</b>"},
	{"priority in the middle", "a <13>Nov 22 10:59:43 root: done", "a <13>Nov 22 10:59:43 root: done"},
	{"space before the priority", " <13>done", " <13>done"},
	{"not closed", "<13", "<13"},
}

func TestDatagramsAsMessages(t *testing.T) {
	for _, c := range datagrams {
		message, cut := parseDatagram([]byte(c.datagram))
		assert.Equal(t, c.want, message, c.name)
		assert.False(t, cut, c.name)
	}
}

func TestAMessageIsCutAtTheBoundaryOfACharacter(t *testing.T) {
	long := strings.Repeat("x", MaxMessage)
	for _, c := range []struct {
		name, datagram, want string
		cut                  bool
	}{
		{"as long as may be", long, long, false},
		{"a line end more", long + "\n", long, false},
		{"many line ends more", long + strings.Repeat("\n", maxRaw), long, true}, // the sender may have sent more yet
		{"a byte more", long + "y", long, true},
		{"as long as may be after the header", "<13>Nov 22 10:59:43 app01 root: " + long, long, false},
		{"a character of three bytes that ends there", long[3:] + "夜", long[3:] + "夜", false},
		{"a character of three bytes that does not", long[2:] + "夜", long[2:], true},
		{"wrong bytes grow", strings.Repeat("\xff", MaxMessage), strings.Repeat("\uFFFD", MaxMessage/3), true},
		{"line breaks shrink", strings.Repeat("\u2028", MaxMessage), strings.Repeat(" ", MaxMessage), false},
		{"a cut header", "<13>1 - - - - - [a " + strings.Repeat("x", maxRaw), ("1 - - - - - [a " + strings.Repeat("x", maxRaw))[:MaxMessage], true},
		{"a header so long that text may be missing", "<13>1 - - - - - [" + strings.Repeat("x", maxRaw-20) + "] abcdef", "abcdef", true},
	} {
		message, cut := parseDatagram([]byte(c.datagram))
		assert.Equal(t, c.want, message, c.name)
		assert.Equal(t, c.cut, cut, c.name)
	}
}

func FuzzMessage(f *testing.F) {
	for _, c := range datagrams {
		f.Add([]byte(c.datagram))
	}
	f.Add([]byte(strings.Repeat("夜", MaxMessage)))
	f.Fuzz(func(t *testing.T, b []byte) {
		message, cut := parseDatagram(b)
		if !utf8.ValidString(message) || strings.ContainsFunc(message, unicode.IsControl) || strings.ContainsAny(message, lineBreaks) {
			t.Fatalf("not one line of UTF-8: %q", message)
		}
		if len(message) > MaxMessage || cut && len(b) <= MaxMessage/3 {
			t.Fatalf("%d bytes gave %d, cut: %v", len(b), len(message), cut)
		}
		if again, cut := plain(message); cut || again != message {
			t.Fatalf("%q is not plain: %q", message, again)
		}
		if len(b) > 0 && b[0] != '<' && len(b) < MaxMessage/3 {
			if want, _ := plain(string(b)); message != want {
				t.Fatalf("%q lost something without a priority: %q", b, message)
			}
		}
	})
}
