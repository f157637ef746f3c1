package slavetest

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"testing"
	"time"

	"renraku/slave/credentials"
	"renraku/telegram"
	"renraku/telegram/seal"
)

// Keys is what the keys and certificates of a fleet are made of.
type Keys struct {
	Manager   telegram.Host
	Masters   []seal.Master // at first one, with the ID 1
	Authority *credentials.Authority
}

// NewKeys makes the keys of a fleet with this manager.
func NewKeys(t testing.TB, manager string) *Keys {
	t.Helper()
	authority, err := credentials.NewAuthority(time.Now())
	must(t, err)
	k := &Keys{Manager: hostOf(t, manager), Authority: authority}
	k.Rotate()
	return k
}

// Rotate makes the next key, and keeps the two newest.
func (k *Keys) Rotate() {
	next := seal.Master{ID: 1}
	if last := len(k.Masters) - 1; last >= 0 {
		next.ID = k.Masters[last].ID + 1
	}
	for i := range next.Secret {
		next.Secret[i] = byte(int(next.ID) + i)
	}
	k.Masters = append(k.Masters, next)
	k.Masters = k.Masters[max(0, len(k.Masters)-credentials.MaxKeyIDs):]
}

// Folder is the files of a server's folder, whose certificate holds until the given time.
func (k *Keys) Folder(t testing.TB, host string, until time.Time) map[string][]byte {
	t.Helper()
	h, role := hostOf(t, host), credentials.Slave
	var keys credentials.Keys
	if h == k.Manager {
		role, keys.Masters = credentials.Manager, k.Masters
	} else {
		for i := range k.Masters {
			keys.SlaveKeys = append(keys.SlaveKeys, k.Masters[i].Derive(k.Manager, h))
		}
	}
	key, err := credentials.NewKey()
	must(t, err)
	certificate, err := k.Authority.Issue(h, role, key, time.Now(), until)
	must(t, err)
	keyPEM, err := credentials.PrivateKeyPEM(key)
	must(t, err)
	authority, _, err := k.Authority.PEM()
	must(t, err)
	return map[string][]byte{
		credentials.KeysFile:                 keys.Append(nil, host),
		credentials.CertificateFile:          credentials.CertificatePEM(certificate),
		credentials.PrivateKeyFile:           keyPEM,
		credentials.AuthorityCertificateFile: authority,
	}
}

// ReadFrom reads the files of a folder in memory, for credentials.Load.
func ReadFrom(folder map[string][]byte) func(path string) ([]byte, error) {
	return func(path string) ([]byte, error) {
		if b, ok := folder[filepath.Base(path)]; ok {
			return b, nil
		}
		return nil, fmt.Errorf("open %s: %w", path, fs.ErrNotExist)
	}
}

// Credentials is those of a server, with a certificate that holds until the given time.
func (k *Keys) Credentials(t testing.TB, host string, until time.Time) *credentials.Credentials {
	t.Helper()
	c, err := credentials.Load("keys-of-"+host, ReadFrom(k.Folder(t, host, until)), hostOf(t, host), k.Manager)
	must(t, err)
	return c
}

// Security is the sealed mode of a server, with a certificate that holds.
func (k *Keys) Security(t testing.TB, host string) *credentials.Security {
	t.Helper()
	return credentials.NewSecurity(k.Credentials(t, host, time.Now().Add(credentials.HostLife)))
}

// Issuer is the sealed mode of a simulation.
func (k *Keys) Issuer(t testing.TB) *credentials.Issuer {
	t.Helper()
	i, err := credentials.NewIssuer(k.Authority, k.Manager, k.Masters)
	must(t, err)
	return i
}

func hostOf(t testing.TB, name string) telegram.Host {
	t.Helper()
	h, err := telegram.NewHost(name)
	must(t, err)
	return h
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
