// Package cmdtest is for tests only: it builds renraku and renrakud and runs them as processes, each ended by its own number
// when its test ends.
//
// cmdtest.go builds and runs the commands, daemon.go is a daemon as a process, fleet.go a manager with slaves, network.go
// what is between them, port.go finds ports, terminal.go is a terminal in memory, debian.go installs the tools of tests.
package cmdtest

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/slave/slavetest"
)

const (
	patience  = 30 * time.Second // for what takes a moment on a machine that is not loaded
	tick      = 5 * time.Millisecond
	killDelay = 5 * time.Second // for output that a process's children hold
)

// The binaries, built at the first use.
var (
	building   sync.Once
	binaries   string
	buildError error
)

func build() {
	noteSources()
	if binaries, buildError = os.MkdirTemp("", "renraku-bin-"); buildError != nil {
		return
	}
	args, env := []string{"build", "-o", binaries + string(filepath.Separator)}, append(os.Environ(), "CGO_ENABLED=0")
	if slavetest.Race {
		args, env = append(args, "-race"), os.Environ()
	}
	c := exec.Command("go", append(args, "renraku/cmd/renraku", "renraku/cmd/renrakud")...)
	c.Env = env
	if out, err := c.CombinedOutput(); err != nil {
		buildError = fmt.Errorf("%v: %w\n%s", c, err, out)
	}
}

// noteSources has go test know that a result holds only while the commands are the same: a file that a test looks at counts
// for its cache.
func noteSources() {
	root := "."
	for root != "../../../.." { // a package of commands is no deeper
		if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
			break
		}
		root = filepath.Join(root, "..")
	}
	filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		os.Stat(path)
		if err == nil && entry.IsDir() && path != root && strings.HasPrefix(entry.Name(), ".") {
			return filepath.SkipDir
		}
		return err
	})
}

// RaceOptions is the GORACE of the binaries in a race build, which wait a second at their end otherwise.
const RaceOptions = "atexit_sleep_ms=0"

// Main runs the tests of a package and removes the binaries afterwards. It is for TestMain.
func Main(m *testing.M) {
	os.Setenv("GORACE", RaceOptions)
	syscall.Umask(0o022) // a definition that the group may write is refused
	code := m.Run()
	building.Do(func() {}) // no test builds any more
	os.RemoveAll(binaries)
	os.Exit(code)
}

// Binaries is the directory of both binaries.
func Binaries(t testing.TB) string {
	t.Helper()
	building.Do(build)
	require.NoError(t, buildError)
	return binaries
}

// Binary is the path of one of them.
func Binary(t testing.TB, name string) string {
	t.Helper()
	return filepath.Join(Binaries(t), name)
}

// Dir is a temporary directory with a short path: the path of a socket has 107 bytes at most, and a test's name may be long.
func Dir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "renraku-test-")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// Output is what a command left.
type Output struct {
	Stdout, Stderr string
	Code           int
}

// Run runs one of the binaries to its end.
func Run(t testing.TB, name string, args ...string) Output {
	t.Helper()
	p := Begin(t, exec.Command(Binary(t, name), args...))
	code := p.Wait(t)
	return Output{p.Stdout(), p.Stderr(), code}
}

// Renraku runs the operator's command to its end.
func Renraku(t testing.TB, args ...string) Output {
	t.Helper()
	return Run(t, "renraku", args...)
}

// Process is a running process with its output so far.
type Process struct {
	Cmd         *exec.Cmd
	out, errOut text
	exited      chan struct{}
}

// Begin starts a command; it is killed at the end of the test if it runs still.
func Begin(t testing.TB, c *exec.Cmd) *Process {
	t.Helper()
	p := &Process{Cmd: c, exited: make(chan struct{})}
	c.Stdout, c.Stderr = &p.out, &p.errOut
	p.start(t)
	return p
}

func (p *Process) start(t testing.TB) {
	t.Helper()
	c := p.Cmd
	c.WaitDelay = killDelay
	require.NoError(t, c.Start())
	go func() {
		defer close(p.exited)
		c.Wait() // the state tells what a test wants to know
	}()
	t.Cleanup(func() {
		c.Process.Kill()
		<-p.exited
		assert.NotContains(t, p.Stderr(), "DATA RACE")
	})
}

// Stdout is what it has written to standard output so far.
func (p *Process) Stdout() string { return p.out.String() }

// Stderr is what it has written to standard error so far.
func (p *Process) Stderr() string { return p.errOut.String() }

// Signal sends a signal.
func (p *Process) Signal(t testing.TB, s syscall.Signal) {
	t.Helper()
	require.NoError(t, p.Cmd.Process.Signal(s))
}

// Ended says whether it has ended.
func (p *Process) Ended() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// Wait waits for its end and gives the exit status, -1 after a signal.
func (p *Process) Wait(t testing.TB) int {
	t.Helper()
	select {
	case <-p.exited:
	case <-time.After(patience):
		require.FailNow(t, "not ended", "%v\nstandard output:\n%s\nstandard error:\n%s", p.Cmd, p.Stdout(), p.Stderr())
	}
	return p.Cmd.ProcessState.ExitCode()
}

// Until waits until holds, at most limit, and gives how long that took.
func Until(t testing.TB, limit time.Duration, what string, holds func() bool) time.Duration {
	t.Helper()
	started := time.Now()
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for !holds() {
		if time.Since(started) > limit {
			require.FailNow(t, fmt.Sprintf("not within %v: %s", limit, what))
		}
		<-ticker.C
	}
	return time.Since(started)
}

// text is an output that is read while it is written.
type text struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write is io.Writer's.
func (x *text) Write(b []byte) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.b.Write(b)
}

// String is all of it so far.
func (x *text) String() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.b.String()
}
