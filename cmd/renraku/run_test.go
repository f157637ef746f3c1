package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"renraku/cmd/internal/cmdtest"
	"renraku/cmd/internal/control"
	"renraku/cmd/internal/words"
)

// manySimulated is the directory of a manager that has found 1,000 simulated slaves RUNNING, and 40 STOPPED that are not there. Its own
// process waits until something is written to the file gate.
func manySimulated(t *testing.T) (dir, gate string) {
	t.Helper()
	ports, dir := cmdtest.Ports(t, 3), cmdtest.Dir(t)
	gate = filepath.Join(dir, "gate")
	require.NoError(t, unix.Mkfifo(gate, 0o600))
	address := fmt.Sprintf("127.0.0.1:%d", ports[0])
	p := cmdtest.Begin(t, exec.Command(cmdtest.Binary(t, "renraku"), "simulate", "--slaves", "1000", "--listen", address))
	cmdtest.Until(t, aWhile, "the simulation answers", func() bool { return strings.Contains(p.Stdout(), "answering as 1000 slaves on ") })
	config := cmdtest.WriteDefinition(t, dir, fmt.Sprintf(`[manager]
host = "mgr01"
address = "127.0.0.1:%d"
[monitor]
interval = "2s"
timeout = "1s"
retries = 1
[[slave]]
host = "sim[0001-1000]"
address = "%s"
[[slave]]
host = "db[01-40]"
address = "127.0.0.1:%d"
[[process]]
id = "ONLINE"
command = ["/bin/sh", "-c", "read line < $0", "%s"]
status = "ONLINE"
`, ports[1], address, ports[2], gate))
	cmdtest.Start(t, config, "mgr01", dir)
	cmdtest.Until(t, 2*aWhile, "all RUNNING that are there", func() bool {
		return strings.Count(cmdtest.Renraku(t, "status", "--dir", dir).Stdout, " RUNNING ") == 1001
	})
	return dir, gate
}

func TestOrderOnAThousandServersShowsItsProgressAndASummaryThatFits(t *testing.T) {
	t.Parallel()
	dir, gate := manySimulated(t)
	terminal := cmdtest.NewTerminal(t, 80, 24)
	p := terminal.Begin(t, exec.Command(cmdtest.Binary(t, "renraku"), "run", "ONLINE", "--all", "--dir", dir))
	awaitScreen(t, terminal, `\AONLINE: 1040 of 1041 servers · \d+s · waiting for mgr01 · 40 SKIPPED, 1000 LAU`) // cut where there is no room
	before := terminal.Screen()
	cmdtest.Until(t, aWhile, "progress that moves", func() bool { return terminal.Screen() != before && strings.Contains(terminal.Screen(), " · ") })
	go exec.Command("/bin/sh", "-c", "echo > $0", gate).Run() // it ends when the process reads it

	require.Equal(t, 1, p.Wait(t))
	awaitScreen(t, terminal, `LAUNCHED +1001\z`)
	all := strings.Split(terminal.Screen(), "\n")
	assert.Regexp(t, `^HOST +OUTCOME +APPLICATION +TEXT$`, all[0], "nothing of the progress is left")
	for i := range 1000 {
		assert.Regexp(t, fmt.Sprintf(`^sim%04d +LAUNCHED `, i+1), all[2+i], "one row for each server, in the order of the definition")
	}
	assert.Regexp(t, `^db40 +SKIPPED `, all[1041])
	last := all[len(all)-23:] // the cursor is in the line below
	assert.Empty(t, last[0])
	assert.Regexp(t, `\A
HOST  OUTCOME  APPLICATION  TEXT
db01  SKIPPED  NOT-STARTED  the server is STOPPED
db02  SKIPPED (?s).*
db16  SKIPPED  NOT-STARTED  the server is STOPPED
… and 24 more above

OUTCOME   SERVERS
SKIPPED   40
LAUNCHED  1001\z`, strings.Join(last, "\n"))

	// Without a terminal there is no progress and no summary.
	out := cmdtest.Renraku(t, "run", "ONLINE", "--all", "--dir", dir)
	assert.Equal(t, 1, out.Code)
	assert.Empty(t, out.Stderr)
	assert.Equal(t, 1+1041, strings.Count(out.Stdout, "\n"))
	assert.NotContains(t, out.Stdout, "SERVERS")
}

func TestOrderWhoseRowsFitTheTerminalHasNoSummary(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, "interval = \"1h\"")
	f.Start(t, cmdtest.Manager)
	for height, summary := range map[int]bool{5: false, 4: true} {
		terminal := cmdtest.NewTerminal(t, 200, height)
		p := terminal.Begin(t, exec.Command(cmdtest.Binary(t, "renraku"), "run", "ONLINE", "--all", "--dry-run", "--dir", f.Dir(cmdtest.Manager)))
		assert.Equal(t, 1, p.Wait(t))
		awaitScreen(t, terminal, `(?m)^app02 +SKIPPED `)
		assert.Equal(t, summary, strings.Contains(terminal.Screen(), "SERVERS"), "%d\n%s", height, terminal.Screen())
	}
}

// rowsOf is rows such as "3 LAUNCHED", each with a long text.
func rowsOf(t *testing.T, texts ...string) (rows []control.Row) {
	t.Helper()
	for _, text := range texts {
		n, outcome := 0, ""
		_, err := fmt.Sscan(text, &n, &outcome)
		require.NoError(t, err)
		for i := range n {
			rows = append(rows, control.Row{Host: fmt.Sprintf("%s%d", outcome, i), Outcome: outcome, Text: strings.Repeat("text ", 40)})
		}
	}
	return rows
}

func TestSummaryFitsTheScreenAndHasFailuresFirst(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rows  []string
		hosts int // named
		want  string
	}{
		{[]string{"30 LAUNCHED"}, 0, "OUTCOME   SERVERS\nLAUNCHED  30"},
		{[]string{"30 LAUNCHED", "5 ALREADY", "1 FAILED"}, 1, "OUTCOME   SERVERS\nFAILED    1\nLAUNCHED  30\nALREADY   5"},
		{[]string{"40 SKIPPED", "2 UNREACHABLE"}, 16, "… and 26 more above\n\nOUTCOME      SERVERS\nUNREACHABLE  2\nSKIPPED      40"},
		{[]string{"500 FAILED", "500 UNREACHABLE"}, 16, "… and 984 more above\n\nOUTCOME      SERVERS\nFAILED       500\nUNREACHABLE  500"},
		{[]string{"1 FAILED", "1 LAUNCHED", "3 REFUSED", "2 SKIPPED", "7 UNKNOWN", "9 READY"}, 13, "OUTCOME   SERVERS\nUNKNOWN   7\nFAILED    1\nREFUSED   3\nSKIPPED   2\nREADY     9\nLAUNCHED  1"},
	} {
		lines := summaryLines(rowsOf(t, c.rows...), 80, 22, words.English)
		assert.LessOrEqual(t, len(lines), 22)
		for _, line := range lines {
			assert.Less(t, utf8.RuneCountInString(line), 80)
		}
		text := strings.Join(lines, "\n")
		assert.True(t, strings.HasSuffix(text, c.want), text)
		assert.Equal(t, c.hosts, strings.Count(text, " -            text text "), text)
	}
}

func TestSummaryHasFailuresBeforeWhatWasSkipped(t *testing.T) {
	t.Parallel()
	lines := summaryLines(rowsOf(t, "40 SKIPPED", "1 REFUSED", "2 UNREACHABLE", "1 LOST"), 80, 22, words.English)
	var outcomes []string
	for _, line := range lines[1:7] {
		outcomes = append(outcomes, strings.Fields(line)[1])
	}
	assert.Equal(t, []string{"UNREACHABLE", "UNREACHABLE", "LOST", "REFUSED", "SKIPPED", "SKIPPED"}, outcomes)
}

func TestServersInMaintenanceCountInTheExitStatusWhereTheyAreNamed(t *testing.T) {
	row := func(host, outcome, text string) control.Row {
		return control.Row{Host: host, Outcome: outcome, Text: text}
	}
	const left, stopped = "in maintenance until 2026-11-22T10:43:05Z (renraku maintain --off app02)", "the server is STOPPED"
	app02 := row("app02", "SKIPPED", left)
	for _, c := range []struct {
		rows     []control.Row
		patterns []string // none: all
		want     bool
	}{
		{[]control.Row{row("app01", "LAUNCHED", ""), row("app03", "ALREADY", "")}, nil, true},
		{[]control.Row{row("app01", "LAUNCHED", ""), app02}, nil, true},
		{[]control.Row{row("app01", "READY", ""), app02}, []string{"app*"}, true},
		{[]control.Row{row("app01", "LAUNCHED", ""), app02}, []string{"app01", "app02"}, false},
		{[]control.Row{row("app01", "LAUNCHED", ""), app02}, []string{"app*", "app02"}, false},
		{[]control.Row{row("app01", "LAUNCHED", ""), app02, row("app03", "SKIPPED", stopped)}, nil, false},
		{[]control.Row{row("app01", "LAUNCHED", ""), row("app02", "REFUSED", left)}, nil, false}, // whatever a slave says
		{[]control.Row{app02}, nil, false},
	} {
		assert.Equal(t, c.want, allWell(c.rows, c.patterns), "%v of %v", c.rows, c.patterns)
	}
}

func TestProgressNamesTheLastThatAreWaitedFor(t *testing.T) {
	t.Parallel()
	p := &progress{process: "ONLINE", servers: 5, waiting: map[string]bool{"a": true, "b": true, "c": true, "d": true, "e": true}, counts: map[string]int{}}
	assert.Equal(t, "ONLINE: 0 of 5 servers · 0s", p.line(time.Millisecond))
	delete(p.waiting, "b")
	p.counts["LAUNCHED"]++
	assert.Equal(t, "ONLINE: 1 of 5 servers · 12s · 1 LAUNCHED", p.line(12*time.Second))
	delete(p.waiting, "a")
	p.counts["FAILED"]++
	assert.Equal(t, "ONLINE: 2 of 5 servers · 1m12s · waiting for c, d, e · 1 FAILED, 1 LAUNCHED", p.line(72*time.Second))
	clear(p.waiting)
	assert.Equal(t, "ONLINE: 5 of 5 servers · 0s · 1 FAILED, 1 LAUNCHED", p.line(0))
}
