package slavetest

import (
	"net"
	"net/netip"
	"time"
)

// The datagrams of a proxy.

func (p *Proxy) servePackets() {
	b := make([]byte, proxyBuffer)
	for {
		n, from, err := p.packets.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		if up := p.client(from); up != nil {
			carry(p.There, b[:n], func(out []byte) { up.Write(out) })
		}
	}
}

// client gives the socket that stands for a client before the server; nil: there is none any more.
func (p *Proxy) client(from netip.AddrPort) *net.UDPConn {
	p.mu.Lock()
	defer p.mu.Unlock()
	if up := p.clients[from]; up != nil || p.closed || len(p.clients) == maxClients {
		return up
	}
	up, err := p.dial("udp")
	if err != nil {
		return nil
	}
	client := up.(*net.UDPConn)
	p.clients[from] = client
	p.all.Go(func() {
		b := make([]byte, proxyBuffer)
		for {
			n, err := up.Read(b)
			if p.isClosed() {
				return
			}
			if err == nil { // an error is that nobody listens there now
				carry(p.Back, b[:n], func(out []byte) { p.packets.WriteToUDPAddrPort(out, from) })
			}
		}
	})
	return client
}

// carry sends what comes out of a line. Sockets that are closed by then lose it.
func carry(line *Line, b []byte, send func([]byte)) {
	for _, c := range line.Carry(b) {
		if c.After == 0 {
			send(c.Bytes)
			continue
		}
		time.AfterFunc(c.After, func() { send(c.Bytes) })
	}
}
