package contactfile

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// HistoryRecordLength is the length of a record of the history in bytes, the line feed included.
const HistoryRecordLength = 256

// HistoryTextLength is the room for the text of a history record in bytes.
const HistoryTextLength = 107

// Lengths of the fields in bytes.
const (
	historyTimeLength        = 24
	historyHostLength        = hostLength
	historyProcessLength     = 16
	historyTriggerLength     = 8
	historyOutcomeLength     = 12
	historyApplicationLength = applicationLength
)

// Offsets in bytes from the start of the record. They stand here and nowhere else.
const (
	historyTimeOffset        = 0
	historyHostOffset        = historyTimeOffset + historyTimeLength
	historyProcessOffset     = historyHostOffset + historyHostLength
	historyTriggerOffset     = historyProcessOffset + historyProcessLength
	historyOutcomeOffset     = historyTriggerOffset + historyTriggerLength
	historyApplicationOffset = historyOutcomeOffset + historyOutcomeLength
	historyTextOffset        = historyApplicationOffset + historyApplicationLength
	historyEndOffset         = historyTextOffset + HistoryTextLength
)

// The build stops here where the fields do not fill the record.
var _ [0]byte = [HistoryRecordLength - (historyEndOffset + 1)]byte{}

const historyTimeLayout = "2006-01-02T15:04:05.000Z"

// HistoryRecord is one record of the history: what was ordered, and what became of it.
type HistoryRecord struct {
	Time        time.Time // the file keeps milliseconds, UTC
	Host        string    // the server ordered: 1 to 64 bytes 0x21–0x7E
	Process     string    // 0 to 16 bytes 0x21–0x7E; empty with SET
	Trigger     string    // 1 to 8 bytes 0x21–0x7E: OPERATOR, TIME, MESSAGE, ORDER, CHECK
	Outcome     string    // 1 to 12 bytes 0x21–0x7E: LAUNCHED, FAILED, …
	Application string    // field 133 afterwards: 0 to 24 bytes 0x21–0x7E
	Text        string    // UTF-8, 0 to HistoryTextLength bytes, no control character, no space at its end
}

// Append appends the 256 bytes of the record to b. Its error is a *FieldError of record 0; b is then returned as it was.
// Nothing is cut: a text that is too long is an error.
func (r *HistoryRecord) Append(b []byte) ([]byte, error) {
	if y := r.Time.UTC().Year(); y < 0 || y > 9999 {
		return b, &FieldError{Field: FieldTime, Offset: historyTimeOffset, Err: ErrHistoryTime, Got: fmt.Sprintf("year %d", y)}
	}
	if err := r.checkWords(); err != nil {
		return b, err
	}
	b = slices.Grow(b, HistoryRecordLength)
	b = r.Time.UTC().AppendFormat(b, historyTimeLayout)
	b = appendPadded(b, r.Host, historyHostLength)
	b = appendPadded(b, r.Process, historyProcessLength)
	b = appendPadded(b, r.Trigger, historyTriggerLength)
	b = appendPadded(b, r.Outcome, historyOutcomeLength)
	b = appendPadded(b, r.Application, historyApplicationLength)
	b = appendPadded(b, r.Text, HistoryTextLength)
	return append(b, endOfLine), nil
}

// checkWords finds what the fields after the time cannot hold.
func (r *HistoryRecord) checkWords() *FieldError {
	for _, name := range [...]struct {
		field       Field
		offset      int64
		value       string
		most, least int
	}{
		{FieldHost, historyHostOffset, r.Host, historyHostLength, 1},
		{FieldProcess, historyProcessOffset, r.Process, historyProcessLength, 0},
		{FieldTrigger, historyTriggerOffset, r.Trigger, historyTriggerLength, 1},
		{FieldOutcome, historyOutcomeOffset, r.Outcome, historyOutcomeLength, 1},
		{FieldApplication, historyApplicationOffset, r.Application, historyApplicationLength, 0},
	} {
		if err := checkName(name.field, name.offset, name.value, name.most, name.least); err != nil {
			return err
		}
	}
	return checkHistoryText(r.Text)
}

// checkHistoryText checks a text without its padding.
func checkHistoryText(s string) *FieldError {
	if len(s) > HistoryTextLength {
		return &FieldError{Field: FieldText, Offset: historyTextOffset + HistoryTextLength, Err: ErrTooLong,
			Got: fmt.Sprintf("%d bytes, at most %d", len(s), HistoryTextLength)}
	}
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			return &FieldError{Field: FieldText, Offset: historyTextOffset + int64(i), Err: ErrUTF8, Got: fmt.Sprintf("0x%02X", s[i])}
		case r < 0x20 || r >= 0x7F && r <= 0x9F:
			return &FieldError{Field: FieldText, Offset: historyTextOffset + int64(i), Err: ErrControlChar, Got: fmt.Sprintf("U+%04X", r)}
		}
		i += size
	}
	if strings.HasSuffix(s, " ") {
		return &FieldError{Field: FieldText, Offset: historyTextOffset + int64(len(s)-1), Err: ErrTrailingSpace}
	}
	return nil
}

// decodeHistory reads the 256 bytes s of record n. Its error is a *FieldError.
func decodeHistory(s string, n int) (HistoryRecord, error) {
	r, err := decodeHistoryFields(s)
	if err != nil {
		return HistoryRecord{}, placedInHistory(err, n)
	}
	return r, nil
}

// decodeHistoryFields has its errors counted from the start of the record.
func decodeHistoryFields(s string) (HistoryRecord, *FieldError) {
	field := func(offset, length int) string { return strings.TrimRight(s[offset:][:length], " ") }
	written := s[historyTimeOffset:][:historyTimeLength]
	at, err := time.Parse(historyTimeLayout, written)
	if err != nil || at.Format(historyTimeLayout) != written {
		return HistoryRecord{}, &FieldError{Field: FieldTime, Offset: historyTimeOffset, Err: ErrHistoryTime,
			Got: fmt.Sprintf("%q", written)}
	}
	r := HistoryRecord{
		Time:        at,
		Host:        field(historyHostOffset, historyHostLength),
		Process:     field(historyProcessOffset, historyProcessLength),
		Trigger:     field(historyTriggerOffset, historyTriggerLength),
		Outcome:     field(historyOutcomeOffset, historyOutcomeLength),
		Application: field(historyApplicationOffset, historyApplicationLength),
		Text:        field(historyTextOffset, HistoryTextLength),
	}
	if err := r.checkWords(); err != nil {
		return HistoryRecord{}, err
	}
	if s[historyEndOffset] != endOfLine {
		return HistoryRecord{}, &FieldError{Field: FieldEnd, Offset: historyEndOffset, Err: ErrEnd,
			Got: fmt.Sprintf("0x%02X", s[historyEndOffset])}
	}
	return r, nil
}

// placedInHistory gives the error of a record's fields the record's place n.
func placedInHistory(e *FieldError, n int) *FieldError {
	moved := *e
	moved.Record = n
	moved.Offset += int64(n) * HistoryRecordLength
	return &moved
}
