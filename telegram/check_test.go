package telegram

import "testing"

func TestEveryByteInEveryPlaceIsAcceptedExactlyWhereItHasNoFault(t *testing.T) {
	for _, c := range good(t) {
		typ := c.value.Type()
		for i := range c.bytes {
			b := []byte(c.bytes)
			for v := range 256 {
				b[i] = byte(v)
				_, err := Decode(b)
				if fault := fault(b, typ); typeIn(b) == typ && (fault == nil) != (err == nil) {
					t.Fatalf("%s: 0x%02X at %d: %v, and its fault is %v", c.name, v, i, err, fault)
				}
			}
		}
	}
}
