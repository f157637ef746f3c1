package runs

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"renraku/telegram"
)

// LineLength is the length of each line of a run's file in bytes, the line feed included.
const LineLength = 256

// TextLength is the room for the text of DONE in bytes, that of the history.
const TextLength = 107

const timeLayout = "2006-01-02T15:04:05.000Z"

// word begins a line and says what it is.
type word string

const (
	wordIntent  word = "INTENT"
	wordStarted word = "STARTED"
	wordLeader  word = "LEADER"
	wordUp      word = "UP"
	wordDone    word = "DONE"
	wordFiled   word = "FILED"
)

// words in the order of their lines.
var words = []word{wordIntent, wordStarted, wordLeader, wordUp, wordDone, wordFiled}

// FileLength is the length of a run's file in bytes.
const FileLength = 6 * LineLength

// column is a field of a line: offset and length in bytes, padded with spaces.
type column struct{ offset, length int }

// The columns. The first three are those of every line; the others stand in the lines that are named.
var (
	columnWord = column{0, 8}
	columnRun  = column{8, 20} // decimal; a line of another run counts as blank
	columnTime = column{29, 24}

	columnBoot    = column{54, 36} // INTENT from here on
	columnType    = column{91, 8}
	columnTrigger = column{99, 8}
	columnBefore  = column{107, 24}
	columnStatus  = column{131, 24}
	columnAfter   = column{155, 24}
	columnFailed  = column{179, 24}
	columnHistory = column{203, 12} // decimal
	columnTimeout = column{216, 12} // milliseconds; blank where an older version wrote the line
	columnSettle  = column{229, 12} // likewise

	columnPID   = column{54, 10} // STARTED: of the parent, which is its session too; LEADER: of the process
	columnStart = column{65, 20} // its start, in clock ticks since the boot (proc_pid_stat(5), field 22)
	columnBegun = column{86, 20} // STARTED: when the line was written, likewise; blank where an older version wrote it

	columnEnd  = column{54, 12} // DONE
	columnText = column{67, TextLength}

	columnOutcome = column{54, 12} // FILED
)

func (c column) put(line []byte, s string) { copy(line[c.offset:][:c.length], s) }

func (c column) get(line []byte) string {
	return string(bytes.TrimRight(line[c.offset:][:c.length], " "))
}

// putMillis rounds up, so that no timeout becomes none.
func (c column) putMillis(line []byte, d time.Duration) {
	d = min(d, longest)
	c.put(line, fmt.Sprintf("%0*d", c.length, (d+time.Millisecond-1)/time.Millisecond))
}

// longest is the longest time that a column of milliseconds has room for, some 31 years.
const longest = 999_999_999_999 * time.Millisecond

// getMillis gives otherwise where the column is blank.
func (c column) getMillis(line []byte, otherwise time.Duration) (time.Duration, error) {
	text := c.get(line)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	return time.Duration(n) * time.Millisecond, err
}

// settleUnknown is the longest that a definition may have: after it, every process has settled.
const settleUnknown = time.Minute

// End is how the process of a run ended.
type End string

// The ends.
const (
	Normal     End = "NORMAL"
	Abnormal   End = "ABNORMAL"
	NotStarted End = "NOT-STARTED" // it could not be started
)

// Record is the file of a run: what is known of it on disk.
type Record struct {
	Run    uint64 // its number, larger than that of every earlier run of the process
	Boot   string // of the machine
	Intent        // line INTENT

	Started time.Time // line STARTED: zero where it is not there
	parent  identity
	begun   uint64    // ticks since the boot: what its session had before is an earlier run's
	leader  identity  // line LEADER
	Up      time.Time // line UP, of type simple: when it had settled
	Done    time.Time // line DONE
	End     End
	Text    string // how it ended, for a person, with the last line of its output
	Filed   string // line FILED: the last outcome of this run that stands in the history
}

// Intent is what was about to be launched, and what its end is to do to field 133.
type Intent struct {
	Process telegram.ProcessID
	Time    time.Time // milliseconds
	Simple  bool      // its type
	Trigger string    // who asked, in the word of the history
	Before  telegram.Status
	Status  telegram.Status // as the definition has them
	After   telegram.Status
	Failed  telegram.Status
	History int // how many records the history had: what it has of this run comes after them

	Timeout time.Duration // Launch takes these two from the command; whole milliseconds
	Settle  time.Duration
}

// typeName is the type of a process in the word of the definition.
var typeName = map[bool]string{false: "oneshot", true: "simple"}

// settled says whether all of the run stands in the history.
func (r *Record) settled() bool { return r.Filed != "" && !(r.Simple && r.Filed == filedUp) }

// filedUp is the outcome of a process of type simple that is up: another one follows.
const filedUp = "LAUNCHED"

// identity is a process of the operating system that cannot be taken for another one of the same boot.
type identity struct {
	pid   int
	start uint64 // clock ticks since the boot
}

// line is a blank line of the run, with its word and the time.
func line(w word, run uint64, at time.Time) []byte {
	b := bytes.Repeat([]byte(" "), LineLength)
	b[LineLength-1] = '\n'
	columnWord.put(b, string(w))
	columnRun.put(b, fmt.Sprintf("%0*d", columnRun.length, run))
	columnTime.put(b, at.UTC().Format(timeLayout))
	return b
}

// intentFile is the file of a new run: the intent, and blank lines for all that is to come, so that it is never longer.
func intentFile(run uint64, boot string, i *Intent) []byte {
	b := line(wordIntent, run, i.Time)
	columnBoot.put(b, boot)
	columnType.put(b, typeName[i.Simple])
	columnTrigger.put(b, i.Trigger)
	columnBefore.put(b, i.Before.String())
	columnStatus.put(b, i.Status.String())
	columnAfter.put(b, i.After.String())
	columnFailed.put(b, i.Failed.String())
	columnHistory.put(b, fmt.Sprintf("%0*d", columnHistory.length, i.History))
	columnTimeout.putMillis(b, i.Timeout)
	columnSettle.putMillis(b, i.Settle)
	for range len(words) - 1 {
		b = append(b, bytes.Repeat([]byte(" "), LineLength-1)...)
		b = append(b, '\n')
	}
	return b
}

func identityLine(w word, run uint64, at time.Time, who identity) []byte {
	b := line(w, run, at)
	columnPID.put(b, strconv.Itoa(who.pid))
	columnStart.put(b, strconv.FormatUint(who.start, 10))
	return b
}

func startedLine(run uint64, at time.Time, parent identity, begun uint64) []byte {
	b := identityLine(wordStarted, run, at, parent)
	columnBegun.put(b, strconv.FormatUint(begun, 10))
	return b
}

// doneLine has text cut to its column.
func doneLine(run uint64, at time.Time, end End, text string) []byte {
	b := line(wordDone, run, at)
	columnEnd.put(b, string(end))
	columnText.put(b, telegram.Cut(text, TextLength))
	return b
}

func filedLine(run uint64, at time.Time, outcome string) []byte {
	b := line(wordFiled, run, at)
	columnOutcome.put(b, outcome)
	return b
}

// writeLine writes a line in its place, on disk when it returns.
func writeLine(d disk, b []byte) error {
	if err := putLine(d, b); err != nil {
		return err
	}
	return d.sync()
}

// putLine writes a line in its place; a crash of the machine may take it back.
func putLine(d disk, b []byte) error {
	for i, w := range words {
		if string(w) == columnWord.get(b) {
			_, err := d.WriteAt(b, int64(i)*LineLength)
			return err
		}
	}
	panic("a line without a word of its own")
}

// disk is the file of a run; tests put faults into it.
type disk interface {
	WriteAt(b []byte, off int64) (int, error)
	Truncate(size int64) error
	sync() error
}

// parentDisk is the file of a run as its parent writes it.
var parentDisk = func(f *os.File) disk { return osDisk{f} }

// osDisk is a file of the operating system.
type osDisk struct{ *os.File }

func (d osDisk) sync() error {
	if err := unix.Fdatasync(int(d.Fd())); err != nil {
		return &os.PathError{Op: "fdatasync", Path: d.Name(), Err: err}
	}
	return nil
}

// parse reads the file of a run of the process. It is not ok where there is no whole intent. A later line that is torn or of
// another run counts as not written.
func parse(process telegram.ProcessID, b []byte) (r Record, ok bool) {
	if !r.parseIntent(process, b) {
		return Record{}, false
	}
	if b, at, ok := r.line(b, wordStarted); ok {
		r.Started, r.parent = at, parseIdentity(b)
		r.begun, _ = strconv.ParseUint(columnBegun.get(b), 10, 64) // 0: all of the session counts
	}
	if b, _, ok := r.line(b, wordLeader); ok {
		r.leader = parseIdentity(b)
	}
	if _, at, ok := r.line(b, wordUp); ok {
		r.Up = at
	}
	if b, at, ok := r.line(b, wordDone); ok {
		r.Done, r.End, r.Text = at, End(columnEnd.get(b)), strings.ToValidUTF8(columnText.get(b), "\uFFFD")
	}
	if b, _, ok := r.line(b, wordFiled); ok {
		r.Filed = columnOutcome.get(b)
	}
	return r, true
}

func (r *Record) parseIntent(process telegram.ProcessID, b []byte) bool {
	if len(b) < LineLength {
		return false
	}
	run, err := strconv.ParseUint(columnRun.get(b), 10, 64)
	if err != nil {
		return false
	}
	r.Run = run
	first, at, ok := r.line(b, wordIntent)
	if !ok {
		return false
	}
	r.Boot = columnBoot.get(first)
	r.Intent = Intent{Process: process, Time: at, Simple: columnType.get(first) == typeName[true], Trigger: columnTrigger.get(first)}
	for _, s := range []struct {
		column column
		status *telegram.Status
	}{{columnBefore, &r.Before}, {columnStatus, &r.Status}, {columnAfter, &r.After}, {columnFailed, &r.Failed}} {
		if *s.status, err = telegram.NewStatus(s.column.get(first)); err != nil {
			return false
		}
	}
	var timeoutErr, settleErr error
	r.Timeout, timeoutErr = columnTimeout.getMillis(first, 0)
	r.Settle, settleErr = columnSettle.getMillis(first, settleUnknown)
	r.History, err = strconv.Atoi(columnHistory.get(first))
	return errors.Join(err, timeoutErr, settleErr) == nil && r.History >= 0 && len(r.Boot) == columnBoot.length
}

// line gives the line of the word, where it is whole and of this run.
func (r *Record) line(b []byte, w word) (line []byte, at time.Time, ok bool) {
	for i := range words {
		if words[i] != w || len(b) < (i+1)*LineLength {
			continue
		}
		line = b[i*LineLength:][:LineLength]
		run, err := strconv.ParseUint(columnRun.get(line), 10, 64)
		if err != nil || run != r.Run || columnWord.get(line) != string(w) || line[LineLength-1] != '\n' {
			return nil, time.Time{}, false
		}
		at, err = time.Parse(timeLayout, columnTime.get(line))
		return line, at, err == nil
	}
	return nil, time.Time{}, false
}

// parseIdentity gives nobody where the line names nobody.
func parseIdentity(b []byte) identity {
	pid, err := strconv.Atoi(columnPID.get(b))
	if err != nil || pid < 1 {
		return identity{}
	}
	start, err := strconv.ParseUint(columnStart.get(b), 10, 64)
	if err != nil {
		return identity{}
	}
	return identity{pid, start}
}
