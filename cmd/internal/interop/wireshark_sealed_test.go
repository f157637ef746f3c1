//go:build interop

package interop

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/telegram"
	"renraku/telegram/seal"
	"renraku/testdata/vectors"
)

// leastSealedVectors is how many vectors of sealed telegrams there are at least.
const leastSealedVectors = 80

// sealedLength says whether the bytes are as long as a sealed telegram of their type; without a key and a mode there is nothing else
// to tell one by.
func sealedLength(b []byte) bool {
	if len(b) < telegram.StatusInquiryLength {
		return false
	}
	kind, err := telegram.PeekType(b[:telegram.StatusInquiryLength])
	return err == nil && (kind == telegram.SQ || kind == telegram.SR) && len(b) == kind.Length()+seal.TrailerLength
}

// keylessError is what is wrong with a datagram for a reader without a key: section 12.3 without the checks that need one, and the
// direction as it is of the type.
func keylessError(t testing.TB, b []byte) *telegramError {
	t.Helper()
	if !sealedLength(b) {
		return goError(t, b)
	}
	n := len(b) - seal.TrailerLength
	plain, trailer, err := seal.Split(b)
	var wrong *seal.TrailerError
	if errors.As(err, &wrong) {
		return &telegramError{wrong.Field, wrong.Field, n + wrong.Offset}
	}
	require.NoError(t, err)
	if fromSlave := n == telegram.StatusResponseLength; fromSlave != (trailer.Direction == seal.ToManager) {
		return &telegramError{"flags", "direction", n + 5}
	}
	return goError(t, plain)
}

func sealedVectors(t testing.TB) []vectors.Vector {
	t.Helper()
	plain, err := vectors.Read("SQ.txt", "SR.txt")
	require.NoError(t, err)
	plain = slices.DeleteFunc(plain, func(v vectors.Vector) bool { return !asLongAsSealed(v) })
	require.NotEmpty(t, plain)
	all, err := vectors.Read("sealed.txt")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(all), leastSealedVectors)
	// tshark calls no dissector for an empty one.
	return slices.DeleteFunc(append(all, plain...), func(v vectors.Vector) bool { return len(v.Bytes) == 0 })
}

func recordSealedVectors(t testing.TB) (*recording, []vectors.Vector) {
	t.Helper()
	r, all := newRecording(t), sealedVectors(t)
	for i, v := range all {
		r.udp(ms, fmt.Sprintf("%s:%d", manager4, 20000+i), slave4+ourPort, string(v.Bytes))
	}
	return r, all
}

func TestTheDissectorReadsEverySealedVector(t *testing.T) {
	r, all := recordSealedVectors(t)
	frames := dissect(t, saved(t, r))
	require.Len(t, frames, len(all))
	kinds := map[string]int{}
	for i, v := range all {
		t.Run(v.Name, func(t *testing.T) {
			require.Len(t, frames[i], 1)
			found := frames[i][0]
			want := keylessError(t, v.Bytes)
			assert.Equal(t, want, luaError(t, found))
			shown := 0
			for _, field := range found.Fields {
				if strings.HasPrefix(field.Name, "renraku.") {
					shown += field.Size
				}
			}
			assert.Equal(t, len(v.Bytes), shown, "each byte in one field")
			if !sealedLength(v.Bytes) {
				_, ok := found.field("renraku.trailer")
				assert.False(t, ok)
				return
			}
			assertTrailerShown(t, v.Bytes, found)
			if want != nil {
				kinds[want.kind]++
				assertTrailerExpert(t, want, found)
				return
			}
			kinds[v.Kind]++
			if v.Expect == vectors.Value {
				v.Of = strings.TrimPrefix(v.Of, "sealed-")
				assertGood(t, v, found)
			}
		})
	}
	for _, kind := range []string{"", "magic", "algorithm", "flags", "direction", "mac", "key-id", "control"} {
		assert.Positive(t, kinds[kind], kind)
	}
}

// assertTrailerShown compares each field of the trailer with the bytes at its place.
func assertTrailerShown(t *testing.T, b []byte, found item) {
	t.Helper()
	trailer, ok := found.field("renraku.trailer")
	require.True(t, ok)
	assert.Equal(t, seal.TrailerLength, trailer.Size)
	assert.Contains(t, trailer.ShowName, "MAC not checked")
	at := len(b) - seal.TrailerLength
	for _, field := range []struct {
		name   string
		length int
	}{{"magic", 4}, {"algorithm", 1}, {"flags", 1}, {"key_id", 2}, {"session", 8}, {"sequence", 8}, {"epoch", 8}, {"mac", 16}} {
		got, ok := trailer.field("renraku.trailer." + field.name)
		require.True(t, ok, field.name)
		assert.Equal(t, field.length, got.Size, field.name)
		raw := b[at : at+field.length]
		at += field.length
		switch field.name {
		case "magic":
			if !strings.Contains(string(raw), "\x00") {
				assert.Equal(t, string(raw), got.shown())
			}
		case "mac":
			assert.Equal(t, hex.EncodeToString(raw), strings.ReplaceAll(got.shown(), ":", ""))
		default:
			want, err := strconv.ParseUint(hex.EncodeToString(raw), 16, 64)
			require.NoError(t, err)
			number, err := strconv.ParseUint(got.shown(), 0, 64)
			require.NoError(t, err, field.name)
			assert.Equal(t, want, number, field.name)
		}
	}
	assert.Equal(t, len(b), at)
}

// assertTrailerExpert sees that the expert information stands on the wrong field.
func assertTrailerExpert(t *testing.T, want *telegramError, found item) {
	t.Helper()
	assert.Len(t, found.all(expertOf(want.kind)), 1)
	place, ok := found.field("renraku." + want.field)
	if trailer, _ := found.field("renraku.trailer"); !ok {
		place, ok = trailer.field("renraku.trailer." + want.field)
	}
	require.True(t, ok, want.field)
	expert, ok := place.field("_ws.expert")
	require.True(t, ok, "no expert information on the wrong field")
	assert.Contains(t, expert.ShowName, fmt.Sprintf(", offset %d", want.offset))
}

func TestRenrakuDecodeSaysOfEverySealedVectorWhatTheDissectorSays(t *testing.T) {
	r, _ := recordSealedVectors(t)
	capture := saved(t, r)
	decoded := decodedLines(t, capture)
	require.GreaterOrEqual(t, len(decoded), leastSealedVectors)
	assert.Contains(t, strings.Join(decoded, "\n"), " mac=")
	assert.Equal(t, strings.Join(decoded, "\n"), strings.Join(dissectedLines(t, capture), "\n"))
}

// The dissector checks no MAC; that those of the capture are right is seen here.
func TestTheMACsOfTheSealedCaptureAreRight(t *testing.T) {
	const headers, firstChanged, lastChanged = 14 + 20 + 8, 12, 17
	manager, err := telegram.NewHost("mgr01")
	require.NoError(t, err)
	slave, err := telegram.NewHost("app01")
	require.NoError(t, err)
	var master seal.Master
	for i := range master.Secret {
		master.Secret[i] = byte(i)
	}
	keys := master.Derive(manager, slave)
	pair, mac := keys.Pair(), seal.NewMAC()
	for i, packet := range sealedSession(t).packets {
		direction, key := seal.ToSlave, &pair.Inquiry
		if packet[headers+65] == 'R' {
			direction, key = seal.ToManager, &pair.Response
		}
		changed := i+1 >= firstChanged && i+1 <= lastChanged
		assert.Equal(t, !changed, mac.Check(packet[headers:], direction, key), "frame %d", i+1)
	}
}

func TestNoTelegramOfAStreamHasATrailer(t *testing.T) {
	r := newRecording(t)
	c := r.dial(0, manager4+aPort, slave4+ourPort)
	c.send(ms, there, wireSealed(wireSQ("app01", check), wireTrailer{sequence: 1}))
	c.end(ms)
	frames := dissect(t, saved(t, r))
	for _, frame := range frames {
		for _, found := range frame {
			_, ok := found.field("renraku.trailer")
			assert.False(t, ok)
		}
	}
	assert.Equal(t, []string{"SQ CHECK app01"}, infos(t, r)[:1])
}

func TestOfATrailerThatTheCaptureCutsIsShownWhatIsThere(t *testing.T) {
	r := newRecording(t)
	r.udp(0, manager4+ourPort, slave4+ourPort, wireSealed(wireSQ("app01", check), wireTrailer{sequence: 1}))
	const headers, cut = 14 + 20 + 8, 30 // the capture has no MAC, and of the epoch nothing
	capture := savedCut(t, r, headers+116-cut)
	frames := dissect(t, capture)
	require.Len(t, frames[0], 1)
	found := frames[0][0]
	assert.Nil(t, luaError(t, found))
	assert.Len(t, found.all("renraku.expert.cut"), 1)
	assert.Len(t, found.all("renraku.trailer.session"), 1)
	assert.Empty(t, found.all("renraku.trailer.epoch"))
	assert.Empty(t, found.all("renraku.trailer.mac"))
	assert.Contains(t, columnsOf(t, capture, []string{"_ws.col.Info"}), "\nSQ CHECK app01, sealed, cut\n")
}
