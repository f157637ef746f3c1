package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"renraku/cmd/internal/cmdtest"
)

// failDisk has every write of a process to these files fail with EIO, until heal is called.
func failDisk(t *testing.T, pid int, paths ...string) (heal func()) {
	t.Helper()
	return failCalls(t, pid, "write,pwrite64,fdatasync,fsync", paths...)
}

// failCalls has these system calls fail so.
func failCalls(t *testing.T, pid int, calls string, paths ...string) (heal func()) {
	t.Helper()
	args := []string{"-f", "-o", "/dev/null", "-p", strconv.Itoa(pid), "-e", "trace=" + calls, "-e", "inject=" + calls + ":error=EIO"}
	for _, path := range paths {
		args = append(args, "-P", path)
	}
	path, err := exec.LookPath("strace")
	require.NoError(t, err, "strace is one of the tools of the tests: .ci/run installs it")
	tracer := cmdtest.Begin(t, exec.Command(path, args...))
	cmdtest.Until(t, aWhile, "strace attached", func() bool {
		require.False(t, tracer.Ended(), "%s", tracer.Stderr())
		return strings.Contains(tracer.Stderr(), " attached")
	})
	return func() {
		tracer.Signal(t, syscall.SIGINT)
		tracer.Wait(t)
	}
}

// A disk that fails: status goes on; a new order is not launched where its intent cannot be kept; a result that cannot be kept is told
// to nobody, and comes once it can.
func TestADiskThatFailsLosesNothingAndStopsNobody(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, quickPolls)
	f.Place(t, noLoss)
	release := hold(t, f, first)
	all := f.StartAll(t)
	order := orderBehind(t, f, all[first], first)
	heal := failDisk(t, all[first].Cmd.Process.Pid, f.File(first, "history.dat"), f.File(first, "contact.dat"), f.File(first, "runs/FAIL.run"))
	refused := f.Renraku(t, first, "run", "FAIL", "--host", first)
	assert.Equal(t, 1, refused.Code, refused.Stdout)
	assert.Contains(t, refused.Stdout, "not started: ")
	assert.Contains(t, refused.Stdout, "input/output error")
	release()
	cmdtest.Until(t, aWhile, "the end of ONLINE", func() bool { return ran(t, f, first) == 1 })
	cmdtest.Until(t, aWhile, "the fault in the log", func() bool { return strings.Contains(all[first].Log(), "history not written; it is tried again") })
	rounds(t, f)
	assert.False(t, order.Ended(), "nobody is told what is not kept")
	assert.Empty(t, f.History(t, first))
	assert.NotContains(t, all[manager].Log(), " STOPPED")
	heal()
	assert.Equal(t, 0, order.Wait(t), order.Stderr())
	assert.Contains(t, order.Stdout(), "LAUNCHED")
	f.AwaitManager(t, aWhile, "mgr01 RUNNING", "app01 RUNNING ONLINE", "app02 RUNNING")
	awaitHistory(t, f, manager, "app01 ONLINE OPERATOR LAUNCHED ONLINE")
	assert.Contains(t, f.History(t, first), "app01 ONLINE ORDER LAUNCHED ONLINE")
	assert.Equal(t, 1, ran(t, f, first))
}

// unremembered is what a slave logs where the disk does not take the last inquiry.
const unremembered = `msg="last inquiry not remembered: after a restart, older ones could be taken"`

// A slave in sealed mode waits for the disk where an inquiry ends monitoring, and for no CHECK: only that is seen where the disk fails
// to take what was written.
func TestASealedSlaveWaitsForTheDiskWhereAnInquiryEndsMonitoring(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, quickPolls)
	f.Seal(t)
	f.Place(t, noLoss)
	all := f.StartAll(t)
	heal := failCalls(t, all[first].Cmd.Process.Pid, "fdatasync", f.File(first, "runs/inquiry.dat"))
	inquiry := func() string {
		b, err := os.ReadFile(f.File(first, "runs/inquiry.dat"))
		require.NoError(t, err)
		return string(b)
	}
	before := inquiry()
	cmdtest.Until(t, aWhile, "another inquiry", func() bool { return inquiry() != before })
	rounds(t, f)
	assert.NotContains(t, all[first].Log(), unremembered, "CHECK is written, and no disk is waited for")
	require.Equal(t, 0, f.Renraku(t, manager, "stop").Code)
	cmdtest.Until(t, aWhile, "END waits for the disk", func() bool { return strings.Contains(all[first].Log(), unremembered) })
	assert.Contains(t, all[first].Log(), "remember the last inquiry taken: input/output error")
	heal()
}

// With START the slave has to forget, whatever happens to its machine, that an END of before it could still come: one that was lost on its
// way, and that somebody has recorded.
func TestASealedSlaveWaitsForTheDiskWhereAnInquiryBeginsMonitoring(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, quickPolls)
	f.Seal(t)
	f.Place(t, noLoss)
	slave := f.Start(t, first)
	heal := failCalls(t, slave.Cmd.Process.Pid, "fdatasync", f.File(first, "runs/inquiry.dat"))
	f.Start(t, manager)
	cmdtest.Until(t, aWhile, "START waits for the disk", func() bool { return strings.Contains(slave.Log(), unremembered) })
	heal()
}

// startAs starts the daemon of a host as a user who has nothing else. The kernel counts no processes of root.
func startAs(t *testing.T, f *cmdtest.Fleet, host string, user uint32) *cmdtest.Daemon {
	t.Helper()
	if os.Getuid() != 0 {
		return f.Start(t, host)
	}
	require.NoError(t, os.MkdirAll(f.Dir(host), 0o750))
	require.NoError(t, os.Chown(f.Dir(host), int(user), int(user)))
	for _, path := range []string{f.Dir("."), cmdtest.Binaries(t)} {
		require.NoError(t, os.Chmod(path, 0o755))
	}
	require.NoError(t, os.Chmod(f.Config, 0o644))
	c := exec.Command(cmdtest.Binary(t, "renrakud"), "--config", f.Config, "--host", host, "--dir", f.Dir(host))
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: user, NoSetGroups: true}}
	d := &cmdtest.Daemon{Process: cmdtest.Begin(t, c), Host: host, Dir: f.Dir(host)}
	cmdtest.Until(t, aWhile, host+" ready", func() bool { return strings.Contains(d.Log(), "msg=ready") })
	return d
}

// family is a process and those that descend from it.
func family(t *testing.T, pid int) (all []int) {
	t.Helper()
	parentOf := map[int]int{}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(t, err)
	for _, path := range stats {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		var state string
		var parent int
		_, rest, _ := strings.Cut(string(b), ") ")
		_, err = fmt.Sscan(rest, &state, &parent)
		require.NoError(t, err)
		child, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		require.NoError(t, err)
		parentOf[child] = parent
	}
	for child := range parentOf {
		for up := child; up > 1; up = parentOf[up] {
			if up == pid {
				all = append(all, child)
				break
			}
		}
	}
	return all
}

// limitProcesses has the user of a process have one too many already, and gives back what undoes it. The user may do that, and root
// in a container may not.
func limitProcesses(t *testing.T, pid int, user uint32) (restore func()) {
	t.Helper()
	var before unix.Rlimit
	require.NoError(t, unix.Getrlimit(unix.RLIMIT_NPROC, &before)) // the daemon has this test's
	was := "unlimited"
	if before.Cur != unix.RLIM_INFINITY {
		was = strconv.FormatUint(before.Cur, 10)
	}
	set := func(to string) error {
		c := exec.Command("prlimit", "--pid", strconv.Itoa(pid), "--nproc="+to+":")
		if os.Getuid() == 0 {
			c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: user, NoSetGroups: true}}
		}
		out, err := c.CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	}
	require.NoError(t, set("1"))
	return func() { set(was) } // it may have ended
}

// What starts a process may have no further one: the order is FAILED and says why, status goes on, and so do orders once there is room.
// The daemon itself is not limited: Go ends a process that wants a thread and gets none.
func TestWithoutProcessesStatusGoesOnAndOrdersSayWhy(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, quickPolls)
	f.Place(t, noLoss)
	user := uint32(3_000_000 + os.Getpid())
	slave := startAs(t, f, first, user)
	f.Start(t, second)
	all := f.Start(t, manager)
	f.AwaitManager(t, aWhile, "mgr01 RUNNING", "app01 RUNNING", "app02 RUNNING")
	f.Renraku(t, manager, "run", "FAIL", "--host", first)
	var waiting []int
	cmdtest.Until(t, aWhile, "a parent that waits for the next run", func() bool {
		waiting = slices.DeleteFunc(family(t, slave.Cmd.Process.Pid), func(pid int) bool { return pid == slave.Cmd.Process.Pid })
		return len(waiting) == 1
	})
	restore := limitProcesses(t, waiting[0], user)
	failed := f.Renraku(t, manager, "run", "ONLINE", "--host", first)
	assert.Equal(t, 1, failed.Code, failed.Stderr)
	assert.Contains(t, failed.Stdout, "FAILED")
	// The parent of a run that gets no thread either ends before it can say so.
	assert.Regexp(t, "cannot start .*resource temporarily unavailable|unknown: the parent of the run was killed", failed.Stdout)
	rounds(t, f)
	assert.Zero(t, ran(t, f, first))
	assert.False(t, slave.Ended(), slave.Log())
	assert.NotContains(t, all.Log(), " STOPPED")
	restore()
	out := f.Renraku(t, manager, "run", "ONLINE", "--host", first)
	assert.Equal(t, 0, out.Code, out.Stderr)
	assert.Contains(t, out.Stdout, "LAUNCHED")
	assert.Equal(t, 1, ran(t, f, first))
}
