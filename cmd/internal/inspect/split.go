package inspect

import (
	"encoding/binary"
	"iter"

	"renraku/telegram"
	"renraku/telegram/seal"
)

const (
	typeEnd      = telegram.HostLength + typeLength
	headerLength = telegram.StatusInquiryLength // the shortest telegram is nothing but the header
)

// hasKnownType says whether one of the four types stands where a telegram has it. Any other bytes pass once in 16,384 times.
func hasKnownType(b []byte) bool {
	return len(b) >= typeEnd && telegram.Type(binary.BigEndian.Uint16(b[telegram.HostLength:])).Length() != 0
}

// split cuts b into telegrams, good and bad; joined they are b. What follows a telegram begins the next one where it is long
// enough for a header and has a known type. Else it belongs to the telegram before it, which then is one of wrong length:
// that is what a datagram with bytes too many is. 48 bytes that follow one are its trailer where they have the magic of a trailer, or
// where the next telegram does not begin before they end.
func split(b []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for len(b) > 0 {
			n := firstLength(b)
			if !yield(b[:n]) {
				return
			}
			b = b[n:]
		}
	}
}

// firstLength is how many bytes belong to the telegram at the beginning of b.
func firstLength(b []byte) int {
	t, err := telegram.PeekType(b[:min(len(b), headerLength)])
	if err != nil {
		return len(b)
	}
	plain, sealed := t.Length(), t.Length()+seal.TrailerLength
	switch {
	case sealedType(b) != 0 && endsAt(b, sealed) && (hasMagic(b[:sealed]) || !endsAt(b, plain)):
		return sealed
	case endsAt(b, plain):
		return plain
	}
	return len(b)
}

// endsAt says whether b ends after n bytes, or another telegram begins there.
func endsAt(b []byte, n int) bool { return n == len(b) || n < len(b) && beginsTelegram(b[n:]) }

func hasMagic(sealed []byte) bool {
	_, _, err := seal.Split(sealed)
	return err != seal.ErrMagic
}

func beginsTelegram(b []byte) bool { return len(b) >= headerLength && hasKnownType(b) }
