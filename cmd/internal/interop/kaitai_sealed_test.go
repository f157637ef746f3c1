//go:build interop

package interop

import (
	"encoding/hex"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/telegram/seal"
	"renraku/testdata/vectors"
)

// rounded is a number as JavaScript has it.
func rounded(t *testing.T, written string) string {
	t.Helper()
	n, err := strconv.ParseUint(written, 0, 64)
	require.NoError(t, err)
	return strconv.FormatFloat(float64(n), 'f', 0, 64)
}

// kaitaiSealedValue is what is read from a good sealed vector.
func kaitaiSealedValue(t *testing.T, v *vectors.Vector) map[string]string {
	t.Helper()
	value := kaitaiValue(v)
	value["type"] = strings.TrimPrefix(v.Of, "sealed-")
	for _, number := range []string{"session", "sequence", "epoch"} {
		value[number] = rounded(t, v.Value[number])
	}
	value["key-id"] = strconv.Itoa(int(v.KeyID))
	return value
}

// Kaitai has no key, and reads from the front to the back, so that of two errors it names the telegram's.
func TestKaitaiReadsEverySealedVectorAsItSays(t *testing.T) {
	read, kinds := kaitai(t), map[string]int{}
	for _, v := range sealedVectors(t) {
		if !strings.HasPrefix(v.Of, "sealed-") {
			continue
		}
		t.Run(v.Name, func(t *testing.T) {
			require.Contains(t, read, v.Name)
			found := read[v.Name]
			require.Equal(t, hex.EncodeToString(v.Bytes), found.Bytes)
			wrong := keylessError(t, v.Bytes)
			switch {
			case v.Expect == vectors.Value:
				require.Nil(t, found.Error)
				assert.Equal(t, []map[string]string{kaitaiSealedValue(t, &v)}, found.Values)
			case !sealedLength(v.Bytes):
				require.NotNil(t, found.Error, "%v", found.Values)
				assert.NotEqual(t, "not taken", found.Error.Is, "it does not parse")
			case wrong == nil && v.Taken != "":
				require.NotNil(t, found.Error)
				assert.Equal(t, "not taken", found.Error.Is)
			case wrong == nil:
				assert.Nil(t, found.Error, "it needs a key to see that it is bad")
				kinds[v.Kind]++
			default:
				if plain := goError(t, v.Bytes[:len(v.Bytes)-seal.TrailerLength]); plain != nil {
					wrong = plain
				}
				require.NotNil(t, found.Error, "%v", found.Values)
				assert.Equal(t, wrong.field, found.Error.Field)
				assert.GreaterOrEqual(t, found.Error.At, wrong.offset)
				kinds[wrong.kind]++
			}
		})
	}
	for _, kind := range []string{"magic", "algorithm", "flags", "direction", "mac", "key-id", "control", "empty"} {
		assert.Positive(t, kinds[kind], kind)
	}
}
