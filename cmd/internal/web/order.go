package web

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"

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
	var lines *control.Lines
	err := s.cfg.Source.Order(o, func(h control.Head) {
		w.Header().Set("Content-Type", "application/x-ndjson")
		w.Header().Set("X-Accel-Buffering", "no") // a proxy is not to collect the lines
		lines = control.NewLines(w, beatEvery, eventWait)
		lines.Add(h)
	}, func(row control.Row) { lines.Add(row) })
	if lines != nil {
		lines.End()
		return
	}
	status := http.StatusInternalServerError
	if errors.Is(err, control.ErrRequest) {
		status = http.StatusBadRequest
	}
	fault(w, status, err.Error())
}

// fault answers that a request was not done, and why.
func fault(w http.ResponseWriter, status int, why string) {
	w.Header().Set("Content-Type", jsonType)
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(control.Fault{Error: why})
}
