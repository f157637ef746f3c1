package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"renraku/cmd/internal/cmdtest"
)

func TestSimulatedSlavesArePolledAndOrdered(t *testing.T) {
	t.Parallel()
	const slaves = 200
	ports, dir := cmdtest.Ports(t, 2), cmdtest.Dir(t)
	p := cmdtest.Begin(t, exec.Command(cmdtest.Binary(t, "renraku"), "simulate", "--slaves", "200", "--listen", fmt.Sprintf("127.0.0.1:%d", ports[0])))
	printed := regexp.MustCompile(`(?s)\Aanswering as 200 slaves on 127\.0\.0\.1:\d+; for the definition:\n\n(\[\[slave\]\]\nhost .*\naddress .*\n)\n`)
	cmdtest.Until(t, aWhile, "what the definition needs", func() bool { return printed.MatchString(p.Stdout()) })
	config := cmdtest.WriteDefinition(t, dir, fmt.Sprintf(`[manager]
host = "mgr01"
address = "127.0.0.1:%d"
[monitor]
interval = "2s"
timeout = "1s"
retries = 5
[[process]]
id = "ONLINE"
command = ["/bin/true"]
status = "ONLINE"
`, ports[1])+printed.FindStringSubmatch(p.Stdout())[1])
	cmdtest.Start(t, config, "mgr01", dir)

	want := []string{"mgr01"}
	for i := range slaves {
		want = append(want, fmt.Sprintf("sim%03d", i+1))
	}
	cmdtest.Until(t, aWhile, "all RUNNING", func() bool {
		return strings.Count(cmdtest.Renraku(t, "status", "--dir", dir).Stdout, " RUNNING ") == 1+slaves
	})
	out := cmdtest.Renraku(t, "run", "ONLINE", "--all", "--json", "--dir", dir)
	require.Equal(t, 0, out.Code, out.Stderr)
	assert.Equal(t, want, hosts(t, out.Stdout, "outcome", "LAUNCHED"), "one row each, in definition order")
	assert.Equal(t, want, hosts(t, cmdtest.Renraku(t, "status", "--json", "--dir", dir).Stdout, "application", "ONLINE"))

	out = cmdtest.Renraku(t, "run", "ONLINE", "--all", "--json", "--dir", dir)
	assert.Equal(t, want, hosts(t, out.Stdout, "outcome", "ALREADY"))

	p.Signal(t, unix.SIGINT)
	assert.Equal(t, 0, p.Wait(t))
	answered := regexp.MustCompile(`\nanswered (\d+) inquiries and 200 orders\n\z`).FindStringSubmatch(p.Stdout())
	require.Len(t, answered, 2, p.Stdout())
	assert.GreaterOrEqual(t, len(answered[1]), 3, "at least one inquiry for each: %s", answered[1])
	assert.Empty(t, p.Stderr())
}

// hosts gives the hosts of the rows in which the key has the value, in the rows' order.
func hosts(t *testing.T, text, key, value string) []string {
	t.Helper()
	var rows []map[string]string
	require.NoError(t, json.Unmarshal([]byte(text), &rows), text)
	var found []string
	for _, row := range rows {
		if row[key] == value {
			found = append(found, row["host"])
		}
	}
	return found
}

func TestSimulationSaysWhatItCannotListenOn(t *testing.T) {
	t.Parallel()
	address := fmt.Sprintf("127.0.0.1:%d", cmdtest.Ports(t, 1)[0])
	p := cmdtest.Begin(t, exec.Command(cmdtest.Binary(t, "renraku"), "simulate", "--slaves", "1", "--listen", address))
	cmdtest.Until(t, aWhile, "the first", func() bool { return strings.Contains(p.Stdout(), "answering as 1 slave on "+address) })
	out := cmdtest.Renraku(t, "simulate", "--slaves", "1", "--listen", address)
	assert.Equal(t, 1, out.Code)
	assert.Empty(t, out.Stdout)
	assert.Regexp(t, `\Arenraku: simulate: .*`+regexp.QuoteMeta(address)+`: .*address already in use\n\z`, out.Stderr)
}

func TestSimulatedSlavesAreOrderedInSealedMode(t *testing.T) {
	t.Parallel()
	const slaves = 30
	ports, dir := cmdtest.Ports(t, 2), cmdtest.Dir(t)
	config := cmdtest.WriteDefinition(t, dir, fmt.Sprintf(`[security]
mode = "sealed"
keys = "%s/keys/{host}"
[manager]
host = "mgr01"
address = "127.0.0.1:%d"
[monitor]
interval = "2s"
timeout = "1s"
[[process]]
id = "ONLINE"
command = ["/bin/true"]
status = "ONLINE"
[[slave]]
host = "sim[01-30]"
address = "127.0.0.1:%d"
`, dir, ports[1], ports[0]))
	require.Equal(t, 0, cmdtest.Renraku(t, "keygen", dir+"/keys", "--config", config).Code)
	for _, secret := range []string{dir + "/keys/authority.key", dir + "/keys/mgr01/keys"} {
		require.NoError(t, os.Chmod(secret, 0o644))
		out := cmdtest.Renraku(t, "simulate", "--slaves", "30", "--listen", fmt.Sprintf("127.0.0.1:%d", ports[0]), "--keys", dir+"/keys")
		assert.Equal(t, 1, out.Code)
		assert.Contains(t, out.Stderr, secret+" is not to be trusted: it is secret")
		require.NoError(t, os.Chmod(secret, 0o600))
	}
	p := cmdtest.Begin(t, exec.Command(cmdtest.Binary(t, "renraku"), "simulate", "--slaves", "30", "--listen", fmt.Sprintf("127.0.0.1:%d", ports[0]),
		"--keys", dir+"/keys"))
	cmdtest.Until(t, aWhile, "the simulation answers", func() bool { return strings.Contains(p.Stdout(), "answering as 30 slaves on ") })
	cmdtest.Start(t, config, "mgr01", dir)
	cmdtest.Until(t, aWhile, "all RUNNING", func() bool {
		return strings.Count(cmdtest.Renraku(t, "status", "--dir", dir).Stdout, " RUNNING ") == 1+slaves
	})
	out := cmdtest.Renraku(t, "run", "ONLINE", "--all", "--json", "--dir", dir)
	require.Equal(t, 0, out.Code, out.Stdout)
	assert.Len(t, hosts(t, out.Stdout, "outcome", "LAUNCHED"), 1+slaves)
	p.Signal(t, unix.SIGINT)
	assert.Equal(t, 0, p.Wait(t))
	assert.Regexp(t, `\nanswered \d+ inquiries and 30 orders\n\z`, p.Stdout())
	assert.Empty(t, p.Stderr())
}
