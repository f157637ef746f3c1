package main

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"

	"renraku/cmd/internal/cmdtest"
	"renraku/cmd/internal/screen"
	"renraku/cmd/internal/words"
	"renraku/contactfile"
)

// server is a record such as "app01 RUNNING ONLINE".
func server(t *testing.T, text string) contactfile.Record {
	t.Helper()
	r := contactfile.Record{Since: noon}
	_, err := fmt.Sscan(text, &r.Host, &r.Operating, &r.Application)
	assert.NoError(t, err)
	return r
}

func servers(t *testing.T, texts ...string) look {
	t.Helper()
	l := look{readable: true}
	for _, text := range texts {
		l.records = append(l.records, server(t, text))
	}
	return l
}

// shown is the servers on a board, each with its mark.
func shown(b *board, width, height int, now time.Time) (rows []string) {
	for _, l := range b.lines(width, height, now)[3:] {
		if fields := strings.Fields(l.Text); strings.Contains(l.Text, "ING ") || strings.Contains(l.Text, "STOPPED ") {
			if fields[0] == "*" {
				fields[1] = "*" + fields[1]
				fields = fields[1:]
			}
			rows = append(rows, fields[0])
		}
	}
	return rows
}

func TestBoardHasTroubleFirstAndElseTheOrderOfTheFile(t *testing.T) {
	t.Parallel()
	b := newBoard(true)
	b.take(servers(t, "a RUNNING ONLINE", "b RUNNING BATCH-FAILED", "c STOPPED ONLINE", "d RUNNING NOT-STARTED", "e STOPPED X-FAILED", "f RUNNING X-FAILED",
		"g RUNNING FAILED"), noon)
	assert.Equal(t, []string{"c", "e", "b", "f", "a", "d", "g"}, shown(b, 80, 24, noon))
	lines := b.lines(80, 24, noon)
	assert.Len(t, lines, 24)
	assert.Equal(t, screen.Line{Text: "7 servers: 5 RUNNING, 2 STOPPED · 12:00:00 UTC", Style: screen.Bold}, lines[0])
	assert.Equal(t, "2 X-FAILED, 1 BATCH-FAILED, 2 ONLINE, 1 FAILED, 1 NOT-STARTED", lines[1].Text)
	for i, style := range []screen.Style{screen.Bold | screen.Red, screen.Bold | screen.Red, screen.Bold | screen.Yellow, screen.Bold | screen.Yellow, 0} {
		assert.Equal(t, style, lines[3+i].Style, lines[3+i].Text)
	}
	assert.Equal(t, "q quits", lines[23].Text)
}

func TestBoardHasWhoIsInMaintenanceAfterTheTroubleAndMarked(t *testing.T) {
	t.Parallel()
	b, until := newBoard(true), noon.Add(2*time.Hour)
	l := servers(t, "a RUNNING ONLINE", "b STOPPED ONLINE", "c RUNNING BATCH-FAILED", "d STOPPED BATCH", "e RUNNING ONLINE")
	l.maintenance = maintenance{"b": until, "e": until}
	b.take(l, noon)
	lines := b.lines(100, 24, noon)
	assert.Equal(t, "5 servers: 2 RUNNING, 1 STOPPED, 2 in maintenance · 12:00:00 UTC", lines[0].Text)
	assert.Equal(t, "1 BATCH-FAILED, 1 BATCH, 1 ONLINE", lines[1].Text, "as check has it, and the page")
	var rows []string
	for _, line := range lines[2:8] {
		rows = append(rows, strings.TrimRight(line.Text, " "))
	}
	assert.Equal(t, []string{
		"  HOST  OPERATING  APPLICATION   SINCE                 FOR       MAINTENANCE",
		"  d     STOPPED    BATCH         2026-11-22T12:00:00Z  0s        -",
		"  c     RUNNING    BATCH-FAILED  2026-11-22T12:00:00Z  0s        -",
		"m b     STOPPED    ONLINE        2026-11-22T12:00:00Z  0s        2026-11-22T14:00:00Z",
		"m e     RUNNING    ONLINE        2026-11-22T12:00:00Z  0s        2026-11-22T14:00:00Z",
		"  a     RUNNING    ONLINE        2026-11-22T12:00:00Z  0s        -",
	}, rows)
	assert.Equal(t, screen.Style(0), lines[5].Style, "nobody need look at it")
	assert.Equal(t, "m b     STOPPED    ONLINE        0s        2026-11-22T14:00:00Z", b.lines(66, 24, noon)[5].Text, "SINCE goes first")
	assert.Equal(t, "m b     STOPPED    ONLINE        0s", b.lines(50, 24, noon)[5].Text)

	l.maintenance = maintenance{"e": until}
	b.take(l, noon.Add(time.Second))
	assert.Equal(t, []string{"*b", "d", "c", "m", "a"}, shown(b, 100, 24, noon.Add(time.Second)), "its end is a change, and it is in trouble again")
	assert.Equal(t, "5 servers: 2 RUNNING, 2 STOPPED, 1 in maintenance · 12:00:01 UTC", b.lines(100, 24, noon.Add(time.Second))[0].Text)

	l.maintenance = maintenance{"a": until, "b": until, "c": until, "d": until, "e": until}
	b.take(l, noon)
	lines = b.lines(100, 24, noon)
	assert.Equal(t, "5 servers: 0 RUNNING, 0 STOPPED, 5 in maintenance · 12:00:00 UTC", lines[0].Text)
	assert.Empty(t, lines[1].Text)
}

func TestBoardMarksWhatChangedForSomeSeconds(t *testing.T) {
	t.Parallel()
	b := newBoard(true)
	b.take(servers(t, "a RUNNING ONLINE", "b RUNNING ONLINE"), noon)
	assert.Equal(t, []string{"a", "b"}, shown(b, 80, 24, noon), "what is seen first has not changed")

	b.take(servers(t, "a RUNNING ONLINE", "b STOPPED ONLINE"), noon.Add(time.Minute))
	assert.Equal(t, []string{"*b", "a"}, shown(b, 80, 24, noon.Add(time.Minute)))
	b.take(servers(t, "a RUNNING ONLINE", "b STOPPED ONLINE"), noon.Add(time.Minute+changedFor-1))
	assert.Equal(t, []string{"*b", "a"}, shown(b, 80, 24, noon.Add(time.Minute+changedFor-1)))
	assert.Equal(t, []string{"b", "a"}, shown(b, 80, 24, noon.Add(time.Minute+changedFor)))

	later := noon.Add(time.Hour)
	b.take(servers(t, "a RUNNING BATCH", "c RUNNING ONLINE"), later)
	assert.Equal(t, []string{"*a", "*c"}, shown(b, 80, 24, later), "one that is new has changed; one that is gone is not shown")
	assert.Len(t, b.seen, 2)

	// A file that cannot be read is no change, nor is monitoring that begins.
	b.take(look{remark: assert.AnError}, later.Add(time.Minute))
	assert.Equal(t, assert.AnError.Error(), b.lines(80, 24, later)[22].Text)
	b.take(servers(t, "a RUNNING BATCH", "c RUNNING ONLINE"), later.Add(time.Minute))
	assert.Equal(t, []string{"a", "c"}, shown(b, 80, 24, later.Add(time.Minute)))
	b.take(look{readable: true}, later.Add(time.Minute))
	assert.Equal(t, "no monitoring · 13:00:00 UTC", b.lines(80, 24, later)[0].Text)
	b.take(servers(t, "a RUNNING NOT-STARTED"), later.Add(time.Minute))
	assert.Equal(t, []string{"a"}, shown(b, 80, 24, later.Add(time.Minute)))
}

func TestBoardKeepsWithinItsServersWhenTheyBecomeFewer(t *testing.T) {
	t.Parallel()
	texts := []string{}
	for i := range 50 {
		texts = append(texts, fmt.Sprintf("app%02d RUNNING ONLINE", i))
	}
	b := newBoard(true)
	b.take(servers(t, texts...), noon)
	b.lines(80, 14, noon)
	b.scroll(screen.End)
	assert.Equal(t, "app40", shown(b, 80, 14, noon)[0])
	b.take(servers(t, texts[:12]...), noon)
	assert.Equal(t, "app02", shown(b, 80, 14, noon)[0])
	b.scroll(screen.PageUp)
	assert.Equal(t, "app00", shown(b, 80, 14, noon)[0])
	b.scroll(screen.Up)
	assert.Equal(t, "app00", shown(b, 80, 14, noon)[0])
}

func TestBoardInJapaneseLinesUpAndFits(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("h", 64)
	b := newBoard(true)
	b.language = words.Japanese
	b.take(servers(t, long+" STOPPED ONLINE", "app01 RUNNING BATCH", "app02 RUNNING NOT-STARTED", "app03 RUNNING BATCH-FAILED", "app04 RUNNING 日本"), noon)
	for _, width := range []int{60, 80, 200} {
		lines := b.lines(width, 24, noon)
		assert.Len(t, lines, 24)
		for _, l := range lines {
			assert.Less(t, screen.Cells(l.Text), width, l.Text)
		}
		for _, heading := range []string{"OPERATING", "APPLICATION", "FOR"} {
			before, _, _ := strings.Cut(lines[2].Text, heading)
			for _, l := range lines[3:8] {
				rest := strings.TrimPrefix(l.Text, screen.Cut(l.Text, screen.Cells(before)))
				assert.Equal(t, screen.Cells(before), screen.Cells(l.Text)-screen.Cells(rest), "%d: %s", width, l.Text)
				assert.True(t, strings.HasSuffix(strings.TrimSuffix(l.Text, rest), "  ") && !strings.HasPrefix(rest, " "), "%d %s: %s", width, heading, l.Text)
			}
		}
	}
}

func TestBoardFitsTheTerminal(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("h", 64)
	b := newBoard(true)
	l := servers(t, long+" STOPPED "+strings.Repeat("A", 24), "app01 RUNNING ONLINE")
	l.remark = fmt.Errorf("%s\nsecond %s", strings.Repeat("many words ", 20), strings.Repeat("w", 200))
	b.take(l, noon)
	for _, size := range [][2]int{{80, 24}, {60, 24}, {200, 24}, {80, 12}} {
		lines := b.lines(size[0], size[1], noon)
		assert.Len(t, lines, size[1], "%v", size)
		for _, l := range lines {
			assert.Less(t, utf8.RuneCountInString(l.Text), size[0], l.Text)
		}
		assert.Contains(t, lines[3].Text, "STOPPED    "+strings.Repeat("A", 24)+"  ", "%v", size)
	}
	assert.Contains(t, b.lines(80, 24, noon)[3].Text, "hhh…  STOPPED")
	assert.Contains(t, b.lines(200, 24, noon)[3].Text, long+"  STOPPED")
	b.lines(10, 3, noon) // too small for anything, but no reason to end
	b.lines(1, 1, noon)
}

func TestWrapKeepsAllWords(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text  string
		width int
		want  []string
	}{
		{"", 5, []string{""}},
		{"one two", 7, []string{"one two"}},
		{"one two", 6, []string{"one", "two"}},
		{"one two", 3, []string{"one", "two"}},
		{"one two", 2, []string{"on", "e", "tw", "o"}},
		{"one\ntwo three", 9, []string{"one", "two three"}},
		{"a\x1bb", 9, []string{"a b"}},
		{"ab", 0, []string{"a", "b"}},
	} {
		assert.Equal(t, c.want, wrap(c.text, c.width), "%q %d", c.text, c.width)
	}
}

// BenchmarkWatch is one frame of the live table of 10,000 servers, of which some change each time: a look's records, and what is drawn.
func BenchmarkWatch(b *testing.B) {
	const servers = 10_000
	terminal := cmdtest.NewTerminal(b, 80, 24)
	b.Setenv("TERM", "xterm")
	full, ok, err := screen.NewFull(terminal.Slave, terminal.Slave)
	if err != nil || !ok {
		b.Fatal(ok, err)
	}
	defer full.Close()
	l := look{readable: true}
	for i := range servers {
		l.records = append(l.records, contactfile.Record{Host: fmt.Sprintf("sim%05d", i), Operating: contactfile.Running, Application: "ONLINE", Since: noon})
	}
	board, now := newBoard(true), noon
	for n := 0; b.Loop(); n++ {
		now = now.Add(watchEvery)
		for i := range 20 {
			r := &l.records[(n*20+i)%servers]
			r.Operating = map[contactfile.Operating]contactfile.Operating{contactfile.Running: contactfile.Stopped, contactfile.Stopped: contactfile.Running}[r.Operating]
		}
		board.take(l, now)
		full.Draw(board.lines(80, 24, now))
	}
}
