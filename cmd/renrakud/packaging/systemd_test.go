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

// boot starts a system with the packages of a format in /root, which ends with the test.
func boot(t *testing.T, format string) *system {
	t.Helper()
	p := cmdtest.Begin(t, exec.Command("unshare", "--mount", "--pid", "--fork", "--kill-child", "--cgroup", "--net", "--uts", "--ipc", "sh",
		"testdata/boot.sh", cmdtest.Dir(t), olderOf(t, format), packageOf(t, format, runtime.GOARCH)))
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

// held waits until HOLD has come to its sleep, which it has not yet when it is up, and gives the number of its process.
func (s *system) held() (pid string) {
	s.t.Helper()
	cmdtest.Until(s.t, patience, "HOLD sleeps", func() bool {
		pid = s.do("pgrep -f '^sleep 600' || true")
		return pid != ""
	})
	return pid
}

// upgrade has the package come over the older one by a line of shell, which nobody is there to answer: the file of flags, which the
// operator has changed, stays as it is, and no other is laid beside it.
func (s *system) upgrade(line, flags string) {
	s.t.Helper()
	operators := s.do("cat " + flags)
	require.Contains(s.t, s.do("renraku --version"), "renraku "+olderVersion+" ")
	s.do(line)
	assert.Contains(s.t, s.do("renraku --version"), "renraku "+testVersion+" ")
	assert.Equal(s.t, operators, s.do("cat "+flags))
	assert.Empty(s.t, s.do(`find /etc -path '*renraku*' \( -name '*.dpkg-*' -o -name '*.rpm*' \)`))
}

// goesOn says that HOLD runs as the same process, and that the daemon of the unit, started anew from the package that is installed last,
// knows it.
func (s *system) goesOn(held, unit, before string) (daemon string) {
	s.t.Helper()
	daemon = s.property(unit, "MainPID")
	require.NotEqual(s.t, "0", daemon, unit)
	assert.NotEqual(s.t, before, daemon, "the daemon was started anew")
	assert.Contains(s.t, s.do("/proc/"+daemon+"/exe --version"), "renrakud "+testVersion+" ")
	assert.Equal(s.t, held, s.do("pgrep -f '^sleep 600'"), "the run is another, or none")
	assert.Regexp(s.t, `(?m)^(mgr|app)01 +RUNNING +BATCH`, s.do("renraku status"))
	return daemon
}

// slave has the unit of a slave run HOLD: a program of the site, which writes where its user may, and has no rights. It gives the numbers
// of the processes of HOLD and of the daemon.
func (s *system) slave(unit string) (held, daemon string) {
	s.t.Helper()
	s.do(`cat >/etc/renraku/renraku.toml <<'EOF'
[manager]
host = "mgr01"
address = "127.0.0.1:10320"
[[slave]]
host = "app01"
address = "127.0.0.1:10321"
[[process]]
id = "HOLD"
command = ["/bin/sh", "-ec", '''id -un; grep -e CapBnd -e NoNewPrivs /proc/self/status
for dir in /opt/app /home/app; do echo kept >$dir/file; done; exec sleep 600''']
type = "simple"
settle = "100ms"
status = "BATCH"
EOF
install -d -o renraku /opt/app /home/app
echo 'RENRAKUD_OPTIONS="--host app01"' >/etc/sysconfig/renraku
systemctl enable ` + unit + `
/etc/init.d/renrakud start`)
	daemon = s.property(unit, "MainPID")
	require.NotEqual(s.t, "0", daemon, "the script hands over to the unit that is enabled")
	assert.Equal(s.t, "renraku", s.do("ps -o user= -p "+daemon))
	assert.Contains(s.t, s.do("renraku run HOLD --host app01"), "LAUNCHED")
	held = s.held()
	assert.Equal(s.t, "renraku\nCapBnd:\t0000000000000000\nNoNewPrivs:\t1", s.do("renraku output HOLD"))
	assert.Equal(s.t, "kept\nkept", s.do("cat /opt/app/file /home/app/file"))
	return held, daemon
}

func TestRunsOutliveTheDaemonUnderSystemd(t *testing.T) {
	t.Parallel()
	s := boot(t, "deb")
	const manager, plain = "renraku-manager.service", "renrakud.service"
	s.do("dpkg --install /root/older.deb")
	for _, unit := range []string{manager, plain, "renraku-slave.service"} {
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

	s.do("touch /var/lib/roots /var/lib/renraku/left; ln /var/lib/roots /var/lib/renraku/linked")
	s.do("systemctl start " + manager)
	assert.Equal(t, "root\nrenraku", s.do("stat --format %U /var/lib/roots /var/lib/renraku/left"), "what a run may have linked to is not given away")
	assert.Contains(t, s.do("renraku run HOLD --host mgr01"), "LAUNCHED", "a confined daemon can run what the definition says")
	held, daemon := s.held(), s.property(manager, "MainPID")
	assert.Equal(t, "renraku", s.do("renraku output HOLD"))

	s.upgrade("dpkg --install /root/renraku.deb", "/etc/default/renraku")
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
	s := boot(t, "rpm")
	const unit, slave, rpm = "renrakud.service", "renraku-slave.service", "rpm --force-debian --nodeps "
	assert.Contains(t, s.do(rpm+"--install /root/older.rpm"), "systemctl enable --now "+slave[:len(slave)-len(".service")], "an installation says what is next")
	assert.Equal(t, "renraku", s.do("id -un renraku"))
	assert.Equal(t, "drwxr-s--- renraku renraku", s.do("stat --format '%A %U %G' /var/lib/renraku"))
	assert.Equal(t, "inactive", s.property(unit, "ActiveState"), "an installation starts nothing")

	s.do("echo wrong = 1 >/etc/renraku/renraku.toml")
	assert.Error(t, s.command("systemctl start "+unit).Run())
	assert.Equal(t, "failed", s.property(unit, "ActiveState"), "a wrong definition is not tried again")
	assert.Equal(t, "2", s.property(unit, "ExecMainStatus"))
	assert.Equal(t, "0", s.property(unit, "NRestarts"))

	s.do("touch /var/lib/roots; ln /var/lib/roots /var/lib/renraku/linked")
	held, daemon := s.slave(slave)
	assert.Equal(t, "root", s.do("stat --format %U /var/lib/roots"), "what a run may have linked to is not given away")
	s.upgrade(rpm+"--upgrade /root/renraku.rpm", "/etc/sysconfig/renraku")
	daemon = s.goesOn(held, slave, daemon)
	s.do("/etc/init.d/renrakud restart")
	daemon = s.goesOn(held, slave, daemon)
	s.do("systemctl disable " + slave + "; systemctl enable --now " + unit)
	assert.Equal(t, "inactive", s.property(slave, "ActiveState"), "starting one ends the other")
	s.goesOn(held, unit, daemon)
	s.do("rpm --erase renraku")
	assert.Empty(t, s.do("pgrep -x renrakud || true"))
	assert.Empty(t, s.do("ls /etc/systemd/system/multi-user.target.wants | grep renraku || true"))
	s.do("test -e /etc/renraku/renraku.toml -a -e /var/lib/renraku/contact.dat") // they stay
}
