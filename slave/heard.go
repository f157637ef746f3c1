package slave

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"renraku/contactfile"
	"renraku/telegram/seal"
)

// heardFile is the name, among the records of runs, of the last inquiry that was taken in sealed mode.
const (
	heardFile   = "inquiry.dat"
	heardFormat = "%020d %016x %020d %05d\n" // term, session, sequence, key ID
	heardLength = 20 + 1 + 16 + 1 + 20 + 1 + 5 + 1
)

// heard is the last inquiry that was taken in sealed mode.
type heard struct {
	term     uint64
	session  uint64
	sequence uint64
	keyID    uint16
}

// isLater says whether an inquiry is later than it.
func (h *heard) isLater(t *seal.Trailer) bool {
	return t.Epoch > h.term || t.Epoch == h.term && t.Session == h.session && t.Sequence > h.sequence
}

func (h *heard) keep(t *seal.Trailer) {
	*h = heard{t.Epoch, t.Session, t.Sequence, t.KeyID}
}

// parse takes the one line of the file, which writes again to the same.
func (h *heard) parse(line string) bool {
	var got heard
	if _, err := fmt.Sscanf(strings.TrimSuffix(line, "\n"), strings.TrimSuffix(heardFormat, "\n"),
		&got.term, &got.session, &got.sequence, &got.keyID); err != nil || string(got.appendTo(nil)) != line {
		return false
	}
	*h = got
	return true
}

func (h *heard) appendTo(b []byte) []byte {
	return fmt.Appendf(b, heardFormat, h.term, h.session, h.sequence, h.keyID)
}

// lastHeard is the last inquiry that was taken and the file that remembers it, so that none is taken twice, nor one after a later one,
// whatever restarts lie between.
type lastHeard struct {
	heard
	file *os.File
	line []byte
}

// openHeard reads what is remembered, and makes an empty file where there is none. damaged says that what stood there is no such
// line, and so nothing is remembered.
func openHeard(dir string) (h *lastHeard, damaged bool, err error) {
	file, err := contactfile.OpenFile(filepath.Join(dir, heardFile), os.O_RDWR)
	if err != nil {
		return nil, false, fmt.Errorf("open the last inquiry taken: %w", err)
	}
	h = &lastHeard{file: file}
	b := make([]byte, heardLength+1)
	n, err := file.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		file.Close()
		return nil, false, fmt.Errorf("read the last inquiry taken: %w", err)
	}
	return h, n > 0 && !h.parse(string(b[:n])), nil
}

// take remembers an inquiry. Within one boot of the machine that is certain; durable waits for the disk too.
func (h *lastHeard) take(t *seal.Trailer, durable bool) error {
	h.keep(t)
	h.line = h.appendTo(h.line[:0])
	_, err := h.file.WriteAt(h.line, 0)
	if err == nil && durable {
		err = unix.Fdatasync(int(h.file.Fd()))
	}
	if err != nil {
		return fmt.Errorf("remember the last inquiry taken: %w", err)
	}
	return nil
}

func (h *lastHeard) close() error { return h.file.Close() }
