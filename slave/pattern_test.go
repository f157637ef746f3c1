package slave

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPatternMatchesTheWholeName(t *testing.T) {
	cases := []struct {
		pattern string
		yes, no []string
	}{
		{"app01", []string{"app01"}, []string{"", "app0", "app011", "xapp01", "APP01"}},
		{"app*", []string{"app", "app01", "app*"}, []string{"ap", "xapp"}},
		{"*", []string{"", "a", "web001"}, nil},
		{"**", []string{"", "a"}, nil},
		{"*.example.net", []string{"a.example.net", ".example.net", "a.example.net.example.net"}, []string{"example.net", "a.example.net."}},
		{"a*b*c", []string{"abc", "axxbxxc", "abcbc"}, []string{"ab", "acb", "abcb"}},
		{"app0?", []string{"app01", "app0x"}, []string{"app0", "app012"}},
		{"?", []string{"a"}, []string{"", "ab"}},
		{"web[001-200]", []string{"web001", "web007", "web200"}, []string{"web7", "web07", "web0007", "web000", "web201", "web", "web001x"}},
		{"web[1-200]", []string{"web1", "web7", "web200"}, []string{"web0", "web007", "web07", "web201", "web"}},
		{"web[0-9]", []string{"web0", "web9"}, []string{"web00", "web10", "web"}},
		{"web[8-12]", []string{"web8", "web9", "web10", "web12"}, []string{"web7", "web08", "web13", "web1"}},
		{"w[1-20]5", []string{"w15", "w25", "w205", "w115"}, []string{"w5", "w215", "w1", "w20"}},
		{"w[1-20]?", []string{"w12", "w1x", "w20x", "w201"}, []string{"w1", "w0x", "w21x"}},
		{"w[1-20]*", []string{"w1", "w1x", "w20x", "w999"}, []string{"w0", "w", "wx"}},
		{"*[1-20]", []string{"web7", "web20", "web21", "1"}, []string{"web", "web0x"}},
		{"r[1-3]s[01-12]", []string{"r1s01", "r3s12"}, []string{"r1s1", "r4s01", "r1s13"}},
		{"[1-3][1-3]", []string{"11", "33"}, []string{"1", "111"}},
		{"[1-12][1-12]", []string{"11", "111", "1112"}, []string{"1", "11111"}},
		{"w[5-5]", []string{"w5"}, []string{"w6", "w"}},
		{"w[999999999999999999-999999999999999999]", []string{"w999999999999999999"}, []string{"w9999999999999999999", "w9"}},
	}
	for _, c := range cases {
		p, err := ParsePattern(c.pattern)
		require.NoError(t, err, c.pattern)
		assert.Equal(t, c.pattern, p.String())
		assert.Equal(t, !strings.ContainsAny(c.pattern, "*?["), p.Literal(), c.pattern)
		for _, host := range c.yes {
			assert.True(t, p.Match(host), "%s and %s", c.pattern, host)
		}
		for _, host := range c.no {
			assert.False(t, p.Match(host), "%s and %s", c.pattern, host)
		}
	}
}

func TestPatternsThatAreWrongSayWhy(t *testing.T) {
	cases := []struct{ pattern, want string }{
		{"", "the pattern is empty"},
		{strings.Repeat("a", MaxPattern+1), "513 bytes, at most 512"},
		{"web[1-2", "the bracket at character 4 is not closed"},
		{"web1]", "the bracket at character 5 is not opened"},
		{"web[]", "[] is not a range: two numbers are right, such as [001-200]"},
		{"web[abc]", "[abc] is not a range"},
		{"web[1]", "[1] is not a range"},
		{"web[1-2-3]", "[1-2-3] is not a range"},
		{"web[[1-2]", "[[1-2] is not a range"},
		{"web[-1-2]", "[-1-2] is not a range"},
		{"web[+1-2]", "[+1-2] is not a range"},
		{"web[9-1]", "[9-1] goes down"},
		{"web[001-20]", "[001-20] has numbers of different width"},
		{"web[1-020]", "[1-020] has numbers of different width"},
		{"web[1-1234567890123456789]", "more than 18 digits"},
		{"web 1", "character 4 stands in no host name"},
		{"b\u00e4r", "character 2 stands in no host name"},
	}
	for _, c := range cases {
		p, err := ParsePattern(c.pattern)
		assert.ErrorContains(t, err, c.want, c.pattern)
		assert.Equal(t, Pattern{}, p)
	}
}

func TestZeroPatternMatchesNothing(t *testing.T) {
	assert.False(t, Pattern{}.Match(""))
	assert.False(t, Pattern{}.Match("a"))
	assert.False(t, Pattern{}.Literal())
}

// The number of operations, not a clock, is what is bounded: this ends at once or, with backtracking, never.
func TestMatchingDoesNotExplode(t *testing.T) {
	p, err := ParsePattern(strings.Repeat("*[1-20]", 70))
	require.NoError(t, err)
	assert.False(t, p.Match(strings.Repeat("1", 60)+"x"))
	assert.False(t, p.Match(strings.Repeat("1", 5000)+"x"))
	assert.True(t, p.Match(strings.Repeat("1", 5000)))
}

func TestExpandRangeGivesTheMembersInOrder(t *testing.T) {
	cases := []struct {
		in          string
		count       int
		first, last string
	}{
		{"app01", 1, "app01", "app01"},
		{"", 1, "", ""},
		{"web[001-200]", 200, "web001", "web200"},
		{"10.0.1.[1-200]", 200, "10.0.1.1", "10.0.1.200"},
		{"[8-12].example.net", 5, "8.example.net", "12.example.net"},
		{"w[0-0]", 1, "w0", "w0"},
		{"w[00-00]", 1, "w00", "w00"},
		{"10.0.0.1:[10001-10003]", 3, "10.0.0.1:10001", "10.0.0.1:10003"},
		{"[2001:db8::1]", 1, "[2001:db8::1]", "[2001:db8::1]"},
		{"[2001:db8::1]:10320", 1, "[2001:db8::1]:10320", "[2001:db8::1]:10320"},
		{"[2001:db8::[1-9]]:10320", 9, "[2001:db8::1]:10320", "[2001:db8::9]:10320"},
		{"web[a-b]", 1, "web[a-b]", "web[a-b]"},
		{"web[1-2", 1, "web[1-2", "web[1-2"},
		{"w[1-200000]", MaxRange, "w1", "w200000"},
		{"w[000001-200000]", MaxRange, "w000001", "w200000"},
	}
	for _, c := range cases {
		members, err := ExpandRange(c.in)
		require.NoError(t, err, c.in)
		require.Len(t, members, c.count, c.in)
		assert.Equal(t, c.first, members[0])
		assert.Equal(t, c.last, members[len(members)-1])
	}
}

func TestRangesThatAreWrongSayWhy(t *testing.T) {
	cases := []struct{ in, want string }{
		{"r[1-2]s[1-2]", "it has two ranges: one is right"},
		{"w[2-1]", "[2-1] goes down"},
		{"w[01-200]", "[01-200] has numbers of different width"},
		{"w[1-02]", "[1-02] has numbers of different width"},
		{"w[1]", "[1] is not a range"},
		{"w[]", "[] is not a range"},
		{"w[-]", "[-] is not a range"},
		{"w[1-2-3]", "[1-2-3] is not a range"},
		{"w[0-200000]", "[0-200000] has 200001 members: at most 200000 are right"},
		{"w[0-999999999999999999]", "at most 200000 are right"},
		{"w[0-9999999999999999999]", "more than 18 digits"},
		{strings.Repeat("a", MaxPattern+1), "it has 513 bytes: at most 512 are right"},
	}
	for _, c := range cases {
		members, err := ExpandRange(c.in)
		assert.ErrorContains(t, err, c.want, c.in)
		assert.Nil(t, members)
	}
}

func TestPatternAndRangeAgreeOnTheMembers(t *testing.T) {
	for _, s := range []string{"w[1-200]", "w[001-200]", "w[08-12]x", "[0-9]", "w[95-105]5"} {
		p, err := ParsePattern(s)
		require.NoError(t, err)
		members, err := ExpandRange(s)
		require.NoError(t, err)
		in := map[string]bool{}
		for _, m := range members {
			in[m] = true
			assert.True(t, p.Match(m), "%s and %s", s, m)
		}
		prefix, suffix := s[:strings.IndexByte(s, '[')], s[strings.IndexByte(s, ']')+1:]
		for i := range 300 {
			for width := range 5 {
				m := fmt.Sprintf("%s%0*d%s", prefix, width, i, suffix)
				assert.Equal(t, in[m], p.Match(m), "%s and %s", s, m)
			}
		}
	}
}

func TestMatchDoesNotAllocate(t *testing.T) {
	p, err := ParsePattern("web*[1-20]?")
	require.NoError(t, err)
	assert.Zero(t, testing.AllocsPerRun(100, func() { p.Match("web-in-a-rack-17x") }))
}
