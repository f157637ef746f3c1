// Package web is the manager's live page: what a browser shows of the fleet, and, with the token, orders.
//
//	GET  /             the page, and beside it its style and modules
//	GET  /events       server-sent events: a snapshot, then deltas (message.go)
//	GET  /api/history  ?host= and ?before=: part of the history of one server
//	POST /api/order    an order or a dry run: needs the token
//	GET  /metrics      where Config.Metrics is set
//
// Nothing is read while no page is open. While one is, the contact file and the history are read four times a second, as anybody may
// read them, and the manager is asked for what they do not say, such as who is in maintenance: its polling waits for nothing.
//
// web.go serves it, guard.go is who is let in and what the answers forbid, token.go who may order, limits.go is every limit. records.go,
// last.go and fleet.go are what is known of the fleet, message.go how it is told, hub.go for all pages at once and stream.go to one of
// them. order.go and history.go are the two questions. static has the page: app.js begins.
package web

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"

	"golang.org/x/net/netutil"

	"renraku/cmd/internal/definition"
	"renraku/cmd/internal/serving"
)

// Config is what the page has to know.
type Config struct {
	Dir         string                        // of the daemon
	ContactFile string                        // its name there
	Source      Source                        // the daemon itself
	Definition  func() *definition.Definition // the one that stands now
	Metrics     http.Handler                  // takes GET /metrics; nil: there is no such path
	Log         *slog.Logger
}

// Server serves the page.
type Server struct {
	cfg      Config
	counts   counts
	token    atomic.Pointer[Token] // nil: nothing can be ordered
	wrong    wrongTokens
	hub      *hub
	reading  chan struct{} // a place for each question for the history
	ordering chan struct{} // a place for each order
}

// New is a server that Serve lets serve.
func New(cfg Config) *Server {
	s := &Server{cfg: cfg, reading: make(chan struct{}, maxReading), ordering: make(chan struct{}, maxOrdering)}
	s.hub = newHub(newFleet(&s.cfg, func() bool { return s.token.Load() != nil }), &s.counts)
	return s
}

// Listen opens the listener of the page. The error is the system's.
func Listen(address string) (net.Listener, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	return netutil.LimitListener(listener, maxConnections), nil
}

// Serve answers requests until ctx ends, and closes the listener.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: headerWait,
		ReadTimeout:       requestWait,
		WriteTimeout:      answerWait,
		IdleTimeout:       idleWait,
		MaxHeaderBytes:    maxHeader,
		BaseContext:       func(net.Listener) context.Context { return ctx }, // it ends the streams
		ErrorLog:          slog.NewLogLogger(s.cfg.Log.Handler(), slog.LevelDebug),
	}
	if err := serving.Until(ctx, server, listener, closingWait); err != nil {
		return fmt.Errorf("serve the page: %w", err)
	}
	return nil
}

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	files(mux)
	mux.HandleFunc("GET /events", s.stream)
	mux.HandleFunc("GET /api/history", s.history)
	mux.HandleFunc("POST /api/order", s.order)
	if s.cfg.Metrics != nil {
		mux.Handle("GET /metrics", s.cfg.Metrics)
	}
	return s.guard(mux)
}
