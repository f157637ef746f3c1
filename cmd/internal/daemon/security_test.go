package daemon

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
	"renraku/cmd/internal/definition"
	"renraku/slave/credentials"
	"renraku/slave/slavetest"
)

// putKeys writes the folder of a host.
func putKeys(t *testing.T, k *slavetest.Keys, dir, host string, until time.Time) {
	t.Helper()
	dir = filepath.Join(dir, host)
	require.NoError(t, os.MkdirAll(dir, 0o700))
	for name, text := range k.Folder(t, host, until) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), text, 0o600))
	}
}

// sealedDefinition is that of mgr01 and app01 in sealed mode, with a folder of keys for each in dir.
func sealedDefinition(t *testing.T, mode, dir string, ports []int) *definition.Definition {
	t.Helper()
	d, err := definition.Parse("renraku.toml", fmt.Appendf(nil, `[security]
mode = %q
keys = %q
[manager]
host = "mgr01"
address = %q
[[slave]]
host = "app01"
address = %q
[[process]]
id = "ONLINE"
command = ["/bin/true"]
status = "ONLINE"
`, mode, dir+"/{host}", local(ports[0]), local(ports[1])))
	require.NoError(t, err)
	return d
}

func sealedOptions(t *testing.T, host, keys string) (Options, *bytes.Buffer) {
	log := &bytes.Buffer{}
	return Options{Definition: sealedDefinition(t, "sealed", keys, cmdtest.Ports(t, 2)), Host: host,
		Dir: filepath.Join(cmdtest.Dir(t), "daemon"), Log: slog.New(slog.NewTextHandler(log, nil))}, log
}

func TestASealedDaemonDoesNotStartWithoutItsKeys(t *testing.T) {
	later := time.Now().Add(credentials.HostLife)
	for _, c := range []struct {
		name, host string
		spoil      func(t *testing.T, dir string)
		want       string
	}{
		{"a slave's", "app01", func(*testing.T, string) {}, "app01/keys: no such file or directory"},
		{"the manager's", "mgr01", func(*testing.T, string) {}, "mgr01/keys: no such file or directory"},
		{"keys that others may read", "app01", func(t *testing.T, dir string) {
			putKeys(t, slavetest.NewKeys(t, "mgr01"), dir, "app01", later)
			require.NoError(t, os.Chmod(filepath.Join(dir, "app01", "keys"), 0o644))
		}, "app01/keys is not to be trusted: it is secret, and its mode of 0644 lets others use it"},
		{"a private key that others may read", "app01", func(t *testing.T, dir string) {
			putKeys(t, slavetest.NewKeys(t, "mgr01"), dir, "app01", later)
			require.NoError(t, os.Chmod(filepath.Join(dir, "app01", "host.key"), 0o644))
		}, "app01/host.key is not to be trusted: it is secret, and its mode of 0644 lets others use it"},
		{"a private key that others may write", "app01", func(t *testing.T, dir string) {
			putKeys(t, slavetest.NewKeys(t, "mgr01"), dir, "app01", later)
			require.NoError(t, os.Chmod(filepath.Join(dir, "app01", "host.key"), 0o602))
		}, "app01/host.key is not to be trusted: others may write it"},
		{"another host's", "app01", func(t *testing.T, dir string) {
			putKeys(t, slavetest.NewKeys(t, "mgr01"), dir, "app02", later)
			require.NoError(t, os.Rename(filepath.Join(dir, "app02"), filepath.Join(dir, "app01")))
		}, "app01/host.crt: the certificate of the slave app02: that of the slave app01 is right"},
	} {
		t.Run(c.name, func(t *testing.T) {
			keys := t.TempDir()
			c.spoil(t, keys)
			o, _ := sealedOptions(t, c.host, keys)
			_, err := Open(o)
			require.ErrorContains(t, err, "the mode of renraku.toml is sealed, and the keys of "+c.host+", which renraku keygen makes, are not right: ")
			assert.ErrorContains(t, err, c.want)
			assert.NoDirExists(t, o.Dir)
		})
	}
}

func TestANearEndOfACertificateIsLoggedAtStartAndReload(t *testing.T) {
	for _, c := range []struct {
		left  time.Duration
		level string
		want  string
	}{
		{31 * 24 * time.Hour, "", ""},
		{29 * 24 * time.Hour, "WARN", "the certificate of app01 ends at "},
		{-time.Hour, "ERROR", "the certificate of app01 ended at "},
	} {
		keys := t.TempDir()
		putKeys(t, slavetest.NewKeys(t, "mgr01"), keys, "app01", time.Now().Add(c.left))
		o, log := sealedOptions(t, "app01", keys)
		d := open(t, o)
		for _, again := range []bool{false, true} {
			if again {
				log.Reset()
				require.NoError(t, d.takeOver(o.Definition))
			}
			assert.Contains(t, log.String(), `msg="mode sealed" host=app01`)
			if c.level == "" {
				assert.NotContains(t, log.String(), "to be renewed")
				continue
			}
			assert.Contains(t, log.String(), "level="+c.level+` msg="certificate to be renewed: renraku keygen --rotate"`)
			assert.Contains(t, log.String(), c.want)
		}
	}
}

func TestReloadTakesOtherKeysAndLeavesThemWhereTheyAreWrong(t *testing.T) {
	k, keys := slavetest.NewKeys(t, "mgr01"), t.TempDir()
	later := time.Now().Add(credentials.HostLife)
	putKeys(t, k, keys, "app01", later)
	o, _ := sealedOptions(t, "app01", keys)
	d := open(t, o)
	assert.Equal(t, []uint16{1}, d.security.Current().IDs())

	k.Rotate()
	putKeys(t, k, keys, "app01", later)
	require.NoError(t, d.takeOver(o.Definition))
	rotated := d.security.Current()
	assert.Equal(t, []uint16{1, 2}, rotated.IDs())

	for _, secret := range []string{"keys", "host.key"} {
		path := filepath.Join(keys, "app01", secret)
		require.NoError(t, os.Chmod(path, 0o644))
		assert.ErrorContains(t, d.takeOver(o.Definition), secret+" is not to be trusted: it is secret, and its mode of 0644 lets others use it")
		assert.Same(t, rotated, d.security.Current())
		require.NoError(t, os.Chmod(path, 0o600))
	}
	require.NoError(t, os.Remove(filepath.Join(keys, "app01", "host.crt")))
	assert.ErrorContains(t, d.takeOver(o.Definition), "host.crt: no such file or directory")
	assert.Same(t, rotated, d.security.Current())
}

func TestReloadDoesNotChangeTheMode(t *testing.T) {
	k, keys := slavetest.NewKeys(t, "mgr01"), t.TempDir()
	putKeys(t, k, keys, "app01", time.Now().Add(credentials.HostLife))
	for _, modes := range [][2]string{{"plain", "sealed"}, {"sealed", "plain"}} {
		ports := cmdtest.Ports(t, 2)
		o := Options{Definition: sealedDefinition(t, modes[0], keys, ports), Host: "app01", Dir: filepath.Join(cmdtest.Dir(t), "daemon"),
			Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
		d := open(t, o)
		err := d.takeOver(sealedDefinition(t, modes[1], keys, ports))
		assert.EqualError(t, err, fmt.Sprintf("the mode in renraku.toml is %s now, and this daemon's is %s: "+
			"a running daemon cannot change it: the daemons of all servers have to be started again", modes[1], modes[0]))
		assert.Same(t, o.Definition, d.current.Load())
	}
}
