package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/definition"
)

// optional are the lines of the example that only have to lose their first character.
var optional = regexp.MustCompile(`(?m)^#([^ \n])`)

func TestTheExampleIsACorrectDefinition(t *testing.T) {
	text, err := os.ReadFile("files/renraku.toml.example")
	require.NoError(t, err)
	d, err := definition.Parse("renraku.toml.example", text)
	require.NoError(t, err)
	assert.Len(t, d.Slaves, 21)
	assert.Len(t, d.Processes, 2)
	assert.Len(t, d.Triggers, 2)
	assert.Equal(t, definition.Plain, d.Security.Mode)
	assert.Empty(t, d.Web.Listen)

	d, err = definition.Parse("renraku.toml.example", optional.ReplaceAll(text, []byte("$1")))
	require.NoError(t, err)
	assert.Equal(t, definition.Sealed, d.Security.Mode)
	assert.Equal(t, definition.Web{Listen: "127.0.0.1:10380", TokenFile: "/etc/renraku/web-token"}, d.Web)
}

// ofTests are documents of what is of no use without the repository.
var ofTests = []string{"SCALE.md", "SOAK.md"}

var namedDocument = regexp.MustCompile("`[a-z/]*?([A-Z]+\\.md)`")

func TestADocumentOfThePackagesSendsItsReaderToAnotherOfThem(t *testing.T) {
	have := slices.Clone(ofTests)
	for _, file := range documentFiles {
		assert.NotContains(t, have, filepath.Base(file), "all are in one folder")
		have = append(have, filepath.Base(file))
	}
	named := 0
	for _, file := range documentFiles {
		text, err := os.ReadFile(filepath.Join("../../..", file))
		require.NoError(t, err)
		for _, found := range namedDocument.FindAllStringSubmatch(string(text), -1) {
			named++
			assert.Contains(t, have, found[1], file)
		}
	}
	assert.Greater(t, named, 20)
	contents, err := os.ReadFile("PACKAGING.md")
	require.NoError(t, err)
	for _, file := range documentFiles {
		name := filepath.Base(file)
		assert.True(t, name == "PACKAGING.md" || !strings.HasSuffix(name, ".md") || strings.Contains(string(contents), "`"+name+"`"), name)
	}
}

func TestAPageNamesPages(t *testing.T) {
	text, err := os.ReadFile("../../../contactfile/MAINTENANCE.md")
	require.NoError(t, err)
	assert.Contains(t, string(text), "`CONTACTFILE.md`")
	assert.NotContains(t, asPages(string(text)), ".md")
	assert.Contains(t, asPages(string(text)), "As in renraku-contactfile(5);")
}
