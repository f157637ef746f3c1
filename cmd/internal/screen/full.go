package screen

import (
	"bytes"
	"fmt"
	"os"
	"os/signal"
	"strings"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// Style is how a line stands out; styles may be added up.
type Style uint8

// The styles. Colours are left out where NO_COLOR is set, so that they never say anything alone.
const (
	Bold Style = 1 << iota
	Inverse
	Red
	Yellow
)

// Line is a line of a Full.
type Line struct {
	Text  string
	Style Style
}

// What a terminal obeys.
const (
	enter     = "\x1b[?1049h\x1b[?25l\x1b[2J" // the other screen, without a cursor, empty
	leave     = "\x1b[m\x1b[?25h\x1b[?1049l"
	wipe      = "\x1b[2J"
	restOfRow = "\x1b[K"
	noStyle   = "\x1b[m"
)

// Full has the whole terminal for itself, until Close gives it back as it was. But for the reader of its keys, it is used by one
// goroutine.
type Full struct {
	out    *os.File
	colors bool

	width, height int
	shown         []Line // by row, as they were cut

	in      *os.File
	before  *term.State // nil: there are no keys
	keys    chan Key
	resized chan os.Signal
	closing chan struct{}
	wake    *os.File // closed, it wakes the reader
	ended   chan struct{}
}

// NewFull takes the terminal out, and its keys from in where that is a terminal. ok is false where out is none, or none with a screen.
func NewFull(in, out *os.File) (f *Full, ok bool, err error) {
	if !term.IsTerminal(int(out.Fd())) || os.Getenv("TERM") == "dumb" {
		return nil, false, nil
	}
	f = &Full{out: out, colors: os.Getenv("NO_COLOR") == "", in: in, keys: make(chan Key), resized: make(chan os.Signal, 1),
		closing: make(chan struct{}), ended: make(chan struct{})}
	if term.IsTerminal(int(in.Fd())) {
		if err := f.readKeys(); err != nil {
			return nil, false, err
		}
	}
	signal.Notify(f.resized, unix.SIGWINCH)
	f.out.WriteString(enter)
	return f, true, nil
}

// readKeys has the terminal pass on each key as it is typed, and begins to read them.
func (f *Full) readKeys() error {
	woken, wake, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("read the keys of the terminal: %w", err)
	}
	if f.before, err = term.MakeRaw(int(f.in.Fd())); err != nil {
		woken.Close()
		wake.Close()
		return fmt.Errorf("read the keys of the terminal: %w", err)
	}
	f.wake = wake
	go f.read(woken)
	return nil
}

// read passes keys on until Close, or until the terminal has none any more: then it closes keys.
func (f *Full) read(woken *os.File) {
	defer close(f.ended)
	defer close(f.keys)
	defer woken.Close()
	var typed []byte
	b := make([]byte, 256)
	for {
		poll := []unix.PollFd{{Fd: int32(f.in.Fd()), Events: unix.POLLIN}, {Fd: int32(woken.Fd()), Events: unix.POLLIN}}
		if _, err := unix.Poll(poll, -1); err == unix.EINTR {
			continue
		} else if err != nil || poll[1].Revents != 0 {
			return
		}
		n, err := f.in.Read(b)
		if err != nil {
			return
		}
		var keys []Key
		keys, typed = decodeKeys(append(typed, b[:n]...))
		for _, k := range keys {
			select {
			case f.keys <- k:
			case <-f.closing:
				return
			}
		}
	}
}

// Keys gives the keys that are typed. It is closed when there can be no more; where the terminal has no keys at all, it gives none.
func (f *Full) Keys() <-chan Key { return f.keys }

// HasKeys says whether keys are read.
func (f *Full) HasKeys() bool { return f.before != nil }

// Resized gives something when the terminal has another size.
func (f *Full) Resized() <-chan os.Signal { return f.resized }

// Size is the terminal's, in columns and rows; a line can have a column less.
func (f *Full) Size() (width, height int) { return size(f.out) }

// Draw shows these lines and nothing else. Lines are cut at the terminal's edges. What stands there already is not written again, and
// the rest with one write.
func (f *Full) Draw(lines []Line) {
	width, height := f.Size()
	var b bytes.Buffer
	if width != f.width || height != f.height {
		b.WriteString(wipe)
		f.width, f.height, f.shown = width, height, make([]Line, height)
	}
	for i := range f.shown {
		var line Line
		if i < len(lines) {
			line = lines[i]
			line.Text = cut(line.Text, width)
		}
		if line == f.shown[i] {
			continue
		}
		f.shown[i] = line
		fmt.Fprintf(&b, "\x1b[%d;1H%s%s", i+1, f.styled(line), restOfRow)
	}
	if b.Len() > 0 {
		f.out.Write(b.Bytes())
	}
}

func (f *Full) styled(l Line) string {
	var codes []string
	for _, c := range []struct {
		style Style
		code  string
		color bool
	}{{Bold, "1", false}, {Inverse, "7", false}, {Red, "31", true}, {Yellow, "33", true}} {
		if l.Style&c.style != 0 && (f.colors || !c.color) {
			codes = append(codes, c.code)
		}
	}
	if len(codes) == 0 {
		return l.Text
	}
	return "\x1b[" + strings.Join(codes, ";") + "m" + l.Text + noStyle
}

// Close gives the terminal back as it was.
func (f *Full) Close() {
	signal.Stop(f.resized)
	close(f.closing)
	if f.before != nil {
		f.wake.Close()
		<-f.ended
	}
	f.out.WriteString(leave)
	if f.before != nil {
		term.Restore(int(f.in.Fd()), f.before)
	}
}
