//go:build interop

package interop

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"renraku/contactfile"
)

const (
	noMonitoring = "No monitoring: the contact file is empty."
	noHistory    = "The history is empty."
	notRead      = "The contact file could not be read."
	notReadBack  = "The history could not be read."
)

func at(second int) time.Time { return time.Date(2026, 11, 22, 10, 43, second, 0, time.UTC) }

func someServers() []contactfile.Record {
	return []contactfile.Record{
		{Host: "mgr01", Operating: contactfile.Running, Application: contactfile.NotStarted, Since: at(0)},
		{Host: "app01", Operating: contactfile.Stopped, Application: contactfile.Online, Since: at(5)},
		{Host: "app02", Operating: contactfile.Running, Application: "", Since: at(6)},
	}
}

func someOutcomes() []contactfile.HistoryRecord {
	return []contactfile.HistoryRecord{
		{Time: at(5), Host: "app01", Process: "ONLINE", Trigger: "OPERATOR", Outcome: "LAUNCHED", Application: "ONLINE", Text: "it is up"},
		{Time: at(6), Host: "app02", Process: "NIGHTBATCH", Trigger: "TIME", Outcome: "FAILED", Text: "データベースがありません"},
		{Time: at(7), Host: "app02", Trigger: "OPERATOR", Outcome: "SET"},
	}
}

func TestCobolSaysThatThereIsNoMonitoring(t *testing.T) {
	dir := write(t, nil, nil)
	for _, organisation := range organisations {
		assert.Equal(t, cobolReport{noMonitoring, noHistory, "", 0}, mustReport(t, dir, organisation, 10))
	}
}

func TestCobolSaysWhichFileIsMissing(t *testing.T) {
	for _, organisation := range organisations {
		dir := write(t, nil, nil)
		for _, step := range []struct {
			name    string
			contact string
			history string
			missing []string
		}{
			{"history.dat", noMonitoring, notReadBack, []string{"history.dat"}},
			{"contact.dat", notRead, notReadBack, []string{"contact.dat", "history.dat"}},
			{"", notRead, notReadBack, []string{"contact.dat", "history.dat"}}, // the directory itself
		} {
			require.NoError(t, os.Remove(filepath.Join(dir, step.name)))
			want := ""
			for _, name := range step.missing {
				want += "STATREP: " + filepath.Join(dir, name) + ": there is no such file (file status 35)\n"
			}
			got, err := report(statrep(t), dir, organisation)
			require.NoError(t, err)
			assert.Equal(t, cobolReport{step.contact, step.history, want, 1}, got)
		}
	}
}

// Root may read everything. So the report runs as the user nobody, in a directory open to all.
func TestCobolSaysThatAFileIsForbidden(t *testing.T) {
	const nobody = 65534
	dir := write(t, encodeContact(t, someServers()), encodeHistory(t, someOutcomes()))
	program, err := os.ReadFile(statrep(t))
	require.NoError(t, err)
	path := filepath.Join(dir, "statrep")
	require.NoError(t, os.WriteFile(path, program, 0o755))
	require.NoError(t, os.Chmod(dir, 0o755))
	require.NoError(t, os.Chmod(filepath.Join(dir, "history.dat"), 0o644))
	var problems strings.Builder
	c := exec.Command(path, dir)
	c.Stderr = &problems
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := c.Output()
	require.Error(t, err)
	assert.Equal(t, 1, c.ProcessState.ExitCode())
	assert.Equal(t, "STATREP: "+filepath.Join(dir, "contact.dat")+": permission denied (file status 37)\n", problems.String())
	assert.Contains(t, string(out), "The contact file could not be read.\n \nHistory: the last 3 of 3 records")
}

// The daemon takes no such lock. Where somebody else does, the report must not look as if the file were empty or damaged.
func TestCobolSaysThatAFileIsLocked(t *testing.T) {
	dir := write(t, encodeContact(t, someServers()), encodeHistory(t, someOutcomes()))
	file, err := os.OpenFile(filepath.Join(dir, "contact.dat"), os.O_RDWR, 0)
	require.NoError(t, err)
	defer file.Close()
	require.NoError(t, unix.FcntlFlock(file.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}))
	for _, organisation := range organisations {
		got, err := report(statrep(t), dir, organisation)
		require.NoError(t, err)
		want := "STATREP: " + file.Name() + ": another program has locked it (file status 61)\n"
		assert.Equal(t, cobolReport{notRead, wantedHistory(someOutcomes(), 10), want, 1}, got)
	}
}

// withDamaged is the report's part on the contact file for these servers and one record that is damaged.
func withDamaged(servers ...contactfile.Record) string {
	before := fmt.Sprintf("%9d  in all", len(servers))
	after := fmt.Sprintf("%9d  (record damaged)\n%9d  in all", 1, len(servers)+1)
	return strings.Replace(wantedContact(servers), before, after, 1)
}

func TestCobolReportsTheRestWhereARecordIsDamaged(t *testing.T) {
	contact, history := encodeContact(t, someServers()), encodeHistory(t, someOutcomes())
	changed := func(b []byte, at int, s string) []byte {
		b = slices.Clone(b)
		copy(b[at:], s)
		return b
	}
	servers, rows := wantedContact(someServers()), strings.Split(wantedHistory(someOutcomes(), 10), "\n")
	allRows := strings.Join(rows, "\n")
	badRow := strings.Join(append(rows[:3:3], "! (record 1 is damaged)", rows[4]), "\n")
	twoBadRows := strings.Join(append(rows[1:3:3], "! (record 1 is damaged)", "! (record 2 is damaged)", rows[4]), "\n")
	twoBadRows = strings.ReplaceAll(rows[0], "3", "4") + "\n" + twoBadRows
	badServer := cobolReport{withDamaged(someServers()[0], someServers()[2]), allRows, "STATREP: CONTACT: record 1 is damaged; 1 in all\n", 1}
	badOutcome := cobolReport{servers, badRow, "STATREP: HISTORY: record 1 is damaged; 1 in all\n", 1}
	cases := []struct {
		name             string
		contact, history []byte
		want             cobolReport // its problems with CONTACT and HISTORY for the paths
		only             string      // this organisation; "": both
	}{
		{"operating status", changed(contact, 128+64, "running "), history, badServer, ""},
		{"host", changed(contact, 128, " "), history, badServer, ""},
		{"last change", changed(contact, 128+115, "+"), history, badServer, ""},
		{"filler", changed(contact, 128+126, "x"), history, badServer, ""},
		{"line feed of the contact file", changed(contact, 128+127, " "), history, badServer, sequential},
		{"contact file that ends inside a record", append(slices.Clone(contact), contact[:127]...), history,
			cobolReport{withDamaged(someServers()...), allRows, "STATREP: CONTACT: record 3 is damaged; 1 in all\n", 1}, sequential},
		{"contact file that ends inside the filler", append(slices.Clone(contact), contact[:126]...), history,
			cobolReport{withDamaged(someServers()...), allRows, "STATREP: CONTACT: record 3 is damaged; 1 in all\n", 1}, ""},
		{"letter before the time of day", contact, changed(history, 256+10, " "), badOutcome, ""},
		{"zone", contact, changed(history, 256+23, "+"), badOutcome, ""},
		{"host of the history", contact, changed(history, 256+24, " "), badOutcome, ""},
		{"trigger", contact, changed(history, 256+104, "    "), badOutcome, ""},
		{"outcome", contact, changed(history, 256+112, "      "), badOutcome, ""},
		{"zeros", contact, changed(history, 256, strings.Repeat("\x00", 255)), badOutcome, ""},
		{"line feed of the history", contact, changed(history, 256+255, "x"), badOutcome, sequential},
		{"line feed inside a record", contact, changed(history, 256+200, "\n"),
			cobolReport{servers, twoBadRows, "STATREP: HISTORY: record 1 is damaged; 2 in all\n", 1}, lineSequential},
		{"history with a record that is being written", contact, append(slices.Clone(history), history[:200]...),
			cobolReport{servers, allRows, "", 0}, ""},
		{"history with a record of which the line feed is missing", contact, append(slices.Clone(history), history[:255]...),
			cobolReport{servers, allRows, "", 0}, sequential},
	}
	for _, c := range cases {
		for _, organisation := range organisations {
			if c.only != "" && c.only != organisation {
				continue
			}
			dir := write(t, c.contact, c.history)
			got, err := report(statrep(t), dir, organisation)
			require.NoError(t, err)
			got.Problems = strings.ReplaceAll(got.Problems, filepath.Join(dir, "contact.dat"), "CONTACT")
			got.Problems = strings.ReplaceAll(got.Problems, filepath.Join(dir, "history.dat"), "HISTORY")
			assert.Equal(t, c.want, got, "%s, %s", c.name, organisation)
		}
	}
}

// The newest record is no part of what is shown where it is incomplete, and takes the place of none that is.
func TestCobolShowsAllThatAreWantedBeforeAnIncompleteRecord(t *testing.T) {
	history := encodeHistory(t, someOutcomes())
	dir := write(t, nil, append(history, history[:200]...))
	for wanted := range 4 {
		requireReports(t, dir, wanted)
	}
}

// The report opens a pipe first, and finds half a change in it; when it looks again, the file is there.
func TestCobolLooksAgainWhereTheContactFileIsInTheMiddleOfAChange(t *testing.T) {
	contact := encodeContact(t, someServers())
	for _, organisation := range organisations {
		dir := write(t, contact, nil)
		path, whole := filepath.Join(dir, "contact.dat"), filepath.Join(dir, "whole")
		require.NoError(t, os.Rename(path, whole))
		require.NoError(t, unix.Mkfifo(path, 0o640))
		written := make(chan error, 1)
		go func() {
			pipe, err := os.OpenFile(path, os.O_WRONLY, 0) // waits for the report
			if err == nil {
				err = os.Rename(whole, path)
				pipe.Write(contact[:100])
				pipe.Close()
			}
			written <- err
		}()
		got := mustReport(t, dir, organisation, 10)
		require.NoError(t, <-written)
		assert.Equal(t, wantedContact(someServers()), got.Contact)
	}
}

func TestCobolRefusesWrongArguments(t *testing.T) {
	dir := write(t, nil, nil)
	for _, args := range [][]string{
		{""}, {strings.Repeat("d", 1000)}, {dir, ""}, {dir, "sequential"}, {dir, "LINE"}, {dir, lineSequential + "S"}, {dir, sequential, ""},
		{dir, sequential, "x"}, {dir, sequential, "-1"}, {dir, sequential, "1 2"}, {dir, sequential, "1x"}, {dir, sequential, "12x"}, {dir, sequential, "1000"},
		{dir, sequential, "1", "1"},
	} {
		got, err := report(statrep(t), args...)
		require.NoError(t, err)
		want := "usage: STATREP [DIRECTORY [SEQUENTIAL|LINE-SEQUENTIAL [RECORDS, 0 TO 999]]]\n"
		assert.Equal(t, cobolReport{"", "", want, 2}, got, "%q", args)
	}
}

// Only SEQUENTIAL sees that a line feed is missing.
func TestCobolReportsTenRecordsOfSequentialFilesByDefault(t *testing.T) {
	history := make([]contactfile.HistoryRecord, 11)
	for i := range history {
		history[i] = someOutcomes()[0]
		history[i].Text = strconv.Itoa(i)
	}
	contact := encodeContact(t, someServers())
	contact[len(contact)-1] = ' '
	got, err := report(statrep(t), write(t, contact, encodeHistory(t, history)))
	require.NoError(t, err)
	assert.Contains(t, got.Problems, "contact.dat: record 2 is damaged; 1 in all\n")
	assert.Equal(t, wantedHistory(history, 10), got.History)
}

func TestCobolHeadsTheReportWithDirectoryAndTime(t *testing.T) {
	head := regexp.MustCompile(`^Status report of (.+), (\S+); all times are UTC\n`)
	dir := write(t, nil, nil)
	for _, args := range [][]string{nil, {dir}} {
		c := exec.Command(statrep(t), args...)
		c.Env = append(os.Environ(), "TZ=Asia/Tokyo")
		before := time.Now().Truncate(time.Second)
		out, _ := c.Output() // without an argument there is no such directory, or there is
		after := time.Now()
		found := head.FindSubmatch(out)
		require.NotNil(t, found, "%s", out)
		assert.Equal(t, append(args, "/var/lib/renraku")[0], string(found[1]))
		printed, err := time.Parse("2006-01-02T15:04:05Z", string(found[2]))
		require.NoError(t, err)
		assert.False(t, printed.Before(before) || printed.After(after), "%v", printed)
	}
}

// The README's own example: its numbers, its rows, and the command that compiles it.
func TestCobolPrintsTheReportOfItsREADME(t *testing.T) {
	content, err := os.ReadFile(repository(cobolDirectory, "README.md"))
	require.NoError(t, err)
	require.Contains(t, string(content), "cobc -x -o statrep STATREP.cob STATCON.cob STATHIS.cob\n")
	_, example, ok := strings.Cut(string(content), "; all times are UTC\n\n")
	require.True(t, ok)
	example, _, ok = strings.Cut(example, "```")
	require.True(t, ok)

	day := func(clock string) time.Time {
		at, err := time.Parse("2006-01-02 15:04:05.000", "2026-11-22 "+clock)
		require.NoError(t, err)
		return at
	}
	contact := []contactfile.Record{
		{Host: "mgr01", Operating: contactfile.Running, Application: contactfile.NotStarted, Since: at(0)},
		{Host: "app01", Operating: contactfile.Running, Application: contactfile.Online, Since: at(0)},
		{Host: "app02", Operating: contactfile.Stopped, Application: contactfile.NotStarted, Since: at(5)},
		{Host: "app03", Operating: contactfile.Running, Application: contactfile.Batch, Since: at(0)},
	}
	history := []contactfile.HistoryRecord{
		{Time: day("10:40:00.012"), Host: "app01", Process: "ONLINE", Trigger: "OPERATOR", Outcome: "LAUNCHED", Application: "ONLINE",
			Text: "ended normally after 2s: it is up"},
		{Time: day("10:41:00.250"), Host: "app02", Process: "NIGHTBATCH", Trigger: "TIME", Outcome: "FAILED", Application: "NOT-STARTED",
			Text: "exit status 3: データベースがありません"},
		{Time: day("10:42:00.071"), Host: "app03", Process: "NIGHTBATCH", Trigger: "TIME", Outcome: "LAUNCHED", Application: "BATCH", Text: "is up"},
		{Time: day("10:43:30.004"), Host: "app02", Process: "ONLINE", Trigger: "OPERATOR", Outcome: "SKIPPED", Application: "NOT-STARTED", Text: "it is STOPPED"},
	}
	dir := write(t, encodeContact(t, contact), encodeHistory(t, history))
	for _, organisation := range organisations {
		got := mustReport(t, dir, organisation, 10)
		assert.Equal(t, strings.TrimSpace(example), got.Contact+"\n\n"+got.History)
	}
}

// The copybooks have the fields of the documents, in their order and lengths.
func TestCopybooksAgreeWithTheDocuments(t *testing.T) {
	fields := regexp.MustCompile(`(?m)^ +05  (\S+) +PIC X(?:\((\d+)\))?\.$`)
	lengths := func(path string) (names []string, all []int) {
		content, err := os.ReadFile(repository(path))
		require.NoError(t, err)
		for _, found := range fields.FindAllStringSubmatch(string(content), -1) {
			length := 1
			if found[2] != "" {
				length, err = strconv.Atoi(found[2])
				require.NoError(t, err)
			}
			names, all = append(names, found[1]), append(all, length)
		}
		return names, all
	}
	_, contact := lengths(cobolDirectory + "/CONTACT.cpy")
	table := regexp.MustCompile(`(?m)^\| [^|]+ \| \d+ \| (\d+) \| [\d–]+ \| [^|]+ \|$`)
	document, err := os.ReadFile(repository("contactfile", "CONTACTFILE.md"))
	require.NoError(t, err)
	var documented []int
	for _, found := range table.FindAllStringSubmatch(string(document), -1) {
		length, err := strconv.Atoi(found[1])
		require.NoError(t, err)
		documented = append(documented, length)
	}
	assert.Len(t, documented, 6)
	assert.Equal(t, documented, contact)

	names, history := lengths(cobolDirectory + "/HISTORY.cpy")
	documentedNames, documentedHistory := lengths("contactfile/HISTORY.md")
	assert.Len(t, documentedNames, 8)
	assert.Equal(t, documentedNames, names)
	assert.Equal(t, documentedHistory, history)
}
