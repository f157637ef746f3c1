package slave

import (
	"fmt"
	"strings"
)

// Limits of patterns and ranges.
const (
	MaxRange   = 200_000 // members of a range that is expanded
	MaxPattern = 512     // bytes of a pattern, or of a name or address with a range

	maxRangeDigits = 18 // so that a number fits in 63 bits
)

// Pattern is a pattern of host names: "*" is any number of characters, "?" is one, "[001-200]" is a number from 1 to 200 of
// three digits, "[1-200]" the same numbers without zeros before them. The zero value matches no host.
type Pattern struct {
	text   string
	prefix string // what every match begins with
	rest   []patternToken
}

// patternToken is one step of a pattern after its prefix.
type patternToken struct {
	kind  patternTokenKind
	char  byte
	digit numbers
}

type patternTokenKind int

const (
	oneChar patternTokenKind = iota
	anyChar
	anyChars
	oneNumber
)

// numbers is what stands between the brackets of a range.
type numbers struct {
	low, high int64
	width     int // digits of every member; 0: as many as it has, without zeros before them
}

// ParsePattern reads a pattern. A pattern may have several ranges.
func ParsePattern(s string) (Pattern, error) {
	if s == "" {
		return Pattern{}, fmt.Errorf("the pattern is empty")
	}
	if len(s) > MaxPattern {
		return Pattern{}, fmt.Errorf("the pattern has %d bytes, at most %d", len(s), MaxPattern)
	}
	p := Pattern{text: s}
	var tokens []patternToken
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '*':
			if len(tokens) == 0 || tokens[len(tokens)-1].kind != anyChars {
				tokens = append(tokens, patternToken{kind: anyChars})
			}
		case c == '?':
			tokens = append(tokens, patternToken{kind: anyChar})
		case c == '[':
			end := strings.IndexByte(s[i:], ']')
			if end < 0 {
				return Pattern{}, fmt.Errorf("the bracket at character %d is not closed", i+1)
			}
			n, err := parseNumbers(s[i+1 : i+end])
			if err != nil {
				return Pattern{}, err
			}
			tokens = append(tokens, patternToken{kind: oneNumber, digit: n})
			i += end
		case c == ']':
			return Pattern{}, fmt.Errorf("the bracket at character %d is not opened", i+1)
		case c < 0x21 || c > 0x7E:
			return Pattern{}, fmt.Errorf("character %d stands in no host name", i+1)
		default:
			tokens = append(tokens, patternToken{kind: oneChar, char: c})
		}
	}
	n := 0
	for n < len(tokens) && tokens[n].kind == oneChar {
		n++
	}
	p.prefix, p.rest = s[:n], tokens[n:]
	return p, nil
}

// String is the pattern as it was written.
func (p Pattern) String() string { return p.text }

// Literal says whether the pattern is a plain host name and matches only that.
func (p Pattern) Literal() bool { return len(p.rest) == 0 && p.text != "" }

// Match says whether the pattern matches the whole host name. Its time is bounded by the product of both lengths.
func (p Pattern) Match(host string) bool {
	if p.text == "" || !strings.HasPrefix(host, p.prefix) {
		return false
	}
	s := host[len(p.prefix):]
	if len(p.rest) == 0 {
		return s == ""
	}
	// at[i] says whether the tokens so far can match s[:i]. All ends of a number are followed at once, so that no way is
	// tried twice.
	var room [2][80]bool
	at, next := room[0][:], room[1][:]
	if len(s) >= len(at) {
		at, next = make([]bool, len(s)+1), make([]bool, len(s)+1)
	}
	at, next = at[:len(s)+1], next[:len(s)+1]
	at[0] = true
	for _, t := range p.rest {
		clear(next)
		if !t.step(s, at, next) {
			return false
		}
		at, next = next, at
	}
	return at[len(s)]
}

// step sets in next the places that the patternToken reaches from those in at, and says whether there is one.
func (t patternToken) step(s string, at, next []bool) bool {
	reached := false
	for i, ok := range at {
		if !ok {
			continue
		}
		switch t.kind {
		case oneChar, anyChar:
			if i < len(s) && (t.kind == anyChar || s[i] == t.char) {
				next[i+1], reached = true, true
			}
		case anyChars:
			for j := i; j <= len(s); j++ {
				next[j] = true
			}
			return true
		case oneNumber:
			if t.digit.ends(s, i, next) {
				reached = true
			}
		}
	}
	return reached
}

// ends sets in next every end of a member that begins at i, and says whether there is one.
func (n numbers) ends(s string, i int, next []bool) bool {
	reached, value := false, int64(0)
	for j := i; j < len(s) && j-i < maxRangeDigits && '0' <= s[j] && s[j] <= '9'; j++ {
		value = value*10 + int64(s[j]-'0')
		digits := j - i + 1
		if n.width == 0 && digits > 1 && s[i] == '0' {
			break
		}
		if n.low <= value && value <= n.high && (n.width == 0 || digits == n.width) {
			next[j+1], reached = true, true
		}
	}
	return reached
}

// parseNumbers reads what stands between the brackets of a range.
func parseNumbers(s string) (numbers, error) {
	low, high, ok := strings.Cut(s, "-")
	if !ok || !onlyDigits(low) || !onlyDigits(high) {
		return numbers{}, fmt.Errorf("[%s] is not a range: two numbers are right, such as [001-200]", s)
	}
	if len(low) > maxRangeDigits || len(high) > maxRangeDigits {
		return numbers{}, fmt.Errorf("[%s] has a number of more than %d digits", s, maxRangeDigits)
	}
	padded := func(s string) bool { return len(s) > 1 && s[0] == '0' }
	n := numbers{low: numberOf(low), high: numberOf(high)}
	if padded(low) || padded(high) {
		if len(low) != len(high) {
			return numbers{}, fmt.Errorf("[%s] has numbers of different width: with zeros before them both have as many digits, such as [001-200]", s)
		}
		n.width = len(low)
	}
	if n.low > n.high {
		return numbers{}, fmt.Errorf("[%s] goes down: the lower number stands first", s)
	}
	return n, nil
}

func onlyDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

func numberOf(digits string) int64 {
	n := int64(0)
	for i := range len(digits) {
		n = n*10 + int64(digits[i]-'0')
	}
	return n
}

// ExpandRange gives the members of a name or address with one range, such as "web[001-200]" or "10.0.1.[1-200]", in order.
// Without a range there is one member, s itself. Brackets around anything but digits and hyphens are no range, so that an
// IPv6 address may stand in brackets.
func ExpandRange(s string) ([]string, error) {
	if len(s) > MaxPattern {
		return nil, fmt.Errorf("it has %d bytes: at most %d are right", len(s), MaxPattern)
	}
	start, end := findRange(s, 0)
	if start < 0 {
		return []string{s}, nil
	}
	if again, _ := findRange(s, end); again >= 0 {
		return nil, fmt.Errorf("it has two ranges: one is right")
	}
	n, err := parseNumbers(s[start+1 : end-1])
	if err != nil {
		return nil, err
	}
	if n.high-n.low >= MaxRange {
		return nil, fmt.Errorf("%s has %d members: at most %d are right", s[start:end], n.high-n.low+1, MaxRange)
	}
	members := make([]string, 0, n.high-n.low+1)
	for i := n.low; i <= n.high; i++ {
		members = append(members, fmt.Sprintf("%s%0*d%s", s[:start], n.width, i, s[end:]))
	}
	return members, nil
}

// findRange gives the place of the first bracket pair from the place from on that holds only digits and hyphens, and -1
// where there is none. A pair that holds nothing is meant as a range too.
func findRange(s string, from int) (start, end int) {
	start = -1
	for i := from; i < len(s); i++ {
		switch c := s[i]; {
		case c == '[':
			start = i
		case c == ']' && start >= 0:
			return start, i + 1
		case c != '-' && (c < '0' || c > '9'):
			start = -1
		}
	}
	return -1, -1
}
