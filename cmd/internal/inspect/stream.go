package inspect

import (
	"fmt"
	"time"

	"renraku/telegram"
)

// stream is the bytes of one direction of a TCP connection, and prints the telegrams in them as they become whole.
//
// After bytes that have no type, or that the capture has not, nothing says where the next telegram begins. Each telegram is
// written with one call, and so the next segment that has a type at offset 64 is taken for the beginning of one.
type stream struct {
	p       *printer
	route   route
	whole   bool // the capture has the beginning of the connection
	ours    bool // carries telegrams
	foreign bool // does not
	waiting int  // segments taken while it was neither

	bytes   []byte    // of a telegram that is not yet whole
	at      time.Time // when the first of them was captured
	lost    bool      // where the next telegram begins is not known
	skipped int       // bytes since then
	printed bool      // anything at all
}

func newStream(p *printer, r route) *stream { return &stream{p: p, route: r, ours: r.hasOurPort()} }

func (s *stream) add(b []byte, at time.Time) {
	if s.foreign {
		s.p.other++
		return
	}
	if s.lost {
		if !hasKnownType(b) {
			s.skipped += len(b)
			return
		}
		s.found()
	}
	if len(s.bytes) == 0 {
		s.at = at
	}
	s.bytes = append(s.bytes, b...)
	if !s.ours && !s.judge() {
		return
	}
	for len(s.bytes) >= headerLength {
		t, err := telegram.PeekType(s.bytes[:headerLength])
		if err != nil {
			s.bad("")
			s.lost = true
			return
		}
		n := t.Length()
		if len(s.bytes) < n {
			return
		}
		s.print(item{bytes: s.bytes[:n]})
		s.bytes = append(s.bytes[:0], s.bytes[n:]...)
		s.at = at // what is left came with the segment that completed the telegram
	}
}

// judge says whether the stream is known to carry telegrams.
func (s *stream) judge() bool {
	s.waiting++
	switch {
	case hasKnownType(s.bytes):
		s.ours = true
	case len(s.bytes) >= typeEnd:
		s.notOurs()
		s.foreign = true
	}
	return s.ours
}

func (s *stream) notOurs() {
	s.p.other += s.waiting
	s.waiting, s.bytes = 0, nil
}

// gap says that the capture has not the next n bytes.
func (s *stream) gap(n int) {
	missing := fmt.Sprintf("the capture lacks the next %s of this direction", count(n, "byte"))
	switch {
	case s.foreign:
	case !s.ours:
		s.notOurs()
	case len(s.bytes) > 0:
		s.bad(missing)
		s.lost = true
	default:
		s.p.remark(fmt.Sprintf("%v: %s.", s.route, missing))
		s.lost = true
	}
}

func (s *stream) finish() {
	switch {
	case !s.ours:
		s.notOurs()
	case s.lost:
		s.found()
	case len(s.bytes) > 0:
		s.bad("the connection, or the capture of it, ends inside this telegram")
	}
}

func (s *stream) found() {
	if s.skipped > 0 {
		s.p.remark(fmt.Sprintf("%v: %s skipped, in which no telegram begins.", s.route, count(s.skipped, "byte")))
	}
	s.lost, s.skipped = false, 0
}

// bad prints what there is of a telegram that will not become whole.
func (s *stream) bad(note string) {
	if !s.whole && !s.printed && note == "" {
		note = "the connection began before the capture"
	}
	s.print(item{bytes: s.bytes, note: note})
	s.bytes = nil
}

func (s *stream) print(it item) {
	it.route = s.route.at(s.at)
	s.p.telegram(it)
	s.printed = true
}
