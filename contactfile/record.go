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
	ending     = filler + string(endOfLine)
	timeLayout = time.RFC3339 // in UTC, where it reads 2026-11-22T10:43:05Z and package time is fast
)

var blank = strings.Repeat(" ", max(RecordLength, HistoryRecordLength))

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
	return r.append(slices.Grow(b, RecordLength)), nil
}

// append appends a record that was found right.
func (r *Record) append(b []byte) []byte {
	b = appendPadded(b, r.Host, hostLength)
	b = appendPadded(b, string(r.Operating), operatingLength)
	b = appendPadded(b, r.Application, applicationLength)
	b = r.Since.UTC().AppendFormat(b, timeLayout)
	return append(b, ending...)
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

func appendPadded(b []byte, s string, n int) []byte {
	b = append(b, s...)
	return append(b, blank[:n-len(s)]...)
}
