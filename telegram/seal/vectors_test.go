package seal

import (
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/telegram"
	"renraku/testdata/vectors"
)

// How many vectors there are at least: a reader that finds none proves nothing.
const (
	sealedAtLeast = 80
	keysAtLeast   = 10
)

// vectorError is what is wrong with a sealed telegram, in the words of the specification.
type vectorError struct {
	field, kind string
	offset      int
}

// The words for what Go's errors say.
var (
	trailerWords = map[error]string{ErrLength: "length", ErrMagic: "magic", ErrAlgorithm: "algorithm", ErrFlags: "flags"}
	fieldWords   = map[telegram.Field]string{
		telegram.FieldLength: "length", telegram.FieldType: "type", telegram.FieldHost: "host", telegram.FieldControl: "control",
		telegram.FieldText: "text",
	}
	kindWords = map[error]string{
		telegram.ErrLength: "length", telegram.ErrUnknownType: "unknown-type", telegram.ErrType: "wrong-type",
		telegram.ErrControl: "control", telegram.ErrEmpty: "empty", telegram.ErrSpace: "space", telegram.ErrControlChar: "control-char",
	}
)

func sealedVectors(t *testing.T) []vectors.Vector {
	t.Helper()
	all, err := vectors.Read("sealed.txt")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(all), sealedAtLeast)
	return all
}

// takes is the direction of what the reader of a vector takes.
func takes(v *vectors.Vector) Direction {
	if v.Taken == "SR" || v.Taken == "" && v.Of == "sealed-SR" {
		return ToManager
	}
	return ToSlave
}

// open does what an end does with a datagram, up to the question whether it came before.
func open(t *testing.T, v *vectors.Vector) (telegram.Telegram, Trailer, *vectorError) {
	t.Helper()
	key := NewKey((*Secret)(v.Key))
	plain, trailer, err := Split(v.Bytes)
	if err != nil {
		var wrong *TrailerError
		require.ErrorAs(t, err, &wrong)
		if err == error(ErrLength) {
			return nil, Trailer{}, &vectorError{"length", "length", len(v.Bytes)}
		}
		word := trailerWords[err]
		return nil, Trailer{}, &vectorError{word, word, len(v.Bytes) - TrailerLength + wrong.Offset}
	}
	n := len(plain)
	switch direction := takes(v); {
	case trailer.KeyID != v.KeyID:
		return nil, Trailer{}, &vectorError{"key-id", "key-id", n + keyIDOffset}
	case trailer.Direction != direction:
		return nil, Trailer{}, &vectorError{"flags", "direction", n + flagsOffset}
	case !NewMAC().Check(v.Bytes, direction, &key):
		return nil, Trailer{}, &vectorError{"mac", "mac", n + macOffset}
	}
	var decoded telegram.Telegram
	if takes(v) == ToSlave {
		decoded, err = telegram.DecodeStatusInquiry(plain)
	} else {
		decoded, err = telegram.DecodeStatusResponse(plain)
	}
	if err != nil {
		return nil, Trailer{}, fieldError(t, err)
	}
	return decoded, trailer, nil
}

func fieldError(t *testing.T, err error) *vectorError {
	t.Helper()
	var wrong *telegram.FieldError
	require.ErrorAs(t, err, &wrong)
	for kind, word := range kindWords {
		if errors.Is(err, kind) {
			return &vectorError{fieldWords[wrong.Field], word, wrong.Offset}
		}
	}
	require.Fail(t, "an error of no known kind", "%v", err)
	return nil
}

// valueOf is the telegram and the trailer that a vector names.
func valueOf(t *testing.T, v *vectors.Vector) (telegram.Telegram, Trailer) {
	t.Helper()
	trailer := Trailer{takes(v), v.KeyID, number(t, v.Value["session"]), number(t, v.Value["sequence"]), number(t, v.Value["epoch"])}
	name := host(t, v.Value["host"])
	controls := map[string]telegram.Control{"CHECK": telegram.Check, "START": telegram.Start, "END": telegram.End,
		"RUNNING": telegram.Running, "STOPPED": telegram.Stopped}
	control := controls[v.Value["control"]]
	if v.Of == "sealed-SQ" {
		return telegram.StatusInquiry{Host: name, Control: control}, trailer
	}
	status, err := telegram.NewStatus(v.Value["application"])
	require.NoError(t, err)
	text, err := telegram.NewText(v.Value["text"])
	require.NoError(t, err)
	return telegram.StatusResponse{Host: name, Control: control, Status: status, Text: text}, trailer
}

// number reads 0x and 16 digits.
func number(t *testing.T, written string) uint64 {
	t.Helper()
	digits, ok := strings.CutPrefix(written, "0x")
	require.True(t, ok && len(digits) == 16, written)
	n, err := strconv.ParseUint(digits, 16, 64)
	require.NoError(t, err)
	return n
}

func TestEverySealedVectorOpensOrFailsAsItSays(t *testing.T) {
	for _, v := range sealedVectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			decoded, trailer, wrong := open(t, &v)
			if v.Expect == vectors.Error {
				assert.Equal(t, &vectorError{v.Field, v.Kind, v.Offset}, wrong)
				return
			}
			require.Equal(t, vectors.Value, v.Expect)
			require.Nil(t, wrong)
			want, wantTrailer := valueOf(t, &v)
			assert.Equal(t, want, decoded)
			assert.Equal(t, wantTrailer, trailer)
			plain, err := want.Append(nil)
			require.NoError(t, err)
			key := NewKey((*Secret)(v.Key))
			assert.Equal(t, v.Bytes, NewMAC().Seal(plain, &wantTrailer, &key))
		})
	}
}

// A vector for each check, in each direction where it can differ, and no name twice.
func TestSealedVectorsLeaveNoCheckOut(t *testing.T) {
	names, seen := map[string]bool{}, map[string]bool{}
	for _, v := range sealedVectors(t) {
		assert.False(t, names[v.Name], v.Name)
		names[v.Name] = true
		seen[v.Of+" "+v.Expect], seen[v.Of+" "+v.Kind] = true, true
	}
	for _, of := range []string{"sealed-SQ", "sealed-SR"} {
		for _, want := range []string{"value", "magic", "algorithm", "flags", "key-id", "direction", "mac", "length"} {
			assert.True(t, seen[of+" "+want], "%s %s", of, want)
		}
	}
	for _, want := range []string{"sealed-any length", "sealed-any unknown-type", "sealed-SQ wrong-type", "sealed-SQ empty",
		"sealed-SQ control", "sealed-SR control-char"} {
		assert.True(t, seen[want], want)
	}
}

func TestEveryKeyVectorIsDerived(t *testing.T) {
	all, err := vectors.Read("keys.txt")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(all), keysAtLeast)
	directions := map[string]Direction{"to-slave": ToSlave, "to-manager": ToManager}
	seen := map[string]string{}
	for _, v := range all {
		t.Run(v.Name, func(t *testing.T) {
			require.Equal(t, "key", v.Of)
			require.Contains(t, directions, v.Value["direction"])
			master, err := hex.DecodeString(v.Value["master"])
			require.NoError(t, err)
			require.Len(t, master, SecretLength)
			derived := (*Secret)(master).Derive(directions[v.Value["direction"]], host(t, v.Value["manager"]), host(t, v.Value["slave"]))
			assert.Equal(t, v.Bytes, derived[:])
			assert.Empty(t, seen[string(v.Bytes)], "the key of another vector")
			seen[string(v.Bytes)] = v.Name
		})
	}
}
