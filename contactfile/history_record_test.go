package contactfile

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// historyLine is a record written from the table of the contract, not by the encoder.
func historyLine(at, host, process, trigger, outcome, application, text string) string {
	pad := func(s string, n int) string { return s + strings.Repeat(" ", n-len(s)) }
	return at + pad(host, 64) + pad(process, 16) + pad(trigger, 8) + pad(outcome, 12) + pad(application, 24) + pad(text, 107) + "\n"
}

const noonLine = "2026-11-22T10:43:05.000Z"

func launched() HistoryRecord {
	return HistoryRecord{noon, "app01", "ONLINE", "OPERATOR", "LAUNCHED", Online, "ended normally after 2s: it is up"}
}

func launchedLine() string {
	return historyLine(noonLine, "app01", "ONLINE", "OPERATOR", "LAUNCHED", "ONLINE", "ended normally after 2s: it is up")
}

func TestHistoryRecordIsTheOneOfTheContract(t *testing.T) {
	cases := []struct {
		name   string
		record HistoryRecord
		line   string
	}{
		{"example", launched(), launchedLine()},
		{"shortest", HistoryRecord{noon, "h", "", "C", "S", "", ""}, historyLine(noonLine, "h", "", "C", "S", "", "")},
		{"longest", HistoryRecord{noon, strings.Repeat("h", 64), strings.Repeat("P", 16), "OPERATOR", "LAUNCHED-YES", strings.Repeat("S", 24),
			strings.Repeat("語", 35) + "xy"}, historyLine(noonLine, strings.Repeat("h", 64), strings.Repeat("P", 16), "OPERATOR", "LAUNCHED-YES",
			strings.Repeat("S", 24), strings.Repeat("語", 35)+"xy")},
		{"edges of a name", HistoryRecord{noon, "!~", "!~", "!~", "!~", "!~", "a  b"}, historyLine(noonLine, "!~", "!~", "!~", "!~", "!~", "a  b")},
		{"text with spaces before it", HistoryRecord{noon, "h", "", "C", "S", "", "  x"}, historyLine(noonLine, "h", "", "C", "S", "", "  x")},
		{"first time", HistoryRecord{time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC), "h", "", "C", "S", "", ""},
			historyLine("0000-01-01T00:00:00.000Z", "h", "", "C", "S", "", "")},
		{"last time", HistoryRecord{time.Date(9999, 12, 31, 23, 59, 59, 999e6, time.UTC), "h", "", "C", "S", "", ""},
			historyLine("9999-12-31T23:59:59.999Z", "h", "", "C", "S", "", "")},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			require.Len(t, c.line, 256)
			b, err := c.record.Append([]byte("before"))
			require.NoError(t, err)
			assert.Equal(t, "before"+c.line, string(b))
			r, err := decodeHistory(c.line, 0)
			require.NoError(t, err)
			assert.Equal(t, c.record, r)
		})
	}
}

func TestHistoryTimeIsKeptInMillisecondsUTC(t *testing.T) {
	r := launched()
	r.Time = time.Date(2026, 11, 22, 19, 43, 5, 123_999_999, time.FixedZone("JST", 9*3600))
	b, err := r.Append(nil)
	require.NoError(t, err)
	assert.Equal(t, "2026-11-22T10:43:05.123Z", string(b[:24]))
}

func TestHistoryRecordThatDoesNotFitIsRefused(t *testing.T) {
	cases := []struct {
		name   string
		change func(*HistoryRecord)
		offset int64
		field  Field
		cause  error
	}{
		{"year 10000", func(r *HistoryRecord) { r.Time = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }, 0, FieldTime, ErrHistoryTime},
		{"year -1", func(r *HistoryRecord) { r.Time = time.Date(-1, 12, 31, 0, 0, 0, 0, time.UTC) }, 0, FieldTime, ErrHistoryTime},
		{"no host", func(r *HistoryRecord) { r.Host = "" }, 24, FieldHost, ErrEmpty},
		{"host too long", func(r *HistoryRecord) { r.Host = strings.Repeat("h", 65) }, 88, FieldHost, ErrTooLong},
		{"process too long", func(r *HistoryRecord) { r.Process = strings.Repeat("P", 17) }, 104, FieldProcess, ErrTooLong},
		{"no trigger", func(r *HistoryRecord) { r.Trigger = "" }, 104, FieldTrigger, ErrEmpty},
		{"trigger too long", func(r *HistoryRecord) { r.Trigger = "OPERATORS" }, 112, FieldTrigger, ErrTooLong},
		{"no outcome", func(r *HistoryRecord) { r.Outcome = "" }, 112, FieldOutcome, ErrEmpty},
		{"outcome too long", func(r *HistoryRecord) { r.Outcome = "LAUNCHED-MANY" }, 124, FieldOutcome, ErrTooLong},
		{"application too long", func(r *HistoryRecord) { r.Application = strings.Repeat("S", 25) }, 148, FieldApplication, ErrTooLong},
		{"space in a name", func(r *HistoryRecord) { r.Process = "A B" }, 89, FieldProcess, ErrSpace},
		{"space after a name", func(r *HistoryRecord) { r.Outcome = "SET " }, 115, FieldOutcome, ErrSpace},
		{"byte in a name", func(r *HistoryRecord) { r.Application = "A\x7f" }, 125, FieldApplication, ErrByte},
		{"text of 108 bytes", func(r *HistoryRecord) { r.Text = strings.Repeat("x", 108) }, 255, FieldText, ErrTooLong},
		{"line feed in the text", func(r *HistoryRecord) { r.Text = "a\n" }, 149, FieldText, ErrControlChar},
		{"DEL in the text", func(r *HistoryRecord) { r.Text = "\x7f" }, 148, FieldText, ErrControlChar},
		{"C1 control in the text", func(r *HistoryRecord) { r.Text = "語\u0085" }, 151, FieldText, ErrControlChar},
		{"half a character in the text", func(r *HistoryRecord) { r.Text = "a語"[:3] }, 149, FieldText, ErrUTF8},
		{"space after the text", func(r *HistoryRecord) { r.Text = "a " }, 149, FieldText, ErrTrailingSpace},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := launched()
			c.change(&r)
			b, err := r.Append([]byte("before"))
			assert.Equal(t, "before", string(b))
			requireFieldError(t, err, 0, c.offset, c.field, c.cause)
		})
	}
}

func requireFieldError(t *testing.T, err error, record int, offset int64, field Field, cause error) {
	t.Helper()
	var e *FieldError
	require.ErrorAs(t, err, &e)
	assert.ErrorIs(t, err, cause)
	assert.Equal(t, []any{record, offset, field}, []any{e.Record, e.Offset, e.Field}, "%v", err)
}

func TestDamagedHistoryRecordIsNamed(t *testing.T) {
	ok := launchedLine()
	set := func(at int, s string) string { return ok[:at] + s + ok[at+len(s):] }
	cases := []struct {
		name, content string
		offset        int64
		field         Field
		cause         error
	}{
		{"zeros", strings.Repeat("\x00", 256), 0, FieldTime, ErrHistoryTime},
		{"spaces", strings.Repeat(" ", 256), 0, FieldTime, ErrHistoryTime},
		{"two contact records", strings.Repeat(line("mgr01", "RUNNING", "ONLINE", "2026-11-22T10:43:05Z"), 2), 0, FieldTime, ErrHistoryTime},
		{"comma in the time", set(19, ","), 0, FieldTime, ErrHistoryTime},
		{"31 February", set(0, "2026-02-31"), 0, FieldTime, ErrHistoryTime},
		{"second 60", set(17, "60"), 0, FieldTime, ErrHistoryTime},
		{"local time", set(23, "+"), 0, FieldTime, ErrHistoryTime},
		{"space before the host", set(24, " "), 24, FieldHost, ErrSpace},
		{"no host", set(24, "     "), 24, FieldHost, ErrEmpty},
		{"byte behind the host", set(87, "\x01"), 87, FieldHost, ErrByte},
		{"byte at the end of a full field", set(104, "OPERATO\x80"), 111, FieldTrigger, ErrByte},
		{"no trigger", set(104, "        "), 104, FieldTrigger, ErrEmpty},
		{"no outcome", set(112, "            "), 112, FieldOutcome, ErrEmpty},
		{"space inside the process", set(88, "ON INE"), 90, FieldProcess, ErrSpace},
		{"space inside the status", set(124, "ON INE"), 126, FieldApplication, ErrSpace},
		{"CR LF", set(254, "\r"), 254, FieldText, ErrControlChar},
		{"text cut inside a character", set(253, "\xe8\xaa"), 253, FieldText, ErrUTF8},
		{"no line feed", set(255, " "), 255, FieldEnd, ErrEnd},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r, err := decodeHistory(c.content, 0)
			assert.Zero(t, r)
			requireFieldError(t, err, 0, c.offset, c.field, c.cause)
			_, err = decodeHistory(c.content, 3)
			requireFieldError(t, err, 3, 3*256+c.offset, c.field, c.cause)
		})
	}
}

// FuzzDecodeHistoryRecord: whatever decodes encodes to the same bytes.
func FuzzDecodeHistoryRecord(f *testing.F) {
	f.Add(launchedLine())
	f.Add(historyLine("0000-01-01T00:00:00.000Z", "h", "", "C", "S", "", ""))
	f.Add(historyLine("9999-12-31T23:59:59.999Z", strings.Repeat("h", 64), strings.Repeat("P", 16), "OPERATOR", "UNREACHABLE!",
		strings.Repeat("S", 24), strings.Repeat("語", 35)+"xy"))
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) != HistoryRecordLength {
			return
		}
		r, err := decodeHistory(s, 7)
		if err != nil {
			var e *FieldError
			require.ErrorAs(t, err, &e)
			require.Zero(t, r)
			require.Equal(t, 7, e.Record)
			require.Equal(t, int64(7), e.Offset/HistoryRecordLength)
			return
		}
		b, err := r.Append(nil)
		require.NoError(t, err)
		require.Equal(t, s, string(b))
	})
}
