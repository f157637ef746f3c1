package credentials

import (
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"renraku/telegram"
	"renraku/telegram/seal"
)

// Files in the directory of renraku keygen, beside AuthorityCertificateFile.
const (
	AuthorityKeyFile = "authority.key" // the authority's private key
	RotationFile     = "rotation"      // the keys that the manager is to have, while a rotation is not done
)

// IsSecret says of a file of that name, in a folder or in the directory of renraku keygen, whether nobody else may read it.
func IsSecret(name string) bool {
	return name == KeysFile || name == PrivateKeyFile || name == AuthorityKeyFile || name == RotationFile
}

// maxIssued is how many certificates an Issuer keeps.
const maxIssued = 1024

// issuedLife is how long the certificates of an Issuer hold.
const issuedLife = HostLife

// Issuer is the sealed mode of a program that answers as many slaves: it has what renraku keygen keeps, and makes the certificate of a
// slave when it is asked for it.
type Issuer struct {
	Manager telegram.Host
	Masters []seal.Master // ascending by ID; the keys of each slave are derived from them

	authority *Authority
	trust     trust
	key       *ecdsa.PrivateKey // of all certificates

	mu     sync.Mutex
	issued map[telegram.Host]*tls.Certificate
}

// NewIssuer makes certificates with this authority.
func NewIssuer(authority *Authority, manager telegram.Host, masters []seal.Master) (*Issuer, error) {
	key, err := NewKey()
	if err != nil {
		return nil, err
	}
	return &Issuer{Manager: manager, Masters: masters, authority: authority, trust: newTrust(authority.Certificate), key: key,
		issued: map[telegram.Host]*tls.Certificate{}}, nil
}

// LoadIssuer reads the directory of renraku keygen.
func LoadIssuer(dir string, read func(path string) ([]byte, error)) (*Issuer, error) {
	f := folder{dir: dir, read: read}
	certificate, key := f.file(AuthorityCertificateFile), f.file(AuthorityKeyFile)
	if f.err != nil {
		return nil, f.err
	}
	authority, err := ParseAuthority(f.path(AuthorityCertificateFile), certificate, f.path(AuthorityKeyFile), key)
	if err != nil {
		return nil, err
	}
	manager, masters, err := FindMasters(dir, read)
	if err != nil {
		return nil, err
	}
	return NewIssuer(authority, manager, masters)
}

// FindMasters finds the folder of the manager in the directory of renraku keygen. The error is ErrNoManager where there is none.
func FindMasters(dir string, read func(path string) ([]byte, error)) (manager telegram.Host, masters []seal.Master, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return telegram.Host{}, nil, err
	}
	for _, entry := range entries {
		host, err := telegram.NewHost(entry.Name())
		if !entry.IsDir() || err != nil || CheckFolderName(entry.Name()) != nil {
			continue
		}
		path := filepath.Join(dir, entry.Name(), KeysFile)
		text, err := read(path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return telegram.Host{}, nil, err
		}
		keys, err := ParseKeys(path, text)
		if err != nil {
			return telegram.Host{}, nil, err
		}
		if keys.Role() != Manager {
			continue
		}
		if len(masters) > 0 {
			return telegram.Host{}, nil, fmt.Errorf("%s: both %v and %v have the keys of a manager: the folder of one is right", dir, manager, host)
		}
		manager, masters = host, keys.Masters
	}
	if len(masters) == 0 {
		return telegram.Host{}, nil, fmt.Errorf("%s: %w", dir, ErrNoManager)
	}
	return manager, masters, nil
}

// ErrNoManager says that a directory has no folder of the manager.
var ErrNoManager = errors.New("no folder in it has the keys of a manager")

// Server does the handshake of a connection that the manager made to one of the slaves for whom serves is true. With an error the
// connection is closed.
func (i *Issuer) Server(ctx context.Context, conn net.Conn, serves func(telegram.Host) bool) (net.Conn, error) {
	peer := expected{role: Manager, host: i.Manager, usage: x509.ExtKeyUsageClientAuth}
	config := newConfig()
	config.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		host, err := telegram.NewHost(hello.ServerName)
		if err != nil || !serves(host) {
			return nil, fmt.Errorf("the server name %.100q of the handshake is none of these slaves", hello.ServerName)
		}
		return i.certificate(host)
	}
	config.VerifyConnection = func(state tls.ConnectionState) error { return i.trust.verify(&state, &peer) }
	return handshake(ctx, conn, tls.Server(conn, config), nil)
}

// certificate is that of the slave: one that was made already, or a new one.
func (i *Issuer) certificate(host telegram.Host) (*tls.Certificate, error) {
	i.mu.Lock()
	found := i.issued[host]
	i.mu.Unlock()
	if found != nil {
		return found, nil
	}
	now := time.Now()
	der, err := i.authority.Issue(host, Slave, i.key, now, now.Add(issuedLife))
	if err != nil {
		return nil, err
	}
	made := &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: i.key}
	i.mu.Lock()
	defer i.mu.Unlock()
	for old := range i.issued { // any of them: those that are asked for again are made again
		if len(i.issued) < maxIssued {
			break
		}
		delete(i.issued, old)
	}
	i.issued[host] = made
	return made, nil
}
