package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"renraku/cmd/internal/screen"
	"renraku/cmd/internal/words"
	"renraku/contactfile"
	"renraku/slave"
)

// changedFor is how long a record that has changed stands out.
const changedFor = 5 * time.Second

// trouble is how much a server needs a person.
type trouble int

const (
	noTrouble  trouble = iota
	maintained         // who else would be in trouble or not
	failedTrouble
	stoppedTrouble
)

// board is what status --watch shows in a terminal: counts, and the servers, those in trouble first.
type board struct {
	hasKeys  bool
	language words.Language
	failed   slave.Pattern

	last   look
	order  []int // indexes of the records, in the order in which they are shown
	counts boardCounts
	seen   map[string]seenRecord // by host

	hostWidth, applicationWidth int

	top  int // the first server on the screen
	room int // servers on the screen, when it was last drawn
}

// boardCounts are of servers. One in maintenance is in no other count than that, as check and the page have it.
type boardCounts struct {
	running      int
	stopped      int
	maintained   int
	applications map[string]int
}

func (c *boardCounts) add(r *contactfile.Record, maintained bool) {
	if maintained {
		c.maintained++
		return
	}
	c.applications[r.Application]++
	if r.Operating == contactfile.Running {
		c.running++
	} else {
		c.stopped++
	}
}

// seenRecord is a record and the end of its maintenance as they were last seen, and when they became so.
type seenRecord struct {
	record  contactfile.Record
	until   time.Time
	changed time.Time // zero where it has not changed yet
}

func newBoard(hasKeys bool) *board {
	failed, err := slave.ParsePattern(failedStatus)
	if err != nil {
		panic(err) // it is a constant
	}
	return &board{hasKeys: hasKeys, failed: failed, seen: map[string]seenRecord{}}
}

// take is a new look at the contact file.
func (b *board) take(l look, now time.Time) {
	b.last = l
	if !l.readable {
		return // what was seen before is compared with what comes after
	}
	b.note(now)
	b.counts = boardCounts{applications: map[string]int{}}
	b.hostWidth, b.applicationWidth = len("HOST"), len("APPLICATION")
	for i := range l.records {
		r := &l.records[i]
		b.counts.add(r, l.in(r.Host))
		b.hostWidth = max(b.hostWidth, len(r.Host))
		b.applicationWidth = max(b.applicationWidth, screen.Cells(b.language.Status(r.Application)))
	}
	b.sort()
}

// note remembers when records changed. What is seen first has not changed.
func (b *board) note(now time.Time) {
	records, first := b.last.records, len(b.seen) == 0
	for _, r := range records {
		until := b.last.maintenance[r.Host]
		before, known := b.seen[r.Host]
		switch {
		case known && before.record == r && before.until.Equal(until):
		case first:
			b.seen[r.Host] = seenRecord{record: r, until: until}
		default:
			b.seen[r.Host] = seenRecord{r, until, now}
		}
	}
	if len(b.seen) == len(records) {
		return
	}
	there := make(map[string]bool, len(records))
	for i := range records {
		there[records[i].Host] = true
	}
	for host := range b.seen {
		if !there[host] {
			delete(b.seen, host)
		}
	}
}

// sort puts the servers in trouble first, and then those in maintenance; else they stand as in the file.
func (b *board) sort() {
	failed := map[string]bool{}
	for application := range b.counts.applications {
		failed[application] = b.failed.Match(application)
	}
	levels := [stoppedTrouble + 1][]int{}
	for i := range b.last.records {
		r, level := &b.last.records[i], noTrouble
		switch {
		case b.last.in(r.Host):
			level = maintained
		case r.Operating != contactfile.Running:
			level = stoppedTrouble
		case failed[r.Application]:
			level = failedTrouble
		}
		levels[level] = append(levels[level], i)
	}
	b.order = slices.Concat(levels[stoppedTrouble], levels[failedTrouble], levels[maintained], levels[noTrouble])
}

// scroll is a key that moves the servers on the screen.
func (b *board) scroll(k screen.Key) {
	switch k {
	case screen.Up:
		b.top--
	case screen.Down:
		b.top++
	case screen.PageUp:
		b.top -= max(b.room-1, 1)
	case screen.PageDown:
		b.top += max(b.room-1, 1)
	case screen.Home:
		b.top = 0
	case screen.End:
		b.top = len(b.order)
	}
	b.top = max(0, min(b.top, len(b.order)-b.room))
}

// lines is the screen: counts, a heading, the servers, and at its end what is to be said besides, and what can be typed.
func (b *board) lines(width, height int, now time.Time) []screen.Line {
	var remarks []screen.Line
	if b.last.remark != nil {
		for _, text := range wrap(b.last.remark.Error(), width-1) {
			remarks = append(remarks, screen.Line{Text: text, Style: screen.Bold | screen.Inverse})
		}
	}
	lines, help := b.head(width, now), b.help(0, 0)
	b.room = max(1, height-len(lines)-len(remarks)-1)
	if b.last.readable {
		b.top = max(0, min(b.top, len(b.order)-b.room))
		end := min(b.top+b.room, len(b.order))
		c := b.columns(width)
		for _, i := range b.order[b.top:end] {
			lines = append(lines, b.row(&c, &b.last.records[i], now))
		}
		help = b.help(b.top, len(b.order)-end)
	}
	for len(lines)+len(remarks)+1 < height {
		lines = append(lines, screen.Line{})
	}
	return slices.Concat(lines, remarks, []screen.Line{{Text: help}})
}

// head is what stands above the servers.
func (b *board) head(width int, now time.Time) []screen.Line {
	clock := now.UTC().Format(time.TimeOnly) + " UTC"
	switch {
	case !b.last.readable:
		return []screen.Line{{Text: clock}}
	case len(b.last.records) == 0:
		return []screen.Line{{Text: "no monitoring · " + clock, Style: screen.Bold}}
	}
	c := b.columns(width)
	return []screen.Line{
		{Text: b.operatingCounts() + " · " + clock, Style: screen.Bold},
		{Text: screen.Fit(b.applicationCounts(), width-1)},
		{Text: c.heading(), Style: screen.Bold},
	}
}

func (b *board) operatingCounts() string {
	n := len(b.last.records)
	text := fmt.Sprintf("%s: %d %s, %d %s", count(n, "server", "servers"), b.counts.running, b.language.Status(string(contactfile.Running)),
		b.counts.stopped, b.language.Status(string(contactfile.Stopped)))
	if b.counts.maintained > 0 {
		text += fmt.Sprintf(", %d in maintenance", b.counts.maintained)
	}
	return text
}

// applicationCounts has those that failed first, and then those of most servers.
func (b *board) applicationCounts() string {
	names := sortedKeys(b.counts.applications)
	slices.SortStableFunc(names, func(x, y string) int {
		if fx, fy := b.failed.Match(x), b.failed.Match(y); fx != fy {
			if fx {
				return -1
			}
			return 1
		}
		return cmp.Compare(b.counts.applications[y], b.counts.applications[x])
	})
	var parts []string
	for _, name := range names {
		parts = append(parts, fmt.Sprintf("%d %s", b.counts.applications[name], orDash(b.language.Status(name))))
	}
	return strings.Join(parts, ", ")
}

// help says what is not on the screen, and what can be typed, the least needed last.
func (b *board) help(above, below int) string {
	var hidden, parts []string
	if above > 0 {
		hidden = append(hidden, fmt.Sprintf("%d above", above))
	}
	if below > 0 {
		hidden = append(hidden, fmt.Sprintf("+%d more", below))
	}
	if len(hidden) > 0 {
		parts = append(parts, strings.Join(hidden, ", "))
	}
	if !b.hasKeys {
		return strings.Join(append(parts, "Ctrl-C ends"), " · ")
	}
	parts = append(parts, "q quits")
	if len(hidden) > 0 {
		parts = append(parts, "arrows, page up/down, home, end scroll")
	}
	return strings.Join(parts, " · ")
}

// row is the line of a server.
func (b *board) row(c *boardColumns, r *contactfile.Record, now time.Time) screen.Line {
	style, mark := screen.Style(0), " "
	switch {
	case b.last.in(r.Host):
		mark = maintenanceMark
	case r.Operating != contactfile.Running:
		style = screen.Bold | screen.Red
	case b.failed.Match(r.Application):
		style = screen.Bold | screen.Yellow
	}
	if at := b.seen[r.Host].changed; !at.IsZero() && now.Sub(at) < changedFor {
		style, mark = style|screen.Inverse, "*"
	}
	return screen.Line{Text: c.text(mark, r.Host, b.language.Status(string(r.Operating)), orDash(b.language.Status(r.Application)), r.Since.Format(time.RFC3339),
		shortDuration(now.Sub(r.Since)), orDash(b.last.written(r.Host))), Style: style}
}

// boardColumns are the columns that have room.
type boardColumns struct {
	host, application int
	since             bool
	maintenance       bool
}

// maintenanceMark marks a server in maintenance where its end has no room.
const maintenanceMark = "m"

const (
	operatingWidth = len("OPERATING")
	sinceWidth     = len("2026-11-22T10:43:05Z")
	forWidth       = len("9999d23h")
	leastHostWidth = 8
)

// columns leaves out the time of the last change where there is no room, since how long ago it was says it too; then the end of maintenance,
// which has a mark; then host names are cut.
func (b *board) columns(width int) boardColumns {
	c := boardColumns{host: b.hostWidth, application: b.applicationWidth}
	rest := width - 1 - (len("* ") + c.host + 2 + operatingWidth + 2 + c.application + 2 + forWidth)
	if c.maintenance = b.counts.maintained > 0 && rest >= sinceWidth+2; c.maintenance {
		rest -= sinceWidth + 2
	}
	c.since = rest >= sinceWidth+2
	if rest < 0 {
		c.host = max(c.host+rest, min(c.host, leastHostWidth))
	}
	return c
}

func (c *boardColumns) heading() string {
	return c.text(" ", "HOST", "OPERATING", "APPLICATION", "SINCE", "FOR", "MAINTENANCE")
}

func (c *boardColumns) text(mark, host, operating, application, since, ago, until string) string {
	s := mark + " " + screen.Pad(screen.Fit(host, c.host), c.host) + "  " + screen.Pad(operating, operatingWidth) + "  " +
		screen.Pad(application, c.application) + "  "
	if c.since {
		s += screen.Pad(since, sinceWidth) + "  "
	}
	if c.maintenance {
		return s + screen.Pad(ago, forWidth) + "  " + until
	}
	return s + ago
}

// wrap lays a text out in lines of a width, between words where it can.
func wrap(text string, width int) (lines []string) {
	for line := range strings.SplitSeq(printableLines(text), "\n") {
		lines = append(lines, screen.Wrap(line, width)...)
	}
	return lines
}

// printableLines is printable, line by line.
func printableLines(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = printable(lines[i])
	}
	return strings.Join(lines, "\n")
}
