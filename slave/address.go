package slave

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
)

// Address is a peer's address as the definition gives it, host:port, where the host may be a name that is not resolved yet. It
// may become another one at any time.
type Address struct {
	mu       sync.Mutex // of written, and over a change of both
	written  hostPort
	resolved atomic.Pointer[netip.AddrPort]
}

type hostPort struct {
	host string
	port uint16
}

// NewAddress takes hostport apart. An IP address is resolved at once; a name is resolved by Resolve.
func NewAddress(hostport string) (*Address, error) {
	a := &Address{}
	if err := a.Set(hostport); err != nil {
		return nil, err
	}
	return a, nil
}

// Set makes it another address. With an error it stays what it was.
func (a *Address) Set(hostport string) error {
	host, portText, err := net.SplitHostPort(hostport)
	if err != nil {
		return fmt.Errorf("address %q: %w", hostport, err)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return fmt.Errorf("address %q: port: %w", hostport, err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.written = hostPort{host, uint16(port)}
	a.resolved.Store(nil)
	if ip, err := netip.ParseAddr(host); err == nil {
		a.set(ip)
	}
	return nil
}

func (a *Address) asWritten() hostPort {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.written
}

// String is the address as it was written.
func (a *Address) String() string {
	w := a.asWritten()
	return net.JoinHostPort(w.host, strconv.Itoa(int(w.port)))
}

// IsName says whether the host has to be resolved, once and again.
func (a *Address) IsName() bool {
	_, err := netip.ParseAddr(a.asWritten().host)
	return err != nil
}

// AddrPort is the address as last resolved; ok is false where it has not been yet.
func (a *Address) AddrPort() (addr netip.AddrPort, ok bool) {
	if p := a.resolved.Load(); p != nil {
		return *p, true
	}
	return netip.AddrPort{}, false
}

// Is compares without the port.
func (a *Address) Is(ip netip.Addr) bool {
	p := a.resolved.Load()
	return p != nil && p.Addr() == ip.Unmap()
}

// Resolve looks the name up; of several addresses it takes the first IPv4 one, else the first.
func (a *Address) Resolve(ctx context.Context) error {
	w := a.asWritten()
	if _, err := netip.ParseAddr(w.host); err == nil {
		return nil
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", w.host)
	if err != nil {
		return fmt.Errorf("resolve address %s: %w", w.host, err)
	}
	if len(ips) == 0 {
		return fmt.Errorf("resolve address %s: no address", w.host)
	}
	first := ips[0]
	if i := slices.IndexFunc(ips, func(ip netip.Addr) bool { return ip.Unmap().Is4() }); i >= 0 {
		first = ips[i]
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.written == w { // it may have become another one meanwhile
		a.set(first)
	}
	return nil
}

// set is called with the lock held.
func (a *Address) set(ip netip.Addr) {
	addr := netip.AddrPortFrom(ip.Unmap(), a.written.port)
	a.resolved.Store(&addr)
}
