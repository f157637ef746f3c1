package datagram

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// header is struct mmsghdr of recvmmsg(2).
type header struct {
	unix.Msghdr
	length uint32 // of the datagram
}

// The system calls wait neither for datagrams nor for room, so they are made without telling Go's scheduler, which would give the goroutine's
// processor away while one of 64 datagrams lasts, and have it wait for another. Where the kernel has to find memory for one, a garbage
// collection waits for it too.

// headers are what the kernel needs to know of a batch, in one direction.
type headers struct {
	family  uint16 // of the socket: AF_INET or AF_INET6
	headers [Size]header
	vectors [Size]unix.Iovec
	names   [Size]unix.RawSockaddrInet6 // an IPv4 socket's address is shorter, and stands at its start
	zones   map[uint32]string           // names of interfaces by number, as many as there are interfaces
}

func newHeaders(family uint16) *headers {
	h := &headers{family: family, zones: map[uint32]string{}}
	for i := range h.headers {
		h.headers[i].Name = (*byte)(unsafe.Pointer(&h.names[i]))
		h.headers[i].Iov = &h.vectors[i]
		h.headers[i].SetIovlen(1)
	}
	return h
}

// receive reads up to Size datagrams and does not wait.
func (h *headers) receive(fd int, b *Batch) unix.Errno {
	for i := range h.headers {
		h.vectors[i].Base = unsafe.SliceData(b.bytes[i])
		h.vectors[i].SetLen(b.room)
		h.headers[i].Namelen = unix.SizeofSockaddrInet6
	}
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&h.headers)), Size, unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return errno
	}
	for i := range int(n) {
		b.bytes[i] = b.bytes[i][:h.headers[i].length]
		b.peers[i] = h.peer(i)
	}
	b.n = int(n)
	return 0
}

// send writes the datagrams from first on and does not wait. It gives how many the kernel took, and where that is none, why.
func (h *headers) send(fd int, b *Batch, first int) (int, unix.Errno) {
	some := h.headers[:b.n-first]
	for i := range some {
		h.vectors[i].Base = unsafe.SliceData(b.bytes[first+i])
		h.vectors[i].SetLen(len(b.bytes[first+i]))
		some[i].Namelen = h.setPeer(i, b.peers[first+i])
	}
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(fd), uintptr(unsafe.Pointer(&h.headers)), uintptr(len(some)), unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// peer is the sender's address of datagram i; an IPv4 address that came by an IPv6 socket is one of IPv4.
func (h *headers) peer(i int) netip.AddrPort {
	name := &h.names[i]
	if name.Family == unix.AF_INET {
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(name))
		return netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), bigEndian(&v4.Port))
	}
	ip := netip.AddrFrom16(name.Addr).Unmap()
	if name.Scope_id != 0 && ip.Is6() {
		ip = ip.WithZone(h.zone(name.Scope_id))
	}
	return netip.AddrPortFrom(ip, bigEndian(&name.Port))
}

// setPeer sets the receiver's address of datagram i, and gives its length.
func (h *headers) setPeer(i int, to netip.AddrPort) uint32 {
	name, ip := &h.names[i], to.Addr()
	if h.family == unix.AF_INET {
		if ip = ip.Unmap(); !ip.Is4() { // which the kernel refuses
			return 0
		}
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(name))
		v4.Family, v4.Addr = unix.AF_INET, ip.As4()
		setBigEndian(&v4.Port, to.Port())
		return unix.SizeofSockaddrInet4
	}
	name.Family, name.Addr, name.Scope_id = unix.AF_INET6, ip.As16(), scope(ip.Zone())
	setBigEndian(&name.Port, to.Port())
	return unix.SizeofSockaddrInet6
}

// zone is the name of an interface: of an address that counts within one network only.
func (h *headers) zone(number uint32) string {
	name, ok := h.zones[number]
	if !ok {
		name = strconv.Itoa(int(number))
		if i, err := net.InterfaceByIndex(int(number)); err == nil {
			name = i.Name
		}
		h.zones[number] = name
	}
	return name
}

// scope is the number of an interface that is given by its name or number.
func scope(zone string) uint32 {
	if zone == "" {
		return 0
	}
	if i, err := net.InterfaceByName(zone); err == nil {
		return uint32(i.Index)
	}
	number, _ := strconv.ParseUint(zone, 10, 32)
	return uint32(number)
}

// A port stands big-endian, whatever the machine.
func bigEndian(port *uint16) uint16 {
	return binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(port))[:])
}

func setBigEndian(port *uint16, value uint16) {
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(port))[:], value)
}

// readMemory reads what the kernel says of a socket's memory (SO_MEMINFO); where it says nothing, info stays as it is.
func readMemory(fd int, info *[unix.SK_MEMINFO_VARS]uint32) {
	size := uint32(unsafe.Sizeof(*info))
	unix.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_MEMINFO, uintptr(unsafe.Pointer(info)), uintptr(unsafe.Pointer(&size)), 0)
}
