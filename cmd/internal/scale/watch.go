package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"renraku/cmd/internal/trial"
	"renraku/contactfile"
)

// journal is what a daemon's log says: since when it is ready, and when which host was found STOPPED.
type journal struct {
	mu      sync.Mutex
	ready   time.Time
	stopped []judgement
	tail    []string // its last lines, for when something is wrong
}

type judgement struct {
	host string
	at   time.Time
}

// tailLines are kept of the log.
const tailLines = 5

// follow reads the log, which has a JSON object on each line, until it ends.
func (j *journal) follow(log io.Reader) {
	for lines := bufio.NewScanner(log); lines.Scan(); {
		var line struct {
			Time      time.Time
			Msg, Host string
		}
		text := lines.Text()
		if json.Unmarshal([]byte(text), &line) != nil || !strings.HasSuffix(line.Msg, " RUNNING") {
			j.keep(text)
		}
		j.mu.Lock()
		switch {
		case line.Msg == "ready":
			j.ready = line.Time
		case strings.HasSuffix(line.Msg, " STOPPED"):
			j.stopped = append(j.stopped, judgement{line.Host, line.Time})
		}
		j.mu.Unlock()
	}
}

func (j *journal) keep(line string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.tail = append(j.tail, line); len(j.tail) > tailLines {
		j.tail = j.tail[1:]
	}
}

// takeStopped is who was found STOPPED since the last time.
func (j *journal) takeStopped() []judgement {
	j.mu.Lock()
	defer j.mu.Unlock()
	all := j.stopped
	j.stopped = nil
	return all
}

func (j *journal) readyAt() time.Time {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.ready
}

// said is the end of the log.
func (j *journal) said() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Join(j.tail, "\n")
}

// running is how many records of the contact file are RUNNING.
func running(path string) (int, error) {
	records, err := contactfile.ReadFile(path)
	if err != nil {
		return 0, err
	}
	n := 0
	for i := range records {
		if records[i].Operating == contactfile.Running {
			n++
		}
	}
	return n, nil
}

// lookAgain is the pause between two looks at the contact file.
const lookAgain = 50 * time.Millisecond

// awaitRunning waits until so many records are RUNNING.
func awaitRunning(ctx context.Context, path string, want int, patience time.Duration) error {
	for until := time.Now().Add(patience); ; {
		n, err := running(path)
		if err == nil && n == want {
			return nil
		}
		if time.Now().After(until) {
			return fmt.Errorf("after %v, %d of %d servers are RUNNING: %w", patience, n, want, err)
		}
		if err := trial.Sleep(ctx, lookAgain); err != nil {
			return err
		}
	}
}
