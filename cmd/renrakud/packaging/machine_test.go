//go:build interop

package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
)

const (
	definitionFile = "/etc/renraku/renraku.toml"
	defaultFile    = "/etc/default/renraku"
	stateDir       = "/var/lib/renraku"
	logFile        = "/var/log/renraku/renrakud.log"
	initScript     = "/etc/init.d/renrakud"
	pidFile        = "/run/renrakud.pid"
	tokenFile      = "/etc/renraku/web-token"
	pageToken      = "0123456789abcdef"

	patience        = time.Minute // beside fuzzing
	patienceSeconds = "60"
	lockWait        = 2 * time.Minute // for another installation on this machine
)

// machine is this machine with the package on it, as long as the test runs.
type machine struct {
	t    *testing.T
	deb  string
	page string // the address of the page in the definition
}

// installed installs the older deb, and purges it at the end of the test.
func installed(t *testing.T) *machine {
	t.Helper()
	m := prepared(t)
	m.dpkg("--install", olderOf(t, "deb"))
	return m
}

// upgrade installs the deb over the older one: what the operator has changed stays as it is, and no other is laid beside it.
func (m *machine) upgrade() {
	m.t.Helper()
	operators := tool(m.t, "cat", defaultFile)
	m.dpkg("--install", m.deb)
	assert.Equal(m.t, operators, tool(m.t, "cat", defaultFile))
	for _, path := range leftovers(m.t) {
		assert.NotContains(m.t, path, ".dpkg-")
	}
}

// prepared is this machine before the package is on it, which is purged at the end of the test.
func prepared(t *testing.T) *machine {
	t.Helper()
	require.Empty(t, leftovers(t), "renraku is on this machine already: the test would take it away")
	require.NoDirExists(t, "/run/systemd/system", "the test starts the init script, which systemd would take over")
	m := &machine{t: t, deb: ownDeb(t)}
	t.Cleanup(func() {
		if t.Failed() {
			log, _ := os.ReadFile(logFile)
			t.Logf("%s:\n%s", logFile, log)
		}
		m.dpkg("--purge", "renraku")
		m.endRuns()
	})
	return m
}

// dpkg runs dpkg as on a machine that starts services at will: images for containers forbid it by policy-rc.d. It waits
// neither for the disk nor for the index of all manuals, whose switch is in /var/lib/man-db. There is nobody to ask: a question fails.
func (m *machine) dpkg(args ...string) string {
	m.t.Helper()
	policy := filepath.Join(cmdtest.Dir(m.t), "policy-rc.d")
	require.NoError(m.t, os.WriteFile(policy, []byte("#!/bin/sh\nexit 0\n"), 0o755))
	line := fmt.Sprintf("p=/usr/sbin/policy-rc.d; [ ! -e $p ] || mount --bind %s $p; mount -t tmpfs tmpfs /var/lib/man-db; "+
		"exec dpkg --force-unsafe-io \"$@\"", policy)
	for began := time.Now(); ; {
		c := exec.Command("unshare", append([]string{"--mount", "sh", "-c", line, "dpkg"}, args...)...)
		c.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		out, err := c.CombinedOutput()
		if err != nil && bytes.Contains(out, []byte("lock")) && time.Since(began) < lockWait {
			<-time.After(time.Second)
			continue
		}
		require.NoError(m.t, err, "dpkg %q\n%s", args, out)
		return string(out)
	}
}

// script runs the init script with one word and gives its exit status and what it prints.
func (m *machine) script(word string) (status int, text string) {
	m.t.Helper()
	c := exec.Command(initScript, word)
	out, err := c.CombinedOutput()
	if c.ProcessState == nil {
		require.NoError(m.t, err)
	}
	return c.ProcessState.ExitCode(), string(out)
}

// does runs the init script, which must succeed.
func (m *machine) does(word string) {
	m.t.Helper()
	status, text := m.script(word)
	require.Equal(m.t, 0, status, "%s %s\n%s", initScript, word, text)
}

// daemon is the number of the daemon's process.
func (m *machine) daemon() int {
	m.t.Helper()
	text, err := os.ReadFile(pidFile)
	require.NoError(m.t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	require.NoError(m.t, err)
	return pid
}

// define writes the definition, and the token of its page, as for the manager's user: this machine is the manager, and one slave is never
// there. HOLD goes on as long as the file held is there.
func (m *machine) define(held string) {
	m.t.Helper()
	require.NoError(m.t, os.WriteFile(tokenFile, []byte(pageToken+"\n"), 0o640))
	tool(m.t, "chgrp", "renraku", tokenFile)
	ports := cmdtest.Ports(m.t, 3)
	m.page = fmt.Sprintf("127.0.0.1:%d", ports[2])
	text := fmt.Sprintf(`[manager]
host = "mgr01"
address = "127.0.0.1:%d"
[monitor]
interval = "1s"
timeout = "100ms"
retries = 1
[web]
listen = %q
token_file = %q
[[slave]]
host = "app01"
address = "127.0.0.1:%d"
[[process]]
id = "HOLD"
command = ["/bin/sh", "-c", 'echo "as $(id -un)"; while [ -e %s ]; do sleep 0.1; done']
type = "simple"
settle = "100ms"
status = "BATCH"
after = "NOT-STARTED"
user = "daemon"
`, ports[0], m.page, tokenFile, ports[1], held)
	require.NoError(m.t, os.WriteFile(definitionFile, []byte(text), 0o644))
	m.replace(defaultFile, `RENRAKUD_OPTIONS=""`, `RENRAKUD_OPTIONS="--host mgr01"`)
}

func (m *machine) replace(file, old, text string) {
	m.t.Helper()
	data, err := os.ReadFile(file)
	require.NoError(m.t, err)
	require.Contains(m.t, string(data), old)
	require.NoError(m.t, os.WriteFile(file, bytes.Replace(data, []byte(old), []byte(text), 1), 0o644))
}

// status is the contact file as the installed command shows it; it must reach the daemon too.
func (m *machine) status() string {
	m.t.Helper()
	out := tool(m.t, "renraku", "status")
	require.NotContains(m.t, out, "no daemon is running")
	return out
}

// awaitStatus waits until the contact file has a line that begins so, spaces as they come.
func (m *machine) awaitStatus(words ...string) {
	m.t.Helper()
	cmdtest.Until(m.t, patience, strings.Join(words, " "), func() bool {
		for line := range strings.Lines(m.status()) {
			if have := strings.Fields(line); len(have) >= len(words) && strings.Join(have[:len(words)], " ") == strings.Join(words, " ") {
				return true
			}
		}
		return false
	})
}

// run orders HOLD and gives the number of its process.
func (m *machine) run() int {
	m.t.Helper()
	assert.Contains(m.t, tool(m.t, "renraku", "run", "HOLD", "--host", "mgr01"), "LAUNCHED")
	line := strings.Fields(tool(m.t, "grep", "-a", "^LEADER", filepath.Join(stateDir, "runs", "HOLD.run")))
	pid, err := strconv.Atoi(line[3])
	require.NoError(m.t, err, "%q", line)
	return pid
}

// alive says whether a process is there, and no zombie.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

// endRuns kills the parents of runs that a test that failed has left.
func (m *machine) endRuns() {
	names, _ := filepath.Glob("/proc/[0-9]*")
	for _, name := range names {
		line, err := os.ReadFile(filepath.Join(name, "cmdline"))
		exe, _ := os.Readlink(filepath.Join(name, "exe"))
		pid, numberErr := strconv.Atoi(filepath.Base(name))
		if err == nil && numberErr == nil && strings.HasPrefix(string(line), "renraku-run\x00") && strings.HasPrefix(exe, "/usr/sbin/renrakud") {
			assert.NoError(m.t, syscall.Kill(pid, syscall.SIGKILL), "a run was left")
		}
	}
}

// leftovers are the files of renraku on this machine, its user and its group.
func leftovers(t *testing.T) (found []string) {
	t.Helper()
	for _, top := range []string{"/etc", "/run", "/usr", "/var"} {
		require.NoError(t, filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
			if strings.Contains(d.Name(), "renraku") && !strings.HasPrefix(path, "/var/tmp/") && !strings.HasPrefix(path, "/var/cache/") {
				found = append(found, path)
			}
			return nil // what cannot be read is not ours
		}))
	}
	for _, file := range []string{"/etc/passwd", "/etc/group", "/var/lib/dpkg/status"} {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		for line := range strings.Lines(string(data)) {
			if strings.Contains(line, "renraku") {
				found = append(found, file+": "+strings.TrimSpace(line))
			}
		}
	}
	return found
}
