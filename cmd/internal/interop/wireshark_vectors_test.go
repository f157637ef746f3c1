//go:build interop

package interop

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/telegram"
	"renraku/testdata/vectors"
)

// leastTelegramVectors is how many vectors of telegrams with bytes there are at least.
const leastTelegramVectors = 400

// emptyVector is the one vector that the dissector cannot name the error of: tshark calls no dissector for a datagram without
// bytes.
const emptyVector = "any-length-0"

// The words of section 4 for what Go's errors say.
var (
	fieldWords = map[telegram.Field]string{
		telegram.FieldLength: "length", telegram.FieldType: "type", telegram.FieldControl: "control", telegram.FieldHost: "host",
		telegram.FieldProcess: "process", telegram.FieldStatus: "application", telegram.FieldText: "text",
	}
	kindWords = map[error]string{
		telegram.ErrLength: "length", telegram.ErrUnknownType: "unknown-type", telegram.ErrControl: "control",
		telegram.ErrEmpty: "empty", telegram.ErrByte: "byte", telegram.ErrSpace: "space", telegram.ErrUTF8: "utf8",
		telegram.ErrControlChar: "control-char",
	}
)

// telegramError is what is wrong with bytes, in the words of section 4.
type telegramError struct {
	field, kind string
	offset      int
}

// goError gives what Go's decoder says of bytes; nil where they decode.
func goError(t testing.TB, b []byte) *telegramError {
	t.Helper()
	_, err := telegram.Decode(b)
	if err == nil {
		return nil
	}
	var wrong *telegram.FieldError
	require.ErrorAs(t, err, &wrong)
	for kind, word := range kindWords {
		if errors.Is(err, kind) {
			return &telegramError{fieldWords[wrong.Field], word, wrong.Offset}
		}
	}
	require.Fail(t, "an error of no known kind", "%v", err)
	return nil
}

// luaError gives what the dissector says.
func luaError(t testing.TB, dissected item) *telegramError {
	t.Helper()
	field := dissected.value(t, "renraku.error.field")
	if field == "" {
		assert.Empty(t, dissected.all("renraku.error.kind"))
		assert.Empty(t, dissected.all("renraku.error.offset"))
		return nil
	}
	offset, err := strconv.Atoi(dissected.value(t, "renraku.error.offset"))
	require.NoError(t, err)
	return &telegramError{field, dissected.value(t, "renraku.error.kind"), offset}
}

// telegramVectors are the vectors with bytes. Those of them that are a wrong type for one end only are good here, since the
// bytes do not say which end reads them; for these the value is Go's.
func telegramVectors(t testing.TB) []vectors.Vector {
	t.Helper()
	all, err := vectors.Read("SQ.txt", "SR.txt", "XQ.txt", "XR.txt", "any.txt")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(all), leastTelegramVectors)
	wrongType := 0
	for i := range all {
		v := &all[i]
		if v.Kind == "wrong-type" {
			wrongType++
			*v = withoutDirection(t, *v)
		}
	}
	require.Positive(t, wrongType)
	return slices.DeleteFunc(all, asLongAsSealed)
}

// asLongAsSealed are vectors of a wrong length that a reader takes for sealed telegrams; they are read with those.
func asLongAsSealed(v vectors.Vector) bool { return sealedLength(v.Bytes) }

func withoutDirection(t testing.TB, v vectors.Vector) vectors.Vector {
	t.Helper()
	require.NotEmpty(t, v.Taken)
	if wrong := goError(t, v.Bytes); wrong != nil {
		v.Field, v.Kind, v.Offset = wrong.field, wrong.kind, wrong.offset
		return v
	}
	decoded, err := telegram.Decode(v.Bytes)
	require.NoError(t, err)
	v.Expect = vectors.Value
	switch d := decoded.(type) {
	case telegram.StatusInquiry:
		v.Value = map[string]string{"host": d.Host.String(), "control": d.Control.String()}
	case telegram.StatusResponse:
		v.Value = map[string]string{"host": d.Host.String(), "control": d.Control.String(),
			"application": d.Status.String(), "text": d.Text.String()}
	case telegram.ExecutionOrder:
		v.Value = map[string]string{"host": d.Host.String(), "control": d.Control.String(), "process": d.Process.String()}
	case telegram.ExecutionResponse:
		v.Value = map[string]string{"host": d.Host.String(), "control": d.Control.String(), "process": d.Process.String(),
			"application": d.Status.String(), "text": d.Text.String()}
	}
	return v
}

// vectorFrame is where a vector stands in the recording of all of them.
type vectorFrame struct {
	vectors.Vector
	carrier string
	number  int // of the frame
}

// recordVectors records each vector as a datagram and then, where a stream can carry it and have it end there, as a segment
// of a connection of its own.
func recordVectors(t testing.TB) (r *recording, all []vectorFrame) {
	t.Helper()
	r = newRecording(t)
	byTCP := 0
	for i, v := range telegramVectors(t) {
		from, to := fmt.Sprintf("%s:%d", manager4, 20000+i), slave4+ourPort
		all = append(all, vectorFrame{v, "udp", r.udp(ms, from, to, string(v.Bytes))})
		if endsInStream(v) {
			c := r.dial(ms, from, to)
			all = append(all, vectorFrame{v, "tcp", r.frame(ms, c.segment(there, string(v.Bytes)))})
			c.end(0)
			byTCP++
		}
	}
	require.Greater(t, byTCP, leastTelegramVectors/2)
	return r, all
}

// endsInStream says whether a reader of a stream knows at the vector's end that the telegram has ended. After a telegram
// begins the next one, so that none of wrong length is told there.
func endsInStream(v vectors.Vector) bool { return v.Field != "length" }

func TestTheDissectorReadsEveryVector(t *testing.T) {
	r, all := recordVectors(t)
	frames := dissect(t, saved(t, r))
	require.Len(t, frames, len(r.packets))
	kinds := map[string]int{}
	for _, v := range all {
		t.Run(v.Name+"/"+v.carrier, func(t *testing.T) {
			telegrams := frames[v.number-1]
			if v.Name == emptyVector {
				require.Empty(t, v.Bytes)
				assert.Empty(t, telegrams, "tshark calls dissectors for empty datagrams now: take the exception out")
				return
			}
			require.Len(t, telegrams, 1)
			kinds[v.Kind]++
			if v.Expect == vectors.Value {
				assertGood(t, v.Vector, telegrams[0])
			} else {
				assertBad(t, v.Vector, telegrams[0])
			}
			assert.Equal(t, goError(t, v.Bytes), luaError(t, telegrams[0]), "Go's decoder")
			shown := 0
			for _, field := range telegrams[0].Fields {
				if strings.HasPrefix(field.Name, "renraku.") {
					shown += field.Size
				}
			}
			assert.Equal(t, len(v.Bytes), shown, "each byte in one field")
		})
	}
	for _, word := range kindWords {
		assert.Positive(t, kinds[word], word)
	}
}

func assertGood(t *testing.T, v vectors.Vector, dissected item) {
	assert.Equal(t, v.Of, dissected.value(t, "renraku.type"))
	for _, field := range []string{"host", "process", "application", "text"} {
		want, there := v.Value[field]
		found, ok := dissected.field("renraku." + field)
		require.Equal(t, there, ok, field)
		assert.Equal(t, want, found.shown(), field)
	}
	number := controlBits[v.Value["control"]]
	require.NotZero(t, number)
	assert.Equal(t, fmt.Sprintf("0x%04x", number), dissected.value(t, "renraku.control"))
	assert.Equal(t, []string{v.Value["control"]}, bitsSet(t, dissected))
	assert.Nil(t, luaError(t, dissected))
	for _, word := range kindWords {
		assert.Empty(t, dissected.all(expertOf(word)))
	}
}

// bitsSet is the names of the control bits that the dissector shows as set.
func bitsSet(t *testing.T, dissected item) []string {
	control, ok := dissected.field("renraku.control")
	require.True(t, ok)
	var set []string
	for _, f := range control.Fields {
		if name, ok := strings.CutPrefix(f.Name, "renraku.control."); ok && f.Show == "1" {
			set = append(set, strings.ToUpper(name))
		}
	}
	return set
}

func expertOf(kind string) string { return "renraku.expert." + strings.ReplaceAll(kind, "-", "_") }

func assertBad(t *testing.T, v vectors.Vector, dissected item) {
	assert.Equal(t, &telegramError{v.Field, v.Kind, v.Offset}, luaError(t, dissected))
	place := dissected
	if v.Field != "length" {
		var ok bool
		place, ok = dissected.field("renraku." + v.Field)
		require.True(t, ok)
	}
	expert, ok := place.field("_ws.expert")
	require.True(t, ok, "no expert information on the wrong field")
	_, ok = expert.field(expertOf(v.Kind))
	assert.True(t, ok, "%+v", expert)
	assert.Contains(t, expert.ShowName, "Expert Info (Error/Malformed): ")
	assert.Contains(t, expert.ShowName, fmt.Sprintf(", offset %d", v.Offset))
	assert.Len(t, dissected.all(expertOf(v.Kind)), 1)
	if v.Kind == "control" {
		assertBitsOf(t, v, dissected)
	}
}

// Of a wrong control code each bit that is set is shown, also one of another type and one that is nobody's.
func assertBitsOf(t *testing.T, v vectors.Vector, dissected item) {
	number := uint16(v.Bytes[66])<<8 | uint16(v.Bytes[67])
	var sum uint16
	for _, name := range bitsSet(t, dissected) {
		if hexadecimal, ok := strings.CutPrefix(name, "NOBODYS_"); ok {
			bit, err := strconv.ParseUint(hexadecimal, 16, 16)
			require.NoError(t, err)
			sum |= uint16(bit)
		} else {
			sum |= controlBits[name]
		}
	}
	assert.Equal(t, number, sum)
}

func TestRenrakuDecodeSaysOfEveryVectorWhatTheDissectorSays(t *testing.T) {
	r, _ := recordVectors(t)
	capture := saved(t, r)
	decoded := decodedLines(t, capture)
	require.GreaterOrEqual(t, len(decoded), leastTelegramVectors)
	empty := slices.Index(decoded, "0 bytes: bad length: length, offset 0")
	require.GreaterOrEqual(t, empty, 0, emptyVector)
	assert.Equal(t, strings.Join(slices.Delete(decoded, empty, empty+1), "\n"), strings.Join(dissectedLines(t, capture), "\n"))
}

// edgeBytes are those at the edges of what names and UTF-8 allow.
const edgeBytes = "\x00\x1f\x20\x21\x41\x7e\x7f\x80\x8f\x90\x9f\xa0\xbf\xc0\xc1\xc2\xdf\xe0\xe1\xed\xee\xef\xf0\xf1\xf4\xf5\xf7\xf8\xff"

// The vectors have each rule once; this has them together. The numbers are the same in each run.
func TestTheDissectorAndGoNameTheSameErrorOfDamagedTelegrams(t *testing.T) {
	const count = 3000
	random := rand.New(rand.NewPCG(10320, 1))
	telegrams := []string{
		wireSQ("app01", check), wireSR("app01", running, "ONLINE", ""), wireXQ("app01", launch, "ONLINE"),
		wireXR("app01", failed, "ONLINE", "ONLINE", "終了 状態 3"),
	}
	r := newRecording(t)
	var damaged [][]byte
	for range count {
		b := []byte(telegrams[random.IntN(len(telegrams))])
		first := random.IntN(len(b))
		for i := first; i < min(first+1+random.IntN(5), len(b)); i++ {
			b[i] = edgeBytes[random.IntN(len(edgeBytes))]
		}
		damaged = append(damaged, b)
		r.udp(ms, manager4+aPort, slave4+ourPort, string(b))
	}
	frames := dissect(t, saved(t, r))
	require.Len(t, frames, count)
	kinds := map[string]int{}
	for i, b := range damaged {
		require.Len(t, frames[i], 1)
		want := goError(t, b)
		require.Equal(t, want, luaError(t, frames[i][0]), "%d: %x", i, b)
		if want != nil {
			kinds[want.kind]++
		}
	}
	for _, kind := range []string{"byte", "space", "control", "unknown-type", "utf8", "control-char"} {
		assert.Greater(t, kinds[kind], count/100, kind)
	}
}
