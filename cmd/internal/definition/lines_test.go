package definition

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// place follows a path such as "slave[1].env.LANG" and gives its line, and 0 where nothing is there.
func place(l *lines, path string) int {
	for part := range strings.SplitSeq(path, ".") {
		name, rest, listed := strings.Cut(part, "[")
		if name != "" {
			if l.keys[name] == nil {
				return 0
			}
			l = l.keys[name]
		}
		for listed {
			var index int
			fmt.Sscan(rest, &index)
			if index >= len(l.items) {
				return 0
			}
			l = l.items[index]
			_, rest, listed = strings.Cut(rest, "[")
		}
	}
	return l.line
}

func TestLinesOfKeysTablesAndItems(t *testing.T) {
	text := strings.Join([]string{
		`# a comment with [brackets] and "quotes`, // 1
		`[manager] # [not.here]`,                  // 2
		`host = "m#1" # x = 1`,                    // 3
		`'quoted key' = '[a'`,                     // 4
		`"with\u0041escape" = "\"\\"`,             // 5
		`"" = 1`,                                  // 6
		``,                                        // 7
		`  [[ slave ]]`,                           // 8
		`host = """`,                              // 9
		`a \""" [[slave]] ""`,                     // 10
		`b = 1"""""`,                              // 11
		`address = '''x`,                          // 12
		`'' \'''''`,                               // 13
		`list = [ # first`,                        // 14
		`  "a", [1,`,                              // 15
		`  2],`,                                   // 16
		`  { k = "}", l.m = 2 },`,                 // 17
		`]`,                                       // 18
		`env = { A = "1", B.C = [1, 2], "D.E" = { F = 'x' } }`, // 19
		`at = 1979-05-27 07:32:00`,                             // 20
		`[[slave]]`,                                            // 21
		`a . b . "c" = true`,                                   // 22
		`a.d = -1.5e3`,                                         // 23
		`[slave.env]`,                                          // 24
		`X = ""`,                                               // 25
		"crlf = \"a\"\r",                                       // 26
		`cont = """\`,                                          // 27
		`   more"""`,                                           // 28
		`[last]`,                                               // 29
		`e = """"""`,                                           // 30
		`f = []`,                                               // 31
	}, "\n")
	values, err := decode(text)
	require.NoError(t, err)
	root, _, tooDeep := indexLines(text)
	require.Empty(t, tooDeep)
	everywhere(t, root, values, "")

	for path, want := range map[string]int{
		"manager": 2, "manager.host": 3, "manager.quoted key": 4, "manager.withAescape": 5,
		"slave": 8, "slave[0]": 8, "slave[0].host": 9, "slave[0].address": 12,
		"slave[0].list": 14, "slave[0].list[0]": 15, "slave[0].list[1]": 15, "slave[0].list[1][0]": 15, "slave[0].list[1][1]": 16,
		"slave[0].list[2].k": 17, "slave[0].list[2].l.m": 17,
		"slave[0].env.A": 19, "slave[0].env.B.C[1]": 19, "slave[0].at": 20,
		"slave[1]": 21, "slave[1].a": 22, "slave[1].a.b.c": 22, "slave[1].a.d": 23, "slave[1].env": 24, "slave[1].env.X": 25,
		"slave[1].env.crlf": 26, "slave[1].env.cont": 27, "last": 29, "last.e": 30, "last.f": 31,
		"here": 0, "not": 0, "slave[2]": 0, "manager.x": 0, "slave[0].b": 0,
	} {
		assert.Equal(t, want, place(root, path), path)
	}
	assert.Equal(t, 19, root.keys["slave"].items[0].keys["env"].keys["D.E"].keys["F"].line)
	assert.Equal(t, 6, root.keys["manager"].keys[""].line)
	assert.Equal(t, 2, root.key("manager").key("none").line, "a key that is missing has its table's line")
	assert.Equal(t, 14, root.key("slave").item(0).key("list").item(9).line)
}

// everywhere fails where the parser found a key or item that has no line.
func everywhere(t testing.TB, at *lines, value any, path string) {
	if at == nil || at.line < 1 {
		t.Fatalf("%s has no line", path)
	}
	switch v := value.(type) {
	case map[string]any:
		for key, inside := range v {
			everywhere(t, at.keys[key], inside, path+"."+key)
		}
	case []map[string]any:
		for i, inside := range v {
			if i >= len(at.items) {
				t.Fatalf("%s[%d] has no line", path, i)
			}
			everywhere(t, at.items[i], inside, fmt.Sprintf("%s[%d]", path, i))
		}
	case []any:
		for i, inside := range v {
			if i >= len(at.items) {
				t.Fatalf("%s[%d] has no line", path, i)
			}
			everywhere(t, at.items[i], inside, fmt.Sprintf("%s[%d]", path, i))
		}
	}
}

func TestScannerStopsWhereTheTextIsWrong(t *testing.T) {
	for _, text := range []string{
		"", "[", "[[", "[a", "[[a]", "[a.]", "[.a]", "[]", "a", "a =", "a = \n", "= 1", "a..b = 1", "a = [", "a = [1 2]", "a = {", "a = {b", "a = {b = 1",
		"a = \"", "a = \"\\", "a = \"\\\n\"", "a = '", "a = \"\"\"", "a = \"\"\"\\", "a = '''", "a = ''''", "\"a", "\"\\q\" = 1", "\xff\xfe", "\xef\xbb\xbf", "\x00", "a = ]",
		"a.b = 1\na = [1]\na.b = 2\n[a.c]\n[[a]]\n[[a.c]]",
	} {
		root, line, _ := indexLines(text)
		assert.Equal(t, 1, root.line)
		assert.LessOrEqual(t, line, 1+strings.Count(text, "\n"), "%q", text)
	}
}

func TestTextThatWouldExhaustTheParserIsRefusedBeforeIt(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"arrays", "\na = " + strings.Repeat("[", 5_000_000), "renraku.toml:2: brackets too deep inside brackets: at most 16 "},
		{"inline tables", "a = " + strings.Repeat("{a=", 5_000_000), "renraku.toml:1: brackets too deep inside brackets"},
		{"arrays over lines", "a = " + strings.Repeat("[\n", 17), "renraku.toml:17: brackets too deep inside brackets"},
		{"dotted key", strings.Repeat("a.", 5_000_000) + "a = 1", "renraku.toml:1: a key of too many parts"},
		{"dotted header", "\n\n[" + strings.Repeat("a.", 5_000_000) + "a]", "renraku.toml:3: a key of too many parts"},
		{"long key", strings.Repeat("a", 1_000_000) + " = 1", "renraku.toml:1: a key that is too long"},
		{"long quoted key", "\"" + strings.Repeat("\\n", 1_000_000) + "\" = 1", "renraku.toml:1: a key that is too long"},
	} {
		_, err := Parse("renraku.toml", []byte(c.text))
		assert.ErrorContains(t, err, c.want, c.name)
	}
	_, err := decode("a = " + strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth))
	assert.NoError(t, err)
	_, _, tooDeep := indexLines("a = " + strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth))
	assert.Empty(t, tooDeep)
}
