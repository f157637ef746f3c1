package datagram

import "net/netip"

// Size is how many datagrams a batch holds.
const Size = 64

// Batch is up to Size datagrams, each with its peer's address. Its memory is its own, and is used again and again.
type Batch struct {
	n     int
	room  int
	bytes [Size][]byte
	peers [Size]netip.AddrPort
}

// NewBatch is an empty batch with room bytes for each datagram; a longer one that comes is cut to them.
func NewBatch(room int) *Batch {
	b := &Batch{room: room}
	all := make([]byte, Size*room)
	for i := range b.bytes {
		b.bytes[i] = all[i*room : i*room : (i+1)*room]
	}
	return b
}

// Len is how many datagrams there are.
func (b *Batch) Len() int { return b.n }

// Full says whether there is room for none more.
func (b *Batch) Full() bool { return b.n == Size }

// At is datagram i. The bytes are the batch's.
func (b *Batch) At(i int) ([]byte, netip.AddrPort) { return b.bytes[i], b.peers[i] }

// Reset empties the batch.
func (b *Batch) Reset() { b.n = 0 }

// Buffer is the memory of the next datagram, empty, to append to: what is made in it is added by Add without a copy. The batch
// must not be full.
func (b *Batch) Buffer() []byte { return b.bytes[b.n][:0] }

// Add adds a datagram, which is cut to its room. The batch must not be full.
func (b *Batch) Add(datagram []byte, peer netip.AddrPort) {
	b.bytes[b.n] = append(b.bytes[b.n][:0], datagram[:min(len(datagram), b.room)]...)
	b.peers[b.n] = peer
	b.n++
}
