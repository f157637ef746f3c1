package manager

import (
	"net/netip"
	"sync"
	"time"

	"renraku/slave"
	"renraku/slave/datagram"
)

// What reaches the parser from one address follows from its slaves, so that they can never meet the limit: so many times the answers to
// all attempts of their rounds, and something for what they send unasked.
const (
	rateFactor  = 2  // every datagram comes twice
	rateUnasked = 10 // datagrams, in a second and at once
)

// rateOf is the share of one slave in what its address may send.
func rateOf(interval time.Duration, retries int) slave.Rate {
	attempts := rateFactor * float64(retries+1+maxExcused)
	return slave.Rate{PerSecond: attempts / interval.Seconds(), AtOnce: attempts}
}

// addresses is from where the slaves may come, and how many datagrams of each address are looked at. What it says of a name follows
// its look-ups.
type addresses struct {
	begun time.Time

	mu      sync.Mutex
	origins map[netip.Addr]*origin
	named   map[*slave.Address]*named
	lastIP  netip.Addr // what was found last: a whole range often has one address
	last    *origin
}

// origin is one address.
type origin struct {
	slaves    int
	rate      slave.Rate // of all of them
	allowance slave.Allowance
}

// named is an address that is a name, and what it is counted as.
type named struct {
	known  bool
	ip     netip.Addr
	slaves int
	rate   slave.Rate
}

// newAddresses has the address of each slave, which may be another one than in its definition.
func newAddresses(slaves []Slave, all []*slave.Address) *addresses {
	a := &addresses{begun: time.Now(), origins: map[netip.Addr]*origin{}, named: map[*slave.Address]*named{}}
	var last *slave.Address // that of a whole range is often the same
	var isName bool
	for i, address := range all {
		if address != last {
			last, isName = address, address.IsName()
		}
		rate := rateOf(slaves[i].Interval, slaves[i].Retries)
		if isName {
			n := a.named[address]
			if n == nil {
				n = &named{}
				a.named[address] = n
			}
			n.slaves++
			n.rate = sum(n.rate, rate)
			continue
		}
		at, _ := address.AddrPort()
		o := a.origins[at.Addr()]
		if o == nil {
			o = &origin{}
			a.origins[at.Addr()] = o
		}
		o.slaves++
		o.rate = sum(o.rate, rate)
	}
	a.refill()
	for address := range a.named {
		a.follow(address)
	}
	return a
}

func sum(a, b slave.Rate) slave.Rate {
	return slave.Rate{PerSecond: a.PerSecond + b.PerSecond, AtOnce: a.AtOnce + b.AtOnce}
}

// fill has the address send all that its slaves may.
func (o *origin) fill() {
	o.allowance = withUnasked(o.rate).Allowance()
}

// withUnasked is what an address may send, of whose slaves the rate is.
func withUnasked(r slave.Rate) slave.Rate {
	return sum(r, slave.Rate{PerSecond: rateUnasked, AtOnce: rateUnasked})
}

// follow is called after a look-up of a name.
func (a *addresses) follow(address *slave.Address) {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := a.named[address]
	at, known := address.AddrPort()
	if n == nil || !known || n.known && n.ip == at.Addr() {
		return
	}
	if n.known {
		a.add(n.ip, -n.slaves, slave.Rate{PerSecond: -n.rate.PerSecond, AtOnce: -n.rate.AtOnce})
	}
	n.known, n.ip = true, at.Addr()
	a.add(n.ip, n.slaves, n.rate)
}

// refill has every address send all that its slaves may: they all have news when monitoring begins.
func (a *addresses) refill() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, o := range a.origins {
		o.fill()
	}
}

// add has some slaves more, or fewer, be at the address.
func (a *addresses) add(ip netip.Addr, slaves int, rate slave.Rate) {
	a.last = nil
	o := a.origins[ip]
	if o == nil {
		o = &origin{}
		a.origins[ip] = o
	}
	if o.slaves += slaves; o.slaves == 0 {
		delete(a.origins, ip)
		return
	}
	o.rate = sum(o.rate, rate)
	o.fill()
}

// admitAll says of each datagram of a batch why it is not looked at. The lock is not held while they are: knows waits for it.
func (a *addresses) admitAll(in *datagram.Batch, now time.Time, drops *[datagram.Size]slave.Drop) {
	a.mu.Lock()
	defer a.mu.Unlock()
	since := now.Sub(a.begun)
	for i := range in.Len() {
		_, from := in.At(i)
		drops[i] = a.admit(from.Addr(), since)
	}
}

// admit says why a datagram that comes from the address is not looked at. The caller holds the lock.
func (a *addresses) admit(ip netip.Addr, now time.Duration) slave.Drop {
	if a.last == nil || a.lastIP != ip {
		a.lastIP, a.last = ip, a.origins[ip]
	}
	switch {
	case a.last == nil:
		return slave.DropAddress
	case !a.last.allowance.Take(now):
		return slave.DropRate
	}
	return slave.NoDrop
}

// knows says whether some slave has the address.
func (a *addresses) knows(ip netip.Addr) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.origins[ip.Unmap()] != nil
}

// knows says whether some slave has the address. It takes none of the locks that are held while the contact file is written.
func (s *StatusControl) knows(ip netip.Addr) bool { return s.addresses.Load().knows(ip) }

// readdress has the addresses follow a look-up of a name. SetSlaves is waited for, which makes others.
func (s *StatusControl) readdress(address *slave.Address) {
	s.reloading.Lock()
	defer s.reloading.Unlock()
	s.addresses.Load().follow(address)
}
