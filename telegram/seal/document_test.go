package seal

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/telegram"
)

// dumped is the bytes of a line of a dump in the specification.
var dumped = regexp.MustCompile(`(?m)^(00[0-9a-f]0)  ((?:[0-9a-f]{2} ?)+)`)

// exampleOfTheSpecification is the section's text, and the datagrams that it dumps.
func exampleOfTheSpecification(t *testing.T) (text string, datagrams [][]byte) {
	t.Helper()
	document, err := os.ReadFile("../SPEC.md")
	require.NoError(t, err)
	_, text, ok := strings.Cut(string(document), "\n### 12.9 An example\n")
	require.True(t, ok)
	for _, found := range dumped.FindAllStringSubmatch(text, -1) {
		row, err := hex.DecodeString(strings.ReplaceAll(found[2], " ", ""))
		require.NoError(t, err)
		if found[1] == "0000" {
			datagrams = append(datagrams, nil)
		}
		last := len(datagrams) - 1
		datagrams[last] = append(datagrams[last], row...)
	}
	return text, datagrams
}

// exampleKey is a line of 32 bytes in the example.
func exampleKey(t *testing.T, text, label string) *Secret {
	t.Helper()
	found := regexp.MustCompile(`(?m)^` + label + ` +([0-9a-f]{64})$`).FindStringSubmatch(text)
	require.NotNil(t, found, label)
	b, err := hex.DecodeString(found[1])
	require.NoError(t, err)
	return (*Secret)(b)
}

func TestTheExampleOfTheSpecificationIsSealedSo(t *testing.T) {
	text, datagrams := exampleOfTheSpecification(t)
	require.Len(t, datagrams, 2)
	manager, slave := host(t, "mgr01"), host(t, "app01")
	master := Master{1, *exampleKey(t, text, "master key, ID 1")}
	assert.Equal(t, *secret(0), master.Secret)
	extracted, err := hkdf.Extract(sha256.New, master.Secret[:], nil)
	require.NoError(t, err)
	assert.Equal(t, extracted, exampleKey(t, text, "HKDF-Extract, the salt 32 zeros")[:])
	keys := master.Derive(manager, slave)
	assert.Equal(t, keys.ToSlave, *exampleKey(t, text, "key, manager to slave"))
	assert.Equal(t, keys.ToManager, *exampleKey(t, text, "key, slave to manager"))

	const session = 0x8f3c52a17be0649d
	pair, m := keys.Pair(), NewMAC()
	answer, err := telegram.StatusResponse{Host: slave, Control: telegram.Running, Status: status(t, "NOT-STARTED")}.Append(nil)
	require.NoError(t, err)
	assert.Equal(t, m.Seal(inquiry(t), &Trailer{ToSlave, 1, session, 1, 5}, &pair.Inquiry), datagrams[0])
	assert.Equal(t, m.Seal(answer, &Trailer{ToManager, 1, session, 1, 9}, &pair.Response), datagrams[1])
}

func status(t *testing.T, name string) telegram.Status {
	t.Helper()
	s, err := telegram.NewStatus(name)
	require.NoError(t, err)
	return s
}
