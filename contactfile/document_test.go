package contactfile

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// block gives the first code block of a document that is marked so and begins with start.
func block(t *testing.T, document, mark, start string) string {
	content, err := os.ReadFile(document)
	require.NoError(t, err)
	_, after, ok := strings.Cut(string(content), "```"+mark+"\n"+start)
	require.True(t, ok)
	text, _, _ := strings.Cut(after, "```")
	return start + text
}

func TestExampleOfTheDocumentOfTheContactFileDecodes(t *testing.T) {
	var r Record
	err := r.decode(strings.ReplaceAll(block(t, "CONTACTFILE.md", "text", "app01"), "·", " "), 0)
	require.NoError(t, err)
	assert.Equal(t, Record{Host: "app01", Operating: Running, Application: Online, Since: noon}, r)
}

func TestExampleOfTheDocumentOfTheHistoryDecodes(t *testing.T) {
	r, err := decodeHistory(strings.ReplaceAll(block(t, "HISTORY.md", "text", "2026"), "·", " "), 0)
	require.NoError(t, err)
	want := launched()
	want.Time = noon.Add(123 * time.Millisecond)
	assert.Equal(t, want, r)
}

// The commands of the document are run in an ordinary locale, on a history whose end is incomplete.
func TestCommandsOfTheDocumentReadTheHistory(t *testing.T) {
	old := historyLine("2026-11-21T23:59:59.999Z", "app01", "ONLINE", "OPERATOR", "LAUNCHED", "ONLINE", "ended normally after 2s")
	failed := historyLine("2026-11-22T10:43:05.000Z", "app02", "BATCH", "TIME", "FAILED", "BATCH-FAILED", strings.Repeat("語", 35))
	set := historyLine("2026-11-22T10:43:06.120Z", "web001", "", "OPERATOR", "SET", "", "")
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "history.dat"), []byte(old+failed+failed+set+"2026-11-2"), 0o600))
	shown := ""
	for _, s := range []string{old, failed, failed, set} {
		shown += s[:40] + s[88:148] + "\n"
	}
	want := []string{
		shown + "2026-11-2\n",
		failed,
		old + failed + failed + set + "2026-11-2",
		failed + failed,
		failed + failed + set,
		"                SET          1\nBATCH           FAILED       2\nONLINE          LAUNCHED     1\n",
		"line 5\n",
		"4\n",
	}
	runDocumented(t, "HISTORY.md", dir, want)
}

// The same for the contact file.
func TestCommandsOfTheDocumentReadTheContactFile(t *testing.T) {
	mgr01 := line("mgr01", "RUNNING", "NOT-STARTED", "2026-11-22T10:43:05Z")
	app01 := line("app01", "STOPPED", "ONLINE", "2026-11-22T10:43:06Z")
	app02 := line("app02", "RUNNING", "ONLINE", "2026-11-22T10:43:07Z")
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "contact.dat"), []byte(mgr01+app01+app02), 0o600))
	shown := ""
	for _, s := range []string{mgr01, app01, app02} {
		shown += s[:16] + s[64:96] + "\n"
	}
	runDocumented(t, "CONTACTFILE.md", dir, []string{
		"app01\n",
		shown,
		app02,
		"NOT-STARTED              1\nONLINE                   2\n",
		"3\n",
	})
}

// runDocumented runs the commands of a document, each of which has to print what is wanted.
func runDocumented(t *testing.T, document, dir string, want []string) {
	for _, line := range strings.Split(strings.TrimSpace(block(t, document, "sh", "#")), "\n") {
		if strings.HasPrefix(line, "#") {
			continue
		}
		require.NotEmpty(t, want, line)
		if strings.Contains(line, "for (k in n)") {
			line += " | LC_ALL=C sort" // awk has no order
		}
		c := exec.Command("sh", "-c", line)
		c.Dir = dir
		c.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
		out, err := c.CombinedOutput()
		require.NoError(t, err, "%s: %s", line, out)
		assert.Equal(t, want[0], string(out), line)
		want = want[1:]
	}
	assert.Empty(t, want)
}
