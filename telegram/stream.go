package telegram

import (
	"errors"
	"fmt"
	"io"
)

// Reader reads telegrams that follow one another on a stream (TCP). It reads no byte beyond the telegram it gives.
type Reader struct {
	r     io.Reader
	begun int // bytes that Begin has read: 0 or 1
	buf   [MaxLength]byte
}

// NewReader gives a Reader on r.
func NewReader(r io.Reader) *Reader { return &Reader{r: r} }

// Begin waits for the first byte of the next telegram, so that a caller can give the rest a time of its own. The error is io.EOF
// where the stream ends instead.
func (r *Reader) Begin() error {
	if r.begun > 0 {
		return nil
	}
	n, err := io.ReadFull(r.r, r.buf[:1])
	r.begun = n
	return streamError(err)
}

// Read reads one telegram. The error is io.EOF where the stream ends between telegrams, io.ErrUnexpectedEOF where it ends
// inside one, and a *FieldError for bytes that do not decode. After a bad length or type the stream has no boundary any more
// and must be closed.
func (r *Reader) Read() (Telegram, error) {
	header, begun := r.buf[:headerLength], r.begun
	r.begun = 0
	if _, err := io.ReadFull(r.r, header[begun:]); err != nil {
		if begun > 0 && errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, streamError(err)
	}
	t, err := typeOf(header)
	if err != nil {
		return nil, err
	}
	whole := r.buf[:t.Length()]
	if _, err := io.ReadFull(r.r, whole[headerLength:]); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, streamError(err)
	}
	return Decode(whole)
}

// streamError keeps io.EOF itself, as readers are expected to.
func streamError(err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	return fmt.Errorf("read a telegram: %w", err)
}

// Write writes one telegram with one call of w.Write.
func Write(w io.Writer, t Telegram) error {
	b, err := t.Append(make([]byte, 0, MaxLength))
	if err != nil {
		return err
	}
	if _, err := w.Write(b); err != nil {
		return fmt.Errorf("write %v: %w", t.Type(), err)
	}
	return nil
}
