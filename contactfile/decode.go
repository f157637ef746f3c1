package contactfile

import (
	"fmt"
	"math/bits"
	"strings"
)

// Decode reads one record, which is record n of its file. Its error is a *FieldError.
func Decode(b *[RecordLength]byte, n int) (r Record, err error) {
	err = r.decode(string(b[:]), n)
	return r, err
}

// decode reads the 128 bytes s of record n, whose memory the fields share.
func (r *Record) decode(s string, n int) error {
	host, hostOK := nameIn(s[hostOffset:][:hostLength])
	operating := operatingIn(s)
	application, applicationOK := nameIn(s[applicationOffset:][:applicationLength])
	since, sinceOK := timeIn(s[sinceOffset:][:sinceLength])
	if !hostOK || host == "" || operating == "" || !applicationOK || !sinceOK || s[fillerOffset:] != ending {
		return fault(s, n)
	}
	*r = Record{Host: host, Operating: operating, Application: application, Since: since}
	return nil
}

// operatingIn gives the operating status in a record, and "" where there is neither.
func operatingIn(s string) Operating {
	switch s[operatingOffset:applicationOffset] {
	case "RUNNING ":
		return Running
	case "STOPPED ":
		return Stopped
	}
	return ""
}

// Eight bytes of a name at a time: the sums below have no carry from byte to byte, since every byte is below 0x80 where they count.
const (
	wordLength = 8

	ones   = 0x0101010101010101
	highs  = 0x80 * ones
	spaces = ' ' * ones
	from21 = (0x80 - 0x21) * ones // plus this, a byte from 0x21 on has its high bit
)

// word is the first eight bytes of s, the first of them lowest.
func word(s string) uint64 {
	s = s[:wordLength]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// outside has the high bit of a byte set where one of the eight is below least or above 0x7E. The lowest such byte is found for
// certain: nothing below it borrows or carries.
func outside(w uint64, least byte) uint64 { return (w - uint64(least)*ones) | (w + ones) }

// nameIn gives the name in a field without its padding. It is not ok where other bytes than 0x21–0x7E stand before the padding. The
// length of s is a multiple of 8.
func nameIn(s string) (name string, ok bool) {
	end := len(s) - wordLength // of the last word that is not all spaces
	for end >= 0 && word(s[end:]) == spaces {
		end -= wordLength
	}
	if end < 0 {
		return "", true
	}
	last := word(s[end:])
	named := last + from21
	bad := outside(last, ' ') | named>>8&^named // no byte of the name after a space
	for i := 0; i < end; i += wordLength {
		bad |= outside(word(s[i:]), ' '+1)
	}
	padding := bits.LeadingZeros64(last^spaces) / 8
	return s[:end+wordLength-padding], bad&highs == 0
}

// fault finds the first field that is wrong in the bytes s of record n, which are no record.
func fault(s string, n int) error {
	err := faultIn(s)
	if err == nil {
		return nil
	}
	err.Record = n
	err.Offset += int64(n) * RecordLength
	return err
}

// faultIn has its errors counted from the start of the record.
func faultIn(s string) *FieldError {
	host := strings.TrimRight(s[hostOffset:][:hostLength], " ")
	if err := checkName(FieldHost, hostOffset, host, hostLength, 1); err != nil {
		return err
	}
	if operatingIn(s) == "" {
		return &FieldError{Field: FieldOperating, Offset: operatingOffset, Err: ErrOperating,
			Got: fmt.Sprintf("%q", strings.TrimRight(s[operatingOffset:][:operatingLength], " "))}
	}
	application := strings.TrimRight(s[applicationOffset:][:applicationLength], " ")
	if err := checkName(FieldApplication, applicationOffset, application, applicationLength, 0); err != nil {
		return err
	}
	written := s[sinceOffset:][:sinceLength]
	if _, ok := timeIn(written); !ok {
		return &FieldError{Field: FieldSince, Offset: sinceOffset, Err: ErrTime, Got: fmt.Sprintf("%q", written)}
	}
	if rest := s[fillerOffset:][:fillerLength]; rest != filler {
		at := len(rest) - len(strings.TrimLeft(rest, " "))
		return &FieldError{Field: FieldFiller, Offset: int64(fillerOffset + at), Err: ErrFiller, Got: fmt.Sprintf("%q", rest)}
	}
	if s[endOffset] != endOfLine {
		return &FieldError{Field: FieldEnd, Offset: endOffset, Err: ErrEnd, Got: fmt.Sprintf("0x%02X", s[endOffset])}
	}
	return nil
}

// checkName checks a name without its padding: at least least and at most most bytes, all 0x21–0x7E.
func checkName(f Field, offset int64, s string, most, least int) *FieldError {
	if len(s) < least {
		return &FieldError{Field: f, Offset: offset, Err: ErrEmpty}
	}
	if len(s) > most {
		return &FieldError{Field: f, Offset: offset + int64(most), Err: ErrTooLong,
			Got: fmt.Sprintf("%d bytes, at most %d", len(s), most)}
	}
	end := 0 // of the first run of name bytes
	for end < len(s) && isName(s[end]) {
		end++
	}
	for i := end; i < len(s); i++ {
		switch c := s[i]; {
		case c == ' ':
		case isName(c):
			return &FieldError{Field: f, Offset: offset + int64(end), Err: ErrSpace}
		default:
			return &FieldError{Field: f, Offset: offset + int64(i), Err: ErrByte, Got: fmt.Sprintf("0x%02X", c)}
		}
	}
	if end < len(s) { // the field could not keep it
		return &FieldError{Field: f, Offset: offset + int64(end), Err: ErrSpace}
	}
	return nil
}

func isName(c byte) bool { return c >= 0x21 && c <= 0x7E }
