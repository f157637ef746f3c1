package runs

import (
	"bytes"
	"strings"
	"sync"
)

// lineTail is how much of the end of an output is looked through for its last line, in bytes.
const lineTail = 4096

// Tail keeps the end of what is written to it. The zero value is empty.
type Tail struct {
	mu  sync.Mutex
	buf []byte
}

// Write never fails.
func (t *Tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	kept := b[max(0, len(b)-lineTail):]
	if over := len(t.buf) + len(kept) - lineTail; over > 0 {
		t.buf = t.buf[:copy(t.buf, t.buf[over:])]
	}
	t.buf = append(t.buf, kept...)
	return len(b), nil
}

// LastLine is the last line that is not blank.
func (t *Tail) LastLine() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	rest := t.buf
	for len(rest) > 0 {
		i := bytes.LastIndexByte(rest, '\n')
		if line := strings.TrimSpace(strings.ToValidUTF8(string(rest[i+1:]), "\uFFFD")); line != "" {
			return line
		}
		rest = rest[:max(i, 0)]
	}
	return ""
}
