//go:build interop

package main

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
)

// TestTheDebInstallsRunsUpgradesAndLeavesNothing is not parallel: others copy this machine.
func TestTheDebInstallsRunsUpgradesAndLeavesNothing(t *testing.T) {
	m := installed(t)
	held := filepath.Join(cmdtest.Dir(t), "held")
	require.NoError(t, os.Chmod(filepath.Dir(held), 0o755))
	require.NoError(t, os.WriteFile(held, nil, 0o644))
	// end lets HOLD end.
	end := func() { assert.NoError(t, os.Remove(held)) }

	status, text := m.script("status")
	assert.Equal(t, 3, status, "an installation starts nothing: %s", text)
	status, text = m.script("start")
	assert.Equal(t, 6, status, text)
	assert.Contains(t, text, "no definition: write /etc/renraku/renraku.toml")
	status, _ = m.script("reload")
	assert.Equal(t, 7, status)
	status, _ = m.script("frobnicate")
	assert.Equal(t, 2, status)
	m.does("stop")
	m.does("try-restart")
	assert.NoFileExists(t, pidFile)
	assert.FileExists(t, "/etc/rc2.d/S01renrakud", "it starts with the machine")
	assertUnits(t)

	m.define(held)
	m.does("start")
	first := m.daemon()
	m.awaitStatus("mgr01", "RUNNING", "NOT-STARTED")
	m.awaitStatus("app01", "STOPPED")
	status, _ = m.script("status")
	assert.Equal(t, 0, status)
	m.does("start")
	assert.Equal(t, first, m.daemon(), "it runs already")
	assertModes(t)
	m.assertPage()
	m.assertVersion(olderVersion)

	assertCompletion(t)

	m.replace(definitionFile, `"app01"`, `"app02"`)
	m.does("reload")
	m.awaitStatus("app02", "STOPPED")

	held1 := m.run()
	cmdtest.Until(t, patience, "root's daemon may run it as another user", func() bool {
		return strings.Contains(tool(t, "renraku", "output", "HOLD"), "as daemon")
	})
	m.upgrade()
	assert.NotEqual(t, first, m.daemon(), "the upgrade restarts it")
	assert.False(t, alive(first))
	m.assertVersion(testVersion)
	assert.True(t, alive(held1), "the run outlives the upgrade")
	m.awaitStatus("mgr01", "RUNNING", "BATCH")
	end()
	m.awaitStatus("mgr01", "RUNNING", "NOT-STARTED")
	ended := regexp.MustCompile(`HOLD +OPERATOR +ENDED`)
	cmdtest.Until(t, patience, "the end is in the history", func() bool { return ended.MatchString(tool(t, "renraku", "history")) })

	t.Run("as the manager's user", func(t *testing.T) {
		other, linked := filepath.Join(filepath.Dir(stateDir), "roots"), filepath.Join(stateDir, "linked")
		require.NoError(t, os.WriteFile(other, nil, 0o600))
		require.NoError(t, os.Link(other, linked))
		m.replace(defaultFile, `RENRAKUD_USER="root"`, `RENRAKUD_USER="renraku"`)
		m.does("restart")
		assert.Equal(t, "root", ownerOf(t, other), "what a run may have linked to is not given away")
		require.NoError(t, errors.Join(os.Remove(linked), os.Remove(other)))
		assert.Equal(t, "renraku", ownerOf(t, fmt.Sprintf("/proc/%d", m.daemon())))
		m.awaitStatus("mgr01", "RUNNING", "NOT-STARTED")
		assert.Contains(t, tool(t, "grep", "-c", "ready", logFile), "3")
		m.assertPage()
	})

	require.NoError(t, os.WriteFile(definitionFile, []byte("[manager]\nhost = 3\n"), 0o644))
	status, text = m.script("restart")
	assert.Equal(t, 1, status)
	assert.Contains(t, text, "manager.host", "a daemon that does not start says why")
	status, _ = m.script("status")
	assert.Equal(t, 3, status)

	require.NoError(t, os.WriteFile(pidFile, []byte("1\n"), 0o644))
	status, _ = m.script("status")
	assert.Equal(t, 1, status, "another process has the number: it is not ended")
	m.does("stop")

	require.NoError(t, os.WriteFile(held, nil, 0o644))
	require.NoError(t, os.Remove(definitionFile))
	m.replace(defaultFile, `RENRAKUD_USER="renraku"`, `RENRAKUD_USER="root"`)
	m.replace(defaultFile, `RENRAKUD_OPTIONS="--host mgr01"`, `RENRAKUD_OPTIONS=""`)
	m.define(held)
	m.does("start")
	held2, third := m.run(), m.daemon()
	m.dpkg("--remove", "renraku")
	assert.False(t, alive(third), "a removal ends the daemon")
	assert.True(t, alive(held2), "and no run")
	end()
	cmdtest.Until(t, patience, "the run has ended", func() bool { return !alive(held2) })
	assert.FileExists(t, filepath.Join(stateDir, "history.dat"), "a removal is no purge")
	assert.FileExists(t, definitionFile)
	m.dpkg("--purge", "renraku")
	assert.Empty(t, leftovers(t))
}

// assertModes has the files be the daemon's, and its group's to read and to command it.
func assertModes(t *testing.T) {
	t.Helper()
	for path, mode := range map[string]string{
		stateDir:                    "drwxr-s--- renraku renraku",
		stateDir + "/runs":          "drwxr-s--- renraku renraku",
		stateDir + "/contact.dat":   "-rw-r----- root renraku",
		stateDir + "/history.dat":   "-rw-r----- root renraku",
		stateDir + "/control.sock":  "srw-rw---- root renraku",
		stateDir + "/message.sock":  "srw-rw---- root renraku",
		logFile:                     "-rw-r----- root renraku",
		"/etc/renraku":              "drwxr-xr-x root root",
		"/etc/renraku/keys":         "drwxr-x--- root renraku",
		"/etc/renraku/renraku.toml": "-rw-r--r-- root root",
		tokenFile:                   "-rw-r----- root renraku",
	} {
		have := strings.TrimSpace(tool(t, "stat", "--format", "%A %U %G", path))
		assert.Equal(t, mode, have, path)
	}
}

func ownerOf(t *testing.T, path string) string {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	u, err := user.LookupId(fmt.Sprint(info.Sys().(*syscall.Stat_t).Uid))
	require.NoError(t, err)
	return u.Username
}
