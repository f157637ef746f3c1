// Package contactfile is the contact file (連絡ファイル, 130 and 230; Fig. 2): flat records of 128 bytes, 127 data bytes and LF,
// that anything can read, with or without the daemon.
//
//	offset  0                        64                      72                            96                     116      127
//	        | host name (131)  64    | operating status (132) | application status (133) 24 | last change (UTC) 20 | filler | LF |
//
// All fields are left-justified and padded with spaces. The operating status is RUNNING or STOPPED; the application
// execution status has 0 to 24 bytes 0x21–0x7E; the time reads 2026-11-22T10:43:05Z. Record n stands at 128 × n.
//
// One writer, the daemon, holds an exclusive flock(2) on the file for its life. It is never an fcntl(2) or OFD lock: those
// make COBOL's OPEN fail. A change is one pwrite(2) of one whole record, so readers need no lock. The file is never renamed
// or replaced; a file of length zero means that monitoring has ended. CONTACTFILE.md is its format, for those who read it.
//
// Beside it stands the history (history.dat): what was ordered, and what became of it, in records of 256 bytes that are only
// ever added at its end, each on disk before its outcome is told to anyone. HISTORY.md is its format. Whoever holds the contact
// file's lock is its one writer too.
//
// At the manager stands the maintenance file (maintenance.dat) beside them: the servers in maintenance, in records of 128 bytes too.
// It is replaced as a whole. MAINTENANCE.md is its format.
//
// The files, and what each owns:
//
//   - record.go: one record, to bytes.
//   - decode.go: and back: what is right at once, and what is wrong in a second look. since.go reads its time.
//   - file.go: the writer: lock, create, update in place, clear.
//   - look.go: the writer's look at a part of it, for what somebody else has done to it.
//   - read.go: reading all or one, for the writer and for those who hold no lock.
//   - history_record.go: one record of the history, to bytes and back.
//   - history.go: the history's writer: open and cut off a torn end, append, reserve space.
//   - history_file.go: the system calls under it.
//   - history_read.go: reading it, for the writer and for those who hold no lock.
//   - maintenance.go: the maintenance file: a record to bytes and back, reading and replacing it.
//   - errors.go: what is wrong with a record.
package contactfile
