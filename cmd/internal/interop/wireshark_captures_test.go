//go:build interop

package interop

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var writeCaptures = flag.Bool("captures", false, "write the captures of testdata/captures, and what tshark shows of them, anew")

func captureFile(name string) string { return repository("testdata", "captures", name) }

// expected compares got with a file of testdata/captures, or writes the file.
func expected(t *testing.T, name, got string) {
	t.Helper()
	if *writeCaptures {
		require.NoError(t, os.MkdirAll(captureFile("."), 0o755))
		require.NoError(t, os.WriteFile(captureFile(name), []byte(got), 0o644))
	}
	want, err := os.ReadFile(captureFile(name))
	require.NoError(t, err, "write it with: go test -tags interop -run Capture ./cmd/internal/interop -captures")
	if filepath.Ext(name) == ".pcap" {
		assert.True(t, string(want) == got, "%s is another one", name) // without its bytes on the terminal
	} else {
		assert.Equal(t, string(want), got, name)
	}
}

// shownText is the text file beside a capture without some of its columns.
func shownText(t *testing.T, name string, without ...string) string {
	t.Helper()
	text, err := os.ReadFile(captureFile(name + ".txt"))
	require.NoError(t, err)
	var rest strings.Builder
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		require.Len(t, cells, len(shownColumns))
		var kept []string
		for i, cell := range cells {
			if !slices.Contains(without, shownColumns[i]) {
				kept = append(kept, cell)
			}
		}
		rest.WriteString(strings.Join(kept, "\t") + "\n")
	}
	return rest.String()
}

// shownRows is the cells of one column of the text file.
func shownRows(t *testing.T, name, column string) []string {
	t.Helper()
	without := slices.DeleteFunc(slices.Clone(shownColumns), func(c string) bool { return c == column })
	lines := strings.Split(shownText(t, name, without...), "\n")
	return lines[1 : len(lines)-1]
}

func TestTheCapturesAreWhatTheirSessionsMake(t *testing.T) {
	for name, session := range sessions {
		file := string(session(t).file())
		expected(t, name+".pcap", file)
	}
	files, err := filepath.Glob(captureFile("*.pcap"))
	require.NoError(t, err)
	assert.Len(t, files, len(sessions), "a capture that no session makes")
}

// shownColumns is what the text files beside the captures have of each frame with telegrams.
var shownColumns = []string{"frame.number", "_ws.col.Info", "renraku.host", "renraku.retry_of", "renraku.unasked", "renraku.delivery",
	"renraku.repeat_of", "renraku.response_to", "renraku.time", "renraku.response_in", "renraku.error.field", "renraku.error.kind",
	"renraku.error.offset", "renraku.skipped"}

func columnsOf(t *testing.T, capture string, columns []string, args ...string) string {
	t.Helper()
	args = append([]string{"-Y", "renraku", "-T", "fields", "-E", "header=y", "-o", reorder}, args...)
	for _, column := range columns {
		args = append(args, "-e", column)
	}
	return tshark(t, capture, args...)
}

func TestTsharkShowsOfEachCaptureWhatItsTextFileHas(t *testing.T) {
	for name := range sessions {
		expected(t, name+".txt", columnsOf(t, captureFile(name+".pcap"), shownColumns, "-2"))
	}
}

// In one pass only the frames before are known. Whatever else a telegram has must not depend on how often it is dissected.
func TestOnePassShowsTheSameButForLaterFrames(t *testing.T) {
	const later = "renraku.response_in"
	columns := slices.DeleteFunc(slices.Clone(shownColumns), func(c string) bool { return c == later })
	for name := range sessions {
		if name == "delivery" {
			continue // it has a result that is taken for another order's until that order's own comes
		}
		assert.Equal(t, shownText(t, name, later), columnsOf(t, captureFile(name+".pcap"), columns), name)
	}
}

// A result of an order that the capture has not looks like that of the order which waits, until that one's own comes.
func TestAResultOfAnotherOrderIsNoLongerTheAnswerWhenTheOrdersOwnComes(t *testing.T) {
	one := strings.Split(columnsOf(t, captureFile("delivery.pcap"), []string{"renraku.response_to"}), "\n")
	one = one[1 : len(one)-1]
	numbers, two := shownRows(t, "delivery", "frame.number"), shownRows(t, "delivery", "renraku.response_to")
	require.Len(t, one, len(two))
	var different []string
	for i := range one {
		if one[i] != two[i] {
			different = append(different, fmt.Sprintf("frame %s: %q, then %q", numbers[i], one[i], two[i]))
		}
	}
	assert.Equal(t, []string{`frame 29: "25", then ""`}, different)
}

// sharkd dissects as Wireshark's window does: all frames once, then each frame that is looked at, as often as it is.
func TestFramesThatAreLookedAtAgainShowTheSame(t *testing.T) {
	home := installedDissector(t, reorder[:strings.Index(reorder, ":")]+": TRUE\n")
	for name := range sessions {
		capture, err := filepath.Abs(captureFile(name + ".pcap"))
		require.NoError(t, err)
		rows, want := sharkdRows(t, home, capture), shownRows(t, name, "_ws.col.Info")
		require.Len(t, rows, 2)
		assert.Equal(t, want, rows[0], name)
		assert.Equal(t, want, rows[1], name)
	}
}

// sharkdRows is the Info column of the frames that have telegrams, as sharkd gives it, before and after single frames were looked at.
func sharkdRows(t *testing.T, home, capture string) (rows [][]string) {
	t.Helper()
	requests, lists := "", []int{2, 5} // the numbers of the two that list frames; sharkd counts from 1
	for i, request := range []string{
		fmt.Sprintf(`"method":"load","params":{"file":%q}`, capture),
		`"method":"frames","params":{"filter":"renraku"}`,
		`"method":"frame","params":{"frame":12,"proto":true}`,
		`"method":"frame","params":{"frame":3,"proto":true}`,
		`"method":"frames","params":{"filter":"renraku"}`,
	} {
		requests += fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,%s}`+"\n", i+1, request)
	}
	out, _, err := runWireshark(home, requests, "sharkd", "-")
	require.NoError(t, err)
	for line := range strings.Lines(out) {
		var answer struct {
			ID     int
			Result json.RawMessage
			Error  json.RawMessage
		}
		require.NoError(t, json.Unmarshal([]byte(line), &answer))
		require.Empty(t, answer.Error)
		if !slices.Contains(lists, answer.ID) {
			continue
		}
		var frames []struct {
			Columns []string `json:"c"`
		}
		require.NoError(t, json.Unmarshal(answer.Result, &frames))
		var infos []string
		for _, frame := range frames {
			infos = append(infos, frame.Columns[len(frame.Columns)-1])
		}
		rows = append(rows, infos)
	}
	return rows
}

// The bad telegrams of the captures are the same ones for both, and so are the good ones.
func TestRenrakuDecodeSaysOfEachCaptureWhatTheDissectorSays(t *testing.T) {
	for name := range sessions {
		decoded := decodedLines(t, captureFile(name+".pcap"))
		require.NotEmpty(t, decoded)
		assert.Equal(t, strings.Join(decoded, "\n"), strings.Join(dissectedLines(t, captureFile(name+".pcap")), "\n"), name)
	}
}
