package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
	"renraku/cmd/internal/control"
	"renraku/contactfile"
)

// manned is a contact file whose daemon says what the test says.
func manned(t *testing.T, state func() control.State) (dir string) {
	t.Helper()
	dir = cmdtest.Dir(t)
	file, err := contactfile.Open(filepath.Join(dir, "contact.dat"))
	require.NoError(t, err)
	t.Cleanup(func() { file.Close() })
	require.NoError(t, file.Create([]contactfile.Record{{Host: "mgr01", Operating: contactfile.Running, Application: "ONLINE", Since: noon}}))
	listener, err := control.Listen(dir)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- control.Serve(ctx, listener, &saysState{state: state}) }()
	t.Cleanup(func() {
		cancel()
		assert.NoError(t, <-ended)
	})
	return dir
}

// saysState is a daemon of which nothing but its state is asked.
type saysState struct {
	control.Station
	state func() control.State
}

func (s *saysState) State() control.State { return s.state() }

func TestStatusSaysBelowTheTableWhatTheDaemonKnowsMore(t *testing.T) {
	t.Parallel()
	const isolated = "mgr01 ISOLATED: more than half of the running servers fell silent together; judgement is held, and triggers order nothing\n"
	for _, c := range []struct {
		state control.State
		want  string
	}{
		{control.State{Host: "mgr01"}, ""},
		{control.State{Host: "mgr01", Isolated: true}, isolated},
		{control.State{Host: "mgr01", Refused: &control.Refused{At: time.Unix(1_800_000_000, 0), Error: "renraku.toml:3: no"}},
			"definition refused at 2027-01-15T08:00:00Z, the one before stands: renraku.toml:3: no\n"},
		{control.State{Host: "mgr01", Isolated: true, Refused: &control.Refused{At: time.Unix(1_800_000_000, 0), Error: "renraku.toml:3: no", More: true}},
			"definition refused at 2027-01-15T08:00:00Z, the one before stands: renraku.toml:3: no (and more: the log has all)\n" + isolated},
		{control.State{Host: "mgr01", UDPBlocked: []string{"app01"}, UDPBlockedCount: 1}, "UDP blocked, answers on TCP alone: app01\n"},
		{control.State{Host: "mgr01", Isolated: true, UDPBlocked: []string{"app01", "app02"}, UDPBlockedCount: 9},
			isolated + "UDP blocked, answers on TCP alone: app01, app02 and 7 more\n"},
	} {
		dir := manned(t, func() control.State { return c.state })
		out := cmdtest.Renraku(t, "status", "--dir", dir)
		assert.Equal(t, 0, out.Code)
		assert.Empty(t, out.Stderr)
		assert.Regexp(t, `(?s)^HOST .*\nmgr01  RUNNING    ONLINE       2026-11-22T12:00:00Z  [0-9a-z]+\n`, out.Stdout)
		assert.Equal(t, c.want, out.Stdout[len(out.Stdout)-len(c.want):])
		assert.Equal(t, c.want == "", strings.Count(out.Stdout, "\n") == 2)

		json := cmdtest.Renraku(t, "status", "--json", "--dir", dir)
		assert.Equal(t, `[
  {
    "host": "mgr01",
    "operating": "RUNNING",
    "application": "ONLINE",
    "since": "2026-11-22T12:00:00Z"
  }
]
`, json.Stdout, "its fields are the same whatever the daemon says")
	}
}

func TestStatusWithoutMonitoringSaysWhatBeginsIt(t *testing.T) {
	t.Parallel()
	dir := manned(t, func() control.State { return control.State{Host: "mgr01"} })
	require.NoError(t, os.Truncate(filepath.Join(dir, "contact.dat"), 0))
	out := cmdtest.Renraku(t, "status", "--dir", dir)
	assert.Equal(t, 0, out.Code)
	assert.Equal(t, "renraku: status: the contact file is empty: there is no monitoring, and renraku start begins it\n", out.Stderr)
}

func TestStatusDoesNotWaitForADaemonThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	goOn := make(chan struct{})
	dir := manned(t, func() control.State { <-goOn; return control.State{} })
	t.Cleanup(func() { close(goOn) })
	cmdtest.Binary(t, "renraku") // built before the time is taken
	began := time.Now()
	out := cmdtest.Renraku(t, "status", "--dir", dir)
	assert.Equal(t, 0, out.Code)
	assert.Equal(t, "renraku: status: talk to the daemon in "+dir+": it does not answer: the contact file may be out of date\n", out.Stderr)
	assert.Contains(t, out.Stdout, "mgr01  RUNNING")
	assert.GreaterOrEqual(t, time.Since(began), stateWait)
	assert.Less(t, time.Since(began), aWhile)
}

func TestWhoMayNotReadAFileIsToldWhoMay(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("read history: %w", &fs.PathError{Op: "open", Path: "history.dat", Err: syscall.EACCES})
	assert.EqualError(t, notPermitted(err), "read history: open history.dat: permission denied: its group may read it, and this user is not in it")
	assert.ErrorIs(t, notPermitted(err), fs.ErrPermission)
	assert.Equal(t, fs.ErrNotExist, notPermitted(fs.ErrNotExist))
	assert.NoError(t, notPermitted(nil))
}
