package web

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"sync"
	"time"

	"renraku/cmd/internal/control"
)

const jsonType = "application/json"

// order takes an order, or asks for the verdicts of a dry run: a control.Order in JSON, answered by a control.Head and one control.Row
// for each server as it comes, one JSON value a line. A line without anything, each beatEvery while none comes, keeps the connection
// open at proxies.
func (s *Server) order(w http.ResponseWriter, r *http.Request) {
	if !s.authorize(w, r) {
		return
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != jsonType {
		fault(w, http.StatusUnsupportedMediaType, "an order is "+jsonType)
		return
	}
	var o control.Order
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxOrder))
	d.DisallowUnknownFields()
	if err := d.Decode(&o); err != nil || d.Decode(&struct{}{}) != io.EOF {
		fault(w, http.StatusBadRequest, "the order is not JSON as the daemon knows it, or too large")
		return
	}
	select {
	case s.ordering <- struct{}{}:
		defer func() { <-s.ordering }()
	default:
		s.counts.orders.Add(1)
		w.Header().Set("Retry-After", "10")
		fault(w, http.StatusServiceUnavailable, "as many orders of the page are in progress as there may be: wait until one is done")
		return
	}
	if !o.DryRun {
		s.cfg.Log.Info("order from the page", "process", o.Process, "all", o.All, "hosts", len(o.Hosts), "peer", addressOf(r).String())
	}
	s.carryOut(w, o)
}

// carryOut gives the order, and answers with its rows as they come. It goes on when nobody reads them any more.
func (s *Server) carryOut(w http.ResponseWriter, o control.Order) {
	lines := &lineWriter{w: w, control: http.NewResponseController(w), more: make(chan struct{}, 1)}
	started, ended := false, make(chan struct{})
	err := s.cfg.Source.Order(o, func(h control.Head) {
		started = true
		w.Header().Set("Content-Type", "application/x-ndjson")
		w.Header().Set("X-Accel-Buffering", "no") // a proxy is not to collect the lines
		lines.add(h)
		go func() {
			defer close(ended)
			lines.run()
		}()
	}, func(row control.Row) { lines.add(row) })
	if started {
		lines.end()
		<-ended
		return
	}
	status := http.StatusInternalServerError
	if errors.Is(err, control.ErrRequest) {
		status = http.StatusBadRequest
	}
	fault(w, status, err.Error())
}

// lineWriter writes lines while the order goes on: the order never waits for whoever reads. What waits is one line for each server at
// most.
type lineWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
	more    chan struct{} // there is something to do

	mu      sync.Mutex
	waiting []byte
	over    bool
}

func (l *lineWriter) add(v any) {
	b, _ := json.Marshal(v) // it always encodes
	l.mu.Lock()
	l.waiting = append(append(l.waiting, b...), '\n')
	l.mu.Unlock()
	l.wake()
}

func (l *lineWriter) end() {
	l.mu.Lock()
	l.over = true
	l.mu.Unlock()
	l.wake()
}

func (l *lineWriter) wake() {
	select {
	case l.more <- struct{}{}:
	default:
	}
}

// run writes until the end, or until nobody reads.
func (l *lineWriter) run() {
	beat := time.NewTimer(beatEvery)
	defer beat.Stop()
	for {
		var b []byte
		over := false
		select {
		case <-l.more:
			b, over = l.take()
		case <-beat.C:
			b = []byte{'\n'}
		}
		if len(b) > 0 && l.write(b) != nil {
			return
		}
		if over {
			return
		}
		beat.Reset(beatEvery)
	}
}

// take gives the lines that wait, and whether there are no more after them.
func (l *lineWriter) take() (lines []byte, over bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines, l.waiting = l.waiting, nil
	return lines, l.over
}

func (l *lineWriter) write(b []byte) error {
	if err := l.control.SetWriteDeadline(time.Now().Add(eventWait)); err != nil {
		return err
	}
	if _, err := l.w.Write(b); err != nil {
		return err
	}
	return l.control.Flush()
}

// fault answers that a request was not done, and why.
func fault(w http.ResponseWriter, status int, why string) {
	w.Header().Set("Content-Type", jsonType)
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(control.Fault{Error: why})
}
