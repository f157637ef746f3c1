package seal

import (
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"io"

	"renraku/telegram"
)

// SecretLength is the length in bytes of a master key, and of a key that is derived from one.
const SecretLength = 32

// Secret is a master key or a key derived from one. It does not print: not with any verb of fmt that go vet lets pass, not as text or
// JSON, and so not in the log.
type Secret [SecretLength]byte

// hidden stands for a secret where one is printed.
const hidden = "(secret)"

// String keeps the secret.
func (Secret) String() string { return hidden }

// Format keeps the secret with every verb and flag.
func (Secret) Format(f fmt.State, _ rune) { io.WriteString(f, hidden) }

// MarshalText keeps the secret in JSON and in the log.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// Derive derives from a master key the key of one direction between two hosts.
func (master *Secret) Derive(d Direction, manager, slave telegram.Host) (derived Secret) {
	info := append([]byte(prefix), byte(d))
	info = appendPadded(info, manager)
	info = appendPadded(info, slave)
	b, err := hkdf.Key(sha256.New, master[:], nil, string(info), SecretLength)
	if err != nil {
		panic(fmt.Sprintf("derive a key of %d bytes: %v", SecretLength, err)) // only one that is too long has an error
	}
	copy(derived[:], b)
	return derived
}

// appendPadded appends the host name as it stands on the wire.
func appendPadded(b []byte, h telegram.Host) []byte {
	end := len(b) + telegram.HostLength
	for b = h.AppendTo(b); len(b) < end; {
		b = append(b, ' ')
	}
	return b
}

// Key is a secret made ready for the MAC: the states of SHA-256 after its first block, inside and outside, so that a MAC takes no
// time for them. It is as secret.
type Key struct{ inner, outer [sha256.Size]byte }

// Format keeps the secret that it is made of. As text it has nothing to print.
func (Key) Format(f fmt.State, _ rune) { io.WriteString(f, hidden) }

// NewKey makes a derived key ready.
func NewKey(secret *Secret) Key {
	return Key{stateAfter(secret, 0x36), stateAfter(secret, 0x5C)} // ipad and opad of RFC 2104
}

// Pair is the keys of one manager and one slave.
type Pair struct{ Inquiry, Response Key }

// Master is a master key and its ID. The manager holds them; nobody else does.
type Master struct {
	ID     uint16
	Secret Secret
}

// SlaveKeys is what one slave holds of a master key: it can speak for itself alone.
type SlaveKeys struct {
	ID                 uint16
	ToSlave, ToManager Secret
}

// Derive derives the keys of one slave.
func (m *Master) Derive(manager, slave telegram.Host) SlaveKeys {
	return SlaveKeys{m.ID, m.Secret.Derive(ToSlave, manager, slave), m.Secret.Derive(ToManager, manager, slave)}
}

// Pair makes the keys ready.
func (k *SlaveKeys) Pair() Pair { return Pair{NewKey(&k.ToSlave), NewKey(&k.ToManager)} }
