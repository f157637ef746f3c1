// Package datagram reads and writes UDP datagrams in batches, one system call for up to Size of them, and allocates nothing for
// any of them.
//
// The files, and what each owns:
//
//   - batch.go: Batch, datagrams with their peers.
//   - conn.go: Conn, a UDP socket: reads, writes, is woken and closed.
//   - wait.go: poll(2), with an eventfd(2) that ends it.
//   - mmsg.go: the system calls recvmmsg(2), sendmmsg(2) and getsockopt(2), and the addresses as they take them.
//
// golang.org/x/net/ipv4 has batches too; its ReadBatch allocates the address of each datagram.
package datagram
