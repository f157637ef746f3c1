package telegram

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	sinkBytes []byte
	sinkErr   error
)

// BenchmarkTelegram has, for each telegram, the copy of its bytes (the limit), encode and decode, in one run: with the contents of
// every day, with every field full, with an empty message, and with a Japanese text.
func BenchmarkTelegram(b *testing.B) {
	benchmarkAll(b, "", fields{"app01.example.net", "NIGHTBATCH", "BATCH", "ended normally after 12.3s: 4711 records written"})
	benchmarkAll(b, " full", fields{strings.Repeat("h", HostLength), strings.Repeat("P", ProcessLength),
		strings.Repeat("S", StatusLength), strings.Repeat("x", TextLength)})
	benchmarkAll(b, " empty", fields{"app01.example.net", "NIGHTBATCH", "", ""})
	benchmarkAll(b, " Japanese", fields{"app01.example.net", "NIGHTBATCH", "BATCH", "夜間バッチは12.3秒で正常終了しました: 4711件を書き込みました"})
}

type fields struct{ host, process, status, text string }

func benchmarkAll(b *testing.B, contents string, f fields) {
	h, p, st, tx := host(b, f.host), process(b, f.process), status(b, f.status), text(b, f.text)
	benchmark(b, contents, StatusInquiry{h, Check})
	benchmark(b, contents, StatusResponse{h, Running, st, tx})
	benchmark(b, contents, ExecutionOrder{h, Launch, p})
	benchmark(b, contents, ExecutionResponse{h, Launched, p, st, tx})
}

// decoder is a pointer to a telegram.
type decoder[T Telegram] interface {
	*T
	Decode(b []byte) error
}

func benchmark[T Telegram, P decoder[T]](b *testing.B, contents string, value T) {
	encoded, err := value.Append(nil)
	require.NoError(b, err)
	name := value.Type().String() + contents
	b.Run(name+"/copy", func(b *testing.B) {
		b.ReportAllocs()
		buf := make([]byte, 0, MaxLength)
		for b.Loop() {
			sinkBytes = append(buf[:0], encoded...)
		}
		require.Equal(b, encoded, sinkBytes)
	})
	b.Run(name+"/encode", func(b *testing.B) {
		b.ReportAllocs()
		buf := make([]byte, 0, MaxLength)
		for b.Loop() {
			sinkBytes, sinkErr = value.Append(buf[:0])
		}
		require.NoError(b, sinkErr)
		require.Equal(b, encoded, sinkBytes)
	})
	b.Run(name+"/decode", func(b *testing.B) {
		b.ReportAllocs()
		var got T
		for b.Loop() {
			sinkErr = P(&got).Decode(encoded)
		}
		require.NoError(b, sinkErr)
		require.Equal(b, value, got)
	})
}

func TestEncodeAndDecodeDoNotAllocate(t *testing.T) {
	h, p := host(t, "app01"), process(t, "ONLINE")
	st, tx := status(t, "ONLINE"), text(t, "終了 3")
	neverAllocates(t, StatusInquiry{h, Check})
	neverAllocates(t, StatusResponse{h, Running, st, tx})
	neverAllocates(t, ExecutionOrder{h, Launch, p})
	neverAllocates(t, ExecutionResponse{h, Launched, p, st, tx})
}

func neverAllocates[T Telegram, P decoder[T]](t *testing.T, value T) {
	encoded, err := value.Append(nil)
	require.NoError(t, err)
	buf := make([]byte, 0, MaxLength)
	var got T
	assert.Zero(t, testing.AllocsPerRun(100, func() { sinkBytes, sinkErr = value.Append(buf[:0]) }), "encode %v", value.Type())
	assert.Zero(t, testing.AllocsPerRun(100, func() { sinkErr = P(&got).Decode(encoded) }), "decode %v", value.Type())
	assert.Equal(t, value, got)
}
