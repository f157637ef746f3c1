package main

import (
	"context"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"renraku/telegram"
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
	for sleep(ctx, drawTime(random, rubbishEvery/2, 3*rubbishEvery/2)) == nil {
		from, to := s.drawWay(random)
		if random.IntN(2) == 0 {
			s.throwDatagrams(from, to, random)
			continue
		}
		b, stays := s.drawRubbish(random), time.Duration(0)
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
			s.throwConnection(ctx, from, to, b, stays)
		})
	}
	return nil
}

// drawWay is from which IP address to which daemon.
func (s *soak) drawWay(random *rand.Rand) (from, to string) {
	k := random.IntN(realSlaves)
	from, to = s.fleet.ip(realNode+k), s.fleet.address(managerNode, daemonPort)
	if random.IntN(3) == 0 {
		from, to = s.fleet.ip(managerNode), s.fleet.real[k].address
	}
	if random.IntN(3) == 0 {
		from = s.fleet.ip(strangerNode)
	}
	return from, to
}

// drawRubbish is bytes that are no telegram that the receiver has to do anything for.
func (s *soak) drawRubbish(random *rand.Rand) []byte {
	b := make([]byte, random.IntN(2*telegram.MaxLength))
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	host, _ := telegram.NewHost(s.fleet.simulatedHost(0))
	switch random.IntN(4) {
	case 0: // a telegram that is cut off
		q, _ := telegram.StatusInquiry{Host: host, Control: telegram.Check}.Append(nil)
		b = q[:random.IntN(len(q))]
	case 1: // one of another server's
		b, _ = telegram.StatusResponse{Host: host, Control: telegram.Running}.Append(nil)
	case 2: // one with a byte that is wrong
		b, _ = telegram.StatusResponse{Host: host, Control: telegram.Running}.Append(nil)
		b[random.IntN(len(b))] = 0
	}
	return b
}

func (s *soak) throwDatagrams(from, to string, random *rand.Rand) {
	d := net.Dialer{LocalAddr: &net.UDPAddr{IP: net.ParseIP(from)}}
	conn, err := d.Dial("udp", to)
	if err != nil {
		return
	}
	defer conn.Close()
	n := 1
	if random.IntN(20) == 0 {
		n = rubbishBurst
	}
	for range n {
		conn.Write(s.drawRubbish(random))
	}
	s.figures.add("datagrams of rubbish", n)
}

// throwConnection opens a connection, sends the bytes, and stays for a while unless the other side ends it.
func (s *soak) throwConnection(ctx context.Context, from, to string, b []byte, stays time.Duration) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: idleMost}
	conn, err := d.DialContext(ctx, "tcp", to)
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
