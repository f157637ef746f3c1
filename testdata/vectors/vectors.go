// Package vectors reads the test vectors beside it, whose form README.md describes. It knows nothing of telegrams or records.
package vectors

import (
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

//go:embed *.txt
var files embed.FS

// What a vector expects of the decoder, or of the encoder.
const (
	Value   = "value"   // it decodes to the value, which encodes to the same bytes
	Error   = "error"   // it does not decode
	Refused = "refused" // the value does not encode
)

// Vector is bytes with what they mean, or with what is wrong with them.
type Vector struct {
	Name   string
	Of     string // SQ, SR, XQ, XR, contact, history; any; sealed-SQ, sealed-SR, sealed-any; key
	Taken  string // the only type that the decoder takes; "": each
	Expect string
	Field  string // of an error, with the next two
	Kind   string
	Offset int
	Value  map[string]string // the fields of the value
	Key    []byte            // of a sealed telegram: the key of the reader, and its ID
	KeyID  uint16
	Bytes  []byte
}

// Read reads the vectors of some files, such as "SQ.txt".
func Read(names ...string) ([]Vector, error) {
	var all []Vector
	for _, name := range names {
		text, err := files.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read vectors: %w", err)
		}
		number := 0
		for block := range strings.SplitSeq(string(text), "\n\n") {
			number++
			v, ok, err := parse(block)
			if err != nil {
				return nil, fmt.Errorf("read vectors: %s: block %d: %w", name, number, err)
			}
			if ok {
				all = append(all, v)
			}
		}
	}
	return all, nil
}

// parse reads one block. One of comments only is no vector.
func parse(block string) (v Vector, ok bool, err error) {
	v.Value = map[string]string{}
	for line := range strings.SplitSeq(block, "\n") {
		key, value, header := strings.Cut(line, ":")
		switch {
		case strings.HasPrefix(line, "#"), line == "":
		case header:
			ok = true
			if err := v.set(key, strings.TrimPrefix(value, " ")); err != nil {
				return Vector{}, false, err
			}
		default:
			b, err := hex.DecodeString(strings.ReplaceAll(line, " ", ""))
			if err != nil {
				return Vector{}, false, err
			}
			v.Bytes = append(v.Bytes, b...)
		}
	}
	return v, ok, nil
}

func (v *Vector) set(key, value string) (err error) {
	switch key {
	case "name":
		v.Name = value
	case "of":
		v.Of = value
	case "taken":
		v.Taken = value
	case "expect":
		v.Expect = value
	case "field":
		v.Field = value
	case "kind":
		v.Kind = value
	case "offset":
		v.Offset, err = strconv.Atoi(value)
	case "key":
		v.Key, err = hex.DecodeString(value)
	case "key-id":
		var id uint64
		id, err = strconv.ParseUint(value, 0, 16)
		v.KeyID = uint16(id)
	case "control", "session", "sequence", "epoch", "master", "direction":
		v.Value[key] = value
	default:
		var s string
		err = json.Unmarshal([]byte(value), &s)
		v.Value[key] = s
	}
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}
