package credentials

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"path/filepath"
	"time"

	"renraku/telegram"
)

// The files of a folder.
const (
	KeysFile                 = "keys"
	CertificateFile          = "host.crt"
	PrivateKeyFile           = "host.key"
	AuthorityCertificateFile = "authority.crt"
)

// Credentials is all that one server has. Nobody changes it.
type Credentials struct {
	Host    telegram.Host
	Manager telegram.Host // the manager's host: with it, the manager's own
	Role    Role
	Keys    // Masters of the manager, SlaveKeys of a slave; the newest is the last

	Certificate *x509.Certificate
	Authority   *x509.Certificate

	own   tls.Certificate
	trust trust
}

// String does not print the keys.
func (c *Credentials) String() string { return fmt.Sprintf("(credentials of %v)", c.Host) }

// GoString does not either.
func (c *Credentials) GoString() string { return c.String() }

// Load reads the folder of a server; manager is the host of the manager, and says with host which role the server has. read gives the
// contents of a file, or says why they are not to be trusted. Everything has to fit together; whether the certificates hold at this
// time is not looked at: Ends does that, and each handshake.
func Load(dir string, read func(path string) ([]byte, error), host, manager telegram.Host) (*Credentials, error) {
	c := &Credentials{Host: host, Manager: manager, Role: Slave}
	if host == manager {
		c.Role = Manager
	}
	f := folder{dir: dir, read: read}
	keys := f.file(KeysFile)
	certificate, key, authority := f.file(CertificateFile), f.file(PrivateKeyFile), f.file(AuthorityCertificateFile)
	if f.err != nil {
		return nil, f.err
	}
	if err := c.loadKeys(f.path(KeysFile), keys); err != nil {
		return nil, err
	}
	var err error
	if c.Authority, err = parseAuthorityCertificate(f.path(AuthorityCertificateFile), authority); err != nil {
		return nil, err
	}
	c.trust = newTrust(c.Authority)
	if err := c.loadCertificate(f.path(CertificateFile), certificate, f.path(PrivateKeyFile), key); err != nil {
		return nil, err
	}
	return c, nil
}

// folder reads files until one cannot be read.
type folder struct {
	dir  string
	read func(path string) ([]byte, error)
	err  error
}

func (f *folder) path(name string) string { return filepath.Join(f.dir, name) }

func (f *folder) file(name string) []byte {
	if f.err != nil {
		return nil
	}
	var b []byte
	b, f.err = f.read(f.path(name))
	return b
}

func (c *Credentials) loadKeys(path string, text []byte) error {
	var err error
	if c.Keys, err = ParseKeys(path, text); err != nil {
		return err
	}
	if is := c.Keys.Role(); is != c.Role {
		return fmt.Errorf("%s: keys of the role %v: those of the %v %v are right", path, is, c.Role, c.Host)
	}
	return nil
}

// Role is that of the server that holds the keys.
func (k *Keys) Role() Role {
	if len(k.Masters) > 0 {
		return Manager
	}
	return Slave
}

func (c *Credentials) loadCertificate(path string, text []byte, keyPath string, keyText []byte) error {
	var err error
	if c.Certificate, err = ParseCertificate(path, text); err != nil {
		return err
	}
	key, err := parsePrivateKey(keyPath, keyText)
	if err != nil {
		return err
	}
	host, role, err := Identity(c.Certificate)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", path, err)
	case host != c.Host || role != c.Role:
		return fmt.Errorf("%s: the certificate of the %v %v: that of the %v %v is right", path, role, host, c.Role, c.Host)
	case !key.PublicKey.Equal(c.Certificate.PublicKey):
		return fmt.Errorf("%s: not the key of %s", keyPath, path)
	}
	if err := c.Certificate.CheckSignatureFrom(c.Authority); err != nil {
		return fmt.Errorf("%s: not signed by the authority of %s", path, filepath.Join(filepath.Dir(path), AuthorityCertificateFile))
	}
	c.own = tls.Certificate{Certificate: [][]byte{c.Certificate.Raw}, PrivateKey: key, Leaf: c.Certificate}
	return nil
}

// Ended says whether a certificate is past its end: no handshake succeeds.
func (c *Credentials) Ended(now time.Time) bool {
	return !now.Before(c.Certificate.NotAfter) || !now.Before(c.Authority.NotAfter)
}

// Ends says which of the certificates are near their end or past it, and when that is.
func (c *Credentials) Ends(now time.Time) (ends []string) {
	for _, end := range []string{End("the certificate of "+c.Host.String(), c.Certificate, now),
		End("the certificate of the authority", c.Authority, now)} {
		if end != "" {
			ends = append(ends, end)
		}
	}
	return ends
}
