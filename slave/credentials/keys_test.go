package credentials

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/telegram/seal"
)

// hexOf is the key of 32 times the same byte as a file has it.
func hexOf(b byte) string { return strings.Repeat(fmt.Sprintf("%02x", b), seal.SecretLength) }

func secretOf(b byte) (s seal.Secret) {
	for i := range s {
		s[i] = b
	}
	return s
}

func TestTheFileOfKeysIsReadAsItIsDescribed(t *testing.T) {
	k, err := ParseKeys("keys", []byte("# any comment\n7 master "+hexOf(0xab)+"\n65535 master "+hexOf(2)+"\n"))
	require.NoError(t, err)
	assert.Equal(t, Keys{Masters: []seal.Master{{ID: 7, Secret: secretOf(0xab)}, {ID: 65535, Secret: secretOf(2)}}}, k)
	assert.Equal(t, Manager, k.Role())
	assert.Equal(t, []uint16{7, 65535}, k.IDs())

	text := "# renraku keys of app01\n1 to-slave " + hexOf(1) + "\n1 to-manager " + hexOf(2) + "\n"
	k, err = ParseKeys("keys", []byte(text))
	require.NoError(t, err)
	assert.Equal(t, Keys{SlaveKeys: []seal.SlaveKeys{{ID: 1, ToSlave: secretOf(1), ToManager: secretOf(2)}}}, k)
	assert.Equal(t, Slave, k.Role())
	assert.Equal(t, []uint16{1}, k.IDs())
	assert.Equal(t, text, string(k.Append(nil, "app01")))
}

func TestAWrongFileOfKeysIsRefusedWithItsLineAndWithoutItsSecrets(t *testing.T) {
	const head = "# keys\n"
	key := hexOf(0xc5)
	pair := "1 to-slave " + key + "\n1 to-manager " + key + "\n"
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "1: the file is empty"},
		{"no comment", "1 master " + key + "\n", "1: no comment"},
		{"an empty first line", "\n", "1: no comment"},
		{"a comment alone", head, "2: no key"},
		{"no line feed at the end", head + "1 master " + key, "2: the line has no end"},
		{"an empty line", head + "\n1 master " + key + "\n", "2: not three words"},
		{"two words", head + "1 " + key + "\n", "2: not three words"},
		{"four words", head + "1 master " + key + " " + key + "\n", "2: not three words"},
		{"two spaces", head + "1  master " + key + "\n", "2: not three words"},
		{"a carriage return", head + "1 master " + key + "\r\n", "2: the key is not right"},
		{"the secret in the place of the ID", head + key + " master 1\n", "2: the key ID is no number"},
		{"ID 0", head + "0 master " + key + "\n", "2: the key ID is no number"},
		{"ID 65536", head + "65536 master " + key + "\n", "2: the key ID is no number"},
		{"an ID with a zero before it", head + "01 master " + key + "\n", "2: the key ID is no number"},
		{"an ID with a sign", head + "+1 master " + key + "\n", "2: the key ID is no number"},
		{"the secret in the place of the word", head + "1 " + key + " " + key + "\n", "2: the second word is not known"},
		{"a digit too few", head + "1 master " + key[1:] + "\n", "2: the key is not right"},
		{"a digit too many", head + "1 master " + key + "0\n", "2: the key is not right"},
		{"no hexadecimal digit", head + "1 master " + key[1:] + "g\n", "2: the key is not right"},
		{"capital letters", head + "1 master " + strings.ToUpper(key) + "\n", "2: the key is not right"},
		{"the same ID twice", head + "1 master " + key + "\n1 master " + key + "\n", "3: the key ID is not above"},
		{"descending IDs", head + "2 master " + key + "\n1 master " + key + "\n", "3: the key ID is not above"},
		{"three IDs", head + "1 master " + key + "\n2 master " + key + "\n3 master " + key + "\n", "4: more than 2 key IDs"},
		{"both roles", head + "1 master " + key + "\n2 to-slave " + key + "\n2 to-manager " + key + "\n", "3: keys of the manager and of a slave"},
		{"both roles the other way round", head + pair + "2 master " + key + "\n", "4: keys of the manager and of a slave"},
		{"to-slave alone", head + "1 to-slave " + key + "\n", "3: the file ends after to-slave"},
		{"to-slave twice", head + "1 to-slave " + key + "\n2 to-slave " + key + "\n", "3: no to-manager after to-slave"},
		{"to-manager first", head + "1 to-manager " + key + "\n", "2: to-manager without to-slave"},
		{"to-manager of another ID", head + "1 to-slave " + key + "\n2 to-manager " + key + "\n", "3: to-manager without to-slave"},
		{"to-manager twice", head + pair + "1 to-manager " + key + "\n", "4: to-manager without to-slave"},
		{"a comment later", head + "# " + key + " x\n", "2: the key ID is no number"},
		{"a long line", head + strings.Repeat("1", maxLine+1) + "\n", "2: the line is too long"},
		{"a long file", head + strings.Repeat(pair, 60), "1: the file is too long"},
	} {
		t.Run(c.name, func(t *testing.T) {
			k, err := ParseKeys("keys", []byte(c.text))
			var wrong *FileError
			require.ErrorAs(t, err, &wrong)
			assert.True(t, strings.HasPrefix(err.Error(), "keys:"+c.want), err)
			assert.Contains(t, err.Error(), " right")
			assert.NotContains(t, strings.ToLower(err.Error()), key[:8])
			assert.Zero(t, k)
		})
	}
}

// FuzzParseKeys: what parses is written as it was read, but for the comment.
func FuzzParseKeys(f *testing.F) {
	f.Add([]byte("# keys\n1 master " + hexOf(1) + "\n2 master " + hexOf(0xfe) + "\n"))
	f.Add([]byte("# keys\n1 to-slave " + hexOf(1) + "\n1 to-manager " + hexOf(0xfe) + "\n"))
	f.Add([]byte("# keys\n1 to-slave " + hexOf(1) + "\n"))
	f.Add([]byte("#\n"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, text []byte) {
		k, err := ParseKeys("keys", text)
		if err != nil {
			require.Zero(t, k)
			return
		}
		_, want, _ := strings.Cut(string(text), "\n")
		_, got, _ := strings.Cut(string(k.Append(nil, "app01")), "\n")
		require.Equal(t, want, got)
	})
}
