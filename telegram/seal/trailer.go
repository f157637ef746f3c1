package seal

import (
	"encoding/binary"
	"fmt"

	"renraku/telegram"
)

// TrailerLength is the length of the trailer in bytes.
const TrailerLength = 48

// MaxLength is the length of the longest sealed telegram in bytes: SR and its trailer.
const MaxLength = telegram.StatusResponseLength + TrailerLength

// Offsets from the start of the trailer in bytes.
const (
	magicOffset     = 0
	algorithmOffset = magicOffset + len(magic)
	flagsOffset     = algorithmOffset + 1
	keyIDOffset     = flagsOffset + 1
	sessionOffset   = keyIDOffset + 2
	sequenceOffset  = sessionOffset + 8
	epochOffset     = sequenceOffset + 8
	macOffset       = epochOffset + 8
)

// The build stops here where the MAC does not end the trailer.
var _ [0]byte = [TrailerLength - (macOffset + macLength)]byte{}

const (
	magic         = "HBA1"
	hmacSHA256    = 1
	flagFromSlave = 0x01 // slave to manager
)

// Direction is which of the two sends.
type Direction byte

// The directions, as they stand in the MAC and in the key's info; in the flags the second is bit 0.
const (
	ToSlave   Direction = 0
	ToManager Direction = 1
)

// String reads like "manager to slave".
func (d Direction) String() string {
	if d == ToManager {
		return "slave to manager"
	}
	return "manager to slave"
}

// Trailer is what a trailer says, but for the MAC.
type Trailer struct {
	Direction Direction
	KeyID     uint16
	Session   uint64
	Sequence  uint64
	Epoch     uint64
}

// TrailerError is a trailer of another form: the field, its offset from the start of the trailer in bytes, and what would be right.
type TrailerError struct {
	Field  string
	Offset int
	Right  string
}

// Error reads like "trailer, magic at offset 0: HBA1 is right".
func (e *TrailerError) Error() string {
	return fmt.Sprintf("trailer, %s at offset %d: %s is right", e.Field, e.Offset, e.Right)
}

// What can be wrong with the form. They are made once, so that rubbish costs no memory.
var (
	ErrLength    = &TrailerError{"length", 0, fmt.Sprintf("a telegram and %d bytes after it", TrailerLength)}
	ErrMagic     = &TrailerError{"magic", magicOffset, magic}
	ErrAlgorithm = &TrailerError{"algorithm", algorithmOffset, "1"}
	ErrFlags     = &TrailerError{"flags", flagsOffset, "0, or 1 from a slave"}
)

// Split takes a sealed telegram apart, and looks at the form of the trailer alone: what the telegram says and the MAC are not checked.
// The error is one of the four above.
func Split(sealed []byte) (t []byte, trailer Trailer, err error) {
	n := len(sealed) - TrailerLength
	if n <= 0 {
		return nil, Trailer{}, ErrLength
	}
	b := (*[TrailerLength]byte)(sealed[n:])
	switch {
	case string(b[:algorithmOffset]) != magic:
		return nil, Trailer{}, ErrMagic
	case b[algorithmOffset] != hmacSHA256:
		return nil, Trailer{}, ErrAlgorithm
	case b[flagsOffset]&^flagFromSlave != 0:
		return nil, Trailer{}, ErrFlags
	}
	return sealed[:n], Trailer{
		Direction: Direction(b[flagsOffset] & flagFromSlave),
		KeyID:     binary.BigEndian.Uint16(b[keyIDOffset:]),
		Session:   binary.BigEndian.Uint64(b[sessionOffset:]),
		Sequence:  binary.BigEndian.Uint64(b[sequenceOffset:]),
		Epoch:     binary.BigEndian.Uint64(b[epochOffset:]),
	}, nil
}

// appendTo appends the trailer before the MAC.
func (t *Trailer) appendTo(b []byte) []byte {
	b = append(b, magic...)
	b = append(b, hmacSHA256, byte(t.Direction)&flagFromSlave)
	b = binary.BigEndian.AppendUint16(b, t.KeyID)
	b = binary.BigEndian.AppendUint64(b, t.Session)
	b = binary.BigEndian.AppendUint64(b, t.Sequence)
	return binary.BigEndian.AppendUint64(b, t.Epoch)
}
