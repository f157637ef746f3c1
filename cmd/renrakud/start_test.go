package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
)

func TestWrongStartsSayWhyAndExit(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, noPolls)
	f.Start(t, first)
	start := func(args ...string) cmdtest.Output { return cmdtest.Run(t, "renrakud", args...) }

	out := start("--config", f.Config, "--host", first, "--dir", f.Dir(first))
	assert.Equal(t, 1, out.Code)
	assert.Equal(t, fmt.Sprintf("renrakud: lock directory %s: another daemon holds it\n", f.Dir(first)), out.Stderr)
	assert.Equal(t, []string{"app01 RUNNING NOT-STARTED"}, f.Contact(t, first), "the daemon that was there first")
	assert.Equal(t, 0, f.Renraku(t, first, "stop").Code, "its socket is still its own")

	out = start("--config", f.Config, "--host", first, "--dir", f.Dir("other"))
	assert.Equal(t, 1, out.Code)
	assert.Equal(t, fmt.Sprintf("renrakud: another program listens on 127.0.0.1:%d: address already in use\n", f.Ports[first]), out.Stderr)

	out = start("--config", f.Config, "--host", "db01", "--dir", f.Dir("db01"))
	assert.Equal(t, cmdtest.Output{Code: 2, Stderr: fmt.Sprintf(
		"renrakud: host \"db01\" is neither the manager nor a slave of %s: --host names another\n", f.Config)}, out)
	assert.NoDirExists(t, f.Dir("db01"))

	out = start("--config", f.Dir("none.toml"))
	assert.Equal(t, 2, out.Code)
	assert.Equal(t, fmt.Sprintf("renrakud: read the definition: open %s: no such file or directory: --config names another\n", f.Dir("none.toml")), out.Stderr)
	require.NoError(t, os.Chmod(f.Config, 0o646))
	out = start("--config", f.Config, "--host", first, "--dir", f.Dir("other"))
	assert.Equal(t, cmdtest.Output{Code: 2, Stderr: fmt.Sprintf("renrakud: read the definition: %s is not to be trusted: "+
		"others may write it; this mends it: chmod o-w %[1]s\n", f.Config)}, out)
	require.NoError(t, os.Chmod(f.Config, 0o640))
	out = start("--config", f.Config, "--host", first, "--log-format", "xml")
	assert.Equal(t, cmdtest.Output{Code: 2, Stderr: "renrakud: --log-format \"xml\": text or json is right\n"}, out)
	assert.Equal(t, 2, start("--frobnicate").Code)
	assert.Equal(t, 2, start("extra").Code)
	out = start("--help")
	assert.Equal(t, 0, out.Code)
	assert.Contains(t, out.Stdout, "--config file")
}

func TestLogAsJSONIsOneObjectALine(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, noPolls)
	d := cmdtest.Start(t, f.Config, first, f.Dir(first), "--log-format", "json")
	assert.Equal(t, 0, d.Terminate(t))
	var said []string
	for line := range strings.Lines(d.Log()) {
		var entry struct {
			Time  time.Time
			Level string
			Msg   string
		}
		require.NoError(t, json.Unmarshal([]byte(line), &entry), line)
		assert.WithinDuration(t, time.Now(), entry.Time, time.Minute)
		assert.Equal(t, "INFO", entry.Level)
		said = append(said, entry.Msg)
	}
	assert.Equal(t, []string{"ready", "shutting down", "ended"}, said)
}

func TestADaemonThatDoesNotStartSaysWhyInJSONWhereItsLogIs(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, noPolls)
	wrong := cmdtest.WriteDefinition(t, cmdtest.Dir(t), "[manager]\nhost = 3\nwrong = 1\n")
	own, err := os.Hostname()
	require.NoError(t, err)
	for _, c := range []struct {
		args string
		code int
		host string
		why  []string
	}{
		{"--config " + f.Dir("none.toml") + " --host app01", 2, "app01",
			[]string{"read the definition: open " + f.Dir("none.toml") + ": no such file or directory: --config names another"}},
		{"--config " + wrong + " --log-format=JSON", 2, own, []string{
			wrong + ":1: manager.address: missing: ", wrong + ":2: manager.host: 3 is not text in quotes: ", wrong + ":3: manager.wrong: unknown key: "}},
		{"--frobnicate --host app01", 2, "app01", []string{"no flag --frobnicate; usage: renrakud "}},
		{"--host app01 extra", 2, "app01", []string{`"extra" is one argument too many; usage: renrakud `}},
		{"--config " + f.Config + " --host app01 --dir /dev/null", 1, "app01", []string{"make the directory: "}},
	} {
		out := cmdtest.Run(t, "renrakud", strings.Fields(c.args+" --log-format json")...)
		assert.Equal(t, c.code, out.Code, c.args)
		assert.Empty(t, out.Stdout, c.args)
		lines := slices.Collect(strings.Lines(out.Stderr))
		require.Len(t, lines, len(c.why), out.Stderr)
		for i, line := range lines {
			var entry struct{ Level, Msg, Host, Error string }
			require.NoError(t, json.Unmarshal([]byte(line), &entry), line)
			assert.Equal(t, "ERROR daemon could not start, or not go on", entry.Level+" "+entry.Msg)
			assert.Equal(t, c.host, entry.Host, line)
			assert.Contains(t, entry.Error, c.why[i])
			assert.Contains(t, line, `"time":"`)
		}
	}
	text := cmdtest.Run(t, "renrakud", "--config", wrong)
	assert.Equal(t, 3, strings.Count(text.Stderr, "renrakud: "+wrong), "for people: %s", text.Stderr)
}
