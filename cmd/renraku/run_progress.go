package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"renraku/cmd/internal/control"
	"renraku/cmd/internal/screen"
)

// progress is the line on standard error while results come in, where that is a terminal.
type progress struct {
	live    *screen.Live
	process string
	servers int
	waiting map[string]bool // hosts without a result
	counts  map[string]int
	stop    chan struct{}
	rows    chan control.Row
	ended   chan struct{}
}

func newProgress(errOut io.Writer, process string) *progress {
	p := &progress{process: process, waiting: map[string]bool{}, counts: map[string]int{}}
	if f, ok := errOut.(*os.File); ok {
		if live, ok := screen.NewLive(f); ok {
			p.live = live
		}
	}
	return p
}

func (p *progress) begin(hosts []string) {
	if p.live == nil {
		return
	}
	p.servers = len(hosts)
	for _, host := range hosts {
		p.waiting[host] = true
	}
	p.stop, p.rows, p.ended = make(chan struct{}), make(chan control.Row), make(chan struct{})
	go p.draw()
}

// draw owns the counts; it redraws at each tick, so that a thousand rows at once do not make a thousand drawings.
func (p *progress) draw() {
	defer close(p.ended)
	started := time.Now()
	ticker := time.NewTicker(progressEvery)
	defer ticker.Stop()
	for {
		select {
		case r := <-p.rows:
			delete(p.waiting, r.Host)
			p.counts[r.Outcome]++
		case now := <-ticker.C:
			p.live.Draw([]string{p.line(now.Sub(started))})
		case <-p.stop:
			p.live.Draw(nil)
			return
		}
	}
}

const (
	progressEvery = 100 * time.Millisecond
	maxWaiting    = 3 // hosts that are named
)

// line has the outcomes last: where there is no room, they are cut.
func (p *progress) line(elapsed time.Duration) string {
	done := p.servers - len(p.waiting)
	parts := []string{fmt.Sprintf("%s: %d of %s", p.process, done, count(p.servers, "server", "servers")), elapsed.Round(time.Second).String()}
	if done > 0 && len(p.waiting) > 0 && len(p.waiting) <= maxWaiting {
		parts = append(parts, "waiting for "+strings.Join(slices.Sorted(maps.Keys(p.waiting)), ", "))
	}
	var outcomes []string
	for _, outcome := range worstFirst(p.counts) {
		outcomes = append(outcomes, fmt.Sprintf("%d %s", p.counts[outcome], outcome))
	}
	if len(outcomes) > 0 {
		parts = append(parts, strings.Join(outcomes, ", "))
	}
	return strings.Join(parts, " · ")
}

func (p *progress) row(r control.Row) {
	if p.rows != nil {
		p.rows <- r
	}
}

func (p *progress) end() {
	if p.stop != nil {
		close(p.stop)
		<-p.ended
	}
}
