//go:build interop

package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
)

const bootWait = 2 * time.Minute // on a loaded machine

// system is a copy of this machine with systemd as process 1.
type system struct {
	t    *testing.T
	init string // the number of process 1, outside
}

// boot starts a system, which ends with the test.
func boot(t *testing.T) *system {
	t.Helper()
	p := cmdtest.Begin(t, exec.Command("unshare", "--mount", "--pid", "--fork", "--kill-child", "--cgroup", "--net", "--uts", "--ipc", "sh",
		"testdata/boot.sh", cmdtest.Dir(t), ownDeb(t)))
	s := &system{t: t}
	outside := p.Cmd.Process.Pid
	cmdtest.Until(t, bootWait, "systemd runs", func() bool {
		require.False(t, p.Ended(), "%s%s", p.Stdout(), p.Stderr())
		children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", outside, outside))
		s.init = strings.TrimSpace(string(children))
		if s.init == "" {
			return false
		}
		out, _ := s.command("systemctl is-system-running").CombinedOutput()
		state := strings.TrimSpace(string(out))
		return state == "running" || state == "degraded" // something else of the machine may not like to be copied
	})
	s.do("ip link set lo up")
	return s
}

// command is a line of shell inside.
func (s *system) command(line string) *exec.Cmd {
	c := exec.Command("nsenter", "--target", s.init, "--all", "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive",
		"timeout", "120", "sh", "-c", line)
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return c
}

// do runs a line of shell that must succeed, and gives what it prints.
func (s *system) do(line string) string {
	s.t.Helper()
	out, err := s.command(line).CombinedOutput()
	require.NoError(s.t, err, "%s\n%s", line, out)
	return strings.TrimSpace(string(out))
}

// property is what systemd knows of a unit.
func (s *system) property(unit, name string) string {
	s.t.Helper()
	return s.do(fmt.Sprintf("systemctl show --property=%s --value %s", name, unit))
}

// goesOn says that HOLD runs as the same process, and that the daemon of the unit, started anew, knows it.
func (s *system) goesOn(held, unit, before string) (daemon string) {
	s.t.Helper()
	daemon = s.property(unit, "MainPID")
	require.NotEqual(s.t, "0", daemon, unit)
	assert.NotEqual(s.t, before, daemon, "the daemon was started anew")
	assert.Equal(s.t, held, s.do("pgrep -f '^sleep 600'"), "the run is another, or none")
	assert.Regexp(s.t, `(?m)^mgr01 +RUNNING +BATCH`, s.do("renraku status"))
	return daemon
}

func TestRunsOutliveTheDaemonUnderSystemd(t *testing.T) {
	t.Parallel()
	s := boot(t)
	const manager, any = "renraku-manager.service", "renrakud.service"
	s.do("dpkg --install /root/renraku.deb")
	for _, unit := range []string{manager, any} {
		assert.Equal(t, "inactive", s.property(unit, "ActiveState"), "an installation starts nothing")
	}
	s.do(`cat >/etc/renraku/renraku.toml <<'EOF'
[manager]
host = "mgr01"
address = "127.0.0.1:10320"
[[process]]
id = "HOLD"
command = ["/bin/sh", "-c", "id -un; date >/tmp/held && cat /tmp/held >/dev/null && exec sleep 600"]
type = "simple"
settle = "100ms"
status = "BATCH"
EOF
echo 'RENRAKUD_OPTIONS="--host mgr01"' >/etc/default/renraku`)

	s.do("systemctl start " + manager)
	assert.Contains(t, s.do("renraku run HOLD --host mgr01"), "LAUNCHED", "a confined daemon can run what the definition says")
	assert.Equal(t, "renraku", s.do("renraku output HOLD"))
	held, daemon := s.do("pgrep -f '^sleep 600'"), s.property(manager, "MainPID")

	s.do("dpkg --force-confold --install /root/renraku.deb")
	daemon = s.goesOn(held, manager, daemon)
	s.do("systemctl reload " + manager)
	cmdtest.Until(t, patience, "the definition is read again", func() bool {
		return strings.Contains(s.do("journalctl --unit "+manager+" --no-pager"), "definition read again")
	})
	s.do("kill -KILL " + daemon)
	cmdtest.Until(t, patience, "systemd starts it again", func() bool {
		pid := s.property(manager, "MainPID")
		return s.property(manager, "ActiveState") == "active" && pid != daemon && pid != "0"
	})
	daemon = s.goesOn(held, manager, daemon)

	s.do("systemctl start " + any) // which ends the other first
	assert.Equal(t, "inactive", s.property(manager, "ActiveState"))
	daemon = s.goesOn(held, any, daemon)
	assert.Equal(t, "root", s.do("ps -o user= -p "+daemon))

	s.do("dpkg --remove renraku")
	assert.Equal(t, held, s.do("pgrep -f '^sleep 600'"), "a removal ends no run")
	assert.Empty(t, s.do("pgrep -x renrakud || true"))
}

func TestAWrongDefinitionIsNotTriedAgainUnderSystemd(t *testing.T) {
	t.Parallel()
	s := boot(t)
	s.do("dpkg --install /root/renraku.deb; echo wrong = 1 >/etc/renraku/renraku.toml")
	assert.Error(t, s.command("systemctl start renrakud.service").Run())
	assert.Equal(t, "failed", s.property("renrakud.service", "ActiveState"))
	assert.Equal(t, "2", s.property("renrakud.service", "ExecMainStatus"))
	assert.Equal(t, "0", s.property("renrakud.service", "NRestarts"))
}
