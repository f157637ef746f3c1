package telegram

import (
	"encoding/hex"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// dumped is the bytes of a line of a dump in the specification.
var dumped = regexp.MustCompile(`(?m)^00[0-9a-f]0  ((?:[0-9a-f]{2} ?)+)`)

func TestExamplesOfTheSpecificationDecode(t *testing.T) {
	document, err := os.ReadFile("SPEC.md")
	require.NoError(t, err)
	_, examples, ok := strings.Cut(string(document), "\n## 11. Examples\n")
	require.True(t, ok)
	examples, _, ok = strings.Cut(examples, "\n## 12. ")
	require.True(t, ok)
	var b []byte
	for _, found := range dumped.FindAllStringSubmatch(examples, -1) {
		row, err := hex.DecodeString(strings.ReplaceAll(found[1], " ", ""))
		require.NoError(t, err)
		b = append(b, row...)
	}
	require.Len(t, b, StatusInquiryLength+ExecutionOrderLength-typeOffset)

	inquiry, err := Decode(b[:StatusInquiryLength])
	require.NoError(t, err)
	assert.Equal(t, StatusInquiry{host(t, "app01"), Start}, inquiry)
	order, err := Decode(append(append([]byte(nil), b[:typeOffset]...), b[StatusInquiryLength:]...))
	require.NoError(t, err)
	assert.Equal(t, ExecutionOrder{host(t, "app01"), Launch, process(t, "ONLINE")}, order)
}
