package credentials_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/slave/credentials"
	"renraku/slave/slavetest"
	"renraku/telegram"
)

// serving is the end of an issuer that answers as app01 and app02.
func serving(i *credentials.Issuer) func(context.Context, net.Conn) (net.Conn, error) {
	return func(ctx context.Context, conn net.Conn) (net.Conn, error) {
		return i.Server(ctx, conn, func(h telegram.Host) bool { return h.String() == "app01" || h.String() == "app02" })
	}
}

func TestAnIssuerAnswersAsEachOfItsSlaves(t *testing.T) {
	k := slavetest.NewKeys(t, "mgr01")
	manager, issuer := k.Security(t, "mgr01"), k.Issuer(t)
	for _, name := range []string{"app01", "app02", "app01"} {
		client, server := handshake(t, to(manager, host(t, name)), serving(issuer))
		require.NoError(t, errors.Join(client.err, server.err))
		assert.Equal(t, host(t, name), client.conn.(*credentials.Conn).Peer)
	}
	client, server := handshake(t, to(manager, host(t, "app03")), serving(issuer))
	assert.ErrorContains(t, server.err, `the server name "app03" of the handshake is none of these slaves`)
	assert.Error(t, client.err)
	_, server = handshake(t, rawClient(t, k.Folder(t, "app02", later()), func(c *tls.Config) { c.ServerName = "app01" }), serving(issuer))
	assert.ErrorIs(t, server.err, credentials.ErrCertificate, "only the manager is taken")
}

// write makes the directory of renraku keygen, as far as an issuer reads it.
func write(t *testing.T, k *slavetest.Keys, hosts ...string) string {
	dir := t.TempDir()
	certificate, key, err := k.Authority.PEM()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "authority.crt"), certificate, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "authority.key"), key, 0o600))
	for _, name := range hosts {
		require.NoError(t, os.Mkdir(filepath.Join(dir, name), 0o700))
		for file, text := range k.Folder(t, name, later()) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, name, file), text, 0o600))
		}
	}
	return dir
}

func TestAnIssuerIsLoadedFromTheDirectoryOfKeygen(t *testing.T) {
	k := slavetest.NewKeys(t, "mgr01")
	k.Rotate()
	dir := write(t, k, "app01", "mgr01", "zzz")
	require.NoError(t, os.Mkdir(filepath.Join(dir, "empty"), 0o700))
	i, err := credentials.LoadIssuer(dir, os.ReadFile)
	require.NoError(t, err)
	assert.Equal(t, host(t, "mgr01"), i.Manager)
	assert.Equal(t, k.Masters, i.Masters)
	client, server := handshake(t, to(k.Security(t, "mgr01"), host(t, "app02")), serving(i))
	require.NoError(t, errors.Join(client.err, server.err))
}

func TestADirectoryThatIsNotKeygensMakesNoIssuer(t *testing.T) {
	k, other := slavetest.NewKeys(t, "mgr01"), slavetest.NewKeys(t, "mgr02")
	for _, c := range []struct {
		name  string
		hosts []string
		spoil func(dir string) error
		want  string
	}{
		{"no authority", []string{"mgr01"}, func(dir string) error { return os.Remove(filepath.Join(dir, "authority.key")) }, "authority.key: no such file or directory"},
		{"another authority's key", []string{"mgr01"}, func(dir string) error {
			_, key, err := other.Authority.PEM()
			return errors.Join(err, os.WriteFile(filepath.Join(dir, "authority.key"), key, 0o600))
		}, "authority.key: not the key of "},
		{"no manager", []string{"app01"}, nil, ": no folder in it has the keys of a manager"},
		{"two managers", []string{"mgr01"}, func(dir string) error {
			keys := other.Folder(t, "mgr02", later())["keys"]
			return errors.Join(os.Mkdir(filepath.Join(dir, "mgr02"), 0o700), os.WriteFile(filepath.Join(dir, "mgr02", "keys"), keys, 0o600))
		}, ": both mgr01 and mgr02 have the keys of a manager: the folder of one is right"},
		{"wrong keys", []string{"mgr01"}, func(dir string) error { return os.WriteFile(filepath.Join(dir, "mgr01", "keys"), nil, 0o600) },
			"mgr01/keys:1: the file is empty"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := write(t, k, c.hosts...)
			if c.spoil != nil {
				require.NoError(t, c.spoil(dir))
			}
			_, err := credentials.LoadIssuer(dir, os.ReadFile)
			assert.ErrorContains(t, err, c.want)
		})
	}
}

func TestAnIssuerKeepsABoundedNumberOfCertificates(t *testing.T) {
	i := slavetest.NewKeys(t, "mgr01").Issuer(t)
	for n := range credentials.MaxIssued + 10 {
		h := host(t, fmt.Sprintf("sim%05d", n))
		first, err := credentials.CertificateOf(i, h)
		require.NoError(t, err)
		again, err := credentials.CertificateOf(i, h)
		require.NoError(t, err)
		require.Same(t, first, again)
	}
	assert.Equal(t, credentials.MaxIssued, credentials.IssuedBy(i))
}
