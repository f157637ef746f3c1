package main

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
)

// ordinary is a user without rights, where the tests are root.
const ordinary = 65534

// startAsOrdinary starts a daemon as a user without rights.
func startAsOrdinary(t *testing.T, f *cmdtest.Fleet, host string) *cmdtest.Process {
	t.Helper()
	c := exec.Command(cmdtest.Binary(t, "renrakud"), "--config", f.Config, "--host", host, "--dir", f.Dir(host))
	if os.Geteuid() == 0 {
		require.NoError(t, os.Chmod(cmdtest.Binaries(t), 0o755))
		require.NoError(t, filepath.WalkDir(filepath.Dir(f.Config), func(path string, _ fs.DirEntry, err error) error {
			require.NoError(t, err)
			return os.Chown(path, ordinary, ordinary)
		}))
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: ordinary, Gid: ordinary}}
	}
	p := cmdtest.Begin(t, c)
	cmdtest.Until(t, aWhile, host+" ready", func() bool { return strings.Contains(p.Stderr(), "msg=ready") || p.Ended() })
	return p
}

func TestADaemonNeedsNoRightsWhereNoProcessAsksForAnotherUser(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, noPolls)
	f.Define(t, "\n[[process]]\nid = \"ELSEWHERE\"\ncommand = [\"/bin/true\"]\nuser = \"root\"\nhosts = [\"app02\"]\n")
	daemon := startAsOrdinary(t, f, first)
	startAsOrdinary(t, f, manager)
	f.AwaitManager(t, aWhile, "mgr01 RUNNING NOT-STARTED", "app01 RUNNING NOT-STARTED", "app02 STOPPED NOT-STARTED")
	orderOnline(t, f, manager, first)
	assert.NotContains(t, daemon.Stderr(), "level=WARN")
	assert.NotContains(t, daemon.Stderr(), "level=ERROR")
}

func TestADaemonWithoutRightsSaysWhichProcessesItCannotRun(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, noPolls)
	f.Define(t, "\n[[process]]\nid = \"AS-ROOT\"\ncommand = [\"/bin/true\"]\nuser = \"root\"\n")
	daemon := startAsOrdinary(t, f, first)
	assert.Contains(t, daemon.Stderr(), "processes ask for another user: each order of them will be FAILED")
	assert.Contains(t, daemon.Stderr(), `process_ids="AS-ROOT as root"`)
	out := f.Renraku(t, first, "run", "AS-ROOT", "--host", first)
	assert.Equal(t, 1, out.Code, out.Stderr)
	assert.Regexp(t, `FAILED +NOT-STARTED +cannot run as user "root": the daemon runs as user number \d+ and has no right`, out.Stdout)
	assert.Equal(t, 0, f.Renraku(t, first, "run", "ONLINE", "--host", first).Code, "the others run")
}
