package telegram

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func host(t testing.TB, s string) Host {
	h, err := NewHost(s)
	require.NoError(t, err)
	return h
}

func process(t testing.TB, s string) ProcessID {
	p, err := NewProcessID(s)
	require.NoError(t, err)
	return p
}

func status(t testing.TB, s string) Status {
	st, err := NewStatus(s)
	require.NoError(t, err)
	return st
}

func text(t testing.TB, s string) Text {
	x, err := NewText(s)
	require.NoError(t, err)
	return x
}

// good is one telegram of each shape with its bytes, written from the tables of the contract and not by the encoder.
func good(t testing.TB) []struct {
	name  string
	value Telegram
	bytes string
} {
	pad := func(s string, n int) string { return s + strings.Repeat(" ", n-len(s)) }
	return []struct {
		name  string
		value Telegram
		bytes string
	}{
		{"SQ START", StatusInquiry{host(t, "app01"), Start}, pad("app01", 64) + "SQ\x00\x02"},
		{"SQ CHECK, longest host", StatusInquiry{host(t, strings.Repeat("h", 64)), Check}, strings.Repeat("h", 64) + "SQ\x00\x01"},
		{"SQ END, shortest host", StatusInquiry{host(t, "~"), End}, pad("~", 64) + "SQ\x00\x04"},
		{"SR RUNNING", StatusResponse{host(t, "app01"), Running, status(t, "ONLINE"), text(t, "稼働中")},
			pad("app01", 64) + "SR\x00\x10" + pad("ONLINE", 24) + pad("稼働中", 104)},
		{"SR STOPPED, empty message", StatusResponse{host(t, "app01"), Stopped, Status{}, Text{}},
			pad("app01", 64) + "SR\x00\x20" + pad("", 128)},
		{"SR, full fields", StatusResponse{host(t, "app01"), Running, status(t, strings.Repeat("S", 24)), text(t, strings.Repeat("é", 52))},
			pad("app01", 64) + "SR\x00\x10" + strings.Repeat("S", 24) + strings.Repeat("é", 52)},
		{"SR, text begins with a space", StatusResponse{host(t, "app01"), Running, Status{}, text(t, " x")},
			pad("app01", 64) + "SR\x00\x10" + pad("", 24) + pad(" x", 104)},
		{"XQ LAUNCH", ExecutionOrder{host(t, "app01"), Launch, process(t, "NIGHTBATCH")},
			pad("app01", 64) + "XQ\x01\x00" + pad("NIGHTBATCH", 16)},
		{"XQ TAKEN, longest ID", ExecutionOrder{host(t, "app01"), Taken, process(t, strings.Repeat("P", 16))},
			pad("app01", 64) + "XQ\x02\x00" + strings.Repeat("P", 16)},
		{"XR ENDED", ExecutionResponse{host(t, "app01"), Ended, process(t, "B"), status(t, "NOT-STARTED"), text(t, "ended normally")},
			pad("app01", 64) + "XR\x08\x00" + pad("B", 16) + pad("NOT-STARTED", 24) + pad("ended normally", 104)},
		{"XR LAUNCHED", ExecutionResponse{host(t, "app01"), Launched, process(t, "ONLINE"), status(t, "ONLINE"), Text{}},
			pad("app01", 64) + "XR\x10\x00" + pad("ONLINE", 16) + pad("ONLINE", 24) + pad("", 104)},
		{"XR FAILED", ExecutionResponse{host(t, "app01"), Failed, process(t, "ONLINE"), Status{}, text(t, "exit status 3")},
			pad("app01", 64) + "XR\x20\x00" + pad("ONLINE", 16) + pad("", 24) + pad("exit status 3", 104)},
		{"XR ALREADY", ExecutionResponse{host(t, "app01"), Already, process(t, "ONLINE"), Status{}, Text{}},
			pad("app01", 64) + "XR\x40\x00" + pad("ONLINE", 16) + pad("", 128)},
		{"XR REFUSED", ExecutionResponse{host(t, "app01"), Refused, process(t, "ONLINE"), Status{}, Text{}},
			pad("app01", 64) + "XR\x80\x00" + pad("ONLINE", 16) + pad("", 128)},
	}
}

func TestTelegramsHaveTheBytesOfTheContractBothWays(t *testing.T) {
	for _, c := range good(t) {
		t.Run(c.name, func(t *testing.T) {
			prefix := []byte("before")
			b, err := c.value.Append(prefix)
			require.NoError(t, err)
			assert.Equal(t, "before"+c.bytes, string(b), "append leaves what stands before")

			back, err := Decode([]byte(c.bytes))
			require.NoError(t, err)
			assert.Equal(t, c.value, back)
			assert.True(t, c.value == back, "values compare with ==")
		})
	}
}

func TestExampleOfTheContract(t *testing.T) {
	want, err := hex.DecodeString("6170703031" + strings.Repeat("20", 59) + "5351" + "0002")
	require.NoError(t, err)
	got, err := StatusInquiry{host(t, "app01"), Start}.Append(nil)
	require.NoError(t, err)
	assert.Equal(t, want, got)
}

func TestBadBytesNameTelegramFieldOffsetAndCause(t *testing.T) {
	sq := func(h, rest string) string { return h + strings.Repeat(" ", 64-len(h)) + rest }
	message := func(st, tx string) string {
		return st + strings.Repeat(" ", 24-len(st)) + tx + strings.Repeat(" ", 104-len(tx))
	}
	cases := []struct {
		name, bytes string
		want        FieldError
	}{
		{"nothing", "", FieldError{0, FieldLength, 0, ErrLength, ""}},
		{"67 bytes", strings.Repeat("a", 67), FieldError{0, FieldLength, 67, ErrLength, ""}},
		{"SQ with a byte more", sq("a", "SQ\x00\x01x"), FieldError{SQ, FieldLength, 68, ErrLength, ""}},
		{"SR with the length of SQ", sq("a", "SR\x00\x10"), FieldError{SR, FieldLength, 68, ErrLength, ""}},
		{"unknown type", sq("a", "SX\x00\x01"), FieldError{0, FieldType, 64, ErrUnknownType, ""}},
		{"type in lower case", sq("a", "sq\x00\x01"), FieldError{0, FieldType, 64, ErrUnknownType, ""}},
		{"no bit", sq("a", "SQ\x00\x00"), FieldError{SQ, FieldControl, 66, ErrControl, ""}},
		{"two bits", sq("a", "SQ\x00\x03"), FieldError{SQ, FieldControl, 66, ErrControl, ""}},
		{"SR's bit in SQ", sq("a", "SQ\x00\x10"), FieldError{SQ, FieldControl, 66, ErrControl, ""}},
		{"SQ's bit in SR", sq("a", "SR\x00\x01"+message("", "")), FieldError{SR, FieldControl, 66, ErrControl, ""}},
		{"a bit of no type", sq("a", "SQ\x00\x08"), FieldError{SQ, FieldControl, 66, ErrControl, ""}},
		{"little-endian", sq("a", "SQ\x01\x00"), FieldError{SQ, FieldControl, 66, ErrControl, ""}},
		{"empty host", sq("", "SQ\x00\x01"), FieldError{SQ, FieldHost, 0, ErrEmpty, ""}},
		{"space before the host", sq(" a", "SQ\x00\x01"), FieldError{SQ, FieldHost, 0, ErrSpace, ""}},
		{"space inside the host", sq("app 01", "SQ\x00\x01"), FieldError{SQ, FieldHost, 3, ErrSpace, ""}},
		{"space inside, in another word", sq("app      x", "SQ\x00\x01"), FieldError{SQ, FieldHost, 3, ErrSpace, ""}},
		{"host padded with zeros", "app01" + strings.Repeat("\x00", 59) + "SQ\x00\x01", FieldError{SQ, FieldHost, 5, ErrByte, ""}},
		{"zero at the host's end", sq("app01", "")[:63] + "\x00SQ\x00\x01", FieldError{SQ, FieldHost, 63, ErrByte, ""}},
		{"0x7F in the host", sq("a\x7fb", "SQ\x00\x01"), FieldError{SQ, FieldHost, 1, ErrByte, ""}},
		{"0x80 in the host", sq("abcdefghij\x80", "SQ\x00\x01"), FieldError{SQ, FieldHost, 10, ErrByte, ""}},
		{"tab in the host", sq("a\t", "SQ\x00\x01"), FieldError{SQ, FieldHost, 1, ErrByte, ""}},
		{"empty process ID", sq("a", "XQ\x01\x00"+strings.Repeat(" ", 16)), FieldError{XQ, FieldProcess, 68, ErrEmpty, ""}},
		{"space inside the process ID", sq("a", "XQ\x01\x00A B"+strings.Repeat(" ", 13)), FieldError{XQ, FieldProcess, 69, ErrSpace, ""}},
		{"XR: empty process ID", sq("a", "XR\x10\x00"+strings.Repeat(" ", 16)+message("", "")), FieldError{XR, FieldProcess, 68, ErrEmpty, ""}},
		{"space before the status", sq("a", "SR\x00\x10"+message(" A", "")), FieldError{SR, FieldStatus, 68, ErrSpace, ""}},
		{"bad byte in XR's status", sq("a", "XR\x10\x00P"+strings.Repeat(" ", 15)+message("A\x01", "")), FieldError{XR, FieldStatus, 85, ErrByte, ""}},
		{"newline in the text", sq("a", "SR\x00\x10"+message("", "ab\ncd")), FieldError{SR, FieldText, 94, ErrControlChar, ""}},
		{"U+0085 in the text", sq("a", "SR\x00\x10"+message("", "ab\u0085")), FieldError{SR, FieldText, 94, ErrControlChar, ""}},
		{"U+007F in the text", sq("a", "SR\x00\x10"+message("", "abcdefghi\x7f")), FieldError{SR, FieldText, 101, ErrControlChar, ""}},
		{"no UTF-8", sq("a", "SR\x00\x10"+message("", "a\xff")), FieldError{SR, FieldText, 93, ErrUTF8, ""}},
		{"a surrogate", sq("a", "SR\x00\x10"+message("", "\xed\xa0\x80")), FieldError{SR, FieldText, 92, ErrUTF8, ""}},
		{"an overlong form", sq("a", "SR\x00\x10"+message("", "\xc0\x80")), FieldError{SR, FieldText, 92, ErrUTF8, ""}},
		{"a character cut by the field's end", sq("a", "SR\x00\x10"+message("", strings.Repeat("a", 103)+"\xc3")), FieldError{SR, FieldText, 195, ErrUTF8, ""}},
		{"XR: zero in the text", sq("a", "XR\x10\x00P"+strings.Repeat(" ", 15)+message("", "\x00")), FieldError{XR, FieldText, 108, ErrControlChar, ""}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			value, err := Decode([]byte(c.bytes))
			assert.Nil(t, value, "a failed decode gives nothing")
			var got *FieldError
			require.ErrorAs(t, err, &got)
			assert.ErrorIs(t, err, c.want.Err)
			want := c.want
			want.Got = got.Got
			assert.Equal(t, want, *got)
			assert.Contains(t, err.Error(), string(c.want.Field))
			assert.Contains(t, err.Error(), fmt.Sprintf("offset %d", c.want.Offset))
		})
	}
}

func TestDecodersOfOneTypeRefuseTheOthersAndGiveTheZeroValue(t *testing.T) {
	for _, c := range good(t) {
		b := []byte(c.bytes)
		sq, errSQ := DecodeStatusInquiry(b)
		sr, errSR := DecodeStatusResponse(b)
		xq, errXQ := DecodeExecutionOrder(b)
		xr, errXR := DecodeExecutionResponse(b)
		for typ, err := range map[Type]error{SQ: errSQ, SR: errSR, XQ: errXQ, XR: errXR} {
			if typ == c.value.Type() {
				assert.NoError(t, err, c.name)
			} else {
				assert.ErrorIs(t, err, ErrType, c.name)
			}
		}
		zero := 0
		for _, is := range []bool{sq == StatusInquiry{}, sr == StatusResponse{}, xq == ExecutionOrder{}, xr == ExecutionResponse{}} {
			if is {
				zero++
			}
		}
		assert.Equal(t, 3, zero, c.name)
	}
}

// Every length but the right one, and every value of every byte: never a panic, and what decodes encodes to the same bytes.
func TestEveryLengthAndEveryChangedByteIsAnErrorOrExact(t *testing.T) {
	for _, c := range good(t) {
		whole := append([]byte(c.bytes), make([]byte, 300-len(c.bytes))...)
		for n := range whole {
			_, err := Decode(whole[:n])
			if n == len(c.bytes) {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, ErrLength, "%s cut to %d bytes", c.name, n)
			}
		}
		b := []byte(c.bytes)
		for i := range b {
			kept := b[i]
			for v := range 256 {
				b[i] = byte(v)
				exactOrError(t, b)
			}
			b[i] = kept
		}
	}
}

func exactOrError(t testing.TB, b []byte) {
	value, err := Decode(b)
	if err != nil {
		var e *FieldError
		if !errors.As(err, &e) || e.Offset < 0 || e.Offset > len(b) || value != nil {
			t.Fatalf("%q: %v", b, err)
		}
		return
	}
	again, err := value.Append(nil)
	if err != nil || string(again) != string(b) {
		t.Fatalf("%q decodes to %v and encodes to %q, %v", b, value, again, err)
	}
}

func TestEncodingNeverTruncatesAndNeverGuesses(t *testing.T) {
	h, p := host(t, "app01"), process(t, "P")
	cases := []struct {
		name  string
		value Telegram
		field Field
		err   error
	}{
		{"SQ without host", StatusInquiry{Control: Check}, FieldHost, ErrEmpty},
		{"SQ without control", StatusInquiry{Host: h}, FieldControl, ErrControl},
		{"SQ with SR's bit", StatusInquiry{h, Running}, FieldControl, ErrControl},
		{"SR with two bits", StatusResponse{Host: h, Control: Running | Stopped}, FieldControl, ErrControl},
		{"XQ without process", ExecutionOrder{Host: h, Control: Launch}, FieldProcess, ErrEmpty},
		{"XQ with XR's bit", ExecutionOrder{h, Launched, p}, FieldControl, ErrControl},
		{"XR without process", ExecutionResponse{Host: h, Control: Launched}, FieldProcess, ErrEmpty},
	}
	for _, c := range cases {
		b, err := c.value.Append([]byte("before"))
		assert.ErrorIs(t, err, c.err, c.name)
		assert.Equal(t, "before", string(b), c.name)
		var e *FieldError
		require.ErrorAs(t, err, &e)
		assert.Equal(t, c.field, e.Field, c.name)
	}
}

func TestValuesThatTheFieldCannotHoldAreErrors(t *testing.T) {
	newHost := func(s string) error { _, err := NewHost(s); return err }
	newID := func(s string) error { _, err := NewProcessID(s); return err }
	newStatus := func(s string) error { _, err := NewStatus(s); return err }
	newText := func(s string) error { _, err := NewText(s); return err }
	cases := []struct {
		name   string
		make   func(string) error
		in     string
		want   error
		offset int
	}{
		{"host", newHost, "a", nil, 0},
		{"host of 64", newHost, strings.Repeat("a", 64), nil, 0},
		{"host of 65", newHost, strings.Repeat("a", 65), ErrTooLong, 64},
		{"no host", newHost, "", ErrEmpty, 0},
		{"host with a space", newHost, "a b", ErrSpace, 1},
		{"host after a space", newHost, " a", ErrSpace, 0},
		{"host before a space", newHost, "a ", ErrSpace, 1},
		{"host of a space", newHost, " ", ErrSpace, 0},
		{"host with a zero byte", newHost, "\x00", ErrByte, 0},
		{"host with an umlaut", newHost, "bär", ErrByte, 1},
		{"ID of 16", newID, strings.Repeat("a", 16), nil, 0},
		{"ID of 17", newID, strings.Repeat("a", 17), ErrTooLong, 16},
		{"no ID", newID, "", ErrEmpty, 0},
		{"no status", newStatus, "", nil, 0},
		{"status of 24", newStatus, strings.Repeat("a", 24), nil, 0},
		{"status of 25", newStatus, strings.Repeat("a", 25), ErrTooLong, 24},
		{"no text", newText, "", nil, 0},
		{"text of 104", newText, strings.Repeat("a", 104), nil, 0},
		{"text of 105", newText, strings.Repeat("a", 105), ErrTooLong, 104},
		{"text ending in a space", newText, "a ", ErrTrailingSpace, 1},
		{"text of a space", newText, " ", ErrTrailingSpace, 0},
		{"text of 104 ending in a space", newText, strings.Repeat("a", 103) + " ", ErrTrailingSpace, 103},
		{"text with a newline", newText, "a\nb", ErrControlChar, 1},
		{"text that is no UTF-8", newText, "a\x80", ErrUTF8, 1},
	}
	for _, c := range cases {
		err := c.make(c.in)
		if c.want == nil {
			assert.NoError(t, err, c.name)
			continue
		}
		assert.ErrorIs(t, err, c.want, c.name)
		var e *FieldError
		require.ErrorAs(t, err, &e, c.name)
		assert.Equal(t, c.offset, e.Offset, c.name)
		assert.Equal(t, Type(0), e.Type, c.name)
	}
}

func TestStatusIsTheOneThatIsWritten(t *testing.T) {
	all := []string{"", "A", "AB", "ONLINE", strings.Repeat("S", 23), strings.Repeat("S", 24)}
	for _, a := range all {
		for _, b := range append(all, strings.Repeat("S", 25), " ", "A ") {
			assert.Equal(t, a == b, status(t, a).Is(b), "%q and %q", a, b)
		}
	}
}

func TestCutTextKeepsWholeCharacters(t *testing.T) {
	cases := []struct{ name, in, want string }{
		{"short", "exit status 3", "exit status 3"},
		{"empty", "", ""},
		{"spaces only", "   ", ""},
		{"104 bytes", strings.Repeat("x", 104), strings.Repeat("x", 104)},
		{"too long", strings.Repeat("x", 200), strings.Repeat("x", 104)},
		{"three-byte characters", strings.Repeat("語", 40), strings.Repeat("語", 34)},
		{"boundary after a one-byte character", "x" + strings.Repeat("語", 40), "x" + strings.Repeat("語", 34)},
		{"cut leaves a space at the end", strings.Repeat("x", 103) + " y", strings.Repeat("x", 103)},
		{"control characters", "a\tb\x1b[31m\u0085c\n", "a b [31m c"},
		{"invalid UTF-8", "a\xffb", "a\uFFFDb"},
		{"invalid byte at the boundary", strings.Repeat("x", 102) + "\xff", strings.Repeat("x", 102)},
	}
	for _, c := range cases {
		got := CutText(c.in)
		assert.Equal(t, c.want, got.String(), c.name)
		again, err := NewText(got.String())
		assert.NoError(t, err, c.name)
		assert.Equal(t, got, again, c.name)
	}
}

func TestCutFitsAnyWidth(t *testing.T) {
	cases := []struct {
		in    string
		width int
		want  string
	}{
		{"abc", 4, "abc"},
		{"abc", 3, "abc"},
		{"abc", 2, "ab"},
		{"abc", 0, ""},
		{"ab c", 3, "ab"},
		{"a語", 4, "a語"},
		{"a語", 3, "a"},
		{"a語b", 3, "a"},
		{"a\xff", 4, "a\uFFFD"},
		{"a\xff", 3, "a"},
		{"a\tb\x7fc\u009f", 6, "a b c"},
		{" \n ", 3, ""},
		{strings.Repeat("x", 200), 107, strings.Repeat("x", 107)},
	}
	for _, c := range cases {
		assert.Equal(t, c.want, Cut(c.in, c.width), "%q to %d bytes", c.in, c.width)
	}
}

func TestControlPrintsItsBits(t *testing.T) {
	assert.Equal(t, "START", Start.String())
	assert.Equal(t, "none", Control(0).String())
	assert.Equal(t, "CHECK|START", (Check | Start).String())
	assert.Equal(t, "bit 3", Control(0x0008).String())
}
