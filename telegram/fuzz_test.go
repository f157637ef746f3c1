package telegram

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

// fuzzType starts from the good telegrams of one type. Whatever decodes must encode to the same bytes, and what stood in the value
// before must not show.
func fuzzType[T Telegram, P decoder[T]](f *testing.F, typ Type, decode func([]byte) (T, error)) {
	var before T // no field of it is empty
	for _, c := range good(f) {
		if c.value.Type() == typ {
			f.Add([]byte(c.bytes))
			f.Add([]byte("\x1f" + c.bytes[1:])) // no host name
			if v := c.value.(T); len(v.String()) > len(before.String()) {
				before = v
			}
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		value, err := decode(b)
		if again := fault(b, typ); (again == nil) != (err == nil) {
			t.Fatalf("%q: %v, and its fault is %v", b, err, again)
		}
		over := before
		if P(&over).Decode(b); Telegram(over) != Telegram(value) {
			t.Fatalf("%q decodes to %v, and over %v to %v", b, value, before, over)
		}
		if err != nil {
			var zero T
			if Telegram(value) != Telegram(zero) {
				t.Fatalf("a failed decode gives %v", value)
			}
			return
		}
		again, err := value.Append(nil)
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%q decodes to %v and encodes to %q, %v", b, value, again, err)
		}
		if len(b) != typ.Length() {
			t.Fatalf("%d bytes decode as %s", len(b), typ)
		}
	})
}

func FuzzDecodeStatusInquiry(f *testing.F)  { fuzzType(f, SQ, DecodeStatusInquiry) }
func FuzzDecodeStatusResponse(f *testing.F) { fuzzType(f, SR, DecodeStatusResponse) }
func FuzzDecodeExecutionOrder(f *testing.F) { fuzzType(f, XQ, DecodeExecutionOrder) }
func FuzzDecodeExecutionResponse(f *testing.F) {
	fuzzType(f, XR, DecodeExecutionResponse)
}

// FuzzReader: a stream of any bytes gives telegrams whose bytes are the stream's, and then the error of what comes after them.
func FuzzReader(f *testing.F) {
	var all []byte
	for _, c := range good(f) {
		f.Add([]byte(c.bytes))
		all = append(all, c.bytes...)
	}
	f.Add(all)
	f.Add(all[:len(all)-1])
	f.Fuzz(func(t *testing.T, b []byte) {
		r := NewReader(bytes.NewReader(b))
		var again []byte
		for {
			value, err := r.Read()
			if err != nil {
				if !bytes.HasPrefix(b, again) {
					t.Fatalf("read %q out of %q", again, b)
				}
				if want := streamEnd(b[len(again):]); !isSameEnd(err, want) {
					t.Fatalf("after %q of %q: %v, and not %v", again, b, err, want)
				}
				return
			}
			if again, err = value.Append(again); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// streamEnd is the error of a stream that goes on with these bytes, and then ends; nil: they begin with a telegram.
func streamEnd(b []byte) error {
	switch {
	case len(b) == 0:
		return io.EOF
	case len(b) < headerLength:
		return io.ErrUnexpectedEOF
	}
	t, err := PeekType(b)
	if err == nil && len(b) < t.Length() {
		return io.ErrUnexpectedEOF
	}
	if err == nil {
		_, err = Decode(b[:t.Length()])
	}
	return err
}

// isSameEnd says whether an error of a stream is the end or the fault that is wanted.
func isSameEnd(err, want error) bool {
	var fault, wanted *FieldError
	if errors.As(want, &wanted) {
		return errors.As(err, &fault) && *fault == *wanted
	}
	return want != nil && errors.Is(err, want)
}

// FuzzCutText: whatever a program prints has a text, and the text is one that the field keeps.
func FuzzCutText(f *testing.F) {
	f.Add("exit status 3: 語\xff\x1b[0m ")
	f.Fuzz(func(t *testing.T, s string) {
		cut := CutText(s)
		if again, err := NewText(cut.String()); err != nil || again != cut {
			t.Fatalf("%q is cut to %q: %v", s, cut, err)
		}
	})
}
