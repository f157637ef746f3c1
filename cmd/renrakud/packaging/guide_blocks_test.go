//go:build interop

package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const guideFile = "../GUIDE.md"

// block is a block of code of the guide.
type block struct {
	language string
	who      string // root or user: it is run, line by line; else it is not
	lines    []string
	at       int // the line in the guide that it begins after
}

// guide is the guide's lines and its blocks.
func guide(t *testing.T) (lines []string, blocks []block) {
	t.Helper()
	text, err := os.ReadFile(guideFile)
	require.NoError(t, err)
	lines = strings.Split(string(text), "\n")
	var open *block
	indent := ""
	for i, line := range lines {
		before, mark, fence := strings.Cut(line, "```")
		switch {
		case !fence && open != nil:
			open.lines = append(open.lines, strings.TrimPrefix(line, indent))
		case fence && open == nil && strings.TrimSpace(before) == "":
			language, who, _ := strings.Cut(mark, " ")
			open, indent = &block{language: language, who: who, at: i + 1}, before
		case fence && open != nil:
			blocks = append(blocks, *open)
			open = nil
		}
	}
	require.Nil(t, open, "a block does not end")
	require.NotEmpty(t, blocks)
	return lines, blocks
}

// marked is how a slave tells two runs apart whose results would be alike: not every result has it.
var marked = regexp.MustCompile(` \((ORDER|MESSAGE) [\d:.]+\)`)

// varying is what differs from one run to the next: times, and how long something took.
var varying = regexp.MustCompile(`\d{4}-\d\d-\d\dT[\d:.]+Z|\b(\d+(\.\d+)?(d|h|ms|m|µs|s))+\b`)

// steady is a text without what varies, and with one space between words.
func steady(text string) string {
	var lines []string
	for line := range strings.Lines(strings.TrimSpace(text)) {
		lines = append(lines, strings.Join(strings.Fields(varying.ReplaceAllString(marked.ReplaceAllString(line, ""), "T")), " "))
	}
	return strings.Join(lines, "\n")
}

// shows says whether a command printed what the guide shows, in which … is anything.
func shows(expected, have string) bool {
	pattern := strings.ReplaceAll(regexp.QuoteMeta(steady(expected)), "…", ".*")
	return regexp.MustCompile("^" + pattern + "$").MatchString(steady(have))
}

func TestWhatIsShownMayDifferInTimesAlone(t *testing.T) {
	t.Parallel()
	const expected = "HOST   FOR\napp01  12s   ended normally after 4ms: up (ORDER 10:44:18.509)\nservers=3 …\n"
	for have, want := range map[string]bool{
		"HOST  FOR\napp01 1m5s ended normally after 1.005s: up\nservers=3 running=3":                        true,
		"HOST  FOR\napp01 0s ended normally after 1ms: up (ORDER 23:59:59.001)\nservers=3 x\n":              true,
		"HOST  FOR\napp01 0s ended normally after 1ms: down\nservers=3 running=3":                           false,
		"HOST  FOR\napp02 0s ended normally after 1ms: up\nservers=3 running=3":                             false,
		"HOST  FOR\napp01 0s ended normally after 1ms: up\nservers=3 running=3\napp02 0s and one line more": false,
	} {
		assert.Equal(t, want, shows(expected, have), have)
	}
}
