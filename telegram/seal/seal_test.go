package seal

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/telegram"
)

func host(tb testing.TB, name string) telegram.Host {
	h, err := telegram.NewHost(name)
	require.NoError(tb, err)
	return h
}

func secret(fill byte) *Secret {
	var s Secret
	for i := range s {
		s[i] = fill + byte(i)
	}
	return &s
}

func inquiry(tb testing.TB) []byte {
	b, err := telegram.StatusInquiry{Host: host(tb, "app01"), Control: telegram.Start}.Append(nil)
	require.NoError(tb, err)
	return b
}

func response(tb testing.TB) []byte {
	b, err := telegram.StatusResponse{Host: host(tb, "app01"), Control: telegram.Running}.Append(nil)
	require.NoError(tb, err)
	return b
}

func TestSealingLeavesTheTelegramAndAppendsTheTrailerAsDrawn(t *testing.T) {
	key := NewKey(secret(1))
	plain := inquiry(t)
	sealed := NewMAC().Seal(append([]byte(nil), plain...),
		&Trailer{ToSlave, 0x0102, 0x1112131415161718, 0x2122232425262728, 0x3132333435363738}, &key)
	require.Len(t, sealed, telegram.StatusInquiryLength+TrailerLength)
	assert.Equal(t, plain, sealed[:len(plain)])
	trailer := sealed[len(plain):]
	assert.Equal(t, "HBA1\x01\x00\x01\x02\x11\x12\x13\x14\x15\x16\x17\x18\x21\x22\x23\x24\x25\x26\x27\x28\x31\x32\x33\x34\x35\x36\x37\x38",
		string(trailer[:macOffset]))
	mac := hmac.New(sha256.New, secret(1)[:])
	fmt.Fprintf(mac, "hb1\x00\x00\x44%s%s", plain, trailer[:macOffset])
	assert.Equal(t, mac.Sum(nil)[:16], trailer[macOffset:])
}

func TestTheMACIsThatOfTheStandardLibraryForEveryLength(t *testing.T) {
	key, m := NewKey(secret(7)), NewMAC()
	for n := 1; n <= 300; n++ {
		plain := []byte(strings.Repeat("x", n))
		sealed := m.Seal(plain, &Trailer{Direction: ToManager, Sequence: uint64(n)}, &key)
		mac := hmac.New(sha256.New, secret(7)[:])
		fmt.Fprintf(mac, "hb1\x01%s%s", []byte{byte(n >> 8), byte(n)}, sealed[:n+macOffset])
		require.Equal(t, mac.Sum(nil)[:16], sealed[n+macOffset:], "%d bytes", n)
		require.True(t, m.Check(sealed, ToManager, &key))
	}
}

func TestWhatSealsSplitsToTheSame(t *testing.T) {
	key := NewKey(secret(1))
	want := Trailer{ToManager, 65535, 1<<64 - 1, 1 << 63, 5}
	sealed := NewMAC().Seal(response(t), &want, &key)
	got, trailer, err := Split(sealed)
	require.NoError(t, err)
	assert.Equal(t, response(t), got)
	assert.Equal(t, want, trailer)
}

func TestNoChangedBitPassesTheCheck(t *testing.T) {
	key, m := NewKey(secret(1)), NewMAC()
	sealed := m.Seal(response(t), &Trailer{Direction: ToManager, KeyID: 1, Session: 2, Sequence: 3, Epoch: 4}, &key)
	require.True(t, m.Check(sealed, ToManager, &key))
	for bit := range 8 * len(sealed) {
		sealed[bit/8] ^= 1 << (bit % 8)
		require.False(t, m.Check(sealed, ToManager, &key), "bit %d", bit)
		sealed[bit/8] ^= 1 << (bit % 8)
	}
	for n := range sealed {
		require.False(t, m.Check(sealed[:n], ToManager, &key), "%d bytes", n)
	}
}

func TestNeitherTheOtherDirectionNorAnotherKeyPassesTheCheck(t *testing.T) {
	key, other, m := NewKey(secret(1)), NewKey(secret(2)), NewMAC()
	sealed := m.Seal(inquiry(t), &Trailer{Direction: ToSlave}, &key)
	assert.True(t, m.Check(sealed, ToSlave, &key))
	assert.False(t, m.Check(sealed, ToManager, &key))
	assert.False(t, m.Check(sealed, ToSlave, &other))

	// Flags of the other direction, and the MAC over them and this one.
	n := telegram.StatusInquiryLength
	sealed[n+flagsOffset] = byte(ToManager)
	copy(sealed[n+macOffset:], m.of(sealed[:n+macOffset], n, ToSlave, &key))
	assert.False(t, m.Check(sealed, ToSlave, &key))
	assert.False(t, m.Check(sealed, ToManager, &key))
}

func TestSplitRefusesAnotherForm(t *testing.T) {
	key := NewKey(secret(1))
	for _, c := range []struct {
		name   string
		change func(b []byte) []byte
		want   error
	}{
		{"the trailer alone", func(b []byte) []byte { return b[telegram.StatusInquiryLength:] }, ErrLength},
		{"nothing", func([]byte) []byte { return nil }, ErrLength},
		{"magic", func(b []byte) []byte { b[len(b)-TrailerLength+3] = '2'; return b }, ErrMagic},
		{"algorithm 0", func(b []byte) []byte { b[len(b)-TrailerLength+algorithmOffset] = 0; return b }, ErrAlgorithm},
		{"algorithm 2", func(b []byte) []byte { b[len(b)-TrailerLength+algorithmOffset] = 2; return b }, ErrAlgorithm},
		{"another flag", func(b []byte) []byte { b[len(b)-TrailerLength+flagsOffset] = 0x80; return b }, ErrFlags},
		{"a plain telegram", func(b []byte) []byte { return b[:telegram.StatusInquiryLength] }, ErrMagic},
	} {
		t.Run(c.name, func(t *testing.T) {
			sealed := NewMAC().Seal(inquiry(t), &Trailer{}, &key)
			got, trailer, err := Split(c.change(sealed))
			assert.Equal(t, c.want, err)
			assert.Nil(t, got)
			assert.Zero(t, trailer)
		})
	}
}

func TestAKeyIsOfOneDirectionBetweenTwoHosts(t *testing.T) {
	master := secret(9)
	manager, slave := host(t, "mgr01"), host(t, "app01")
	want, err := hkdf.Key(sha256.New, master[:], nil, fmt.Sprintf("hb1\x00%-64s%-64s", "mgr01", "app01"), SecretLength)
	require.NoError(t, err)
	derived := master.Derive(ToSlave, manager, slave)
	assert.Equal(t, want, derived[:])
	all := map[Secret]bool{derived: true}
	for _, other := range []Secret{
		master.Derive(ToManager, manager, slave),
		master.Derive(ToSlave, slave, manager),
		master.Derive(ToSlave, manager, host(t, "app02")),
		secret(10).Derive(ToSlave, manager, slave),
	} {
		assert.False(t, all[other])
		all[other] = true
	}
	keys := (&Master{3, *master}).Derive(manager, slave)
	assert.Equal(t, SlaveKeys{3, derived, master.Derive(ToManager, manager, slave)}, keys)
	assert.Equal(t, NewKey(&derived), keys.Pair().Inquiry)
	assert.Equal(t, NewKey(&keys.ToManager), keys.Pair().Response)
}

// What is printed of two keys is the same, whatever holds them and however it is printed.
func TestASecretDoesNotPrint(t *testing.T) {
	type holder struct {
		One  Secret
		All  []Secret
		Of   map[string]Secret
		Keys []Pair
	}
	holders := map[string]func(s *Secret) any{
		"Secret":    func(s *Secret) any { return *s },
		"*Secret":   func(s *Secret) any { return s },
		"Master":    func(s *Secret) any { return Master{1, *s} },
		"*Master":   func(s *Secret) any { return &Master{1, *s} },
		"SlaveKeys": func(s *Secret) any { return SlaveKeys{1, *s, *s} },
		"Key":       func(s *Secret) any { return NewKey(s) },
		"Pair":      func(s *Secret) any { return (&SlaveKeys{1, *s, *s}).Pair() },
		"holder": func(s *Secret) any {
			return holder{*s, []Secret{*s}, map[string]Secret{"a": *s}, []Pair{(&SlaveKeys{1, *s, *s}).Pair()}}
		},
	}
	ways := map[string]func(v any) string{
		"Print": func(v any) string { return fmt.Sprint(v) },
		"JSON": func(v any) string {
			b, err := json.Marshal(v)
			require.NoError(t, err)
			return string(b)
		},
		"the log as text": func(v any) string {
			return logged(t, v, func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, nil) })
		},
		"the log as JSON": func(v any) string {
			return logged(t, v, func(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, nil) })
		},
	}
	for _, verb := range strings.Split("v s d x X q b o O c U t e E f F g G", " ") {
		for _, flags := range []string{"", "+", "#", "-", " ", "0", "80", ".3"} {
			format := "%" + flags + verb
			ways[format] = func(v any) string { return fmt.Sprintf(format, v) }
		}
	}
	for held, hold := range holders {
		for way, print := range ways {
			one := print(hold(secret('A')))
			assert.Equal(t, one, print(hold(secret('a'))), "%s by %s", held, way)
			assert.NotEmpty(t, one, "%s by %s", held, way)
		}
	}
	assert.Equal(t, secret('A').String(), secret('a').String())
}

// logged is the line that the log has of a value.
func logged(t *testing.T, v any, handler func(io.Writer) slog.Handler) string {
	var line strings.Builder
	r := slog.NewRecord(time.Time{}, slog.LevelInfo, "keys", 0)
	r.Add("key", v)
	require.NoError(t, handler(&line).Handle(t.Context(), r))
	return line.String()
}

func TestSealingAllocatesNothing(t *testing.T) {
	key, m := NewKey(secret(1)), NewMAC()
	room := make([]byte, 0, MaxLength)
	plain := response(t)
	trailer := Trailer{Direction: ToManager}
	good := true
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		sealed := m.Seal(append(room[:0], plain...), &trailer, &key)
		_, _, err := Split(sealed)
		good = good && err == nil && m.Check(sealed, ToManager, &key)
		_, _, err = Split(plain)
		good = good && err != nil
	}))
	assert.True(t, good)
}

// FuzzSplit: what splits, seals to the same bytes again where the MAC is right.
func FuzzSplit(f *testing.F) {
	key, m := NewKey(secret(1)), NewMAC()
	sealed := m.Seal(inquiry(f), &Trailer{ToSlave, 1, 2, 3, 4}, &key)
	f.Add(sealed)
	f.Add(sealed[:len(sealed)-1])
	f.Add(m.Seal(response(f), &Trailer{ToManager, 1, 2, 3, 4}, &key))
	f.Add([]byte(magic))
	flagged := append([]byte(nil), sealed...)
	flagged[len(flagged)-TrailerLength+flagsOffset] |= 0x80
	f.Add(flagged)
	f.Fuzz(func(t *testing.T, b []byte) {
		plain, trailer, err := Split(b)
		if err != nil {
			require.Zero(t, trailer)
			require.Nil(t, plain)
			return
		}
		again := m.Seal(append([]byte(nil), plain...), &trailer, &key)
		require.Equal(t, b[:len(b)-macLength], again[:len(again)-macLength])
		require.Equal(t, m.Check(b, trailer.Direction, &key), string(b) == string(again))
	})
}

// BenchmarkSeal is what sealing an inquiry and checking its answer cost the manager.
func BenchmarkSeal(b *testing.B) {
	key, m := NewKey(secret(1)), NewMAC()
	plain := inquiry(b)
	answer := m.Seal(response(b), &Trailer{Direction: ToManager}, &key)
	room := make([]byte, 0, MaxLength)
	trailer := Trailer{Direction: ToSlave}
	b.Run("inquiry", func(b *testing.B) {
		for b.Loop() {
			m.Seal(append(room[:0], plain...), &trailer, &key)
		}
	})
	b.Run("answer", func(b *testing.B) {
		for b.Loop() {
			Split(answer)
			if !m.Check(answer, ToManager, &key) {
				b.Fatal("not its MAC")
			}
		}
	})
	b.Run("both", func(b *testing.B) {
		for b.Loop() {
			m.Seal(append(room[:0], plain...), &trailer, &key)
			Split(answer)
			m.Check(answer, ToManager, &key)
		}
	})
}
