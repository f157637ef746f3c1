//go:build interop

package interop

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/contactfile"
	"renraku/telegram"
	"renraku/testdata/vectors"
)

const (
	changedSeed   = 1998 // the same bytes in each run
	changedInputs = 2000
	changedGood   = 200 // of them, at least, stay good, and as many become bad
)

// changes are what is written over good bytes: edges of names, of UTF-8 and of times.
var changes = []string{
	"\x00", "\x1f", " ", "  ", "!", "~", "\x7f", "\n", "\r", "A", "0", "9", ":", "-", "T", "Z", "00", "29", "30", "31", "59", "60", "24",
	"\x80", "\xbf", "\xc2\x80", "\xc2\x9f", "\xc2\xa0", "\xc1\xbf", "\xdf\xbf", "\xe0\x9f\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xed\xa0\x80",
	"\xee\x80\x80", "\xf0\x8f\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "語", "語語", "\xe8\xaa", "é", "😀",
	"\xc3\x7f", "\xc3\xc0", "\xe8\x7f\xaa", "\xe8\xc0\xaa", "\xe8\xaa\x7f", "\xe8\xaa\xc0", "\xf0\x9f\x98\x7f", "\xf0\x9f\x98\xc0", "\xf0\x9f\xc0\x80",
	"SQ", "SR", "XQ", "XR", "\x01", "\x02", "\x04", "\x10", "\x20\x00", "\x40", "RUNNING ", "STOPPED ",
}

// change gives good bytes with a few changes, some of them at a field's beginning.
func change(random *rand.Rand, good []byte) []byte {
	b := slices.Clone(good)
	fields := []int{0, 64, 66, 68, 72, 84, 88, 92, 96, 104, 108, 112, 116, 124, 127, 148, 255}
	for range 1 + random.IntN(2) {
		at := random.IntN(len(b))
		if random.IntN(2) == 0 {
			at = min(fields[random.IntN(len(fields))]+random.IntN(3), len(b)-1)
		}
		copy(b[at:], changes[random.IntN(len(changes))])
	}
	switch random.IntN(20) {
	case 0:
		return b[:random.IntN(len(b))]
	case 1:
		return append(b, " "...)
	}
	return b
}

// telegramValues decodes as a test wants to see it.
func telegramValues(b []byte) ([]map[string]string, error) {
	decoded, err := telegram.Decode(b)
	if err != nil {
		return nil, err
	}
	value := map[string]string{"type": decoded.Type().String()}
	switch t := decoded.(type) {
	case telegram.StatusInquiry:
		value["host"], value["control"] = t.Host.String(), t.Control.String()
	case telegram.StatusResponse:
		value["host"], value["control"] = t.Host.String(), t.Control.String()
		value["application"], value["text"] = t.Status.String(), t.Text.String()
	case telegram.ExecutionOrder:
		value["host"], value["control"], value["process"] = t.Host.String(), t.Control.String(), t.Process.String()
	case telegram.ExecutionResponse:
		value["host"], value["control"], value["process"] = t.Host.String(), t.Control.String(), t.Process.String()
		value["application"], value["text"] = t.Status.String(), t.Text.String()
	}
	return []map[string]string{value}, nil
}

func contactValues(path string) ([]map[string]string, error) {
	values := []map[string]string{}
	records, err := contactfile.ReadFile(path)
	for _, r := range records {
		values = append(values, map[string]string{"host": r.Host, "operating": string(r.Operating), "application": r.Application,
			"since": r.Since.Format("2006-01-02T15:04:05Z")})
	}
	return values, err
}

func historyValues(path string) ([]map[string]string, error) {
	values := []map[string]string{}
	for r, err := range contactfile.ReadHistory(path) {
		if err != nil {
			return nil, err
		}
		values = append(values, map[string]string{"time": r.Time.Format("2006-01-02T15:04:05.000Z"), "host": r.Host, "process": r.Process,
			"trigger": r.Trigger, "outcome": r.Outcome, "application": r.Application, "text": r.Text})
	}
	return values, nil
}

// decodedValues is what the decoders of this repository make of the bytes; path is for those that read files.
func decodedValues(t *testing.T, id, path string, b []byte) ([]map[string]string, error) {
	if id == kaitaiTelegram {
		return telegramValues(b)
	}
	require.NoError(t, os.WriteFile(path, b, 0o600))
	if id == kaitaiContact {
		return contactValues(path)
	}
	return historyValues(path)
}

// Vectors are chosen by a person. These bytes are not, and both sides have to agree on each whether it is good and what it says.
func TestKaitaiAgreesWithTheDecodersOnChangedBytes(t *testing.T) {
	random := rand.New(rand.NewPCG(changedSeed, 0))
	good := func(names ...string) []vectors.Vector {
		return slices.DeleteFunc(kaitaiVectors(t, names...), func(v vectors.Vector) bool { return v.Expect != vectors.Value })
	}
	sources := map[string][]vectors.Vector{
		kaitaiTelegram: good("SQ.txt", "SR.txt", "XQ.txt", "XR.txt"), kaitaiContact: good("contact.txt"), kaitaiHistory: good("history.txt"),
	}
	// A contact file that is bad is read again after a moment, which takes its time.
	shares := []string{kaitaiTelegram, kaitaiHistory, kaitaiTelegram, kaitaiHistory, kaitaiTelegram, kaitaiHistory, kaitaiTelegram, kaitaiContact}
	var inputs []kaitaiInput
	for i := range changedInputs {
		id := shares[i%len(shares)]
		b := change(random, sources[id][random.IntN(len(sources[id]))].Bytes)
		inputs = append(inputs, kaitaiInput{fmt.Sprintf("changed %d", i), id, hex.EncodeToString(b)})
	}
	read := kaitai(t, inputs...)
	path, count := filepath.Join(t.TempDir(), "file"), map[bool]int{}
	for _, input := range inputs {
		b, err := hex.DecodeString(input.Bytes)
		require.NoError(t, err)
		want, err := decodedValues(t, input.ID, path, b)
		found := read[input.Name]
		count[err == nil]++
		if err != nil {
			assert.NotNil(t, found.Error, "%s: %s %q: %v", input.Name, input.ID, b, err)
			continue
		}
		assert.Nil(t, found.Error, "%s: %s %q", input.Name, input.ID, b)
		assert.Equal(t, want, found.Values, "%s: %s %q", input.Name, input.ID, b)
	}
	assert.Greater(t, count[true], changedGood)
	assert.Greater(t, count[false], changedGood)
}

// Every day that a time can name, good or bad, and the edges of the clock and of digits.
func TestKaitaiKnowsTheCalendar(t *testing.T) {
	var times []string
	for _, year := range []int{0, 1, 4, 100, 1900, 2000, 2026, 2028, 2100, 2400, 9996, 9999} {
		for month := range 14 {
			for day := range 33 {
				times = append(times, fmt.Sprintf("%04d-%02d-%02dT10:43:05.123Z", year, month, day))
			}
		}
	}
	const noon = "2026-11-22T12:00:00.000Z"
	for i := range len(noon) {
		for _, c := range "/09:- TZ.," {
			times = append(times, noon[:i]+string(c)+noon[i+1:])
		}
	}
	for _, clock := range []string{"00:00:00.000", "23:59:59.999", "24:00:00.000", "23:60:00.000", "23:59:60.000", "19:59:59.999", "29:00:00.000"} {
		times = append(times, "2026-11-22T"+clock+"Z")
	}
	record := kaitaiVectors(t, "history.txt")[0].Bytes
	var inputs []kaitaiInput
	for _, written := range times {
		inputs = append(inputs, kaitaiInput{written, kaitaiHistory, hex.EncodeToString(append([]byte(written), record[len(written):]...))})
	}
	slices.SortFunc(inputs, func(a, b kaitaiInput) int { return strings.Compare(a.Name, b.Name) })
	inputs = slices.Compact(inputs)
	read, count := kaitai(t, inputs...), map[bool]int{}
	for _, input := range inputs {
		at, err := time.Parse("2006-01-02T15:04:05.000Z", input.Name)
		good := err == nil && at.Format("2006-01-02T15:04:05.000Z") == input.Name
		assert.Equal(t, good, read[input.Name].Error == nil, input.Name)
		count[good]++
	}
	assert.Greater(t, count[true], 12*365)
	assert.Greater(t, count[false], 1000)
}

// The one difference that is known: the JavaScript runtime takes U+FEFF at the beginning of a text for a mark and leaves it out.
func TestKaitaiInJavaScriptLeavesOutAByteOrderMark(t *testing.T) {
	const mark = "\ufeff"
	host, err := telegram.NewHost("app01")
	require.NoError(t, err)
	text, err := telegram.NewText(mark + "up" + mark)
	require.NoError(t, err)
	b, err := telegram.StatusResponse{Host: host, Control: telegram.Running, Text: text}.Append(nil)
	require.NoError(t, err)
	want, err := telegramValues(b)
	require.NoError(t, err)
	require.Equal(t, mark+"up"+mark, want[0]["text"])
	found := kaitai(t, kaitaiInput{"mark", kaitaiTelegram, hex.EncodeToString(b)})["mark"]
	require.Nil(t, found.Error)
	want[0]["text"] = "up" + mark
	assert.Equal(t, want, found.Values)
}
