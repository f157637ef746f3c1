package control

import (
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

// Lines answers a request with JSON values, one a line, while an order goes on: the order never waits for whoever reads, or else one that
// reads nothing would keep others from their places. What waits is one line for each server at most.
type Lines struct {
	w       http.ResponseWriter
	control *http.ResponseController
	beat    time.Duration
	wait    time.Duration
	more    chan struct{} // there is something to do
	ended   chan struct{}

	mu      sync.Mutex
	waiting []byte
	over    bool
}

// NewLines begins an answer, whose header is set; End ends it. After beat without a line one without anything is written, so that proxies
// keep the connection open. Whoever reads has to take what is written within wait. 0: nothing of the kind.
func NewLines(w http.ResponseWriter, beat, wait time.Duration) *Lines {
	l := &Lines{w: w, control: http.NewResponseController(w), beat: beat, wait: wait, more: make(chan struct{}, 1), ended: make(chan struct{})}
	go l.run()
	return l
}

// Add adds a line, and waits for nothing.
func (l *Lines) Add(v any) {
	b, _ := json.Marshal(v) // it always encodes
	l.mu.Lock()
	l.waiting = append(append(l.waiting, b...), '\n')
	l.mu.Unlock()
	l.wake()
}

// End returns when all lines are written, or nobody reads any more.
func (l *Lines) End() {
	l.mu.Lock()
	l.over = true
	l.mu.Unlock()
	l.wake()
	<-l.ended
}

func (l *Lines) wake() {
	select {
	case l.more <- struct{}{}:
	default:
	}
}

// run writes until the end, or until nobody reads.
func (l *Lines) run() {
	defer close(l.ended)
	var beat <-chan time.Time
	for {
		if l.beat > 0 {
			beat = time.After(l.beat)
		}
		var b []byte
		over := false
		select {
		case <-l.more:
			b, over = l.take()
		case <-beat:
			b = []byte{'\n'}
		}
		if len(b) > 0 && l.write(b) != nil {
			return
		}
		if over {
			return
		}
	}
}

// take gives the lines that wait, and whether there are no more after them.
func (l *Lines) take() (lines []byte, over bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines, l.waiting = l.waiting, nil
	return lines, l.over
}

func (l *Lines) write(b []byte) error {
	if l.wait > 0 {
		if err := l.control.SetWriteDeadline(time.Now().Add(l.wait)); err != nil {
			return err
		}
	}
	if _, err := l.w.Write(b); err != nil {
		return err
	}
	return l.control.Flush()
}
