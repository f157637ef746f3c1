package inspect

import (
	"encoding/hex"
	"errors"
	"fmt"

	"renraku/telegram"
	"renraku/telegram/seal"
)

// macLength is what package seal keeps to itself.
const macLength = 16

// trailerFields are the lines of a printed trailer, without gaps. They have no numerals, since the patent has no trailer.
var trailerFields = []row{
	{"magic", 4}, {"algorithm", 1}, {"flags", 1}, {"key ID", 2}, {"session", 8}, {"sequence", 8}, {"epoch", 8}, {"MAC", macLength},
}

// trailerError is a trailer that is wrong: the field, its offset from the start of the telegram, and what would be right.
type trailerError struct {
	kind   telegram.Type
	field  string
	offset int
	right  string
}

// Error reads like "SQ: magic: offset 68: HBA1 is right".
func (e *trailerError) Error() string {
	return fmt.Sprintf("%v: %s: offset %d: %s is right", e.kind, e.field, e.offset, e.right)
}

// isSealed says whether b is to be read as a telegram with its trailer: who does not know the mode can tell it by the length alone.
// Only telegrams that go by UDP are ever sealed; those of a stream are cut out of it by their types' lengths, and so never have one.
func isSealed(b []byte) bool {
	t := sealedType(b)
	return t != 0 && len(b) == t.Length()+seal.TrailerLength
}

// sealedType is the type that b has in its first bytes where it is one that can be sealed, else 0.
func sealedType(b []byte) telegram.Type {
	t, err := telegram.PeekType(b[:min(len(b), headerLength)])
	if err != nil || t != telegram.SQ && t != telegram.SR {
		return 0
	}
	return t
}

// decodeSealed decodes a telegram with its trailer in the order of a receiver that has no keys.
func decodeSealed(b []byte) (telegram.Telegram, seal.Trailer, error) {
	kind := sealedType(b)
	plain, trailer, err := seal.Split(b)
	if err != nil {
		var wrong *seal.TrailerError
		errors.As(err, &wrong) // it is always one
		return nil, seal.Trailer{}, &trailerError{kind, wrong.Field, len(b) - seal.TrailerLength + wrong.Offset, wrong.Right}
	}
	if want := directionOf(kind); trailer.Direction != want {
		return nil, seal.Trailer{}, &trailerError{kind, "flags", len(b) - seal.TrailerLength + flagsOffset, fmt.Sprintf("0x%02X, %v,", byte(want), want)}
	}
	decoded, err := telegram.Decode(plain)
	return decoded, trailer, err
}

// flagsOffset is where the flags stand in the trailer.
var flagsOffset = trailerFields[0].length + trailerFields[1].length

// directionOf is the direction in which a type that can be sealed goes.
func directionOf(t telegram.Type) seal.Direction {
	if t == telegram.SR {
		return seal.ToManager
	}
	return seal.ToSlave
}

// trailerValues gives what stands in the trailer at the end of a sealed telegram, in the order of its fields.
func trailerValues(t *seal.Trailer, sealed []byte) []string {
	return []string{
		"HBA1",
		"1 HMAC-SHA256-128",
		fmt.Sprintf("0x%02X %v", byte(t.Direction), t.Direction),
		fmt.Sprint(t.KeyID),
		sessionValue(t.Session),
		fmt.Sprint(t.Sequence),
		fmt.Sprint(t.Epoch),
		hex.EncodeToString(sealed[len(sealed)-macLength:]) + " not checked",
	}
}

func sessionValue(session uint64) string {
	if session == 0 {
		return "0 unasked"
	}
	return fmt.Sprintf("0x%016x", session)
}
