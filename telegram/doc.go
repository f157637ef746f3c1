// Package telegram is the wire format of renraku: the four telegrams of Figs. 7 and 8, exact both ways.
//
// SPEC.md is the specification, for those who write a peer; testdata/vectors has what every codec of it must do with which bytes.
//
// Whatever decodes encodes again to the same bytes, and whatever encodes decodes to the same value. Every telegram has a
// fixed length; numbers are big-endian; names and texts are left-justified and padded with spaces (0x20).
//
//	offset  0                                                            64   66   68                 84                    108
//	SQ      | host name (81)                                              | SQ | ctl |
//	SR      | host name (84)                                              | SR | ctl | status 24 (87)  | text 104 (87) … 196
//	XQ      | host name (88)                                              | XQ | ctl | process ID (91) |
//	XR      | host name (92)                                              | XR | ctl | process ID (95) | status 24 (96) | text 104 … 212
//
// In SR the application execution status stands at 68 and the text at 92; in XR at 84 and 108. The host name is the slave's
// in all four. The control code (83, 86, 90, 94) has exactly one bit set, and it is one of the type's own.
//
// The files, and what each owns:
//
//   - format.go: types, offsets, lengths, control bits.
//   - field.go: the values that stand in a field (Host, ProcessID, Status, Text).
//   - check.go: whether a field's bytes are right, eight of them at a time.
//   - fault.go: what is wrong with those that are not.
//   - layout.go: copying between the values and their places in a telegram.
//   - status.go: StatusInquiry (SQ) and StatusResponse (SR).
//   - execution.go: ExecutionOrder (XQ) and ExecutionResponse (XR).
//   - decode.go: decoding where the type is not known beforehand.
//   - stream.go: telegrams one after the other on TCP.
//   - errors.go: what is wrong with bytes or values.
package telegram
