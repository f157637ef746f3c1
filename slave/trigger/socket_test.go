package trigger

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// dial connects to the socket as another process does.
func dial(t testing.TB, s *Socket) *net.UnixConn {
	t.Helper()
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: s.path, Net: "unixgram"})
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn
}

func TestTheSocketIsForItsOwnerAndGroupAndGoesWithTheDaemon(t *testing.T) {
	dir := t.TempDir()
	dead, err := Listen(dir)
	require.NoError(t, err)
	require.NoError(t, dead.UnixConn.Close(), "as a daemon that was killed")
	s, err := Listen(dir)
	require.NoError(t, err, "the socket of a dead daemon is replaced")
	info, err := os.Stat(filepath.Join(dir, "message.sock"))
	require.NoError(t, err)
	assert.Equal(t, os.ModeSocket|0o660, info.Mode())
	_, err = dial(t, s).Write([]byte("x"))
	assert.NoError(t, err)
	require.NoError(t, s.Close())
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, left)
	assert.ErrorIs(t, s.Close(), net.ErrClosed)
}

func TestASocketThatCannotBeOpenedSaysWhy(t *testing.T) {
	_, err := Listen(filepath.Join(t.TempDir(), "none"))
	assert.ErrorIs(t, err, os.ErrNotExist)
	assert.ErrorContains(t, err, "open message socket: ")

	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, SocketName, "x"), 0o700))
	_, err = Listen(dir)
	assert.ErrorContains(t, err, "open message socket: ", "what is not empty is not taken for a dead daemon's")

	long := filepath.Join(t.TempDir(), strings.Repeat("d", 120))
	require.NoError(t, os.Mkdir(long, 0o700))
	_, err = Listen(long)
	assert.ErrorContains(t, err, "open message socket: its path may have 107 bytes and has ")
	assert.ErrorContains(t, err, ": choose a shorter directory than "+long)
}

// The real logger of util-linux, in all of its formats: what it is told is what the triggers see.
func TestLoggerIsUnderstoodInAllItsFormats(t *testing.T) {
	logger, err := exec.LookPath("logger")
	require.NoError(t, err, "this test needs logger of util-linux: install the package bsdutils")
	socket, err := Listen(t.TempDir())
	require.NoError(t, err)
	defer socket.Close()
	seen := make(chan string, 1)
	r := newRig(t, Config{
		Triggers: []Trigger{onMessage("P", "")}, MessageSocket: socket,
		Fire: func(_ context.Context, _ Trigger, cause Cause) { seen <- cause.Message },
	})
	defer r.run(t)()
	texts := []string{"done", "a: b", "tag: a: b", "NIGHTBATCH@app01 ended normally", "  two  spaces", "[x] \"y\" \\]", "夜間バッチ 終了",
		"<13>Nov 22 10:59:43 root: done", "1 - - - - - - done", "Nov 22 10:59:43 root: done", "- x", "x:"}
	for _, format := range [][]string{nil, {"--rfc3164"}, {"--rfc5424"}, {"--rfc5424=notime"}, {"--rfc5424=notq"}, {"--rfc5424=nohost"},
		{"--rfc5424=notime,notq,nohost"}, {"--rfc5424", "--msgid", "ID7"},
		{"--rfc5424", "--sd-id", "a@1", "--sd-param", `x="a \] b"`, "--sd-param", `y="\\"`, "--sd-id", "b@1"}} {
		for _, option := range [][]string{nil, {"-t", "tag"}, {"-i"}, {"-t", "tag", "--id=4711"}, {"-p", "local7.debug"}, {"-p", "kern.emerg"}} {
			for _, text := range texts {
				args := slices.Concat([]string{"-u", socket.path}, format, option, []string{"--", text})
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				out, err := exec.CommandContext(ctx, logger, args...).CombinedOutput()
				cancel()
				require.NoError(t, err, "%v: %s", args, out)
				assert.Empty(t, string(out), args)
				select {
				case message := <-seen:
					assert.Equal(t, text, message, args[2:])
				case <-time.After(patience):
					require.FailNow(t, "no message", args)
				}
			}
		}
	}
}
