package definition

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// documented is the keys of each table as DEFINITION.md has them, and its example.
func documented(t *testing.T) (keys map[string][]string, example string) {
	t.Helper()
	data, err := os.ReadFile("DEFINITION.md")
	require.NoError(t, err)
	heading := regexp.MustCompile(`^## The tables? \[+([a-z]+)\]+$`)
	key := regexp.MustCompile("^\\| `([a-z_]+)` \\|")
	keys, table := map[string][]string{}, ""
	for l := range strings.Lines(string(data)) {
		l = strings.TrimSpace(l)
		if h := heading.FindStringSubmatch(l); h != nil {
			table = h[1]
		} else if k := key.FindStringSubmatch(l); k != nil {
			keys[table] = append(keys[table], k[1])
		}
	}
	_, rest, _ := strings.Cut(string(data), "```toml\n")
	example, _, _ = strings.Cut(rest, "```")
	return keys, example
}

// knownKeys is what the parser itself says that it knows in a table, "" for the top: it names all keys beside one that it does not.
func knownKeys(t *testing.T, table string) []string {
	t.Helper()
	const unknown = "zzzzzzzzzzzzzzzz = 1\n"
	text := unknown
	if table != "" {
		bracket := "[" + table + "]"
		if isList(t, table) {
			bracket = "[" + bracket + "]"
		}
		text = bracket + "\n" + unknown
	}
	_, err := Parse("test.toml", []byte(text))
	require.Error(t, err)
	found := regexp.MustCompile(`zzzzzzzzzzzzzzzz: unknown key: known here are (.*)`).FindStringSubmatch(err.Error())
	require.NotNil(t, found, "%s: %v", table, err)
	return strings.Split(found[1], ", ")
}

// isList says whether a table may be there several times.
func isList(t *testing.T, table string) bool {
	t.Helper()
	_, err := Parse("test.toml", []byte("["+table+"]\n"))
	require.Error(t, err)
	return strings.Contains(err.Error(), "[["+table+"]] in double brackets is right")
}

func TestTheDocumentHasEveryKeyOfTheDefinitionAndNoOther(t *testing.T) {
	keys, _ := documented(t)
	var tables []string
	for table := range keys {
		tables = append(tables, table)
	}
	assert.ElementsMatch(t, knownKeys(t, ""), tables)
	for table, documented := range keys {
		assert.ElementsMatch(t, knownKeys(t, table), documented, table)
	}
}

func TestTheExampleOfTheDocumentIsCorrect(t *testing.T) {
	_, example := documented(t)
	d, err := Parse("example", []byte(example))
	require.NoError(t, err)
	assert.Len(t, d.Slaves, 20)
	assert.Len(t, d.Triggers, 1)
}
