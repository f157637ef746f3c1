package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// testsOf are the functions in the test files of a package of this module, whatever their build tags.
func testsOf(t *testing.T, path string) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	files, err := filepath.Glob(filepath.Join("../..", path, "*_test.go"))
	require.NoError(t, err)
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil {
				all[f.Name.Name] = true
			}
		}
	}
	return all
}

var named = regexp.MustCompile("`([a-z/]+)\\.((?:Test|Fuzz)[A-Za-z0-9]+)`")

func TestTheTableOfFaultsNamesTestsThatThereAre(t *testing.T) {
	document, err := os.ReadFile("FAULTS.md")
	require.NoError(t, err)
	_, broken, ok := strings.Cut(string(document), "\n## Seen to fail\n")
	require.True(t, ok)
	failed := map[string]bool{}
	for _, test := range named.FindAllString(broken, -1) {
		failed[test] = true
	}
	tests := map[string]map[string]bool{}
	rows, fuzzed := 0, map[string]bool{}
	for line := range strings.Lines(string(document)) {
		line = strings.TrimSpace(line)
		cells := strings.Split(line, "|")
		if len(cells) != 5 || strings.HasPrefix(line, "| --- ") || strings.HasSuffix(line, "| shown by |") {
			assert.False(t, strings.HasPrefix(line, "|") && len(cells) != 5, "a row of another width: %s", line)
			continue
		}
		found := named.FindAllStringSubmatch(cells[3], -1)
		assert.Empty(t, strings.TrimSpace(named.ReplaceAllString(cells[3], "")), "no test: %s", line)
		rows++
		assert.NotEmpty(t, found, "nothing shows it: %s", line)
		assert.NotEmpty(t, strings.TrimSpace(cells[2]), "nothing is promised: %s", line)
		assert.True(t, slices.ContainsFunc(found, func(test []string) bool { return failed[test[0]] }), "nothing of it was seen to fail: %s", line)
		for _, test := range found {
			if tests[test[1]] == nil {
				tests[test[1]] = testsOf(t, test[1])
			}
			assert.True(t, tests[test[1]][test[2]], "%s has no %s", test[1], test[2])
			fuzzed[test[2]] = true
		}
	}
	assert.Greater(t, rows, 30)
	for path, all := range tests {
		for name := range all {
			if strings.HasPrefix(name, "Fuzz") && name != "FuzzCutText" { // it reads what this module writes
				assert.True(t, fuzzed[name], "%s.%s is in no row", path, name)
			}
		}
	}
}
