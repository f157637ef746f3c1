package inspect

import (
	"container/list"
	"slices"
	"time"

	"github.com/gopacket/gopacket/layers"

	"renraku/telegram"
)

// The library has two assemblers. Both lose a connection that uses the addresses and ports of one that was reset, and
// neither bounds the number of connections; telegrams need little of what else they do.

// Limits of what is kept of TCP.
const (
	maxFlows    = 16384     // directions of connections; beyond, the one that was silent longest is finished
	maxHeldFlow = 256 << 10 // bytes of one direction that wait for bytes before them
	maxHeldAll  = 32 << 20  // bytes of all directions
	segmentCost = 64        // what a waiting segment costs beside its bytes

	// reorderWindow is how many segments of a connection that began before the capture are awaited to see which is first.
	reorderWindow = 8
)

// flows is the directions of all TCP connections.
type flows struct {
	p      *printer
	all    map[route]*list.Element // of *flow
	recent *list.List              // the one that was silent longest is at the back
	held   int
}

// flow is one direction of a TCP connection: its segments in order, each byte once.
type flow struct {
	key     route
	flows   *flows
	out     *stream
	started bool   // next is known
	first   uint32 // sequence number of the first byte, where the connection's beginning was seen
	next    uint32 // sequence number of the next byte
	ending  bool   // a FIN was seen
	end     uint32 // and stands here
	closed  bool   // kept, so that what is sent again after the end is known
	held    []segment
	cost    int
}

type segment struct {
	seq   uint32
	bytes []byte
	at    time.Time
}

// after says how far a stands behind b; sequence numbers wrap around.
func after(a, b uint32) int { return int(int32(a - b)) }

func newFlows(p *printer) *flows {
	return &flows{p: p, all: map[route]*list.Element{}, recent: list.New()}
}

// segment takes one TCP segment. Segments without bytes are not counted as other traffic.
func (s *flows) segment(key route, tcp *layers.TCP, at time.Time) {
	f := s.find(key)
	seq := tcp.Seq
	if tcp.SYN {
		seq++ // a SYN takes one number; bytes may follow it in the same segment
		if f == nil || !f.started || f.first != seq {
			f = s.replace(f, key)
			f.out.whole = true
			f.started, f.first, f.next = true, seq, seq
		}
	}
	if f == nil && len(tcp.Payload) > 0 && !tcp.RST {
		f = s.replace(nil, key)
	}
	if f == nil || f.closed {
		return
	}
	if tcp.RST { // its bytes are no data
		if f.started && seq == f.next {
			f.finish()
		}
		return
	}
	if len(tcp.Payload) > 0 {
		f.add(segment{seq, tcp.Payload, at})
	}
	if tcp.FIN {
		f.ending, f.end = true, seq+uint32(len(tcp.Payload))
	}
	if f.started && f.ending && f.next == f.end {
		f.finish()
	}
}

func (s *flows) find(key route) *flow {
	e := s.all[key]
	if e == nil {
		return nil
	}
	s.recent.MoveToFront(e)
	return e.Value.(*flow)
}

// replace puts a new flow in the place of old, which may be nil.
func (s *flows) replace(old *flow, key route) *flow {
	if old != nil {
		s.drop(s.all[key])
	}
	if len(s.all) >= maxFlows {
		s.drop(s.recent.Back())
	}
	f := &flow{key: key, flows: s, out: newStream(s.p, key)}
	s.all[key] = s.recent.PushFront(f)
	return f
}

func (s *flows) drop(e *list.Element) {
	f := s.recent.Remove(e).(*flow)
	f.finish()
	delete(s.all, f.key)
}

// finish ends all flows where the capture ends.
func (s *flows) finish() {
	for s.recent.Len() > 0 {
		s.drop(s.recent.Back())
	}
}

func (f *flow) add(s segment) {
	if f.out.foreign {
		f.flows.p.other++
		return
	}
	if f.started && after(s.seq, f.next) <= 0 { // nearly all segments: no copy, no wait
		f.give(s)
	} else {
		f.hold(s)
	}
	f.giveHeld()
	for len(f.held) > 0 && (f.cost > maxHeldFlow || f.flows.held > maxHeldAll) {
		f.giveUp()
	}
}

func (f *flow) hold(s segment) {
	s.bytes = slices.Clone(s.bytes) // they are part of a whole packet
	i, _ := slices.BinarySearchFunc(f.held, s, func(a, b segment) int { return after(a.seq, b.seq) })
	f.held = slices.Insert(f.held, i, s)
	f.charge(len(s.bytes) + segmentCost)
}

func (f *flow) charge(n int) {
	f.cost += n
	f.flows.held += n
}

// give passes on what is new in a segment that begins at the next byte or before it.
func (f *flow) give(s segment) {
	known := after(f.next, s.seq)
	if known < len(s.bytes) {
		f.next = s.seq + uint32(len(s.bytes))
		f.out.add(s.bytes[known:], s.at)
	}
}

// giveHeld passes on the held segments that have no gap before them.
func (f *flow) giveHeld() {
	if !f.started {
		if !f.beginsTelegram() && len(f.held) < reorderWindow {
			return
		}
		f.started, f.next = true, f.held[0].seq
	}
	n := 0
	for n < len(f.held) && after(f.held[n].seq, f.next) <= 0 {
		f.give(f.held[n])
		f.charge(-len(f.held[n].bytes) - segmentCost)
		n++
	}
	f.held = slices.Delete(f.held, 0, n)
}

// beginsTelegram says whether the held segments begin with a telegram, as far as they have no gap.
func (f *flow) beginsTelegram() bool {
	var begin []byte
	for _, s := range f.held {
		known := len(begin) - after(s.seq, f.held[0].seq)
		if known < 0 || len(begin) > telegram.MaxLength {
			break
		}
		begin = append(begin, s.bytes[min(known, len(s.bytes)):]...)
	}
	return hasKnownType(begin)
}

// giveUp no longer waits for the bytes before the first held segment.
func (f *flow) giveUp() {
	if f.started {
		f.out.gap(after(f.held[0].seq, f.next))
	}
	f.started, f.next = true, f.held[0].seq
	f.giveHeld()
}

func (f *flow) finish() {
	if f.closed {
		return
	}
	for len(f.held) > 0 {
		f.giveUp()
	}
	f.out.finish()
	f.closed = true
}
