package main

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"sync"
	"time"
)

// journal follows the manager's log, which has a JSON object on each line, and keeps it in a file.
type journal struct {
	to     io.Writer
	wrong  *wrongs
	judged func(host string, at time.Time) // a slave was found STOPPED

	mu      sync.Mutex
	rest    []byte               // of a line that has begun
	events  int                  // RUNNING and STOPPED
	last    map[string]judgement // of each slave, of this life of the manager
	fired   map[string]int       // triggers, by their process
	reread  int                  // definitions taken over
	refused int                  // definitions with an error
}

// judgement is an event of a slave.
type judgement struct {
	operating string
	at        time.Time
}

func newJournal(to io.Writer, w *wrongs) *journal {
	return &journal{to: to, wrong: w, last: map[string]judgement{}, fired: map[string]int{}}
}

func (j *journal) setJudged(judged func(host string, at time.Time)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.judged = judged
}

// Write takes a part of the log.
func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.rest = append(j.rest, b...)
	for {
		end := bytes.IndexByte(j.rest, '\n')
		if end < 0 {
			break
		}
		j.line(j.rest[:end])
		j.rest = j.rest[end+1:]
	}
	j.rest = bytes.Clone(j.rest)
	return j.to.Write(b)
}

func (j *journal) line(text []byte) {
	var line struct {
		Time      time.Time
		Msg, Host string
	}
	if json.Unmarshal(text, &line) != nil {
		j.wrong.add(wrongLog, "%s", text)
		return
	}
	word, rest, _ := strings.Cut(line.Msg, " ")
	switch {
	case word == line.Host && (rest == "RUNNING" || rest == "STOPPED"):
		j.event(line.Host, judgement{rest, line.Time})
	case strings.HasPrefix(line.Msg, "trigger of "):
		j.fired[strings.Fields(line.Msg)[2]]++
	case line.Msg == "definition read again":
		j.reread++
	case line.Msg == "definition not read again":
		j.refused++
	}
}

// event takes a judgement. Of one slave, they take turns.
func (j *journal) event(host string, now judgement) {
	before, ok := j.last[host]
	if ok && (before.operating == now.operating || now.at.Before(before.at)) {
		j.wrong.add(wrongEvents, "%s %s at %v, after %s at %v", host, now.operating, now.at, before.operating, before.at)
	}
	j.last[host] = now
	j.events++
	if now.operating == "STOPPED" && j.judged != nil {
		j.judged(host, now.at)
	}
}

// begin is the begin of a life of the manager.
func (j *journal) begin() {
	j.mu.Lock()
	defer j.mu.Unlock()
	clear(j.last)
	j.rest = nil
}

// forget has a slave be a new one.
func (j *journal) forget(hosts []string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, host := range hosts {
		delete(j.last, host)
	}
}

func (j *journal) readAgain() (taken, refused int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.reread, j.refused
}

func (j *journal) firings(process string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.fired[process]
}

// count is how many events of slaves there were.
func (j *journal) count() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.events
}

// lastOf is the last event of a slave.
func (j *journal) lastOf(host string) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.last[host].operating
}
