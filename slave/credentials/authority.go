package credentials

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"time"

	"renraku/telegram"
)

const (
	day = 24 * time.Hour

	// Backdated is how long before its making a certificate begins to hold, so that it does at once where a clock is wrong by less.
	Backdated = day

	// AuthorityLife and HostLife are how long certificates hold.
	AuthorityLife = 20 * 365 * day
	HostLife      = 5 * 365 * day

	organization  = "renraku"
	authorityName = "renraku authority"
)

// Types of PEM blocks (RFC 7468).
const (
	certificateBlock = "CERTIFICATE"
	keyBlock         = "PRIVATE KEY"
)

// Authority signs the certificates of one fleet.
type Authority struct {
	Certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// NewAuthority makes a new one, which holds for AuthorityLife.
func NewAuthority(now time.Time) (*Authority, error) {
	key, err := NewKey()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{Organization: []string{organization}, CommonName: authorityName},
		NotBefore:             now.Add(-Backdated),
		NotAfter:              now.Add(AuthorityLife),
		KeyUsage:              x509.KeyUsageCertSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make the certificate of the authority: %w", err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("make the certificate of the authority: %w", err)
	}
	return &Authority{certificate, key}, nil
}

// ParseAuthority reads the certificate and the private key of an authority; the file names stand in errors.
func ParseAuthority(certificateFile string, certificate []byte, keyFile string, key []byte) (*Authority, error) {
	c, err := parseAuthorityCertificate(certificateFile, certificate)
	if err != nil {
		return nil, err
	}
	k, err := parsePrivateKey(keyFile, key)
	if err != nil {
		return nil, err
	}
	if !k.PublicKey.Equal(c.PublicKey) {
		return nil, fmt.Errorf("%s: not the key of %s", keyFile, certificateFile)
	}
	return &Authority{c, k}, nil
}

// PEM is the certificate and the private key as files have them.
func (a *Authority) PEM() (certificate, key []byte, err error) {
	if key, err = PrivateKeyPEM(a.key); err != nil {
		return nil, nil, err
	}
	return CertificatePEM(a.Certificate.Raw), key, nil
}

// Issue makes the certificate (DER) of a server that has this key, which holds until the given time, or that of the authority where that
// is earlier.
func (a *Authority) Issue(host telegram.Host, role Role, key *ecdsa.PrivateKey, now, until time.Time) ([]byte, error) {
	name := host.String()
	if until.After(a.Certificate.NotAfter) {
		until = a.Certificate.NotAfter
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{Organization: []string{organization}, OrganizationalUnit: []string{role.String()}, CommonName: name},
		NotBefore:             now.Add(-Backdated),
		NotAfter:              until,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	if plainDNSName(name) {
		template.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.Certificate, key.Public(), a.key)
	if err != nil {
		return nil, fmt.Errorf("make the certificate of %s: %w", name, err)
	}
	return der, nil
}

// NewKey makes a private key for a certificate.
func NewKey() (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a private key: %w", err)
	}
	return key, nil
}

// CertificatePEM is a certificate as a file has it.
func CertificatePEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: certificateBlock, Bytes: der})
}

// PrivateKeyPEM is a private key as a file has it.
func PrivateKeyPEM(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("write a private key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: keyBlock, Bytes: der}), nil
}
