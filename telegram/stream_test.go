package telegram

import (
	"bytes"
	"io"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestReaderTakesTelegramsApartHoweverTheyArrive(t *testing.T) {
	var stream bytes.Buffer
	for _, c := range good(t) {
		require.NoError(t, Write(&stream, c.value))
	}
	stream.WriteString("next") // no telegram any more
	for name, wrap := range map[string]func(io.Reader) io.Reader{
		"whole":        func(r io.Reader) io.Reader { return r },
		"byte by byte": iotest.OneByteReader,
		"halves":       iotest.HalfReader,
		"data and EOF": iotest.DataErrReader,
	} {
		r := NewReader(wrap(bytes.NewReader(stream.Bytes())))
		for _, c := range good(t) {
			got, err := r.Read()
			require.NoError(t, err, name)
			assert.Equal(t, c.value, got, name)
		}
		_, err := r.Read()
		assert.ErrorIs(t, err, io.ErrUnexpectedEOF, name)
	}
}

func TestReaderTellsAnEndBetweenTelegramsFromOneInside(t *testing.T) {
	for _, c := range good(t) {
		for n := range len(c.bytes) {
			_, err := NewReader(bytes.NewReader([]byte(c.bytes[:n]))).Read()
			if n == 0 {
				require.True(t, err == io.EOF, "%s, %d bytes: %v", c.name, n, err)
			} else {
				require.ErrorIs(t, err, io.ErrUnexpectedEOF, "%s, %d bytes", c.name, n)
			}
		}
	}
}

func TestReaderReadsNothingBeyondABadType(t *testing.T) {
	src := bytes.NewReader(bytes.Repeat([]byte("x"), 100))
	_, err := NewReader(src).Read()
	assert.ErrorIs(t, err, ErrUnknownType)
	assert.Equal(t, 100-headerLength, src.Len())
}

func TestWriteIsOneWrite(t *testing.T) {
	w := &countingWriter{}
	require.NoError(t, Write(w, ExecutionOrder{host(t, "a"), Launch, process(t, "P")}))
	assert.Equal(t, []int{ExecutionOrderLength}, w.sizes)
	assert.ErrorIs(t, Write(w, ExecutionOrder{}), ErrEmpty)
	assert.Len(t, w.sizes, 1, "nothing is written of a telegram that does not encode")
}

type countingWriter struct{ sizes []int }

func (w *countingWriter) Write(b []byte) (int, error) {
	w.sizes = append(w.sizes, len(b))
	return len(b), nil
}
