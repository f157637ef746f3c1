package main

import (
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"renraku/cmd/internal/trial"
	"renraku/slave/datagram"
	"renraku/telegram"
)

const (
	outstanding = 512         // round trips of the bare loop at once, as status control has them
	lostWait    = time.Second // until what has no answer is lost
	bufferSize  = 256 << 20   // of each socket, so that the slower side loses nothing
	loopback    = "127.0.0.1:0"
)

func listenSingle() (*net.UDPConn, error) {
	udp, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(loopback)))
	if err == nil {
		udp.SetReadBuffer(bufferSize)
	}
	return udp, err
}

func listen() (*datagram.Conn, error) {
	udp, err := listenSingle()
	if err != nil {
		return nil, err
	}
	c, err := datagram.New(udp)
	if err != nil {
		return nil, err
	}
	c.SetReadBuffer(bufferSize)
	return c, nil
}

// serveEcho answers 68 bytes with 196.
func serveEcho(single bool) error {
	usage := func([]string) (any, error) { return ownUsage(false), nil }
	if single {
		c, err := listenSingle()
		if err != nil {
			return err
		}
		go echoSingle(c)
		return trial.Serve(c.LocalAddr().String(), usage)
	}
	c, err := listen()
	if err != nil {
		return err
	}
	go echo(c)
	return trial.Serve(c.LocalAddr().String(), usage)
}

func echo(c *datagram.Conn) {
	in, out := datagram.NewBatch(telegram.MaxLength), datagram.NewBatch(telegram.MaxLength)
	var answer [telegram.StatusResponseLength]byte
	for c.Receive(in, time.Time{}) == nil {
		out.Reset()
		for i := range in.Len() {
			_, from := in.At(i)
			out.Add(answer[:], from)
		}
		c.Send(out, ignore)
	}
}

func ignore([]byte, netip.AddrPort, error) {}

func echoSingle(c *net.UDPConn) {
	var question [telegram.MaxLength]byte
	var answer [telegram.StatusResponseLength]byte
	for {
		_, from, err := c.ReadFromUDPAddrPort(question[:])
		if err != nil {
			return
		}
		c.WriteToUDPAddrPort(answer[:], from)
	}
}

// trips is how many round trips there were, and what they have cost.
type trips struct {
	usage
	N    uint64
	Lost uint64
}

// asker asks without pause.
type asker struct {
	to      netip.AddrPort
	n, lost atomic.Uint64
}

// serveAsker makes round trips to the address.
func serveAsker(to string, single bool) error {
	a := &asker{to: netip.MustParseAddrPort(to)}
	if single {
		c, err := listenSingle()
		if err != nil {
			return err
		}
		go a.askSingle(c)
	} else {
		c, err := listen()
		if err != nil {
			return err
		}
		go a.ask(c)
	}
	return trial.Serve("", func([]string) (any, error) {
		return trips{ownUsage(false), a.n.Load(), a.lost.Load()}, nil
	})
}

// ask is the limit: batches out and in.
func (a *asker) ask(c *datagram.Conn) {
	in, out := datagram.NewBatch(telegram.MaxLength), datagram.NewBatch(telegram.MaxLength)
	var question [telegram.StatusInquiryLength]byte
	for !out.Full() {
		out.Add(question[:], a.to)
	}
	for open := 0; ; {
		c.Send(out, ignore)
		open += out.Len()
		for open > outstanding-datagram.Size {
			if c.Receive(in, time.Now().Add(lostWait)) != nil {
				return
			}
			if in.Len() == 0 {
				a.lost.Add(uint64(open))
				open = 0
			}
			open -= in.Len()
			a.n.Add(uint64(in.Len()))
		}
	}
}

// askSingle is the same with one system call for each datagram.
func (a *asker) askSingle(c *net.UDPConn) {
	var question [telegram.StatusInquiryLength]byte
	var answer [telegram.MaxLength]byte
	for open := 0; ; {
		for range datagram.Size {
			c.WriteToUDPAddrPort(question[:], a.to)
		}
		open += datagram.Size
		c.SetReadDeadline(time.Now().Add(lostWait))
		for open > outstanding-datagram.Size {
			if _, _, err := c.ReadFromUDPAddrPort(answer[:]); err != nil {
				a.lost.Add(uint64(open))
				break
			}
			open--
			a.n.Add(1)
		}
	}
}
