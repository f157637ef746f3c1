// Package web is the manager's live page: what a browser shows of the fleet, and, with the token, orders.
//
//	GET  /             the page, and beside it its style and modules
//	GET  /metrics      where Config.Metrics is set
//
// web.go serves it, guard.go is who is let in and what the answers forbid, limits.go is every limit.
package web

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"

	"golang.org/x/net/netutil"

	"renraku/cmd/internal/definition"
)

// Config is what the page has to know.
type Config struct {
	Definition func() *definition.Definition // the one that stands now
	Metrics    http.Handler                  // takes GET /metrics; nil: there is no such path
	Log        *slog.Logger
}

// Server serves the page.
type Server struct {
	cfg    Config
	counts counts
}

// New is a server that Serve lets serve.
func New(cfg Config) *Server { return &Server{cfg: cfg} }

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
	closed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(closed)
		closing, cancel := context.WithTimeout(context.Background(), closingWait)
		defer cancel()
		if server.Shutdown(closing) != nil {
			server.Close()
		}
	})
	err := server.Serve(listener)
	if stop() {
		return fmt.Errorf("serve the page: %w", err)
	}
	<-closed
	return nil
}

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	if s.cfg.Metrics != nil {
		mux.Handle("GET /metrics", s.cfg.Metrics)
	}
	return s.guard(mux)
}
