package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
)

func TestMain(m *testing.M) { cmdtest.Main(m) }

// TestScripts runs testdata/script. Beside the commands of testscript there are
//
//	exits STATUS COMMAND…   runs the command and wants exactly this exit status
//	daemon HOST             starts renrakud as HOST on the directory HOST, with renraku.toml, and waits until it is ready
//
// In renraku.toml the ports of the script stand as PORT0 to PORT3 (also $PORT0…), and its directory as WORK.
func TestScripts(t *testing.T) {
	t.Parallel()
	path := cmdtest.Binaries(t) + string(filepath.ListSeparator) + os.Getenv("PATH")
	testscript.Run(t, testscript.Params{
		Dir:                "testdata/script",
		RequireUniqueNames: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", path)
			e.Setenv("LC_ALL", "C")
			e.Setenv("GORACE", cmdtest.RaceOptions)
			return ports(t, e)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":  exits,
			"daemon": startDaemon,
		},
	})
}

// ports gives the script its ports.
func ports(t *testing.T, e *testscript.Env) error {
	replaced := []string{"WORK", e.WorkDir}
	for i, port := range cmdtest.Ports(t, 4) {
		name := fmt.Sprintf("PORT%d", i)
		e.Setenv(name, strconv.Itoa(port))
		replaced = append(replaced, name, strconv.Itoa(port))
	}
	path := filepath.Join(e.WorkDir, "renraku.toml")
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return os.WriteFile(path, []byte(strings.NewReplacer(replaced...).Replace(string(text))), 0o640)
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS COMMAND…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

// startDaemon has the daemon's end in the hands of the script's own test.
func startDaemon(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: daemon HOST")
	}
	s := &scriptTest{ts: ts}
	cmdtest.Start(s, ts.MkAbs("renraku.toml"), args[0], ts.MkAbs(args[0]))
}

// scriptTest is a script as package cmdtest wants a test.
type scriptTest struct {
	testing.TB
	ts *testscript.TestScript
}

func (s *scriptTest) Helper()                           {}
func (s *scriptTest) Cleanup(f func())                  { s.ts.Defer(f) }
func (s *scriptTest) Errorf(format string, args ...any) { s.ts.Logf(format, args...) }
func (s *scriptTest) FailNow()                          { s.ts.Fatalf("the daemon was not started") }

var _ require.TestingT = (*scriptTest)(nil)
