package main

import (
	"context"
	"math"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"time"

	"renraku/cmd/internal/trial"
	"renraku/telegram"
	"renraku/telegram/seal"
)

// How often rubbish comes, and how long connections that say nothing stay.
const (
	rubbishEvery = 100 * time.Millisecond
	rubbishBurst = 200 // datagrams
	idleMost     = 4 * time.Second
	rubbishAtMax = 64 // connections at once
)

// throwRubbish sends the daemons what they have to drop, until ctx ends: from strangers, and from the addresses of their peers.
func (s *soak) throwRubbish(ctx context.Context, random *rand.Rand) error {
	var open sync.WaitGroup
	defer open.Wait()
	places := make(chan struct{}, rubbishAtMax)
	for trial.Sleep(ctx, drawTime(random, rubbishEvery/2, 3*rubbishEvery/2)) == nil {
		w := s.drawWay(random)
		if random.IntN(2) == 0 {
			s.throwDatagrams(w, random)
			continue
		}
		b, stays := s.drawRubbish(w, random), time.Duration(0)
		if random.IntN(3) == 0 {
			stays = drawTime(random, 0, idleMost)
		}
		if random.IntN(3) == 0 {
			b = nil // it says nothing
		}
		select {
		case places <- struct{}{}:
		default:
			continue
		}
		open.Go(func() {
			defer func() { <-places }()
			s.throwConnection(ctx, w, b, stays)
		})
	}
	return nil
}

// way is from which IP address to which daemon.
type way struct {
	from, to  string
	slave     *realSlave // which is one of the two
	direction seal.Direction
}

// passed is what passed there, in sealed mode.
func (w *way) passed() *recorder {
	if w.direction == seal.ToSlave {
		return &w.slave.asked
	}
	return &w.slave.answered
}

func (s *soak) drawWay(random *rand.Rand) *way {
	k := random.IntN(realSlaves)
	w := &way{from: s.fleet.ip(realNode + k), to: s.fleet.address(managerNode, daemonPort), slave: s.fleet.real[k], direction: seal.ToManager}
	if random.IntN(3) == 0 {
		w.from, w.to, w.direction = s.fleet.ip(managerNode), w.slave.address, seal.ToSlave
	}
	if random.IntN(3) == 0 {
		w.from = s.fleet.ip(strangerNode)
	}
	return w
}

// drawRubbish is bytes that are no telegram that the receiver has to do anything for.
func (s *soak) drawRubbish(w *way, random *rand.Rand) []byte {
	b := make([]byte, random.IntN(2*telegram.MaxLength))
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	host, _ := telegram.NewHost(s.fleet.simulatedHost(0))
	switch random.IntN(6) {
	case 0: // a telegram that is cut off
		q, _ := telegram.StatusInquiry{Host: host, Control: telegram.Check}.Append(nil)
		b = q[:random.IntN(len(q))]
	case 1: // one of another server's
		b, _ = telegram.StatusResponse{Host: host, Control: telegram.Running}.Append(nil)
	case 2: // one with a byte that is wrong
		b, _ = telegram.StatusResponse{Host: host, Control: telegram.Running}.Append(nil)
		b[random.IntN(len(b))] = 0
	case 3: // one that has passed a while ago
		if old := w.passed().draw(random); old != nil {
			s.figures.add("recorded telegrams sent again", 1)
			return old
		}
	case 4: // one that is sealed, though with another key: in a stream of the plain mode it would be a telegram
		if s.fleet.keys != nil {
			b = s.drawForged(w, random)
		}
	}
	return b
}

// drawForged is a STOPPED or an END of the one to the other, sealed with another key under the ID of the newest.
func (s *soak) drawForged(w *way, random *rand.Rand) []byte {
	host, _ := telegram.NewHost(w.slave.host)
	b, _ := telegram.StatusResponse{Host: host, Control: telegram.Stopped}.Append(nil)
	if w.direction == seal.ToSlave {
		b, _ = telegram.StatusInquiry{Host: host, Control: telegram.End}.Append(nil)
	}
	t := seal.Trailer{Direction: w.direction, KeyID: s.fleet.keys.newest(), Session: random.Uint64(), Sequence: 1, Epoch: math.MaxUint64}
	return seal.NewMAC().Seal(b, &t, &seal.Key{})
}

func (s *soak) throwDatagrams(w *way, random *rand.Rand) {
	d := net.Dialer{LocalAddr: &net.UDPAddr{IP: net.ParseIP(w.from)}}
	conn, err := d.Dial("udp", w.to)
	if err != nil {
		return
	}
	defer conn.Close()
	n := 1
	if random.IntN(20) == 0 {
		n = rubbishBurst
	}
	for range n {
		conn.Write(s.drawRubbish(w, random))
	}
	s.figures.add("datagrams of rubbish", n)
}

// throwConnection opens a connection, sends the bytes, and stays for a while unless the other side ends it.
func (s *soak) throwConnection(ctx context.Context, w *way, b []byte, stays time.Duration) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(w.from)}, Timeout: idleMost}
	conn, err := d.DialContext(ctx, "tcp", w.to)
	if err != nil {
		return // the daemon is not there now
	}
	defer conn.Close()
	s.figures.add("connections of rubbish, or that say nothing", 1)
	conn.Write(b)
	conn.SetReadDeadline(time.Now().Add(stays))
	for more := make([]byte, telegram.MaxLength); err == nil; {
		_, err = conn.Read(more)
	}
}

// recorder keeps the last telegrams that have passed on a way.
type recorder struct {
	mu     sync.Mutex
	passed [16][]byte
	n      int
}

func (r *recorder) keep(b []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.passed[r.n%len(r.passed)] = slices.Clone(b)
	r.n++
}

// draw gives one of the older half: what is under way still is none yet that is sent again. nil: there is none.
func (r *recorder) draw(random *rand.Rand) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.n < len(r.passed) {
		return nil
	}
	return r.passed[(r.n+random.IntN(len(r.passed)/2))%len(r.passed)]
}

// last gives the newest; nil: there is none.
func (r *recorder) last() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.n == 0 {
		return nil
	}
	return r.passed[(r.n-1)%len(r.passed)]
}
