package telegram

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
)

func TestEveryByteInEveryPlaceIsAcceptedExactlyWhereItHasNoFault(t *testing.T) {
	for _, c := range good(t) {
		typ := c.value.Type()
		for i := range c.bytes {
			b := []byte(c.bytes)
			for v := range 256 {
				b[i] = byte(v)
				_, err := Decode(b)
				if fault := fault(b, typ); typeIn(b) == typ && (fault == nil) != (err == nil) {
					t.Fatalf("%s: 0x%02X at %d: %v, and its fault is %v", c.name, v, i, err, fault)
				}
			}
		}
	}
}

// comparison is a check that takes words, and what it has to say, byte by byte. It counts the answers, so that both are known to have
// been given.
type comparison struct {
	length       int
	check, plain func(b []byte) bool
	right, wrong int
}

func (c *comparison) with(t *testing.T, b []byte) {
	want := c.plain(b)
	if got := c.check(b); got != want {
		t.Fatalf("%q: %v, and it is %v", b, got, want)
	}
	if want {
		c.right++
	} else {
		c.wrong++
	}
}

func (c *comparison) hadBoth(t *testing.T) {
	assert.Greater(t, c.right, 1000, "right")
	assert.Greater(t, c.wrong, 1000, "wrong")
}

func plainName(b []byte, least int) bool {
	end := len(bytes.TrimRight(b, " "))
	for _, c := range b[:end] {
		if c < 0x21 || c > 0x7E {
			return false
		}
	}
	return end >= least
}

func plainText(b []byte) bool {
	for _, r := range string(b) {
		if r < 0x20 || r >= 0x7F && r <= 0x9F {
			return false
		}
	}
	return utf8.Valid(b)
}

func TestNamesAreCheckedAsByteByByte(t *testing.T) {
	edges := []byte{0x00, 0x1F, ' ', 0x21, 'a', 0x7E, 0x7F, 0x80, 0x9F, 0xA0, 0xA1, 0xDF, 0xFF}
	for name, c := range map[string]*comparison{
		"host": {length: HostLength, check: func(b []byte) bool { return validHost((*[HostLength]byte)(b)) },
			plain: func(b []byte) bool { return plainName(b, 1) }},
		"process ID": {length: ProcessLength, check: func(b []byte) bool { return validProcess((*[ProcessLength]byte)(b)) },
			plain: func(b []byte) bool { return plainName(b, 1) }},
		"status": {length: StatusLength, check: func(b []byte) bool { return validStatus((*[StatusLength]byte)(b)) },
			plain: func(b []byte) bool { return plainName(b, 0) }},
	} {
		t.Run(name, func(t *testing.T) {
			b := make([]byte, c.length)
			for n := range c.length + 1 { // each length of a name, and two bytes at its end and wherever a word ends
				for i := range c.length {
					if i%wordLength != wordLength-1 && i != n-1 && i != n {
						continue
					}
					for pair := range len(edges) * len(edges) {
						pad(b, strings.Repeat("n", n))
						copy(b[i:], []byte{edges[pair/len(edges)], edges[pair%len(edges)]})
						c.with(t, b)
					}
				}
			}
			random := rand.New(rand.NewPCG(1, 2))
			for range 50_000 {
				for i := range b {
					b[i] = byte(0x20 + random.IntN(0x5F))
				}
				pad(b[random.IntN(c.length):], "")
				for range random.IntN(3) {
					b[random.IntN(c.length)] = edges[random.IntN(len(edges))]
				}
				c.with(t, b)
			}
			c.hadBoth(t)
		})
	}
}

// pieces are the first and last characters of each form, and what is just beside them.
var pieces = []string{
	"\x00", "\x1f", " ", "~", "\x7f", "\x80", "\xbf", // ASCII, and bytes that no character begins with
	"\xc0\x80", "\xc1\xbf", "\xc2\x7f", "\xc2\x80", "\xc2\x9f", "\xc2\xa0", "\xc3\x80", "\xdf\xbf", // two bytes
	"\xe0\x80\x80", "\xe0\x9f\xbf", "\xe0\xa0\x80", "\xe1\x80\x80", "\xe3\x81\x82", "\xec\xbf\xbf", // three
	"\xed\x9f\xbf", "\xed\xa0\x80", "\xed\xbf\xbf", "\xee\x80\x80", "\xef\xbf\xbf", // surrogates, and beside them
	"\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf", "\xf0\x90\x80\x80", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf", "\xf4\x90\x80\x80", // four
	"\xf0\x80\x80", "\xf1\xbf\xbf", "\xf5\x80\x80\x80", "\xf8\x88\x80\x80\x80", "\xfe", "\xff", // no characters
	"\xc3", "\xe3", "\xe3\x81", "\xf0\x9f\x98", // cut
}

func textComparison() *comparison {
	return &comparison{length: TextLength, check: func(b []byte) bool { return validText((*[TextLength]byte)(b)) }, plain: plainText}
}

func TestTextsAreCheckedAsByteByByte(t *testing.T) {
	c := textComparison()
	b := make([]byte, c.length)
	for _, around := range []string{" ", "x", "é", "語", "x語", "é語", "語😀"} {
		more := strings.Repeat(around, TextLength)
		for i := range b {
			if i >= 2*wordLength && i < TextLength-wordLength {
				continue // the words between are treated like the second
			}
			before := Cut(more, i)
			before += strings.Repeat("x", i-len(before))
			for _, first := range pieces {
				for _, second := range append(pieces, "") {
					pad(b, before+first+second+more)
					c.with(t, b)
				}
			}
		}
	}
	c.hadBoth(t)
}

func TestEveryPairOfBytesInATextIsCheckedAsByteByByte(t *testing.T) {
	c := textComparison()
	b := make([]byte, c.length)
	for _, i := range []int{0, 6, 7, TextLength - 3, TextLength - 2} { // in one word, in two, and at the end
		for pair := range 1 << 16 {
			for _, third := range []byte{' ', 0x80, 0xBF} {
				pad(b, "語")
				copy(b[i:], []byte{byte(pair >> 8), byte(pair), third})
				c.with(t, b)
			}
		}
	}
	c.hadBoth(t)
}

func TestRandomTextsAreCheckedAsByteByByte(t *testing.T) {
	c := textComparison()
	random := rand.New(rand.NewPCG(3, 4))
	var good []string
	for _, p := range pieces {
		if plainText([]byte(p)) {
			good = append(good, p)
		}
	}
	for range 100_000 {
		var s strings.Builder
		for wanted := random.IntN(TextLength); s.Len() < wanted; {
			s.WriteString(good[random.IntN(len(good))])
		}
		b := make([]byte, TextLength)
		pad(b, s.String())
		for range random.IntN(3) {
			b[random.IntN(TextLength)] = byte(random.Uint32())
		}
		c.with(t, b)
	}
	c.hadBoth(t)
}

// What these need is the quick way; whether it is right is tested above.
func TestTextOfEveryDayIsCheckedInWords(t *testing.T) {
	for _, s := range []string{
		"夜間バッチは12.3秒で正常終了しました: 4711件を書き込みました", "ｴﾗｰ（番号１）、～", "déjà terminé", "größer", "готово: 3", "έτοιμο", "“done” → …",
	} {
		x := text(t, s)
		assert.True(t, commonText(&x.b), s)
	}
}
