//go:build interop

package interop

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
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
	pythonLimit      = 30 * time.Second
	pythonQuickPolls = "interval = \"200ms\"\ntimeout = \"500ms\"\nretries = 3"
	// With pythonNoPolls nothing is found by a poll after the first: only what a slave says by itself.
	pythonNoPolls = "interval = \"1h\"\ntimeout = \"1s\"\nretries = 5"
)

// pythonCommand runs a program of testdata/python. It leaves no bytecode there.
func pythonCommand(program string, args ...string) *exec.Cmd {
	return exec.Command("python3", append([]string{"-B", repository("testdata", "python", program)}, args...)...)
}

// pythonBegin starts the slave or the manager and waits until it is ready.
func pythonBegin(t *testing.T, program string, args ...string) *cmdtest.Process {
	t.Helper()
	p := cmdtest.Begin(t, pythonCommand(program, args...))
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%v\n%s%s", p.Cmd, p.Stdout(), p.Stderr())
		}
		assert.Empty(t, p.Stderr(), program)
	})
	cmdtest.Until(t, pythonLimit, program+" ready", func() bool { return strings.Contains(p.Stdout(), `{"ready": `) })
	return p
}

// pythonSlave starts slave.py as a host of the fleet. Its ONLINE does what that of the fleet does, and makes ONLINE.begun first;
// its NIGHT stays for as long as the pipe NIGHT.gate has no line; its LOCKED may never run.
func pythonSlave(t *testing.T, f *cmdtest.Fleet, host string, more ...string) *cmdtest.Process {
	t.Helper()
	online := ": > ONLINE.begun; if test -e ONLINE.gate; then read line < ONLINE.gate; fi; echo $$ >> ONLINE.runs"
	night := "read line < NIGHT.gate"
	script := func(text string) string { return fmt.Sprintf("/bin/sh -c 'cd %s; %s'", f.Dir(host), text) }
	args := []string{"--host", host, "--dir", f.Dir(host),
		"--listen", pythonAddress(f, host), "--manager", pythonAddress(f, cmdtest.Manager),
		"--process", "ONLINE=ONLINE:" + script(online),
		"--process", "FAIL=:/bin/sh -c 'exit 3'",
		"--process", "LOCKED=BATCH>:/bin/true",
		"--stay", "NIGHT=ONLINE>NIGHT:" + script(night)}
	return pythonBegin(t, "slave.py", append(args, more...)...)
}

// pythonProcesses are the processes that only a Python slave has, for the definition of the Go manager, which leaves their check
// to the slave.
const pythonProcesses = `
[[process]]
id = "LOCKED"
command = ["/bin/true"]

[[process]]
id = "NIGHT"
command = ["/bin/true"]
type = "simple"
`

// pythonManager starts manager.py as the manager of the fleet.
func pythonManager(t *testing.T, f *cmdtest.Fleet, more ...string) *cmdtest.Process {
	t.Helper()
	args := []string{"--host", cmdtest.Manager, "--dir", f.Dir(cmdtest.Manager), "--listen", pythonAddress(f, cmdtest.Manager),
		"--interval", "0.2", "--wait", "0.5", "--retries", "3", "--process", "ONLINE=ONLINE:/bin/true", "--process", "FAIL=:/bin/true"}
	for _, host := range []string{cmdtest.First, cmdtest.Second} {
		args = append(args, "--slave", host+"="+pythonAddress(f, host))
	}
	return pythonBegin(t, "manager.py", append(args, more...)...)
}

func pythonAddress(f *cmdtest.Fleet, host string) string {
	return fmt.Sprintf("127.0.0.1:%d", f.Ports[host])
}

// pythonEnd ends a program with SIGTERM and gives what it dropped, by reason.
func pythonEnd(t *testing.T, p *cmdtest.Process) map[string]int {
	t.Helper()
	p.Signal(t, syscall.SIGTERM)
	require.Equal(t, 0, p.Wait(t))
	lines := strings.Split(strings.TrimSpace(p.Stdout()), "\n")
	var last struct{ Dropped map[string]int }
	require.NoError(t, json.Unmarshal([]byte(lines[len(lines)-1]), &last))
	return last.Dropped
}

func pythonKill(t *testing.T, p *cmdtest.Process) {
	t.Helper()
	p.Signal(t, syscall.SIGKILL)
	p.Wait(t)
}

// pythonGate has a process of a host wait until open is called: it reads a line of the file.
func pythonGate(t *testing.T, f *cmdtest.Fleet, host, process string) (open func()) {
	t.Helper()
	path := f.File(host, process+".gate")
	require.NoError(t, os.MkdirAll(f.Dir(host), 0o750))
	require.NoError(t, syscall.Mkfifo(path, 0o640))
	gate, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	t.Cleanup(func() { gate.Close() })
	return func() {
		_, err := gate.WriteString("go\n")
		require.NoError(t, err)
	}
}

// pythonAwaitHistory waits until a host's history has these records at its end.
func pythonAwaitHistory(t *testing.T, f *cmdtest.Fleet, host string, want ...string) {
	t.Helper()
	var have []string
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("history of %s: %q", host, have)
		}
	})
	cmdtest.Until(t, pythonLimit, fmt.Sprintf("history of %s: %q", host, want), func() bool {
		have = f.History(t, host)
		return strings.HasSuffix("\n"+strings.Join(have, "\n"), "\n"+strings.Join(want, "\n"))
	})
}

func pythonRuns(t *testing.T, f *cmdtest.Fleet, host string) int {
	t.Helper()
	runs, err := os.ReadFile(f.File(host, "ONLINE.runs"))
	require.NoError(t, err)
	return bytes.Count(runs, []byte("\n"))
}

// The vectors and the parts that need no other program.
func TestPythonPassesItsOwnTestsWithAllVectors(t *testing.T) {
	t.Parallel()
	directory, err := filepath.Abs(repository("testdata", "python"))
	require.NoError(t, err)
	c := exec.Command("python3", "-B", "-W", "error", "-m", "unittest", "-v")
	c.Dir = directory
	out, err := c.CombinedOutput()
	require.NoError(t, err, string(out))
	ran := regexp.MustCompile(`\nRan (\d+) tests in .*\n\nOK\n$`).FindSubmatch(out)
	require.NotNil(t, ran, string(out))
	number, err := strconv.Atoi(string(ran[1]))
	require.NoError(t, err)
	assert.GreaterOrEqual(t, number, 55, string(out))
	for _, test := range []string{"test_good_bytes_decode_to_the_value_and_the_value_encodes_to_them",
		"test_bad_bytes_are_named_by_field_kind_and_offset", "test_values_that_have_no_bytes_are_refused_by_field_and_kind",
		"test_sealed_bytes_open_to_the_value_and_the_value_seals_to_them", "test_what_does_not_open_is_named_by_field_kind_and_offset",
		"test_each_key_is_derived"} {
		assert.Regexp(t, `(?m)^`+test+` .*\.\.\. ok$`, string(out))
	}
}

// pythonRecords are the records of a file as Python reads them, renrakuRecords as Go does; each record by its fields.
func pythonRecords(t *testing.T, path string) []map[string]any {
	t.Helper()
	c := pythonCommand("records.py", path)
	c.Stderr = os.Stderr
	out, err := c.Output()
	require.NoError(t, err)
	return jsonValues(t, string(out))
}

func renrakuRecords(t *testing.T, f *cmdtest.Fleet, host, command string) []map[string]any {
	t.Helper()
	out := f.Renraku(t, host, command, "--json")
	require.Equal(t, 0, out.Code, out.Stderr)
	return jsonValues(t, out.Stdout)
}

// jsonValues reads objects that follow one another, or an array of them.
func jsonValues(t *testing.T, text string) []map[string]any {
	t.Helper()
	var all []map[string]any
	if strings.HasPrefix(text, "[") {
		require.NoError(t, json.Unmarshal([]byte(text), &all))
		return all
	}
	for decoder := json.NewDecoder(strings.NewReader(text)); ; {
		var one map[string]any
		err := decoder.Decode(&one)
		if err == io.EOF {
			return all
		}
		require.NoError(t, err)
		all = append(all, one)
	}
}
