package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"renraku/cmd/internal/screen"
	"renraku/cmd/internal/words"
	"renraku/contactfile"
)

// stageEvery is the time between two drawings of the demo's table.
const stageEvery = 100 * time.Millisecond

// stage is what is seen of the demo: what happens, a line each, and below it one live table of the manager's contact file.
// Where the output is no terminal, it is plain lines: what happens, and each change of the contact file.
type stage struct {
	out     io.Writer
	fleet   *fleet
	live    *screen.Live
	changes func([]contactfile.Record)
	started time.Time

	lines chan string
	stop  chan struct{}
	ended chan struct{}
}

func newStage(out io.Writer, f *fleet) *stage {
	s := &stage{out: out, fleet: f, started: time.Now(), changes: changes(out, words.English),
		lines: make(chan string), stop: make(chan struct{}), ended: make(chan struct{})}
	if file, ok := out.(*os.File); ok {
		if live, ok := screen.NewLive(file); ok {
			s.live = live
		}
	}
	go s.show()
	return s
}

// say shows a line that stays, after the time since the demo began.
func (s *stage) say(format string, args ...any) {
	s.lines <- fmt.Sprintf("%5.1fs  ", time.Since(s.started).Seconds()) + fmt.Sprintf(format, args...)
}

func (s *stage) close() {
	close(s.stop)
	<-s.ended
}

// show owns the terminal.
func (s *stage) show() {
	defer close(s.ended)
	ticker := time.NewTicker(stageEvery)
	defer ticker.Stop()
	for {
		select {
		case line := <-s.lines:
			if s.live != nil {
				s.live.Print(line)
			} else {
				fmt.Fprintln(s.out, line)
			}
			s.draw()
		case <-ticker.C:
			s.draw()
		case <-s.stop:
			s.draw()
			return
		}
	}
}

func (s *stage) draw() {
	records, err := contactfile.ReadFile(s.fleet.manager.contactFile())
	if err != nil || len(records) == 0 {
		return // not created yet
	}
	if s.live == nil {
		s.changes(records)
		return
	}
	rows := [][]string{{"HOST", "OPERATING", "APPLICATION", "SINCE", "ANSWERS"}}
	for _, r := range records {
		answers := "-"
		if r.Host != demoManager {
			n, _ := s.fleet.wire.runningAnswers(r.Host)
			answers = strconv.Itoa(n)
		}
		rows = append(rows, []string{r.Host, string(r.Operating), orDash(r.Application), r.Since.Format(time.TimeOnly), answers})
	}
	s.live.Draw(append([]string{""}, columns(rows)...))
}
