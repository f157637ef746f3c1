// Package inspect is what `renraku decode` does: it reads telegrams as hex, as raw bytes or out of a capture, prints them
// field by field, and says of a bad one which field is wrong and at which offset its first bad byte stands.
//
// The files, and what each owns:
//
//   - input.go: Print, and how the forms of input are told apart.
//   - hex.go: hex into datagrams.
//   - split.go: where one telegram ends and the next begins.
//   - layout.go: the fields of each type, with their place, name and patent numeral.
//   - sealed.go: the trailer of a sealed telegram.
//   - print.go: what one telegram, a bad one, and the last line look like.
//   - capture.go: captures (pcap, pcapng), and which packets in them are taken for telegrams.
//   - segments.go: TCP segments into the bytes of one direction, in order and once.
//   - stream.go: the bytes of one direction of a connection into telegrams.
package inspect
