package trigger

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// MaxMessage is the longest message in bytes of UTF-8; a longer one is cut at the boundary of a character.
const MaxMessage = 8192

// maxRaw is how much of a text, in bytes, is looked at. No character gets shorter than a third, so that what is cut here is
// cut at MaxMessage anyway.
const maxRaw = 4 * MaxMessage

const (
	maxPriority  = 191             // facility 23, severity 7 (RFC 5424, 6.2.1)
	stampLength  = len(time.Stamp) // "Nov 22 10:59:43" (RFC 3164, 4.1.2)
	noValue      = "-"             // RFC 5424, 6: NILVALUE
	headerFields = 5               // RFC 5424, 6.2: TIMESTAMP HOSTNAME APP-NAME PROCID MSGID
	bom          = "\ufeff"        // may stand before the text (RFC 5424, 6.4)
	lineBreaks   = "\u2028\u2029"  // that are not control characters
)

// parseDatagram gives the message of a datagram: its syslog header taken off, tag included, and the rest as plain does it.
// Of more than maxRaw bytes the sender may have sent more yet.
func parseDatagram(b []byte) (message string, cut bool) {
	message, cut = plain(withoutHeader(trimEnd(string(b))))
	return message, cut || len(b) > maxRaw
}

// plain makes a text one line of UTF-8 without control characters, which become spaces, of at most MaxMessage bytes. Line
// ends and NULs at its end are taken off, and bytes that are no UTF-8 become U+FFFD.
func plain(text string) (message string, cut bool) {
	text = trimEnd(text)
	if len(text) > maxRaw {
		text, cut = text[:maxRaw], true
	}
	message = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || strings.ContainsRune(lineBreaks, r) {
			return ' '
		}
		return r // RuneError for bytes that are no UTF-8
	}, text)
	if len(message) <= MaxMessage {
		return message, cut
	}
	end := MaxMessage
	for !utf8.RuneStart(message[end]) {
		end--
	}
	return message[:end], true
}

func trimEnd(s string) string { return strings.TrimRight(s, "\n\r\x00") }

// withoutHeader takes off the header of a syslog message: of RFC 5424, or of RFC 3164 with or without a host, each of them as
// logger(1) of util-linux writes it. Of a priority with neither behind it, the priority alone is taken off (RFC 3164, 4.3.3).
// Without a priority nothing is.
func withoutHeader(s string) string {
	rest, ok := withoutPriority(s)
	if !ok {
		return s
	}
	if text, ok := without5424(rest); ok {
		return text
	}
	if text, ok := withoutStamp(rest); ok {
		return withoutTag(text)
	}
	return rest
}

// withoutPriority takes off "<13>".
func withoutPriority(s string) (rest string, ok bool) {
	if !strings.HasPrefix(s, "<") {
		return "", false
	}
	digits, _, ok := strings.Cut(s[1:min(len(s), 5)], ">")
	if !ok || digits == "" || len(digits) > 1 && digits[0] == '0' {
		return "", false
	}
	priority := 0
	for _, c := range []byte(digits) {
		if c < '0' || c > '9' {
			return "", false
		}
		priority = priority*10 + int(c-'0')
	}
	return s[len(digits)+2:], priority <= maxPriority
}

// without5424 takes off all that stands before MSG in RFC 5424: version, five fields, and the structured data.
func without5424(s string) (text string, ok bool) {
	rest, ok := strings.CutPrefix(s, "1 ")
	if !ok {
		return "", false
	}
	for i := range headerFields {
		var field string
		field, rest, ok = strings.Cut(rest, " ")
		if !ok || field == "" || i == 0 && !isInstant(field) {
			return "", false
		}
	}
	rest, ok = withoutData(rest)
	if !ok {
		return "", false
	}
	if rest == "" {
		return "", true
	}
	if rest, ok = strings.CutPrefix(rest, " "); !ok {
		return "", false
	}
	return strings.TrimPrefix(rest, bom), true
}

// isInstant says whether the field is a time of RFC 5424, or none.
func isInstant(field string) bool {
	if field == noValue {
		return true
	}
	_, err := time.Parse(time.RFC3339, field)
	return err == nil
}

// withoutData takes off the structured data (RFC 5424, 6.3): "-", or one element in brackets after the other. In the value
// of a parameter, which stands in quotes, a backslash stands before each quote, backslash and closing bracket.
func withoutData(s string) (rest string, ok bool) {
	if rest, ok := strings.CutPrefix(s, noValue); ok {
		return rest, true
	}
	for strings.HasPrefix(s, "[") {
		quoted, end := false, -1
		for i := 1; i < len(s) && end < 0; i++ {
			switch c := s[i]; {
			case quoted && c == '\\':
				i++
			case c == '"':
				quoted = !quoted
			case !quoted && c == ']':
				end = i + 1
			}
		}
		if end < 0 {
			return "", false
		}
		s, ok = s[end:], true
	}
	return s, ok
}

// withoutStamp takes off the time of RFC 3164, or one of RFC 3339 in its place as some clients write it.
func withoutStamp(s string) (rest string, ok bool) {
	if len(s) > stampLength && s[stampLength] == ' ' {
		if _, err := time.Parse(time.Stamp, s[:stampLength]); err == nil {
			return s[stampLength+1:], true
		}
	}
	field, rest, ok := strings.Cut(s, " ")
	if !ok || field == noValue || !isInstant(field) {
		return "", false
	}
	return rest, true
}

// withoutTag takes off the host, if it is there, and the tag: all up to the first colon with a space behind it, which is how
// logger ends any tag. Where there is none, it cannot be told what is a tag, and nothing is taken off.
func withoutTag(s string) string {
	if _, text, ok := strings.Cut(s, ": "); ok {
		return text
	}
	return s
}
