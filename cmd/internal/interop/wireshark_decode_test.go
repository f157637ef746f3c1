//go:build interop

package interop

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
)

// Telegrams are compared as lines: the bytes it has, and then the fields below as renraku decode prints them, or the field,
// the kind and the offset of the error.
var comparedFields = []string{"type", "control", "host", "process", "application", "text",
	"magic", "algorithm", "flags", "key_id", "session", "sequence", "epoch", "mac"}

// dissectedLines is the telegrams of a capture as the dissector shows them. What it skips is none.
func dissectedLines(t *testing.T, capture string) []string {
	t.Helper()
	var lines []string
	for _, frame := range dissect(t, capture) {
		for _, dissected := range frame {
			if _, skipped := dissected.field("renraku.skipped"); skipped {
				continue
			}
			values := map[string]string{}
			for _, name := range comparedFields {
				if field, ok := dissected.field("renraku." + name); ok {
					values[name] = asDecodePrints(name, field.shown())
				}
			}
			if trailer, ok := dissected.field("renraku.trailer"); ok {
				addTrailer(values, trailer)
			}
			lines = append(lines, comparedLine(dissected.Size, values, luaError(t, dissected)))
		}
	}
	return lines
}

// addTrailer adds what a trailer has, as the dissector shows it.
func addTrailer(values map[string]string, trailer item) {
	for _, name := range comparedFields {
		if field, ok := trailer.field("renraku.trailer." + name); ok {
			values[name] = strings.ReplaceAll(field.shown(), ":", "")
		}
	}
}

// asDecodePrints is a field's value as the command prints it.
func asDecodePrints(name, value string) string {
	switch {
	case value == "":
		return "-"
	case name == "text":
		return strconv.Quote(value)
	}
	return value
}

func comparedLine(length int, values map[string]string, wrong *telegramError) string {
	if wrong != nil {
		return fmt.Sprintf("%d bytes: bad %s: %s, offset %d", length, wrong.field, wrong.kind, wrong.offset)
	}
	line := fmt.Sprintf("%d bytes:", length)
	for _, name := range comparedFields {
		if value, ok := values[name]; ok {
			line += " " + name + "=" + value
		}
	}
	return line
}

var (
	decodedFields = map[string]string{
		"host name": "host", "telegram type": "type", "control code": "control", "process ID": "process",
		"application execution status": "application", "text": "text", "length": "length",
		"magic": "magic", "algorithm": "algorithm", "flags": "flags", "key ID": "key_id", "session": "session", "sequence": "sequence",
		"epoch": "epoch", "MAC": "mac",
	}
	decodedHead    = regexp.MustCompile(`^#\d+ (?:[SX][QR] .*|bad telegram), (\d+) bytes?$`)
	decodedField   = regexp.MustCompile(`^ *\d+ +\d+  (.*) \(\d+\) +(.*)$`)
	decodedTrailer = regexp.MustCompile(`^ *\d+ +\d+  (magic|algorithm|flags|key ID|session|sequence|epoch|MAC) +(\S+)`)
	decodedError   = regexp.MustCompile(`^  (?:[SX][QR]: )?([a-zID ]+): offset (\d+): (.*)$`)
)

// decodedLines is the telegrams of a capture as the command prints them.
func decodedLines(t *testing.T, capture string) []string {
	t.Helper()
	out := cmdtest.Renraku(t, "decode", capture)
	require.Contains(t, []int{0, 1}, out.Code, out.Stderr)
	var lines []string
	for block := range strings.SplitSeq(out.Stdout, "\n\n") {
		if line, ok := decodedLine(t, block); ok {
			lines = append(lines, line)
		}
	}
	require.Regexp(t, fmt.Sprintf(`(?m)^%d telegrams?, \d+ bad`, len(lines)), out.Stdout)
	return lines
}

// decodedLine reads what the command prints of one telegram; other blocks are none.
func decodedLine(t *testing.T, block string) (string, bool) {
	t.Helper()
	length, values := -1, map[string]string{}
	var wrong *telegramError
	for line := range strings.SplitSeq(block, "\n") {
		if m := decodedHead.FindStringSubmatch(line); m != nil {
			length = numberIn(t, m[1])
		} else if m := decodedField.FindStringSubmatch(line); m != nil {
			values[decodedFields[m[1]]] = m[2]
		} else if m := decodedTrailer.FindStringSubmatch(line); m != nil {
			values[decodedFields[m[1]]] = m[2]
		} else if m := decodedError.FindStringSubmatch(line); m != nil {
			wrong = &telegramError{decodedFields[m[1]], kindOf(t, m[1], m[3]), numberIn(t, m[2])}
		}
	}
	if length < 0 {
		return "", false
	}
	// The dissector shows the number alone; its name is the bit that is set, which the vectors' own test compares.
	hexadecimal, _, _ := strings.Cut(values["control"], " ")
	values["control"] = strings.ToLower(hexadecimal)
	if values["session"] == "0" { // which it calls unasked
		values["session"] = "0x" + strings.Repeat("0", 16)
	}
	return comparedLine(length, values, wrong), true
}

func numberIn(t *testing.T, digits string) int {
	t.Helper()
	n, err := strconv.Atoi(digits)
	require.NoError(t, err)
	return n
}

// kindOf is the word of section 4, or of 12.3, for an error's sentence.
func kindOf(t *testing.T, field, sentence string) string {
	t.Helper()
	switch {
	case strings.HasSuffix(sentence, ", is right"):
		return "direction"
	case strings.HasSuffix(sentence, " is right"):
		return field
	}
	for kind, word := range kindWords {
		if strings.HasPrefix(sentence, kind.Error()) {
			return word
		}
	}
	require.Fail(t, "an error of no known kind", sentence)
	return ""
}
