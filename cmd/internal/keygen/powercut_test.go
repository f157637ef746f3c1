package keygen

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// rotateEnv names the directory that this test's own process rotates, under strace.
const rotateEnv = "RENRAKU_TEST_ROTATE"

// Whatever a power cut leaves of a rotation, one whole copy of the master keys is on the disk: each step waits for the one before.
func TestARotationIsOnTheDiskStepByStep(t *testing.T) {
	o := options(t)
	o.Slaves = o.Slaves[:1]
	if dir := os.Getenv(rotateEnv); dir != "" {
		o.Dir, o.Rotate = dir, true
		run(t, o)
		return
	}
	run(t, o)
	strace, err := exec.LookPath("strace")
	require.NoError(t, err, "strace is one of the tools of the tests: .ci/run installs it")
	self, err := os.Executable()
	require.NoError(t, err)
	calls := filepath.Join(t.TempDir(), "calls")
	c := exec.Command(strace, "-f", "-y", "-o", calls, "-e", "trace=fsync,syncfs,/^rename,/^unlink", self, "-test.run", "^"+t.Name()+"$")
	c.Env = append(os.Environ(), rotateEnv+"="+o.Dir)
	out, err := c.CombinedOutput()
	require.NoError(t, err, "%s", out)
	assert.Equal(t, []string{
		"fsync .new-rotation", "rename rotation", "fsync .",
		"rename app01/authority.crt", "rename app01/host.key", "rename app01/host.crt", "rename app01/keys", "syncfs .",
		"fsync mgr01/.new-authority.crt", "rename mgr01/authority.crt", "fsync mgr01/.new-host.key", "rename mgr01/host.key",
		"fsync mgr01/.new-host.crt", "rename mgr01/host.crt", "fsync mgr01/.new-keys", "rename mgr01/keys", "syncfs .",
		"unlink rotation", "fsync .",
	}, stepsOf(t, calls, o.Dir))
}

// stepsOf is the calls on what is in the directory in the order in which they begin, each with the name that it ends with: each waits for the
// one before. A call during which another thread makes one has its result on a line of its own.
func stepsOf(t *testing.T, calls, dir string) (steps []string) {
	t.Helper()
	text, err := os.ReadFile(calls)
	require.NoError(t, err)
	call := regexp.MustCompile(`^[0-9]+ +(fsync|syncfs|rename|unlink)[a-z0-9]*\(.*` + regexp.QuoteMeta(dir) + `([^>",]*)[>"]`)
	for line := range strings.Lines(string(text)) {
		found := call.FindStringSubmatch(line)
		if found == nil || found[1] == "unlink" && strings.Contains(found[2], "/.new-") { // what an earlier run may have left
			continue
		}
		steps = append(steps, found[1]+" "+strings.TrimPrefix("."+found[2], "./"))
	}
	return steps
}
