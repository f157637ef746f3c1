package web

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestATokenIsReadFromAFileThatIsNobodyElses(t *testing.T) {
	for _, c := range []struct {
		name, text string
		mode       os.FileMode
		want       string // of the error; "": none
	}{
		{"right", rightToken, 0o600, ""},
		{"a line feed after it", rightToken + "\n", 0o400, ""},
		{"the longest", strings.Repeat("x", maxToken), 0o600, ""},
		{"others may read it", rightToken, 0o604, "it is secret, and its mode of 0604 lets others use it"},
		{"others may write it", rightToken, 0o602, "others may write it"},
		{"its group may write it", rightToken, 0o620, "its group may write it"},
		{"too short", rightToken[:minToken-1], 0o600, "16 to 256 bytes 0x21–0x7E are right"},
		{"too long", strings.Repeat("x", maxToken+1), 0o600, "16 to 256 bytes 0x21–0x7E are right"},
		{"very long", strings.Repeat("x", 1<<20), 0o600, "16 to 256 bytes 0x21–0x7E are right"},
		{"empty", "\n", 0o600, "16 to 256 bytes 0x21–0x7E are right"},
		{"two lines", rightToken + "\n" + rightToken, 0o600, "16 to 256 bytes 0x21–0x7E are right"},
		{"no ASCII", strings.Repeat("連絡", 8), 0o600, "16 to 256 bytes 0x21–0x7E are right"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "token")
			require.NoError(t, os.WriteFile(path, []byte(c.text), c.mode))
			require.NoError(t, os.Chmod(path, c.mode))
			token, err := ReadToken(path)
			if c.want != "" {
				assert.ErrorContains(t, err, "read the token of the page: ")
				assert.ErrorContains(t, err, c.want)
				assert.Nil(t, token)
				return
			}
			require.NoError(t, err)
			assert.True(t, token.is(strings.TrimSpace(c.text)))
			assert.False(t, token.is(""))
			assert.False(t, token.is(c.text+"x"))
		})
	}
	_, err := ReadToken(filepath.Join(t.TempDir(), "none"))
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func TestWrongTokensOfOneAddressAreBounded(t *testing.T) {
	var w wrongTokens
	one, other := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	now := time.Unix(1_800_000_000, 0)
	for range maxWrong {
		require.Zero(t, w.count(one, now))
	}
	for range 1000 {
		require.Equal(t, wrongEvery, w.count(one, now), "what is not counted makes it no longer")
	}
	assert.Zero(t, w.count(other, now), "another address has its own account")

	now = now.Add(wrongEvery)
	require.Zero(t, w.count(one, now), "one more")
	assert.Equal(t, wrongEvery, w.count(one, now))

	now = now.Add(time.Hour)
	for range maxWrong {
		require.Zero(t, w.count(one, now))
	}
	assert.Positive(t, w.count(one, now))
}

func TestAddressesWithWrongTokensBeyondTheLimitShareAnAccount(t *testing.T) {
	var w wrongTokens
	now := time.Unix(1_800_000_000, 0)
	address := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, byte(i >> 8), byte(i)}) }
	for i := range maxWrongAddresses + maxWrong {
		require.Zero(t, w.count(address(i), now), i)
	}
	assert.Len(t, w.of, maxWrongAddresses+1)
	assert.Positive(t, w.count(address(9999), now))
	assert.Zero(t, w.count(address(0), now))

	now = now.Add(time.Minute) // all are empty again
	assert.Zero(t, w.count(address(9999), now))
	assert.Len(t, w.of, 1)
}

func TestATextThatIsTooLongForATokenIsNone(t *testing.T) {
	long := strings.Repeat("x", maxToken+1)
	assert.True(t, newToken(long[1:]).is(long[1:]))
	assert.False(t, newToken(long).is(long))
}
