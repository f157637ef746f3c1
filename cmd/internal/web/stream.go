package web

import (
	"cmp"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// stream sends what there is and then every change, as server-sent events:
//
//	event: snapshot   everything
//	event: delta      what has changed
//	event: beat       nothing has, or the stream begins: Unix time in milliseconds
//
// The ID of an event says where its client stands, so that one that comes again with Last-Event-ID, or
// with ?after= where it is not the browser that tries again, gets what it lacks alone.
func (s *Server) stream(w http.ResponseWriter, r *http.Request) {
	leave, ok := s.hub.join()
	if !ok {
		w.Header().Set("Retry-After", "10")
		http.Error(w, fmt.Sprintf("%d pages are open already", maxClients), http.StatusServiceUnavailable)
		return
	}
	defer leave()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // a proxy is not to collect them
	out := eventWriter{w: w, control: http.NewResponseController(w)}
	out.control.SetReadDeadline(time.Time{}) // that of the request would end the stream
	if err := out.write("retry: %d\n\n", retryAfter.Milliseconds()); err != nil {
		return
	}
	at := parsePosition(cmp.Or(r.Header.Get("Last-Event-ID"), r.FormValue("after")))
	beat := time.NewTimer(beatEvery)
	defer beat.Stop()
	for first := true; ; first = false {
		u := s.hub.since(at)
		if !first && u.snapshot != nil && u.at.epoch == at.epoch {
			s.counts.resyncs.Add(1)
		}
		if err := out.send(&at, u); err != nil {
			return
		}
		if first && out.beat() != nil { // a page that comes again and lacks nothing is to know that it is heard
			return
		}
		beat.Reset(beatEvery)
		select {
		case <-u.news:
		case <-beat.C:
			if out.beat() != nil {
				return
			}
		case <-r.Context().Done():
			return
		}
	}
}

// eventWriter writes events, each within its time.
type eventWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

// send writes an update. Each delta has its ID, so that one that is cut off is sent again.
func (e *eventWriter) send(at *position, u update) error {
	if u.snapshot != nil {
		*at = u.at
		return e.write("event: snapshot\nid: %v\ndata: %s\n\n", u.at, u.snapshot)
	}
	for _, d := range u.deltas {
		at.seq++
		if err := e.write("event: delta\nid: %v\ndata: %s\n\n", *at, d); err != nil {
			return err
		}
	}
	return nil
}

func (e *eventWriter) beat() error {
	return e.write("event: beat\ndata: %d\n\n", time.Now().UnixMilli())
}

func (e *eventWriter) write(format string, args ...any) error {
	if err := e.control.SetWriteDeadline(time.Now().Add(eventWait)); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(e.w, format, args...); err != nil {
		return err
	}
	return e.control.Flush()
}

// String is the position as the ID of an event.
func (p position) String() string { return p.epoch + "." + strconv.FormatUint(p.seq, 10) }

// parsePosition reads the ID of an event; the zero position, which nobody has, where it is none.
func parsePosition(id string) position {
	epoch, number, _ := strings.Cut(id, ".")
	seq, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return position{}
	}
	return position{epoch, seq}
}
