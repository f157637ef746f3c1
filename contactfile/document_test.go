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

// block gives the first code block of HISTORY.md that is marked so and begins with start.
func block(t *testing.T, mark, start string) string {
	document, err := os.ReadFile("HISTORY.md")
	require.NoError(t, err)
	_, after, ok := strings.Cut(string(document), "```"+mark+"\n"+start)
	require.True(t, ok)
	text, _, _ := strings.Cut(after, "```")
	return start + text
}

func TestExampleOfTheDocumentDecodes(t *testing.T) {
	r, err := decodeHistory(strings.ReplaceAll(block(t, "text", "2026"), "·", " "), 0)
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
	for _, line := range strings.Split(strings.TrimSpace(block(t, "sh", "#")), "\n") {
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
