package slave

import (
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestAnErrorIsNewsOnceUntilItIsAnotherOrNone(t *testing.T) {
	var l lastError
	for i, c := range []struct {
		err  error
		news bool
	}{{nil, false}, {io.EOF, true}, {io.EOF, false}, {io.ErrClosedPipe, true}, {io.EOF, true}, {nil, true}, {nil, false}, {io.EOF, true}} {
		assert.Equal(t, c.news, l.changed(c.err), i)
	}
}
