// Package seal is the trailer that makes a telegram on UDP a sealed one: it says who sent it, and that it is as it was sent. The
// telegram itself stands before it, unchanged.
//
//	offset  length
//	     0       n  the telegram: 68 bytes SQ, 196 bytes SR
//	   n+0       4  magic "HBA1"
//	   n+4       1  algorithm: 1, HMAC-SHA256 cut to its first 16 bytes (RFC 2104, FIPS 180-4)
//	   n+5       1  flags: bit 0 slave to manager, the others 0
//	   n+6       2  key ID
//	   n+8       8  session: random at each start of the manager, echoed by the slave
//	  n+16       8  sequence: one more for each inquiry to that slave, echoed by the slave
//	  n+24       8  epoch: of the manager its term, of a slave its start; both grow with each start of the sender
//	  n+32      16  MAC
//
// Numbers are big-endian. The MAC is over "hb1", the direction (1 byte: 0 manager to slave, 1 slave to manager), the length of the
// telegram (2 bytes), the telegram, and the trailer before the MAC. Its key is of one direction between two hosts:
// HKDF-SHA256 (RFC 5869) of the 32 bytes of the master key without a salt, with the info "hb1", the direction (1 byte), the manager's
// host name and the slave's (64 bytes each, padded with spaces as on the wire).
//
// In a response that nobody asked for, the session is 0 and the sequence is one more for each such response of the slave's start.
//
// The files, and what each owns: trailer.go the form of the trailer, key.go the keys and where they come from, mac.go the MAC.
package seal
