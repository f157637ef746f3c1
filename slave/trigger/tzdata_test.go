package trigger

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// zoneDirs are the places where Go looks for zone files (time.LoadLocation).
var zoneDirs = []string{"/usr/share/zoneinfo", "/usr/share/lib/zoneinfo", "/usr/lib/locale/TZ", "/etc/zoneinfo"}

// The table of firing times again, in a process for which the directories of the zone files are empty.
func TestFiringTimesWithoutZoneFiles(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: it hides directories from a process")
	}
	binary, err := os.Executable()
	require.NoError(t, err)
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	require.NoError(t, err)
	hide := "set -e; for d in " + strings.Join(append(zoneDirs, filepath.Join(strings.TrimSpace(string(goroot)), "lib", "time")), " ") +
		`; do if [ -d "$d" ]; then mount -t tmpfs none "$d"; ls "$d"; fi; done; exec "$@"`
	c := exec.Command("/bin/sh", "-c", hide, "sh", binary, "-test.v", "-test.run", "^TestFiringTimesOverChangesOfTheClock$")
	c.Env = append(os.Environ(), "ZONEINFO=")
	c.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	out, err := c.CombinedOutput()
	require.NoError(t, err, "%s", out)
	assert.True(t, strings.HasPrefix(string(out), "=== RUN"), "a directory is not empty: %.200s", out)
	assert.Contains(t, string(out), "\n--- PASS: TestFiringTimesOverChangesOfTheClock")
}
