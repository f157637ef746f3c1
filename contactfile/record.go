package contactfile

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// RecordLength is the length of a record in bytes, the line feed included.
const RecordLength = 128

// MaxRecords is the largest number of records of a contact file.
const MaxRecords = 1 << 20

// Lengths of the fields in bytes.
const (
	hostLength        = 64
	operatingLength   = 8
	applicationLength = 24
	sinceLength       = 20
	fillerLength      = 11
)

// Offsets in bytes from the start of the record. They stand here and nowhere else.
const (
	hostOffset        = 0
	operatingOffset   = hostOffset + hostLength
	applicationOffset = operatingOffset + operatingLength
	sinceOffset       = applicationOffset + applicationLength
	fillerOffset      = sinceOffset + sinceLength
	endOffset         = fillerOffset + fillerLength
)

// The build stops here where the fields do not fill the record.
var _ [0]byte = [RecordLength - (endOffset + 1)]byte{}

const (
	filler     = "           "
	endOfLine  = '\n'
	timeLayout = "2006-01-02T15:04:05Z"
)

// Operating is the operating status of a server (132).
type Operating string

// The two operating statuses.
const (
	Running Operating = "RUNNING" // in operation (稼働中)
	Stopped Operating = "STOPPED" // stopped (停止中)
)

// Application execution statuses (133) of the patent; a definition may name others.
const (
	NotStarted = "NOT-STARTED" // 未起動
	Online     = "ONLINE"      // オンライン中
	Batch      = "BATCH"       // バッチ中
)

// Record is one record of the contact file.
type Record struct {
	Host        string    // (131) 1 to 64 bytes 0x21–0x7E
	Operating   Operating // (132)
	Application string    // (133) 0 to 24 bytes 0x21–0x7E
	Since       time.Time // last change of 132 or 133; the file keeps whole seconds, UTC
}

// Of says whether the record, which is record n of its file, is of that host. Its error is a *FieldError.
func (r *Record) Of(host string, n int) error {
	if r.Host == host {
		return nil
	}
	return &FieldError{Record: n, Offset: int64(n)*RecordLength + hostOffset, Field: FieldHost, Err: ErrForeign,
		Got: fmt.Sprintf("%q, not %q", r.Host, host)}
}

// Append appends the 128 bytes of the record to b. Its error is a *FieldError of record 0; b is then returned as it was.
func (r *Record) Append(b []byte) ([]byte, error) {
	if err := r.check(); err != nil {
		return b, err
	}
	b = slices.Grow(b, RecordLength)
	b = appendPadded(b, r.Host, hostLength)
	b = appendPadded(b, string(r.Operating), operatingLength)
	b = appendPadded(b, r.Application, applicationLength)
	b = r.Since.UTC().AppendFormat(b, timeLayout)
	b = append(b, filler...)
	return append(b, endOfLine), nil
}

// check finds what the record's fields cannot hold.
func (r *Record) check() error {
	if err := checkName(FieldHost, hostOffset, r.Host, hostLength, 1); err != nil {
		return err
	}
	if r.Operating != Running && r.Operating != Stopped {
		return &FieldError{Field: FieldOperating, Offset: operatingOffset, Err: ErrOperating, Got: fmt.Sprintf("%q", r.Operating)}
	}
	if err := checkName(FieldApplication, applicationOffset, r.Application, applicationLength, 0); err != nil {
		return err
	}
	if y := r.Since.UTC().Year(); y < 0 || y > 9999 {
		return &FieldError{Field: FieldSince, Offset: sinceOffset, Err: ErrTime, Got: fmt.Sprintf("year %d", y)}
	}
	return nil
}

// decode reads the 128 bytes s of record n.
func decode(s string, n int) (Record, error) {
	r, err := decodeFields(s)
	if err != nil {
		err.Record = n
		err.Offset += int64(n) * RecordLength
		return Record{}, err
	}
	return r, nil
}

// decodeFields has its errors counted from the start of the record.
func decodeFields(s string) (Record, *FieldError) {
	host := strings.TrimRight(s[hostOffset:][:hostLength], " ")
	if err := checkName(FieldHost, hostOffset, host, hostLength, 1); err != nil {
		return Record{}, err
	}
	operating := Operating(strings.TrimRight(s[operatingOffset:][:operatingLength], " "))
	if operating != Running && operating != Stopped {
		return Record{}, &FieldError{Field: FieldOperating, Offset: operatingOffset, Err: ErrOperating,
			Got: fmt.Sprintf("%q", operating)}
	}
	application := strings.TrimRight(s[applicationOffset:][:applicationLength], " ")
	if err := checkName(FieldApplication, applicationOffset, application, applicationLength, 0); err != nil {
		return Record{}, err
	}
	written := s[sinceOffset:][:sinceLength]
	since, parseErr := time.Parse(timeLayout, written)
	if parseErr != nil || since.Format(timeLayout) != written {
		return Record{}, &FieldError{Field: FieldSince, Offset: sinceOffset, Err: ErrTime, Got: fmt.Sprintf("%q", written)}
	}
	if rest := s[fillerOffset:][:fillerLength]; rest != filler {
		at := len(rest) - len(strings.TrimLeft(rest, " "))
		return Record{}, &FieldError{Field: FieldFiller, Offset: int64(fillerOffset + at), Err: ErrFiller, Got: fmt.Sprintf("%q", rest)}
	}
	if s[endOffset] != endOfLine {
		return Record{}, &FieldError{Field: FieldEnd, Offset: endOffset, Err: ErrEnd, Got: fmt.Sprintf("0x%02X", s[endOffset])}
	}
	return Record{Host: host, Operating: operating, Application: application, Since: since}, nil
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

func appendPadded(b []byte, s string, n int) []byte {
	b = append(b, s...)
	for range n - len(s) {
		b = append(b, ' ')
	}
	return b
}
