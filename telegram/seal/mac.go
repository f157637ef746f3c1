package seal

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding"
	"encoding/binary"
	"hash"
)

const (
	macLength = 16
	prefix    = "hb1"
)

// digest is what SHA-256 of the standard library is.
type digest interface {
	hash.Hash
	encoding.BinaryMarshaler
	encoding.BinaryUnmarshaler
}

func newDigest() digest { return sha256.New().(digest) }

// A state of SHA-256 as the standard library writes it: a magic, the eight words, what the block has so far, the length.
const (
	stateOffset = 4
	stateEnd    = stateOffset + sha256.Size
)

// state is one after one block; only its words depend on what the block was.
var state = marshaled(make([]byte, sha256.BlockSize))

func marshaled(block []byte) []byte {
	d := newDigest()
	d.Write(block)
	b, err := d.MarshalBinary()
	if err != nil {
		panic(err) // SHA-256 has none
	}
	return b
}

// stateAfter is the words after the block that RFC 2104 makes of the secret.
func stateAfter(secret *Secret, pad byte) (words [sha256.Size]byte) {
	block := make([]byte, sha256.BlockSize)
	copy(block, secret[:])
	for i := range block {
		block[i] ^= pad
	}
	copy(words[:], marshaled(block)[stateOffset:stateEnd])
	return words
}

// MAC seals and checks, and allocates nothing for it. It is for one goroutine.
type MAC struct {
	digest digest
	state  []byte
	head   [len(prefix) + 3]byte
	sum    [sha256.Size]byte
}

// NewMAC is one.
func NewMAC() *MAC {
	m := &MAC{digest: newDigest(), state: append([]byte(nil), state...)}
	copy(m.head[:], prefix)
	return m
}

// Seal appends the trailer to a telegram.
func (m *MAC) Seal(telegram []byte, t *Trailer, key *Key) []byte {
	n := len(telegram)
	sealed := t.appendTo(telegram)
	return append(sealed, m.of(sealed, n, t.Direction, key)...)
}

// Check says whether a sealed telegram is of this direction, and its MAC the one that the key gives. The rest of the trailer's form is
// not looked at: Split does that.
func (m *MAC) Check(sealed []byte, d Direction, key *Key) bool {
	n := len(sealed) - TrailerLength
	if n <= 0 || sealed[n+flagsOffset] != byte(d) {
		return false
	}
	body, mac := sealed[:n+macOffset], sealed[n+macOffset:]
	return subtle.ConstantTimeCompare(mac, m.of(body, n, d, key)) == 1
}

// of is the MAC over a telegram of n bytes and the trailer before the MAC. It stands until the next one.
func (m *MAC) of(body []byte, n int, d Direction, key *Key) []byte {
	m.head[len(prefix)] = byte(d)
	binary.BigEndian.PutUint16(m.head[len(prefix)+1:], uint16(n))
	m.resume(&key.inner)
	m.digest.Write(m.head[:])
	m.digest.Write(body)
	inner := m.digest.Sum(m.sum[:0])
	m.resume(&key.outer)
	m.digest.Write(inner)
	return m.digest.Sum(m.sum[:0])[:macLength]
}

// resume has SHA-256 go on from a state after one block.
func (m *MAC) resume(words *[sha256.Size]byte) {
	copy(m.state[stateOffset:stateEnd], words[:])
	if err := m.digest.UnmarshalBinary(m.state); err != nil {
		panic(err) // it is one of its own
	}
}
