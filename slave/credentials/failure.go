package credentials

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"
	"time"
)

// What can be wrong with a handshake, for errors.Is. Every other failure is one of TLS itself.
var (
	ErrNotSealed   = errors.New("no TLS")                   // the peer speaks something else, or nothing
	ErrTooSlow     = errors.New("no end of the handshake")  // within HandshakeWait
	ErrCertificate = errors.New("certificate not accepted") // the peer's
	ErrRefused     = errors.New("refused")                  // the peer does not accept this server's certificate
)

// A handshake that fails says so in one sentence. It has no ports, so that the next one says the same.

// plainFailure is err as a sentence; own is the certificate of this end.
func plainFailure(err error, own *x509.Certificate) error {
	var header tls.RecordHeaderError
	switch {
	case errors.Is(err, ErrCertificate):
		return err
	case errors.As(err, &header):
		return fmt.Errorf("%w: the peer does not speak it: its mode may be plain", ErrNotSealed)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w within %v", ErrTooSlow, HandshakeWait)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE),
		errors.Is(err, io.ErrClosedPipe):
		return fmt.Errorf("%w: the peer closed the connection: its mode may be plain", ErrNotSealed)
	}
	if why := refused(err, own); why != nil {
		return why
	}
	return fmt.Errorf("TLS handshake: %w", withoutNetwork(err))
}

// refusals are the alerts by which a peer says that it does not accept a certificate (RFC 8446, 6.2): bad_certificate to unknown_ca,
// access_denied, certificate_required. No other cause has them, so nothing that was sent has been read as a telegram. A peer that has sent
// something else before was past that.
var refusals = alertTexts(42, 43, 44, 45, 46, 48, 49, 116)

func alertTexts(alerts ...tls.AlertError) (texts []string) {
	for _, alert := range alerts {
		texts = append(texts, alert.Error())
	}
	return texts
}

// Refused is an ErrRefused where err, of a handshake, a read or a write, says that the peer does not accept this server's
// certificate: then it has read nothing that was sent, unless something came from it before. Otherwise it is nil. In TLS 1.3 the client's
// end of the handshake is over before the server has seen the client's certificate, so that the client learns of it when it reads.
func (s *Security) Refused(err error) error { return refused(err, s.Current().Certificate) }

func refused(err error, own *x509.Certificate) error {
	alert, ok := remoteAlert(err)
	if !ok || !slices.Contains(refusals, alert) {
		return nil
	}
	if own != nil && time.Now().After(own.NotAfter) {
		return fmt.Errorf("%w: %s", ErrRefused, End("this server's certificate", own, time.Now()))
	}
	return fmt.Errorf("%w: the peer does not accept this server's certificate (%s)", ErrRefused, strings.TrimPrefix(alert, "tls: "))
}

// remoteAlert is the alert that the peer sent. Go keeps its type to itself, but not its text.
func remoteAlert(err error) (text string, ok bool) {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "remote error" {
		return op.Err.Error(), true
	}
	return "", false
}

// Broken says whether err, of a read, is that of a record that was changed on its way, or is none.
func Broken(err error) bool {
	var op *net.OpError
	var header tls.RecordHeaderError
	return errors.As(err, &op) && op.Op == "local error" || errors.As(err, &header)
}

// withoutNetwork takes the addresses off, which have ports.
func withoutNetwork(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}
