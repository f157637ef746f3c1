//go:build interop

package interop

import (
	"encoding/hex"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/testdata/vectors"
)

// kaitaiVectorsAtLeast is how many vectors there are at least: a reader that finds none proves nothing.
const kaitaiVectorsAtLeast = 600

// The descriptions.
const (
	kaitaiTelegram = "renraku_telegram"
	kaitaiStream   = "renraku_stream"
	kaitaiSealed   = "renraku_sealed"
	kaitaiContact  = "renraku_contact"
	kaitaiHistory  = "renraku_history"
)

// kaitaiFailsEarlier are the vectors with more than one field that is wrong, of which Kaitai names another one than the
// specification: it reads from the front to the back, and the specification looks at the type and the length first.
var kaitaiFailsEarlier = map[string]string{
	"sq-order-length-before-host":  "host",
	"sr-order-length-before-host":  "host",
	"xq-order-length-before-host":  "host",
	"xr-order-length-before-host":  "host",
	"any-type-all-nul":             "host",
	"any-type-all-spaces":          "host",
	"any-type-all-0xff":            "host",
	"any-type-text-protocol":       "host",
	"any-type-one-byte-early":      "host",
	"any-type-one-byte-late":       "host",
	"any-type-before-host":         "host",
	"any-wrong-type-before-length": "body",
}

// kaitaiInput is bytes for a description to read.
type kaitaiInput struct {
	Name  string `json:"name"`
	ID    string `json:"id"`
	Bytes string `json:"bytes"` // hexadecimal
}

// kaitaiFound is what a description has read: the values of the telegrams or records, or where it failed.
type kaitaiFound struct {
	Name, Bytes string
	Values      []map[string]string
	Error       *struct {
		Field string
		At    int
		Is    string
	}
}

// node runs a program of testdata/kaitai and gives the lines that it prints.
func node(t *testing.T, program string, args ...string) []string {
	t.Helper()
	path, err := nodePath()
	require.NoError(t, err)
	c := exec.Command("node", append([]string{repository("testdata", "kaitai", program)}, args...)...)
	c.Env = append(os.Environ(), "NODE_PATH="+path)
	var problems strings.Builder
	c.Stderr = &problems
	out, err := c.Output()
	require.NoError(t, err, problems.String())
	return strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
}

// kaitai reads all vectors and these inputs with the descriptions.
func kaitai(t *testing.T, inputs ...kaitaiInput) map[string]kaitaiFound {
	t.Helper()
	path := filepath.Join(t.TempDir(), "inputs")
	file, err := os.Create(path)
	require.NoError(t, err)
	for _, input := range inputs {
		require.NoError(t, json.NewEncoder(file).Encode(input))
	}
	require.NoError(t, file.Close())
	all := map[string]kaitaiFound{}
	for _, line := range node(t, "check.js", path) {
		var found kaitaiFound
		require.NoError(t, json.Unmarshal([]byte(line), &found), line)
		require.NotContains(t, all, found.Name)
		all[found.Name] = found
	}
	return all
}

func kaitaiVectors(t *testing.T, names ...string) []vectors.Vector {
	t.Helper()
	all, err := vectors.Read(names...)
	require.NoError(t, err)
	return all
}

// kaitaiValue is what is read from a good vector.
func kaitaiValue(v *vectors.Vector) map[string]string {
	value := maps.Clone(v.Value)
	if v.Of != "contact" && v.Of != "history" {
		value["type"] = v.Of
	}
	return value
}

func TestKaitaiReadsEveryVectorAsItSays(t *testing.T) {
	all := kaitaiVectors(t, "SQ.txt", "SR.txt", "XQ.txt", "XR.txt", "any.txt", "contact.txt", "history.txt")
	require.GreaterOrEqual(t, len(all), kaitaiVectorsAtLeast)
	read := kaitai(t)
	sealed := kaitaiVectors(t, "sealed.txt")
	require.Equal(t, len(all)+len(sealed), len(read), "vectors.js and vectors.go do not find the same vectors")
	for _, v := range all {
		t.Run(v.Name, func(t *testing.T) {
			require.Contains(t, read, v.Name)
			found := read[v.Name]
			require.Equal(t, hex.EncodeToString(v.Bytes), found.Bytes)
			if v.Expect == vectors.Value {
				require.Nil(t, found.Error)
				assert.Equal(t, []map[string]string{kaitaiValue(&v)}, found.Values)
				return
			}
			require.NotNil(t, found.Error, "read, though it is bad: %v", found.Values)
			requireKaitaiError(t, &v, &found)
		})
	}
}

// requireKaitaiError sees that what is bad was refused for the vector's reason and not for another.
func requireKaitaiError(t *testing.T, v *vectors.Vector, found *kaitaiFound) {
	t.Helper()
	if field, ok := kaitaiFailsEarlier[v.Name]; ok {
		require.NotEqual(t, v.Field, field)
		assert.Equal(t, field, found.Error.Field)
		return
	}
	const atEnd = "EOFError"
	switch v.Kind {
	case "length": // the bytes end inside some field, or do not end
		assert.True(t, found.Error.Is == atEnd || found.Error.Field == "length", "%+v", found.Error)
		assert.LessOrEqual(t, found.Error.At, v.Offset)
	case "short":
		assert.Equal(t, atEnd, found.Error.Is)
		assert.Equal(t, v.Field, found.Error.Field)
		assert.LessOrEqual(t, found.Error.At, v.Offset)
	case "space", "time": // at the byte behind the space; in the part of the time
		assert.Equal(t, v.Field, found.Error.Field)
		assert.GreaterOrEqual(t, found.Error.At, v.Offset)
	case "filler": // as a whole
		assert.Equal(t, v.Field, found.Error.Field)
		assert.LessOrEqual(t, found.Error.At, v.Offset)
	default:
		assert.Equal(t, v.Field, found.Error.Field)
		assert.Equal(t, v.Offset, found.Error.At)
	}
}

// A connection and the files are the good vectors one after another.
func TestKaitaiReadsStreamsAndWholeFiles(t *testing.T) {
	join := func(names ...string) (b []byte, values []map[string]string, ends []int) {
		for _, v := range kaitaiVectors(t, names...) {
			if v.Expect == vectors.Value {
				b, values = append(b, v.Bytes...), append(values, kaitaiValue(&v))
				ends = append(ends, len(b))
			}
		}
		return b, values, ends
	}
	stream, telegrams, ends := join("SQ.txt", "SR.txt", "XQ.txt", "XR.txt")
	contact, records, _ := join("contact.txt")
	history, lines, _ := join("history.txt")
	last := ends[len(ends)-2]
	wrong := append([]byte(nil), stream...)
	wrong[last+66] ^= 0x01
	cases := []struct {
		name, id string
		bytes    []byte
		values   []map[string]string
		at       int // where it fails, when there are no values
		field    string
	}{
		{"stream", kaitaiStream, stream, telegrams, 0, ""},
		{"stream of nothing", kaitaiStream, nil, []map[string]string{}, 0, ""},
		{"stream with a bad telegram", kaitaiStream, wrong, nil, last + 66, "control"},
		{"stream cut off inside the shared part", kaitaiStream, stream[:last+65], nil, last, "entries"},
		{"stream cut off behind it", kaitaiStream, stream[:len(stream)-1], nil, last, "entries"},
		{"contact file", kaitaiContact, contact, records, 0, ""},
		{"contact file of length zero", kaitaiContact, nil, []map[string]string{}, 0, ""},
		{"contact file that ends inside a record", kaitaiContact, contact[:len(contact)-1], nil, len(contact) - 1, "end"},
		{"history", kaitaiHistory, history, lines, 0, ""},
		{"history of length zero", kaitaiHistory, nil, []map[string]string{}, 0, ""},
		{"history with a record that is being written", kaitaiHistory, history[:len(history)-1], lines[:len(lines)-1], 0, ""},
	}
	var inputs []kaitaiInput
	for _, c := range cases {
		inputs = append(inputs, kaitaiInput{c.name, c.id, hex.EncodeToString(c.bytes)})
	}
	read := kaitai(t, inputs...)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			found := read[c.name]
			if c.values != nil {
				require.Nil(t, found.Error)
				assert.Equal(t, c.values, found.Values)
				return
			}
			require.NotNil(t, found.Error, "%v", found.Values)
			assert.Equal(t, c.field, found.Error.Field)
			assert.Equal(t, c.at, found.Error.At)
		})
	}
}

// Each description stands alone, so that it can be copied; types that two of them have must not drift apart.
func TestTypesOfSeveralKaitaiDescriptionsAreTheSame(t *testing.T) {
	types := regexp.MustCompile(`(?m)^  (name|text|character|calendar_date|time_of_day|digits):\n(?:    .*\n)+`)
	first, seen := map[string]string{}, map[string]int{}
	for _, path := range [][]string{{"telegram", kaitaiTelegram}, {"contactfile", kaitaiContact}, {"contactfile", kaitaiHistory}} {
		content, err := os.ReadFile(repository(path[0], "kaitai", path[1]+".ksy"))
		require.NoError(t, err)
		for _, found := range types.FindAllStringSubmatch(string(content), -1) {
			name := found[1]
			if seen[name]++; seen[name] == 1 {
				first[name] = found[0]
			}
			assert.Equal(t, first[name], found[0], "%s of %s", name, path[1])
		}
	}
	assert.Equal(t, map[string]int{"name": 3, "text": 2, "character": 2, "calendar_date": 2, "time_of_day": 2, "digits": 2}, seen)
}

// The compiler's Nim does not know all that the descriptions use.
func TestKaitaiDescriptionsCompileToEveryLanguageButNim(t *testing.T) {
	languages := map[string]bool{}
	for _, line := range node(t, "languages.js") {
		var compiled struct{ ID, Language, Error string }
		require.NoError(t, json.Unmarshal([]byte(line), &compiled), line)
		if languages[compiled.Language] = true; compiled.Language != "nim" {
			assert.Empty(t, compiled.Error, "%s to %s", compiled.ID, compiled.Language)
		}
	}
	for _, language := range []string{"cpp_stl", "csharp", "go", "java", "javascript", "lua", "perl", "php", "python", "ruby", "rust"} {
		assert.True(t, languages[language], language)
	}
}
