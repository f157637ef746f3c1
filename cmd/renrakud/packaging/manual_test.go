//go:build interop

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
)

// unpacked is the deb of this machine, unpacked.
func unpacked(t *testing.T) string {
	t.Helper()
	dir := cmdtest.Dir(t)
	tool(t, "dpkg", "--extract", packageOf(t, "deb", runtime.GOARCH), dir)
	return dir
}

// shown is a page as man shows it; what it warns of is in it.
func shown(t *testing.T, path string) string {
	t.Helper()
	return tool(t, "sh", "-c", `LC_ALL=C.UTF-8 MANWIDTH=80 MANROFFOPT=-c man --warnings --encoding=UTF-8 --local-file "$1" 2>&1 | col -bx`, "sh", path)
}

func TestEveryCommandAndFlagIsInTheManual(t *testing.T) {
	t.Parallel()
	dir := unpacked(t)
	help := tool(t, filepath.Join(dir, "usr/bin/renraku"), "--help")
	_, list, _ := strings.Cut(help, "Commands:\n")
	list, _, _ = strings.Cut(list, "\n\n")
	main := shown(t, filepath.Join(dir, "usr/share/man/man1/renraku.1.gz"))
	commands := 0
	for line := range strings.Lines(list) {
		name := strings.Fields(line)[0]
		if name == "help" {
			continue
		}
		commands++
		assert.Contains(t, main, "\n       "+name)
		page := shown(t, filepath.Join(dir, "usr/share/man/man1/renraku-"+name+".1.gz"))
		assertFlags(t, tool(t, filepath.Join(dir, "usr/bin/renraku"), name, "--help"), page)
	}
	assert.GreaterOrEqual(t, commands, 14)
	assertFlags(t, tool(t, filepath.Join(dir, "usr/sbin/renrakud"), "--help"), shown(t, filepath.Join(dir, "usr/share/man/man8/renrakud.8.gz")))
}

func assertFlags(t *testing.T, help, page string) {
	t.Helper()
	flags := regexp.MustCompile(`(?m)^ +(?:-\w, )?(--[a-z-]+)`).FindAllStringSubmatch(help, -1)
	assert.NotEmpty(t, flags)
	_, options, _ := strings.Cut(page, "\nOPTIONS\n")
	for _, f := range flags {
		assert.Regexp(t, `(?m)^       (-\w, )?`+f[1]+`\b`, options)
	}
}

func TestEveryKeyOfTheDefinitionIsInItsPage(t *testing.T) {
	t.Parallel()
	document, err := os.ReadFile("../../internal/definition/DEFINITION.md") // which a test holds to the parser
	require.NoError(t, err)
	page := shown(t, filepath.Join(unpacked(t), "usr/share/man/man5/renraku.toml.5.gz"))
	keys := regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|").FindAllStringSubmatch(string(document), -1)
	assert.Greater(t, len(keys), 30)
	for _, k := range keys {
		assert.Regexp(t, `(?m)^       `+k[1]+`\b`, page)
	}
}

func TestNoFormatterWarnsOfAPage(t *testing.T) {
	t.Parallel()
	dir := unpacked(t)
	pages, err := filepath.Glob(filepath.Join(dir, "usr/share/man/man*/*.gz"))
	require.NoError(t, err)
	assert.Greater(t, len(pages), 15)
	tool(t, "gunzip", pages...)
	for _, packed := range pages {
		page := strings.TrimSuffix(packed, ".gz")
		assert.Empty(t, tool(t, "mandoc", "-T", "lint", "-W", "warning", page))
		warnings := tool(t, "sh", "-c", `MANWIDTH=80 man --warnings --encoding=UTF-8 --local-file -Tutf8 --ditroff "$1" 2>&1 >/dev/null`, "sh", page)
		assert.Empty(t, warnings, page)
	}
}
