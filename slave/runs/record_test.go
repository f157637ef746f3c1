package runs

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/telegram"
)

const someBoot = "01234567-89ab-cdef-0123-456789abcdef"

var someTime = time.Date(2026, 11, 22, 10, 43, 5, 123e6, time.UTC)

func fullIntent() Intent {
	return Intent{Process: processID("P"), Time: someTime, Simple: true, Trigger: "MESSAGE", Before: appStatus("BEFORE"),
		Status: appStatus(strings.Repeat("s", 24)), After: appStatus("AFTER"), Failed: appStatus("FAILED"), History: 1234,
		Timeout: 168 * time.Hour, Settle: 1500 * time.Millisecond}
}

// fullFile has every line.
func fullFile() []byte {
	intent := fullIntent()
	b := intentFile(42, someBoot, &intent)
	for i, l := range [][]byte{
		startedLine(42, someTime.Add(time.Second), identity{4194304, 1 << 60}, 987),
		identityLine(wordLeader, 42, someTime.Add(2*time.Second), identity{12, 34}),
		line(wordUp, 42, someTime.Add(3*time.Second)),
		doneLine(42, someTime.Add(4*time.Second), Abnormal, "exit status 3: 業務を開始できません"),
		filedLine(42, someTime.Add(5*time.Second), "ENDED"),
	} {
		copy(b[(i+1)*LineLength:], l)
	}
	return b
}

func fullRecord() Record {
	return Record{Run: 42, Boot: someBoot, Intent: fullIntent(),
		Started: someTime.Add(time.Second), parent: identity{4194304, 1 << 60}, begun: 987, leader: identity{12, 34},
		Up: someTime.Add(3 * time.Second), Done: someTime.Add(4 * time.Second), End: Abnormal, Text: "exit status 3: 業務を開始できません", Filed: "ENDED"}
}

// The file as FORMAT.md has it.
func TestTheFileOfARunIsSixLines(t *testing.T) {
	run := " 00000000000000000042 "[1:]
	line := func(s string) string { return s + strings.Repeat(" ", LineLength-1-len(s)) + "\n" }
	pad := func(s string, n int) string { return s + strings.Repeat(" ", n-len(s)) }
	want := line("INTENT  "+run+"2026-11-22T10:43:05.123Z "+someBoot+" "+pad("simple", 8)+pad("MESSAGE", 8)+pad("BEFORE", 24)+
		strings.Repeat("s", 24)+pad("AFTER", 24)+pad("FAILED", 24)+"000000001234 000604800000 000000001500") +
		line("STARTED "+run+"2026-11-22T10:43:06.123Z "+pad("4194304", 11)+pad("1152921504606846976", 21)+"987") +
		line("LEADER  "+run+"2026-11-22T10:43:07.123Z "+pad("12", 11)+"34") +
		line("UP      "+run+"2026-11-22T10:43:08.123Z") +
		line("DONE    "+run+"2026-11-22T10:43:09.123Z "+pad("ABNORMAL", 13)+"exit status 3: 業務を開始できません") +
		line("FILED   "+run+"2026-11-22T10:43:10.123Z ENDED")
	assert.Equal(t, want, string(fullFile()))
	assert.Len(t, want, FileLength)
	got, ok := parse(processID("P"), []byte(want))
	assert.True(t, ok)
	assert.Equal(t, fullRecord(), got)
}

func TestALineThatIsTornOrOfAnotherRunCountsAsNotWritten(t *testing.T) {
	whole := fullFile()
	for n := range len(whole) { // cut anywhere, as a crash of the machine may
		r, ok := parse(processID("P"), whole[:n])
		assert.Equal(t, n >= LineLength, ok, "%d", n)
		if !ok {
			assert.Zero(t, r)
			continue
		}
		assert.Equal(t, n >= 2*LineLength, !r.Started.IsZero(), "%d", n)
		assert.Equal(t, n >= 5*LineLength, !r.Done.IsZero(), "%d", n)
		assert.Equal(t, n >= 5*LineLength, r.End == Abnormal, "%d", n)
	}
	for i := 1; i < len(words); i++ {
		for name, damage := range map[string]func(b []byte){
			"of another run": func(b []byte) { columnRun.put(b, "00000000000000000041") },
			"no number":      func(b []byte) { columnRun.put(b, "0000000000000000004x") },
			"another word":   func(b []byte) { columnWord.put(b, "INTENT") },
			"no time":        func(b []byte) { columnTime.put(b, "2026-13-22T10:43:05.123Z") },
			"no line feed":   func(b []byte) { b[LineLength-1] = ' ' },
			"zeros":          func(b []byte) { clear(b) },
		} {
			b := bytes.Clone(whole)
			damage(b[i*LineLength:][:LineLength])
			r, ok := parse(processID("P"), b)
			require.True(t, ok)
			want := fullRecord()
			switch words[i] {
			case wordStarted:
				want.Started, want.parent, want.begun = time.Time{}, identity{}, 0
			case wordLeader:
				want.leader = identity{}
			case wordUp:
				want.Up = time.Time{}
			case wordDone:
				want.Done, want.End, want.Text = time.Time{}, "", ""
			case wordFiled:
				want.Filed = ""
			}
			assert.Equal(t, want, r, "%s %s", words[i], name)
		}
	}
}

func TestAnIntentOfAnOlderVersionNamesNoTimeout(t *testing.T) {
	b := fullFile()
	copy(b[columnHistory.offset+columnHistory.length:LineLength-1], strings.Repeat(" ", LineLength))
	want := fullRecord()
	want.Timeout, want.Settle = 0, time.Minute
	r, ok := parse(processID("P"), b)
	assert.True(t, ok)
	assert.Equal(t, want, r)
}

func TestATimeoutIsKeptInWholeMilliseconds(t *testing.T) {
	for timeout, want := range map[time.Duration]time.Duration{
		0: 0, 1: time.Millisecond, time.Millisecond: time.Millisecond, time.Millisecond + 1: 2 * time.Millisecond,
		168 * time.Hour: 168 * time.Hour, math.MaxInt64: 999_999_999_999 * time.Millisecond,
	} {
		intent := fullIntent()
		intent.Timeout, intent.Settle = timeout, timeout
		r, ok := parse(processID("P"), intentFile(1, someBoot, &intent))
		assert.True(t, ok)
		assert.Equal(t, want, r.Timeout, "%v", timeout)
		assert.Equal(t, want, r.Settle, "%v", timeout)
	}
}

func TestWithoutAWholeIntentThereIsNoRun(t *testing.T) {
	for name, damage := range map[string]func(b []byte){
		"another word":   func(b []byte) { columnWord.put(b, "STARTED") },
		"no number":      func(b []byte) { columnRun.put(b, "x") },
		"no time":        func(b []byte) { columnTime.put(b, "x") },
		"no boot":        func(b []byte) { columnBoot.put(b, strings.Repeat(" ", 36)) },
		"no status":      func(b []byte) { columnAfter.put(b, "a b") },
		"no history":     func(b []byte) { columnHistory.put(b, strings.Repeat(" ", 12)) },
		"no timeout":     func(b []byte) { columnTimeout.put(b, "00000000000x") },
		"settle below 0": func(b []byte) { columnSettle.put(b, "-00000000001") },
		"negative":       func(b []byte) { columnHistory.put(b, "-00000000001") },
		"no line feed":   func(b []byte) { b[LineLength-1] = 'x' },
		"zeros":          func(b []byte) { clear(b) },
		"blank, no end":  func(b []byte) { copy(b, bytes.Repeat([]byte(" "), LineLength)) },
	} {
		b := fullFile()
		damage(b[:LineLength])
		r, ok := parse(processID("P"), b)
		assert.False(t, ok, name)
		assert.Zero(t, r, name)
	}
}

func TestTheNumberOfARunIsLargerThanTheOneBeforeWhateverTheClockSays(t *testing.T) {
	now := time.UnixMilli(1000)
	assert.EqualValues(t, 1000, next(Record{}, now))
	assert.EqualValues(t, 1000, next(Record{Run: 7}, now))
	assert.EqualValues(t, 5001, next(Record{Run: 5000}, now))
}

func FuzzRecord(f *testing.F) {
	whole := fullFile()
	f.Add(whole)
	f.Add(whole[:LineLength])
	f.Add(whole[:3*LineLength+17])
	f.Add([]byte{})
	f.Add(bytes.Repeat([]byte(" "), FileLength))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, ok := parse(processID("P"), b)
		if !ok {
			require.Zero(t, r)
			return
		}
		// What was understood is understood the same when it is written again.
		again := intentFile(r.Run, r.Boot, &r.Intent)
		put := func(i int, l []byte) { copy(again[i*LineLength:], l) }
		if !r.Started.IsZero() {
			put(1, startedLine(r.Run, r.Started, r.parent, r.begun))
		}
		if r.leader != (identity{}) {
			put(2, identityLine(wordLeader, r.Run, someTime, r.leader))
		}
		if !r.Up.IsZero() {
			put(3, line(wordUp, r.Run, r.Up))
		}
		if !r.Done.IsZero() {
			put(4, doneLine(r.Run, r.Done, r.End, r.Text))
		}
		if r.Filed != "" {
			put(5, filedLine(r.Run, someTime, r.Filed))
		}
		require.Len(t, again, FileLength)
		got, ok := parse(processID("P"), again)
		require.True(t, ok)
		want := r
		want.Text = got.Text // control characters are not written
		require.Equal(t, strings.TrimRight(telegram.Cut(r.Text, TextLength), " "), got.Text)
		require.Equal(t, want, got)
	})
}
