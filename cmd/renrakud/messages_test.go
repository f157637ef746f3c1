package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
)

// rowsOf are the rows of the tables in a section of MESSAGES.md, without their headings.
func rowsOf(t *testing.T, section string) (rows [][]string) {
	t.Helper()
	document, err := os.ReadFile("MESSAGES.md")
	require.NoError(t, err)
	_, text, found := strings.Cut(string(document), "\n## "+section+"\n")
	require.True(t, found, section)
	text, _, _ = strings.Cut(text, "\n## ")
	before := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case !strings.HasPrefix(line, "|"):
		case strings.HasPrefix(line, "| --- "):
			rows = rows[:len(rows)-1] // the line before was a heading
		default:
			cells := strings.Split(strings.Trim(line, "|"), "|")
			assert.True(t, before == "" || strings.Count(before, "|") == strings.Count(line, "|"), "a row of another width: %s", line)
			for i := range cells {
				cells[i] = strings.TrimSpace(cells[i])
				assert.NotEmpty(t, cells[i], line)
			}
			rows = append(rows, cells)
		}
		if before = line; !strings.HasPrefix(line, "|") {
			before = ""
		}
	}
	return rows
}

var quoted = regexp.MustCompile("`([^`]+)`")

// textsIn are the texts in backquotes.
func textsIn(cell string) (all []string) {
	for _, found := range quoted.FindAllStringSubmatch(cell, -1) {
		all = append(all, found[1])
	}
	return all
}

func TestEveryLineOfTheLogHasTheStyleAndTheFieldsOfTheDocument(t *testing.T) {
	fields := map[string]bool{}
	for _, row := range rowsOf(t, "Fields") {
		for _, key := range textsIn(row[0]) {
			assert.False(t, fields[key], "%s stands twice", key)
			fields[key] = true
		}
	}
	used := map[string]bool{}
	lines := sourceOf(t).logLines()
	assert.Greater(t, len(lines), 80)
	for _, line := range lines {
		first, _ := utf8.DecodeRuneInString(line.message)
		assert.False(t, unicode.IsUpper(first), "%s: %q begins with a capital", line.where, line.message)
		assert.NotRegexp(t, `[.!:\s]$`, line.message, line.where)
		for _, key := range line.keys {
			assert.True(t, fields[key], "%s: %q has a field %q, which MESSAGES.md does not have", line.where, line.message, key)
			used[key] = true
		}
	}
	for key := range fields {
		assert.True(t, used[key], "no line has the field %s", key)
	}
}

func TestEveryLineInJSONHasItsHostOnce(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, noPolls)
	f.Define(t, "\n[[trigger]]\nprocess = \"FAIL\"\nhosts = [\"app*\"]\nmessage = '^ONLINE@app01 ended normally$'\n")
	f.Seal(t)
	all := map[string]*cmdtest.Daemon{}
	for _, host := range []string{first, second, manager} {
		all[host] = cmdtest.Start(t, f.Config, host, f.Dir(host), "--log-format", "json")
	}
	f.AwaitManager(t, aWhile, "mgr01 RUNNING", "app01 RUNNING", "app02 RUNNING")
	assert.Equal(t, 0, f.Renraku(t, manager, "run", "ONLINE", "--all").Code)
	cmdtest.Until(t, aWhile, "the results of the trigger", func() bool {
		return strings.Count(all[manager].Log(), `"msg":"FAIL@app0`) == 2
	})
	for _, host := range []string{first, manager} {
		all[host].Signal(t, syscall.SIGHUP)
		cmdtest.Until(t, aWhile, "the definition read again", func() bool { return strings.Contains(all[host].Log(), "definition read again") })
	}
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", f.Ports[first]))
	require.NoError(t, err)
	_, err = conn.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
	require.NoError(t, err)
	cmdtest.Until(t, aWhile, "the connection", func() bool { return strings.Contains(all[first].Log(), "connection not taken") })
	conn.Close()
	assert.Equal(t, 0, f.Renraku(t, first, "stop").Code)
	for _, host := range []string{second, manager, first} {
		assert.Equal(t, 0, all[host].Terminate(t))
	}
	about := map[string]bool{}
	for host, d := range all {
		for line := range strings.Lines(d.Log()) {
			var entry struct{ Msg, Host, Process string }
			require.NoError(t, json.Unmarshal([]byte(line), &entry), line)
			assert.Equal(t, 1, strings.Count(line, `"host":`), line)
			assert.True(t, entry.Host == host || host == manager && f.Ports[entry.Host] != 0, "the log of %s: %s", host, line)
			if name, _, ok := strings.Cut(entry.Msg, "@"); ok {
				assert.Equal(t, name, entry.Process, line)
				assert.Contains(t, entry.Msg, "@"+entry.Host, line)
			}
			about[entry.Msg] = true
		}
	}
	assert.Greater(t, len(about), 20)
}

var placeholder = regexp.MustCompile(`\b(HOST|PROCESS|STATUS|OUTCOME|TEXT|TIME|WHY|NUMBER|NAME|FILE)\b`)

// asInCode is a text of the document as the code has it.
func asInCode(text string) string { return placeholder.ReplaceAllString(text, "…") }

func TestEveryWarningAndErrorIsInTheDocument(t *testing.T) {
	documented := map[string]string{}
	for _, row := range rowsOf(t, "Warnings and errors") {
		texts := textsIn(row[0])
		require.Len(t, texts, 1, row)
		message := asInCode(texts[0])
		assert.Empty(t, documented[message], "%s stands twice", message)
		documented[message] = row[1]
	}
	said := map[string]bool{}
	for _, line := range sourceOf(t).logLines() {
		if line.level == "Info" || line.level == "Debug" {
			continue
		}
		said[line.message] = true
		assert.Contains(t, documented, line.message, line.where)
		if line.level != "" {
			assert.Contains(t, documented[line.message], line.level, line.where)
		}
	}
	for message := range documented {
		assert.True(t, said[message], "nothing says %q", message)
	}
}

func TestEveryEventIsInTheDocument(t *testing.T) {
	documented := map[string]bool{}
	for _, row := range rowsOf(t, "Events") {
		for _, text := range textsIn(row[0]) {
			documented[asInCode(text)] = true
		}
	}
	assert.Equal(t, sourceOf(t).events(), documented)
}

func TestEveryOutcomeAndItsTextsAreInTheDocument(t *testing.T) {
	s := sourceOf(t)
	texts := s.texts(t)
	assert.Greater(t, len(texts), 40)
	documented := map[string]bool{}
	var outcomes []string
	for _, row := range rowsOf(t, "Outcomes") {
		outcomes = append(outcomes, textsIn(row[0])...)
		for _, text := range textsIn(row[1]) {
			documented[asInCode(text)] = true
			assert.True(t, texts[asInCode(text)], "nothing says %q", text)
		}
	}
	assert.Subset(t, outcomes, s.outcomes())
	assert.Subset(t, s.outcomes(), outcomes)
	page, err := os.ReadFile("MESSAGES.md")
	require.NoError(t, err)
	for _, text := range textsIn(string(page)) {
		documented[asInCode(text)] = true
	}
	for text := range texts {
		assert.True(t, documented[text], "%q is not in the document", text)
	}
}
