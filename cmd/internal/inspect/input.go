package inspect

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"unicode"
	"unicode/utf8"
)

// maxInput is the most bytes of hex or raw input; a capture has no such limit, since it is read packet by packet.
const maxInput = 64 << 20

// ErrTooMuch is the error for hex or raw input beyond what is taken.
var ErrTooMuch = fmt.Errorf("more than %d MiB, and no capture", maxInput>>20)

// Summary counts what was printed.
type Summary struct {
	Telegrams int // all of them, the bad ones too
	Bad       int // those that do not decode, and hex that is none
}

// Print reads telegrams from in and prints them to out, field by field; the last line counts them. A bad telegram is no
// error but counted. An error means that the input could not be read (to its end), that it is no whole capture though it
// begins as one, or that out failed; the Summary says what was printed until then.
//
// Input is a capture where it begins with the magic number of pcap or pcapng. Else it is hex where it is text (UTF-8 without
// control characters), and raw bytes where it is not: every good telegram has a zero byte in its control code. Text that is
// no hex but has a telegram type at offset 64 is raw as well, so that a telegram with a wrong control code is told from hex.
func Print(out io.Writer, in io.Reader) (Summary, error) {
	p := newPrinter(out)
	err := printInput(p, bufio.NewReader(in))
	p.last()
	return p.sum, errors.Join(err, p.flush())
}

func printInput(p *printer, in *bufio.Reader) error {
	magic, err := in.Peek(4)
	if err != nil && err != io.EOF {
		return fmt.Errorf("read telegrams: %w", err)
	}
	if len(magic) == 4 {
		switch binary.BigEndian.Uint32(magic) {
		case 0xA1B2C3D4, 0xD4C3B2A1, 0xA1B23C4D, 0x4D3CB2A1: // micro- and nanoseconds, in both byte orders
			return printPcap(p, in)
		case 0x0A0D0D0A:
			return printPcapNg(p, in)
		}
	}
	all, err := readAll(in, maxInput)
	if err != nil {
		return fmt.Errorf("read telegrams: %w", err)
	}
	if isHex(all) {
		printHex(p, all)
	} else {
		printRaw(p, all)
	}
	return nil
}

func readAll(in io.Reader, most int) ([]byte, error) {
	all, err := io.ReadAll(io.LimitReader(in, int64(most)+1))
	if err != nil {
		return nil, err
	}
	if len(all) > most {
		return nil, ErrTooMuch
	}
	return all, nil
}

// isHex tells hex, good or bad, from raw bytes. No input at all is hex.
func isHex(b []byte) bool {
	if !utf8.Valid(b) || bytes.ContainsFunc(b, func(r rune) bool { return unicode.IsControl(r) && !unicode.IsSpace(r) }) {
		return false
	}
	if !hasKnownType(b) {
		return true
	}
	for d := range datagrams(b) {
		if d.problem != "" {
			return false
		}
	}
	return true
}

func printHex(p *printer, text []byte) {
	for d := range datagrams(text) {
		if d.problem != "" {
			p.badHex(d.problem)
			continue
		}
		place := fmt.Sprintf("from line %d", d.line)
		for one := range split(d.bytes) {
			p.telegram(item{bytes: one, place: place})
		}
	}
}

func printRaw(p *printer, b []byte) {
	at := 0
	for one := range split(b) {
		p.telegram(item{bytes: one, place: fmt.Sprintf("from byte %d", at)})
		at += len(one)
	}
}
