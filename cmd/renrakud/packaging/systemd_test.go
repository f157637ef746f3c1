//go:build interop

package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
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
		"testdata/boot.sh", cmdtest.Dir(t), ownDeb(t), packageOf(t, "rpm", runtime.GOARCH)))
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
	const manager, plain = "renraku-manager.service", "renrakud.service"
	s.do("dpkg --install /root/renraku.deb")
	for _, unit := range []string{manager, plain} {
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

	s.do("systemctl start " + plain) // which ends the other first
	assert.Equal(t, "inactive", s.property(manager, "ActiveState"))
	daemon = s.goesOn(held, plain, daemon)
	assert.Equal(t, "root", s.do("ps -o user= -p "+daemon))

	s.do("dpkg --remove renraku")
	assert.Equal(t, held, s.do("pgrep -f '^sleep 600'"), "a removal ends no run")
	assert.Empty(t, s.do("pgrep -x renrakud || true"))
}

func TestTheRPMsScriptsDoAsTheDebsUnderSystemd(t *testing.T) {
	t.Parallel()
	s := boot(t)
	const unit, install = "renrakud.service", "rpm --force-debian --nodeps --install /root/renraku.rpm"
	s.do(install)
	assert.Equal(t, "renraku", s.do("id -un renraku"))
	assert.Equal(t, "drwxr-s--- renraku renraku", s.do("stat --format '%A %U %G' /var/lib/renraku"))
	assert.Equal(t, "inactive", s.property(unit, "ActiveState"), "an installation starts nothing")

	s.do("echo wrong = 1 >/etc/renraku/renraku.toml")
	assert.Error(t, s.command("systemctl start "+unit).Run())
	assert.Equal(t, "failed", s.property(unit, "ActiveState"), "a wrong definition is not tried again")
	assert.Equal(t, "2", s.property(unit, "ExecMainStatus"))
	assert.Equal(t, "0", s.property(unit, "NRestarts"))

	s.do(`printf '[manager]\nhost = "mgr01"\naddress = "127.0.0.1:10320"\n' >/etc/renraku/renraku.toml
echo 'RENRAKUD_OPTIONS="--host mgr01"' >/etc/sysconfig/renraku
systemctl enable --now ` + unit)
	before := s.property(unit, "MainPID")
	s.do(strings.Replace(install, "--install", "--upgrade --force", 1))
	assert.Equal(t, "active", s.property(unit, "ActiveState"))
	assert.NotEqual(t, before, s.property(unit, "MainPID"), "an upgrade restarts it")
	s.do("rpm --erase renraku")
	assert.Empty(t, s.do("pgrep -x renrakud || true"))
	assert.Empty(t, s.do("ls /etc/systemd/system/multi-user.target.wants | grep renraku || true"))
	s.do("test -e /etc/renraku/renraku.toml -a -e /var/lib/renraku/contact.dat") // they stay
}
