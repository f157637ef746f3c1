package inspect

import (
	"encoding/binary"
	"iter"

	"renraku/telegram"
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
// that is what a datagram with bytes too many is.
func split(b []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for len(b) > 0 {
			n := len(b)
			if t, err := telegram.PeekType(b[:min(n, headerLength)]); err == nil && beginsTelegram(b[min(n, t.Length()):]) {
				n = t.Length()
			}
			if !yield(b[:n]) {
				return
			}
			b = b[n:]
		}
	}
}

func beginsTelegram(b []byte) bool { return len(b) >= headerLength && hasKnownType(b) }
