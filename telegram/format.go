package telegram

import (
	"math/bits"
	"strings"
)

// Port is the port of both carriers, UDP and TCP, where the definition gives none.
const Port = 10320

// Lengths of the fields in bytes.
const (
	HostLength    = 64  // host name (81, 84, 88, 92)
	ProcessLength = 16  // process ID (91, 95)
	StatusLength  = 24  // application execution status, in the additional message (87, 96)
	TextLength    = 104 // text, in the additional message (87, 96)

	typeLength    = 2 // telegram type (82, 85, 89, 93)
	controlLength = 2 // control code (83, 86, 90, 94)
)

// Lengths of the telegrams in bytes.
const (
	StatusInquiryLength     = 68
	StatusResponseLength    = 196
	ExecutionOrderLength    = 84
	ExecutionResponseLength = 212

	MaxLength = ExecutionResponseLength
)

// Offsets in bytes from the start of the telegram. They stand here and nowhere else.
const (
	hostOffset    = 0
	typeOffset    = hostOffset + HostLength
	controlOffset = typeOffset + typeLength
	headerLength  = controlOffset + controlLength

	responseStatusOffset = headerLength // in SR
	responseTextOffset   = responseStatusOffset + StatusLength

	processOffset = headerLength // in XQ and XR

	resultStatusOffset = processOffset + ProcessLength // in XR
	resultTextOffset   = resultStatusOffset + StatusLength
)

// The build stops here where the last field of a telegram does not end it.
var (
	_ [0]byte = [StatusInquiryLength - headerLength]byte{}
	_ [0]byte = [StatusResponseLength - (responseTextOffset + TextLength)]byte{}
	_ [0]byte = [ExecutionOrderLength - (processOffset + ProcessLength)]byte{}
	_ [0]byte = [ExecutionResponseLength - (resultTextOffset + TextLength)]byte{}
)

// Type is the telegram type (82, 85, 89, 93): two ASCII letters at offset 64, here as a big-endian number.
type Type uint16

// The four types.
const (
	SQ Type = 'S'<<8 | 'Q' // status inquiry, manager to slave, UDP
	SR Type = 'S'<<8 | 'R' // status response, slave to manager, UDP
	XQ Type = 'X'<<8 | 'Q' // execution order, manager to slave, TCP
	XR Type = 'X'<<8 | 'R' // execution response, slave to manager, TCP
)

// String is the two letters.
func (t Type) String() string { return string([]byte{byte(t >> 8), byte(t)}) }

// Length is the length of a telegram of this type in bytes, and 0 where there is no such type.
func (t Type) Length() int {
	switch t {
	case SQ:
		return StatusInquiryLength
	case SR:
		return StatusResponseLength
	case XQ:
		return ExecutionOrderLength
	case XR:
		return ExecutionResponseLength
	}
	return 0
}

// controls is the set of bits that the type may carry.
func (t Type) controls() Control {
	switch t {
	case SQ:
		return Check | Start | End
	case SR:
		return Running | Stopped
	case XQ:
		return Launch | Taken
	case XR:
		return Ended | Launched | Failed | Already | Refused
	}
	return 0
}

// Control is the control code (83, 86, 90, 94): 16 bits, big-endian, at offset 66. A telegram carries exactly one bit.
type Control uint16

// The bits, by the type that carries them.
const (
	Check Control = 0x0001 // SQ: are you there
	Start Control = 0x0002 // SQ: monitoring begins
	End   Control = 0x0004 // SQ: monitoring ends (25)

	Running Control = 0x0010 // SR: in operation (稼働中)
	Stopped Control = 0x0020 // SR: stopped (停止中)

	Launch Control = 0x0100 // XQ: launch the process (起動要求)
	Taken  Control = 0x0200 // XQ: the receipt of an XR

	Ended    Control = 0x0800 // XR: a launched process has ended
	Launched Control = 0x1000 // XR: launch complete (起動完了)
	Failed   Control = 0x2000 // XR: could not be launched, or ended abnormally
	Already  Control = 0x4000 // XR: runs or has run already
	Refused  Control = 0x8000 // XR: the check of the contact file forbids it (63)
)

var controlNames = map[Control]string{
	Check: "CHECK", Start: "START", End: "END",
	Running: "RUNNING", Stopped: "STOPPED",
	Launch: "LAUNCH", Taken: "TAKEN",
	Ended: "ENDED", Launched: "LAUNCHED", Failed: "FAILED", Already: "ALREADY", Refused: "REFUSED",
}

// String gives the names of the bits that are set, joined by "|".
func (c Control) String() string {
	if name, ok := controlNames[c]; ok {
		return name
	}
	if c == 0 {
		return "none"
	}
	var names []string
	for rest := c; rest != 0; rest &= rest - 1 {
		bit := rest & -rest
		name, ok := controlNames[bit]
		if !ok {
			name = "bit " + "0123456789ABCDEF"[bits.TrailingZeros16(uint16(bit)):][:1]
		}
		names = append(names, name)
	}
	return strings.Join(names, "|")
}

// valid says whether exactly one bit is set and is one of the type's own.
func (c Control) valid(t Type) bool {
	return c&(c-1) == 0 && c&t.controls() != 0
}
