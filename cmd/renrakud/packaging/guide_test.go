//go:build interop

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
)

// mostCommands is how many a new user has to type until the fleet is in his browser, which he opens with one of them.
const mostCommands = 10

const guidePage = "http://127.0.0.1:10380/"

// look is a command that only looks, and may do so until it sees what the guide shows.
var look = regexp.MustCompile(`^renraku (status|history|output|check) `)

// ends is a command that ends a daemon, which is gone when a reader has typed the next one: another takes its port then.
var ends = regexp.MustCompile(`^pkill (?:-9 )?-f ('[^']+')$`)

// TestTheGuideIsRunAsItStands is not parallel: others copy this machine.
func TestTheGuideIsRunAsItStands(t *testing.T) {
	m := prepared(t)
	home := cmdtest.Dir(t)
	require.NoError(t, os.Chown(home, nobody, nobody))
	download := cmdtest.Dir(t)
	require.NoError(t, os.Link(m.deb, filepath.Join(download, filepath.Base(m.deb))))
	terminals := map[string]*terminal{"root": open(t, download, true), "user": open(t, home, false)}

	lines, blocks := guide(t)
	opened := slices.IndexFunc(lines, func(line string) bool { return strings.Contains(line, "<"+guidePage+">") })
	require.Positive(t, opened, "the guide says where the page is")
	var p *guideBrowser
	typed, shown := 0, 0
	for i, b := range blocks {
		if b.at > opened && p == nil {
			assert.LessOrEqual(t, typed+1, mostCommands, "from the package to the browser")
			p = browse(t)
			p.do(guidePage)
			p.awaitRows("mgr01 RUNNING NOT-STARTED", "app01 RUNNING NOT-STARTED", "app02 RUNNING NOT-STARTED")
			p.awaitOrders(false)
		}
		if b.who == "" {
			continue
		}
		x := terminals[b.who]
		require.NotNil(t, x, "%s:%d: %q is neither root nor user", guideFile, b.at, b.who)
		for n, line := range b.lines {
			typed++
			expected := ""
			if n == len(b.lines)-1 && i+1 < len(blocks) && blocks[i+1].language == "text" && blocks[i+1].at <= b.at+len(b.lines)+3 {
				expected = strings.Join(blocks[i+1].lines, "\n")
				shown++
			}
			x.follow(fmt.Sprintf("%s:%d: %s", guideFile, b.at+n+1, line), line, expected)
		}
		if slices.ContainsFunc(b.lines, func(line string) bool { return strings.Contains(line, "token_file") }) {
			p.awaitOrders(true)
		}
	}
	assert.Greater(t, typed, 55)
	assert.Greater(t, shown, 20)
	assert.Empty(t, leftovers(t), "the guide leaves nothing of the package")
	left, err := os.ReadDir(home)
	require.NoError(t, err)
	assert.Empty(t, left, "nor of its hour")
}

// follow types a line of the guide and sees that it does what is shown below it.
func (x *terminal) follow(where, line, expected string) {
	x.t.Helper()
	if !look.MatchString(line) {
		out, status := x.doUnlocked(line)
		require.Equal(x.t, 0, status, "%s\n%s\n%s", where, out, x.shell.Stderr())
		require.True(x.t, expected == "" || shows(expected, out), "%s\n%s\nis shown as\n%s", where, out, expected)
		if ended := ends.FindStringSubmatch(line); ended != nil {
			cmdtest.Until(x.t, patience, "it has ended: "+line, func() bool {
				_, status := x.do("pgrep -f " + ended[1])
				return status == 1
			})
		}
		return
	}
	out, status := "", 0
	defer func() {
		if x.t.Failed() {
			x.t.Logf("%s\n%s\nis shown as\n%s", where, out, expected)
		}
	}()
	cmdtest.Until(x.t, patience, where, func() bool {
		out, status = x.do(line)
		return expected == "" || shows(expected, out)
	})
	if !strings.HasPrefix(line, "renraku check ") { // whose exit status is what it has seen
		require.Equal(x.t, 0, status, where)
	}
}

// named is a command of renraku or its daemon: at the beginning of a line of a block, or of a piece of code in the text, or in a file of
// NRPE.
var named = regexp.MustCompile("(?m)(?:^ *|`|=/usr/bin/|^/usr/sbin/)(renrakud?) ([a-z-][^`|&\n]*)")

func TestWhatTheGuideNamesIsInThePackage(t *testing.T) {
	t.Parallel()
	dir := unpacked(t)
	lines, _ := guide(t)
	text := strings.Join(lines, "\n")
	flags, pages, units, files := 0, 0, 0, 0
	usages := map[string]string{}
	for _, found := range named.FindAllStringSubmatch(text, -1) {
		program, rest := found[1], found[2]
		command := []string{filepath.Join(dir, "usr/sbin", program)}
		if program == "renraku" {
			command = []string{filepath.Join(dir, "usr/bin", program), strings.Fields(rest)[0]}
		}
		key := strings.Join(command, " ")
		if usages[key] == "" {
			usages[key] = tool(t, command[0], append(command[1:], "--help")...)
			assert.Contains(t, usages[key], "\n  "+strings.Join(append([]string{program}, command[1:]...), " ")+" ", found[0]) // help of another: none is there
		}
		for _, flag := range regexp.MustCompile(`--[a-z-]+`).FindAllString(rest, -1) {
			flags++
			assert.Regexp(t, `(?m)^ +(-\w, )?`+flag+`\b`, usages[key], found[0])
		}
	}
	for _, found := range regexp.MustCompile(`\b([a-z.-]+)\(([1-8])\)`).FindAllStringSubmatch(text, -1) {
		pages++
		assert.FileExists(t, filepath.Join(dir, "usr/share/man", "man"+found[2], found[1]+"."+found[2]+".gz"))
	}
	for _, found := range regexp.MustCompile(`systemctl [a-z]+ (?:--now )?([a-z-]+)`).FindAllStringSubmatch(text, -1) {
		units++
		assert.FileExists(t, filepath.Join(dir, "usr/lib/systemd/system", found[1]+".service"))
	}
	for _, found := range regexp.MustCompile(`/usr/s?bin/renrakud?|/usr/share/renraku[a-z./-]*|/etc/init.d/\w+|/etc/default/\w+|\S+\.toml\.example`).FindAllString(text, -1) {
		files++
		assert.FileExists(t, filepath.Join(dir, strings.Trim(found, "`")))
	}
	for _, found := range regexp.MustCompile("`([A-Z]+\\.md)`").FindAllStringSubmatch(text, -1) {
		files++
		assert.FileExists(t, filepath.Join(dir, "usr/share/doc/renraku", found[1]))
	}
	for what, n := range map[string]int{"flags": flags, "pages": pages, "units": units, "files": files} {
		assert.Greater(t, n, 2, what)
	}
	guide, err := os.ReadFile(filepath.Join(dir, "usr/share/doc/renraku/GUIDE.md"))
	require.NoError(t, err)
	assert.Equal(t, text, string(guide))
}

// fleetOfParts is the definition that the guide's parts of one are added to.
const fleetOfParts = `[manager]
host    = "mgr01"
address = "192.0.2.10"

[[slave]]
host    = "app[01-20]"
address = "192.0.2.[101-120]"

`

func TestTheDefinitionsOfTheGuideAreCorrect(t *testing.T) {
	t.Parallel()
	renraku := filepath.Join(unpacked(t), "usr/bin/renraku")
	_, blocks := guide(t)
	checked := 0
	for _, b := range blocks {
		if b.language != "toml" {
			continue
		}
		checked++
		text := strings.Join(b.lines, "\n")
		if !strings.Contains(text, "[manager]") {
			text = fleetOfParts + text
		}
		path := cmdtest.WriteDefinition(t, cmdtest.Dir(t), text)
		out, err := exec.Command(renraku, "validate", path).CombinedOutput()
		assert.NoError(t, err, "%s:%d\n%s", guideFile, b.at, out)
	}
	assert.GreaterOrEqual(t, checked, 5)
}
