//go:build interop

package interop

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
	"renraku/contactfile"
)

const cobolDirectory = "contactfile/cobol"

// The organisations, as the report calls them.
const (
	sequential     = "SEQUENTIAL"
	lineSequential = "LINE-SEQUENTIAL"
)

var organisations = []string{sequential, lineSequential}

// cobolWarnings is every warning that cobc has, but for the one that wants an END after each statement.
var cobolWarnings = []string{"-Wall", "-Wextra", "-Wno-terminator", "-Wcolumn-overflow", "-Wpossible-truncate", "-Wpossible-overlap",
	"-Wlinkage", "-Wimplicit-define", "-Werror"}

// The limits of the report, as its README gives them.
const (
	reportedStatuses = 500
	reportedStopped  = 1000
)

var (
	cobolCompiling sync.Once
	cobolError     error
)

// statrep is the path of the compiled report. It is compiled once, with the checks of the run-time system in it.
func statrep(t *testing.T) string {
	t.Helper()
	program := filepath.Join(cmdtest.Binaries(t), "statrep")
	cobolCompiling.Do(func() {
		args := append([]string{"-x", "-debug", "-o", program}, cobolWarnings...)
		c := exec.Command("cobc", append(args, "STATREP.cob", "STATCON.cob", "STATHIS.cob")...)
		c.Dir = repository(cobolDirectory)
		if out, err := c.CombinedOutput(); err != nil || len(out) > 0 {
			cobolError = fmt.Errorf("%v: %v\n%s", c, err, out)
		}
	})
	require.NoError(t, cobolError)
	return program
}

// cobolReport is what the report prints, without spaces at the ends of lines.
type cobolReport struct {
	Contact, History string // its two parts
	Problems         string // standard error
	Code             int
}

// report runs the report.
func report(program string, args ...string) (cobolReport, error) {
	c := exec.Command(program, args...)
	var out, problems bytes.Buffer
	c.Stdout, c.Stderr = &out, &problems
	if err := c.Run(); c.ProcessState == nil {
		return cobolReport{}, err
	}
	printed := strings.TrimRight(regexp.MustCompile(`(?m) +$`).ReplaceAllString(out.String(), ""), "\n")
	_, parts, _ := strings.Cut(printed, "; all times are UTC\n\n")
	at := strings.LastIndex(parts, "\n\n")
	return cobolReport{parts[:max(at, 0)], strings.TrimPrefix(parts[max(at, 0):], "\n\n"), problems.String(), c.ProcessState.ExitCode()}, nil
}

// mustReport runs the report on a directory, which is whole.
func mustReport(t *testing.T, dir, organisation string, wanted int) cobolReport {
	t.Helper()
	got, err := report(statrep(t), dir, organisation, strconv.Itoa(wanted))
	require.NoError(t, err)
	require.Empty(t, got.Problems)
	require.Zero(t, got.Code)
	return got
}

// wantedContact is the part of the report on these records.
func wantedContact(records []contactfile.Record) string {
	if len(records) == 0 {
		return "No monitoring: the contact file is empty."
	}
	count, statuses, others := map[string]int{}, []string{}, 0
	operating, stopped := map[contactfile.Operating]int{}, []string{}
	for _, r := range records {
		if operating[r.Operating]++; r.Operating == contactfile.Stopped {
			stopped = append(stopped, fmt.Sprintf("  %s  %s", r.Since.Format("2006-01-02T15:04:05Z"), r.Host))
		}
		name := r.Application
		if name == "" {
			name = "(no status)"
		}
		switch {
		case count[name] > 0:
			count[name]++
		case len(statuses) < reportedStatuses:
			statuses = append(statuses, name)
			count[name]++
		default:
			others++
		}
	}
	lines := []string{"Operating status"}
	line := func(n int, name string) { lines = append(lines, fmt.Sprintf("%9d  %s", n, name)) }
	line(operating[contactfile.Running], "RUNNING")
	line(operating[contactfile.Stopped], "STOPPED")
	line(len(records), "in all")
	lines = append(lines, "", "Application execution status")
	for _, name := range statuses {
		line(count[name], name)
	}
	if others > 0 {
		line(others, "(other statuses)")
	}
	if len(stopped) == 0 {
		return strings.Join(append(lines, "", "No server is STOPPED."), "\n")
	}
	lines = append(append(lines, "", "STOPPED since"), stopped[:min(len(stopped), reportedStopped)]...)
	if more := len(stopped) - reportedStopped; more > 0 {
		lines = append(lines, fmt.Sprintf("  and %d more", more))
	}
	return strings.Join(lines, "\n")
}

// wantedHistory is the part of the report on these records, the last wanted of which it shows.
func wantedHistory(records []contactfile.HistoryRecord, wanted int) string {
	if len(records) == 0 {
		return "The history is empty."
	}
	shown := records[max(len(records)-wanted, 0):]
	host, application := len("host"), len("status")
	for _, r := range shown {
		host, application = max(host, len(r.Host)), max(application, len(r.Application))
	}
	lines := []string{fmt.Sprintf("History: the last %d of %d records; ! marks what did not go well", len(shown), len(records))}
	row := func(mark, at, outcome, process, trigger, status, name, text string) {
		line := fmt.Sprintf("%s %-24s  %-12s  %-16s  %-8s  %-*s  %-*s  %s", mark, at, outcome, process, trigger, application, status, host, name, text)
		lines = append(lines, strings.TrimRight(line, " "))
	}
	row(" ", "time", "outcome", "process", "trigger", "status", "host", "text")
	for _, r := range shown {
		mark := "!"
		switch r.Outcome {
		case "LAUNCHED", "ALREADY", "ENDED", "SET":
			mark = " "
		}
		row(mark, r.Time.Format("2006-01-02T15:04:05.000Z"), r.Outcome, r.Process, r.Trigger, r.Application, r.Host, r.Text)
	}
	return strings.Join(lines, "\n")
}

// readHistory is the history of a directory; it is whole.
func readHistory(t *testing.T, dir string) []contactfile.HistoryRecord {
	t.Helper()
	var records []contactfile.HistoryRecord
	for r, err := range contactfile.ReadHistory(filepath.Join(dir, "history.dat")) {
		require.NoError(t, err)
		records = append(records, r)
	}
	return records
}

// write writes both files into a directory of their own.
func write(t *testing.T, contact, history []byte) string {
	t.Helper()
	dir := cmdtest.Dir(t)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "contact.dat"), contact, 0o640))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "history.dat"), history, 0o640))
	return dir
}

func encodeContact(t *testing.T, records []contactfile.Record) (b []byte) {
	t.Helper()
	var err error
	for _, r := range records {
		b, err = r.Append(b)
		require.NoError(t, err)
	}
	return b
}

func encodeHistory(t *testing.T, records []contactfile.HistoryRecord) (b []byte) {
	t.Helper()
	var err error
	for _, r := range records {
		b, err = r.Append(b)
		require.NoError(t, err)
	}
	return b
}

// requireReports sees that both organisations report what the files of a directory have, as Go reads it.
func requireReports(t *testing.T, dir string, wanted int) {
	t.Helper()
	contact, err := contactfile.ReadFile(filepath.Join(dir, "contact.dat"))
	require.NoError(t, err)
	history := readHistory(t, dir)
	for _, organisation := range organisations {
		got := mustReport(t, dir, organisation, wanted)
		require.Equal(t, wantedContact(contact), got.Contact, organisation)
		require.Equal(t, wantedHistory(history, wanted), got.History, organisation)
	}
}

func TestCobolReportsTheGoodVectors(t *testing.T) {
	var contact, history []byte
	for _, v := range kaitaiVectors(t, "contact.txt", "history.txt") {
		switch {
		case v.Expect != "value":
		case v.Of == "contact":
			contact = append(contact, v.Bytes...)
		default:
			history = append(history, v.Bytes...)
		}
	}
	dir := write(t, contact, history)
	records := readHistory(t, dir)
	require.Greater(t, len(records), 10)
	for _, wanted := range []int{0, 1, len(records) - 1, len(records), 999} {
		requireReports(t, dir, wanted)
	}
}

// The numbers are above the limits of the report, and above 10,000.
func TestCobolReportsAFleetOfManyServersAndALongHistory(t *testing.T) {
	const many = 12_345
	noon := time.Date(2026, 11, 22, 10, 43, 5, 0, time.UTC)
	contact, history := make([]contactfile.Record, many), make([]contactfile.HistoryRecord, many)
	for i := range many {
		host := fmt.Sprintf("%064d", i)
		contact[i] = contactfile.Record{Host: host, Operating: contactfile.Running, Application: fmt.Sprintf("STATUS-%d", i%(reportedStatuses+99)),
			Since: noon.Add(time.Duration(i) * time.Second)}
		if i%10 == 3 {
			contact[i].Operating = contactfile.Stopped
		}
		history[i] = contactfile.HistoryRecord{Time: noon.Add(time.Duration(i) * time.Millisecond), Host: host, Process: "ONLINE", Trigger: "ORDER",
			Outcome: []string{"LAUNCHED", "FAILED"}[i%2], Application: "ONLINE", Text: fmt.Sprintf("%d: データベース", i)}
	}
	dir := write(t, encodeContact(t, contact), encodeHistory(t, history))
	requireReports(t, dir, 10)
	requireReports(t, dir, 999)
}
