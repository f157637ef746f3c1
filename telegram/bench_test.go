package telegram

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	sinkBytes []byte
	sinkErr   error
)

// BenchmarkTelegram has, for each telegram, the copy of its bytes (the limit), encode and decode, in one run.
func BenchmarkTelegram(b *testing.B) {
	h, p := host(b, "app01.example.net"), process(b, "NIGHTBATCH")
	st, tx := status(b, "BATCH"), text(b, "ended normally after 12.3s: 4711 records written")
	sq := StatusInquiry{h, Check}
	sr := StatusResponse{h, Running, st, tx}
	xq := ExecutionOrder{h, Launch, p}
	xr := ExecutionResponse{h, Launched, p, st, tx}
	benchmark(b, sq, DecodeStatusInquiry)
	benchmark(b, sr, DecodeStatusResponse)
	benchmark(b, xq, DecodeExecutionOrder)
	benchmark(b, xr, DecodeExecutionResponse)
}

func benchmark[T Telegram](b *testing.B, value T, decode func([]byte) (T, error)) {
	encoded, err := value.Append(nil)
	require.NoError(b, err)
	name := value.Type().String()
	b.Run(name+"/copy", func(b *testing.B) {
		b.ReportAllocs()
		buf := make([]byte, 0, MaxLength)
		for b.Loop() {
			sinkBytes = append(buf[:0], encoded...)
		}
	})
	b.Run(name+"/encode", func(b *testing.B) {
		b.ReportAllocs()
		buf := make([]byte, 0, MaxLength)
		for b.Loop() {
			sinkBytes, sinkErr = value.Append(buf[:0])
		}
	})
	b.Run(name+"/decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, sinkErr = decode(encoded)
		}
	})
}

func TestStatusPathDoesNotAllocate(t *testing.T) {
	h := host(t, "app01")
	sq, sr := StatusInquiry{h, Check}, StatusResponse{h, Running, status(t, "ONLINE"), text(t, "x")}
	buf := make([]byte, 0, MaxLength)
	bytesSQ, err := sq.Append(nil)
	require.NoError(t, err)
	bytesSR, err := sr.Append(nil)
	require.NoError(t, err)
	for name, f := range map[string]func(){
		"encode SQ": func() { sinkBytes, sinkErr = sq.Append(buf[:0]) },
		"encode SR": func() { sinkBytes, sinkErr = sr.Append(buf[:0]) },
		"decode SQ": func() { _, sinkErr = DecodeStatusInquiry(bytesSQ) },
		"decode SR": func() { _, sinkErr = DecodeStatusResponse(bytesSR) },
	} {
		assert.Zero(t, testing.AllocsPerRun(100, f), name)
	}
}
