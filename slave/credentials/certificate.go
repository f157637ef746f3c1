package credentials

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"renraku/telegram"
)

// Role is what a server is, as its certificate says it.
type Role int

// The roles. The zero value is none.
const (
	Manager Role = iota + 1
	Slave
)

// String is the role as a certificate has it.
func (r Role) String() string {
	switch r {
	case Manager:
		return "manager"
	case Slave:
		return "slave"
	}
	return "no role"
}

// Identity is whom a certificate names, where its subject is one of a renraku certificate.
func Identity(c *x509.Certificate) (telegram.Host, Role, error) {
	s := &c.Subject
	if !slices.Equal(s.Organization, []string{organization}) || len(s.OrganizationalUnit) != 1 {
		return telegram.Host{}, 0, errors.New("its subject is not one of renraku: O=renraku, OU=manager or OU=slave, and CN=the host name are right")
	}
	host, err := telegram.NewHost(s.CommonName)
	if err != nil {
		return telegram.Host{}, 0, fmt.Errorf("the CN of its subject is no host name: %w", err)
	}
	for _, role := range []Role{Manager, Slave} {
		if s.OrganizationalUnit[0] == role.String() {
			return host, role, nil
		}
	}
	return telegram.Host{}, 0, errors.New("the OU of its subject is neither manager nor slave")
}

// ParseCertificate reads a file with one certificate; name stands in errors.
func ParseCertificate(name string, text []byte) (*x509.Certificate, error) {
	der, err := onlyBlock(name, certificateBlock, text)
	if err != nil {
		return nil, err
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("%s: not a certificate: %w", name, err)
	}
	return c, nil
}

func parseAuthorityCertificate(name string, text []byte) (*x509.Certificate, error) {
	c, err := ParseCertificate(name, text)
	if err != nil {
		return nil, err
	}
	if !c.BasicConstraintsValid || !c.IsCA {
		return nil, fmt.Errorf("%s: not the certificate of an authority", name)
	}
	return c, nil
}

func parsePrivateKey(name string, text []byte) (*ecdsa.PrivateKey, error) {
	der, err := onlyBlock(name, keyBlock, text)
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	key, ok := parsed.(*ecdsa.PrivateKey)
	if err != nil || !ok || key.Curve != elliptic.P256() {
		return nil, fmt.Errorf("%s: not a private key of ECDSA P-256: one as renraku keygen makes it is right", name)
	}
	return key, nil
}

// onlyBlock is what the one PEM block of a file holds.
func onlyBlock(name, kind string, text []byte) ([]byte, error) {
	block, rest := pem.Decode(text)
	if block == nil || block.Type != kind || len(bytes.TrimSpace(rest)) > 0 {
		return nil, fmt.Errorf("%s: not one block of PEM: a file with one %s is right", name, kind)
	}
	return block.Bytes, nil
}

// plainDNSName says whether the host name is one that DNS has: letters, digits and hyphens between dots.
func plainDNSName(name string) bool {
	label := ""
	for label = range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range []byte(label) {
			if c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
				return false
			}
		}
	}
	return strings.Trim(label, "0123456789") != "" // else it reads as an IP address
}

// WarnBefore is how long before its end a certificate is warned of.
const WarnBefore = 30 * day

// End says of a certificate that is near its end, or past it, when that is; what is whose it is. It is "" where there is time yet.
func End(what string, c *x509.Certificate, now time.Time) string {
	at := instant(c.NotAfter)
	switch left := c.NotAfter.Sub(now); {
	case left <= 0:
		return fmt.Sprintf("%s ended at %s", what, at)
	case left <= WarnBefore:
		return fmt.Sprintf("%s ends at %s, in %s", what, at, timeLeft(left))
	}
	return ""
}

// timeLeft is a time in the largest unit of which it has two.
func timeLeft(left time.Duration) string {
	switch {
	case left >= 2*day:
		return fmt.Sprintf("%d days", int(left/day))
	case left >= 2*time.Hour:
		return fmt.Sprintf("%d hours", int(left/time.Hour))
	case left >= 2*time.Minute:
		return fmt.Sprintf("%d minutes", int(left/time.Minute))
	}
	return "less than 2 minutes"
}

func instant(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// CheckFolderName says why a host's name cannot be the name of its folder.
func CheckFolderName(host string) error {
	switch {
	case strings.ContainsRune(host, '/'):
		return errors.New("a slash stands in no file name")
	case host[0] == '.':
		return errors.New("the name of a folder of keys begins with no dot")
	case host == AuthorityCertificateFile || host == AuthorityKeyFile:
		return errors.New("it is the name of a file of the authority")
	}
	return nil
}
