package credentials_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/slave/credentials"
	"renraku/slave/slavetest"
)

func TestAFolderLoadsAsTheCredentialsOfItsServer(t *testing.T) {
	k := slavetest.NewKeys(t, "mgr01")
	k.Rotate()
	c, err := load(t, k.Folder(t, "mgr01", later()), "mgr01", "mgr01")
	require.NoError(t, err)
	assert.Equal(t, credentials.Manager, c.Role)
	assert.Equal(t, k.Masters, c.Masters)
	assert.Empty(t, c.SlaveKeys)

	c, err = load(t, k.Folder(t, "app01", later()), "app01", "mgr01")
	require.NoError(t, err)
	assert.Equal(t, credentials.Slave, c.Role)
	assert.Equal(t, host(t, "app01"), c.Host)
	assert.Equal(t, host(t, "mgr01"), c.Manager)
	assert.Empty(t, c.Masters)
	require.Len(t, c.SlaveKeys, 2)
	for i := range k.Masters {
		assert.Equal(t, k.Masters[i].Derive(host(t, "mgr01"), host(t, "app01")), c.SlaveKeys[i])
	}
	assert.True(t, c.Authority.Equal(k.Authority.Certificate))
	assert.Empty(t, c.Ends(time.Now().Add(-credentials.WarnBefore)))
}

func TestCredentialsDoNotPrintTheirKeys(t *testing.T) {
	k := slavetest.NewKeys(t, "mgr01")
	c := k.Credentials(t, "mgr01", later())
	assert.Equal(t, "(credentials of mgr01) (credentials of mgr01) (credentials of mgr01)", fmt.Sprintf("%v %+v %#v", c, c, c))
}

func TestACertificateSaysWhoseItIsAndForHowLong(t *testing.T) {
	k := slavetest.NewKeys(t, "mgr01")
	for _, c := range []struct {
		host, role string
		dns        []string
	}{
		{"mgr01", "manager", []string{"mgr01"}},
		{"app01.example.net", "slave", []string{"app01.example.net"}},
		{"192.0.2.1", "slave", nil},
		{"app_01", "slave", nil},
		{"app..1", "slave", nil},
		{"-a", "slave", nil},
		{"a-", "slave", nil},
		{"!~" + strings.Repeat("x", 62), "slave", nil}, // the longest name, and bytes that DNS does not have
	} {
		until := time.Now().Add(5 * 24 * time.Hour)
		got := k.Credentials(t, c.host, until).Certificate
		assert.Equal(t, c.host, got.Subject.CommonName)
		assert.Equal(t, []string{c.role}, got.Subject.OrganizationalUnit)
		assert.Equal(t, []string{"renraku"}, got.Subject.Organization)
		assert.Equal(t, c.dns, got.DNSNames, c.host)
		assert.Equal(t, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}, got.ExtKeyUsage)
		assert.Equal(t, x509.ECDSAWithSHA256, got.SignatureAlgorithm)
		assert.WithinDuration(t, until, got.NotAfter, time.Second)
		assert.WithinDuration(t, time.Now().Add(-24*time.Hour), got.NotBefore, time.Minute, "a clock that is an hour behind takes it")
		assert.False(t, got.IsCA)
	}
	assert.WithinDuration(t, time.Now().Add(20*365*24*time.Hour), k.Authority.Certificate.NotAfter, time.Minute)
	long := k.Credentials(t, "app01", time.Now().Add(100*365*24*time.Hour))
	assert.Equal(t, k.Authority.Certificate.NotAfter, long.Certificate.NotAfter, "none outlives its authority")
}

func TestAFolderThatDoesNotFitTogetherIsRefused(t *testing.T) {
	k, other := slavetest.NewKeys(t, "mgr01"), slavetest.NewKeys(t, "mgr01")
	app01, app02, mgr01 := k.Folder(t, "app01", later()), k.Folder(t, "app02", later()), k.Folder(t, "mgr01", later())
	foreign := other.Folder(t, "app01", later())
	stolen := slavetest.NewKeys(t, "app01").Folder(t, "app01", later())
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	weak, err := credentials.PrivateKeyPEM(p384)
	require.NoError(t, err)
	for _, c := range []struct {
		name    string
		replace map[string][]byte
		want    string
	}{
		{"no keys", map[string][]byte{"keys": nil}, "open dir/keys: file does not exist"},
		{"no certificate", map[string][]byte{"host.crt": nil}, "open dir/host.crt: file does not exist"},
		{"no private key", map[string][]byte{"host.key": nil}, "open dir/host.key: file does not exist"},
		{"no authority", map[string][]byte{"authority.crt": nil}, "open dir/authority.crt: file does not exist"},
		{"wrong keys", map[string][]byte{"keys": []byte("# keys\n")}, "dir/keys:2: no key: at least one is right"},
		{"the manager's keys", map[string][]byte{"keys": mgr01["keys"]}, "dir/keys: keys of the role manager: those of the slave app01 are right"},
		{"another host's certificate", map[string][]byte{"host.crt": app02["host.crt"], "host.key": app02["host.key"]},
			"dir/host.crt: the certificate of the slave app02: that of the slave app01 is right"},
		{"the certificate of the other role", map[string][]byte{"host.crt": stolen["host.crt"], "host.key": stolen["host.key"]},
			"dir/host.crt: the certificate of the manager app01: that of the slave app01 is right"},
		{"another private key", map[string][]byte{"host.key": app02["host.key"]}, "dir/host.key: not the key of dir/host.crt"},
		{"another authority", map[string][]byte{"authority.crt": foreign["authority.crt"]}, "dir/host.crt: not signed by the authority of dir/authority.crt"},
		{"no authority's", map[string][]byte{"authority.crt": app02["host.crt"]}, "dir/authority.crt: not the certificate of an authority"},
		{"the authority's certificate", map[string][]byte{"host.crt": app01["authority.crt"], "host.key": app01["host.key"]},
			"dir/host.crt: its subject is not one of renraku"},
		{"rubbish for a certificate", map[string][]byte{"host.crt": []byte("hello")}, "dir/host.crt: not one block of PEM: a file with one CERTIFICATE is right"},
		{"a block of rubbish", map[string][]byte{"host.crt": []byte("-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n")}, "dir/host.crt: not a certificate: "},
		{"two certificates", map[string][]byte{"host.crt": append(app01["host.crt"], app02["host.crt"]...)}, "dir/host.crt: not one block of PEM"},
		{"the key for the certificate", map[string][]byte{"host.crt": app01["host.key"]}, "dir/host.crt: not one block of PEM"},
		{"another curve", map[string][]byte{"host.key": weak}, "dir/host.key: not a private key of ECDSA P-256"},
	} {
		t.Run(c.name, func(t *testing.T) {
			folder := maps.Clone(app01)
			for name, text := range c.replace {
				if folder[name] = text; text == nil {
					delete(folder, name)
				}
			}
			got, err := load(t, folder, "app01", "mgr01")
			require.Error(t, err)
			assert.True(t, strings.HasPrefix(err.Error(), c.want), err)
			assert.Nil(t, got)
			assert.Equal(t, strings.Contains(c.want, "exist"), errors.Is(err, fs.ErrNotExist))
		})
	}
	_, err = load(t, app01, "app01", "mgr01")
	require.NoError(t, err, "nothing else was wrong")
}

func TestANearEndIsSaidThirtyDaysBefore(t *testing.T) {
	k := slavetest.NewKeys(t, "mgr01")
	until := time.Date(2030, 6, 30, 12, 0, 0, 0, time.UTC)
	c := k.Credentials(t, "app01", until)
	const day = 24 * time.Hour
	assert.Empty(t, c.Ends(until.Add(-30*day-time.Second)))
	assert.Equal(t, []string{"the certificate of app01 ends at 2030-06-30T12:00:00Z, in 30 days"}, c.Ends(until.Add(-30*day)))
	assert.Equal(t, []string{"the certificate of app01 ends at 2030-06-30T12:00:00Z, in less than 2 minutes"}, c.Ends(until.Add(-time.Second)))
	for left, want := range map[time.Duration]string{
		49 * time.Hour: "2 days", 48*time.Hour - 1: "47 hours", 23 * time.Hour: "23 hours", 119 * time.Minute: "119 minutes",
		2 * time.Minute: "2 minutes",
	} {
		assert.Equal(t, []string{"the certificate of app01 ends at 2030-06-30T12:00:00Z, in " + want}, c.Ends(until.Add(-left)))
	}
	assert.Equal(t, []string{"the certificate of app01 ended at 2030-06-30T12:00:00Z"}, c.Ends(until))
	authority := c.Authority.NotAfter
	assert.Equal(t, "the certificate of the authority ends at "+authority.UTC().Format(time.RFC3339)+", in 3 days", c.Ends(authority.Add(-3 * day))[1])
}

func TestAHostWhoseNameIsNoFileNameHasNoFolder(t *testing.T) {
	for _, wrong := range []string{"a/b", "/", "..", ".", ".app01", "authority.crt", "authority.key"} {
		assert.Error(t, credentials.CheckFolderName(wrong), wrong)
	}
	for _, right := range []string{"app01", "a..b", "authority", "-", "~", "a\\b"} {
		assert.NoError(t, credentials.CheckFolderName(right), right)
	}
}
