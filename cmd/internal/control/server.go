package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/net/netutil"

	"renraku/cmd/internal/serving"
)

const (
	maxRequest  = 1 << 20          // bytes of a request
	requestWait = 10 * time.Second // for a whole request
	socketMode  = 0o660
	closingWait = time.Second // for requests in progress when the daemon ends

	maxConnections = 256 // at once; further ones wait
	maxPath        = 107 // bytes of a socket's path, unix(7)
)

// Station is the daemon as the operator's command sees it.
type Station interface {
	State() State
	Begin() error
	End(ctx context.Context) error
	// Order calls head once, and then row for each server. Where it calls neither, its error says why.
	Order(ctx context.Context, o Order, head func(Head), row func(Row)) error
	Message(text string) error
	SetStatus(application string) error
	// Maintain gives the maintenance of the servers that are meant, as it is then.
	Maintain(m Maintain) (Maintenance, error)
	Maintenance() (Maintenance, error)
}

// Listen opens the socket in dir. The caller holds the lock of the directory's contact file, so that a socket that is there
// already is a dead daemon's.
func Listen(dir string) (net.Listener, error) {
	path := filepath.Join(dir, SocketName)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open control socket: %w", err)
	}
	if len(path) > maxPath {
		return nil, fmt.Errorf("open control socket: its path may have %d bytes and has %d: choose a shorter directory than %s",
			maxPath, len(path), dir)
	}
	listener, err := (&net.ListenConfig{Control: setMode}).Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, fmt.Errorf("open control socket: %w", err)
	}
	if err := os.Chmod(path, socketMode); err != nil {
		listener.Close()
		return nil, fmt.Errorf("open control socket: %w", err)
	}
	return netutil.LimitListener(listener, maxConnections), nil
}

// setMode has the socket be for the daemon's group at most from the moment on in which it stands in the directory: bind(2) takes the
// mode of the socket itself, without the umask's bits.
func setMode(_, _ string, c syscall.RawConn) error {
	var err error
	controlErr := c.Control(func(fd uintptr) { err = syscall.Fchmod(int(fd), socketMode) })
	return errors.Join(controlErr, err)
}

// Serve answers requests until ctx ends, and closes the listener. Orders go on when the command that gave them goes away.
func Serve(ctx context.Context, listener net.Listener, station Station) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /state", func(w http.ResponseWriter, _ *http.Request) { answer(w, station.State()) })
	mux.HandleFunc("POST /begin", func(w http.ResponseWriter, _ *http.Request) { done(w, station.Begin()) })
	mux.HandleFunc("POST /end", func(w http.ResponseWriter, _ *http.Request) { done(w, station.End(ctx)) })
	mux.HandleFunc("POST /order", func(w http.ResponseWriter, r *http.Request) { order(ctx, w, r, station) })
	mux.HandleFunc("POST /message", func(w http.ResponseWriter, r *http.Request) {
		command(w, r, "message", func(m Message) error { return station.Message(m.Text) })
	})
	mux.HandleFunc("POST /status", func(w http.ResponseWriter, r *http.Request) {
		command(w, r, "status", func(s Status) error { return station.SetStatus(s.Application) })
	})
	mux.HandleFunc("POST /maintain", func(w http.ResponseWriter, r *http.Request) {
		request, err := decode[Maintain](w, r, "maintenance")
		result(w, err, func() (Maintenance, error) { return station.Maintain(request) })
	})
	mux.HandleFunc("GET /maintenance", func(w http.ResponseWriter, _ *http.Request) { result(w, nil, station.Maintenance) })
	server := &http.Server{Handler: mux, ReadTimeout: requestWait}
	if err := serving.Until(ctx, server, listener, closingWait); err != nil {
		return fmt.Errorf("serve control socket: %w", err)
	}
	return nil
}

func order(ctx context.Context, w http.ResponseWriter, r *http.Request, station Station) {
	o, err := decode[Order](w, r, "order")
	if err != nil {
		done(w, err)
		return
	}
	var lines *Lines
	err = station.Order(ctx, o, func(h Head) {
		w.Header().Set("Content-Type", contentType)
		lines = NewLines(w, 0, 0) // a command that was suspended may go on whenever it likes
		lines.Add(h)
	}, func(row Row) { lines.Add(row) })
	if lines != nil {
		lines.End()
		return
	}
	done(w, err)
}

// command does what one JSON value asks for.
func command[T any](w http.ResponseWriter, r *http.Request, what string, do func(T) error) {
	request, err := decode[T](w, r, what)
	if err == nil {
		err = do(request)
	}
	done(w, err)
}

// result answers with what the daemon gives, unless the request is wrong already.
func result[T any](w http.ResponseWriter, err error, get func() (T, error)) {
	var v T
	if err == nil {
		v, err = get()
	}
	if err != nil {
		done(w, err)
		return
	}
	answer(w, v)
}

func decode[T any](w http.ResponseWriter, r *http.Request, what string) (request T, err error) {
	if json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest)).Decode(&request) != nil {
		err = WrongRequest("the %s is not JSON as the daemon knows it", what)
	}
	return request, err
}

func done(w http.ResponseWriter, err error) {
	if err == nil {
		answer(w, struct{}{})
		return
	}
	status := http.StatusInternalServerError
	if errors.Is(err, ErrRequest) {
		status = http.StatusBadRequest
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	answer(w, Fault{err.Error()})
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", contentType)
	json.NewEncoder(w).Encode(v)
}

const contentType = "application/json"
