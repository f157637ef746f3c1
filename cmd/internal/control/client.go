package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"path/filepath"
	"syscall"
	"time"
)

// Why there is no answer that counts.
var (
	ErrNoDaemon = errors.New("no daemon is running")
	ErrNoAnswer = errors.New("it does not answer") // in the time of the context
)

// Client talks to the daemon of one directory.
type Client struct {
	dir  string
	http http.Client

	patience time.Duration
	onWait   func() // nil: nobody wants to know
}

// NewClient is a client for the daemon in dir.
func NewClient(dir string) *Client {
	path := filepath.Join(dir, SocketName)
	return &Client{dir: dir, http: http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", path)
		},
	}}}
}

// OnWait has say called, at another goroutine, in each request that has no answer after the given time. The request goes on.
func (c *Client) OnWait(patience time.Duration, say func()) { c.patience, c.onWait = patience, say }

// State asks the daemon for its state.
func (c *Client) State(ctx context.Context) (State, error) {
	return ask[State](ctx, c, http.MethodGet, "/state", nil)
}

// Maintain has servers be in maintenance, or not any more, and gives their maintenance.
func (c *Client) Maintain(ctx context.Context, m Maintain) (Maintenance, error) {
	return ask[Maintenance](ctx, c, http.MethodPost, "/maintain", m)
}

// Maintenance asks the manager's daemon for the servers in maintenance.
func (c *Client) Maintenance(ctx context.Context) (Maintenance, error) {
	return ask[Maintenance](ctx, c, http.MethodGet, "/maintenance", nil)
}

// Begin begins monitoring.
func (c *Client) Begin(ctx context.Context) error { return c.command(ctx, "/begin", nil) }

// End ends monitoring, and returns when it has ended.
func (c *Client) End(ctx context.Context) error { return c.command(ctx, "/end", nil) }

// Message gives the triggers of the daemon a message.
func (c *Client) Message(ctx context.Context, text string) error {
	return c.command(ctx, "/message", Message{text})
}

// SetStatus corrects field 133 of the daemon's own server.
func (c *Client) SetStatus(ctx context.Context, application string) error {
	return c.command(ctx, "/status", Status{application})
}

// Order gives an order. head is called once and then row for each server as its result comes.
func (c *Client) Order(ctx context.Context, o Order, head func(Head), row func(Row)) error {
	body, err := c.do(ctx, http.MethodPost, "/order", o)
	if err != nil {
		return err
	}
	defer body.Close()
	lines := json.NewDecoder(body)
	var h Head
	if err := lines.Decode(&h); err != nil {
		return fmt.Errorf("read the daemon's answer: %w", err)
	}
	head(h)
	for n := range h.Hosts {
		var r Row
		if err := lines.Decode(&r); err != nil {
			return fmt.Errorf("the daemon ended after %d of %d results: orders that were sent go on, and the history will have their outcomes",
				n, len(h.Hosts))
		}
		row(r)
	}
	return nil
}

// plainError is why a request has no answer, without the words of Go's network packages.
func plainError(ctx context.Context, err error) error {
	var number syscall.Errno
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return errInterrupted
	case errors.Is(err, context.DeadlineExceeded):
		return ErrNoAnswer
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errEnded
	case errors.As(err, &number):
		return number
	}
	return err
}

// Why a request has no answer.
var (
	errInterrupted = errors.New("interrupted; what it was told before that goes on")
	errEnded       = errors.New("it ended before it had answered")
)

// ask sends a request whose answer is one value.
func ask[T any](ctx context.Context, c *Client, method, path string, request any) (T, error) {
	var v, none T
	body, err := c.do(ctx, method, path, request)
	if err != nil {
		return none, err
	}
	defer body.Close()
	if err := json.NewDecoder(body).Decode(&v); err != nil {
		return none, fmt.Errorf("read the daemon's answer: %w", plainError(ctx, err))
	}
	return v, nil
}

func (c *Client) command(ctx context.Context, path string, request any) error {
	body, err := c.do(ctx, http.MethodPost, path, request)
	if err != nil {
		return err
	}
	return body.Close()
}

// do sends a request; the caller closes the body.
func (c *Client) do(ctx context.Context, method, path string, request any) (io.ReadCloser, error) {
	var b []byte
	if request != nil {
		var err error
		if b, err = json.Marshal(request); err != nil {
			return nil, err
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://renrakud"+path, bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	if c.onWait != nil {
		defer time.AfterFunc(c.patience, c.onWait).Stop()
	}
	answer, err := c.http.Do(r)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return nil, fmt.Errorf("%w in %s", ErrNoDaemon, c.dir)
	case errors.Is(err, syscall.EINVAL): // the path of a socket is longer than maxPath
		return nil, fmt.Errorf("%w in %s: its name is too long for one", ErrNoDaemon, c.dir)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%s: no permission to talk to the daemon: its group may, and this user is not in it", filepath.Join(c.dir, SocketName))
	case err != nil:
		return nil, fmt.Errorf("talk to the daemon in %s: %w", c.dir, plainError(ctx, err))
	case answer.StatusCode == http.StatusOK:
		return answer.Body, nil
	}
	defer answer.Body.Close()
	var f Fault
	if err := json.NewDecoder(answer.Body).Decode(&f); err != nil {
		return nil, fmt.Errorf("talk to the daemon in %s: %s", c.dir, answer.Status)
	}
	if answer.StatusCode == http.StatusBadRequest {
		return nil, WrongRequest("%s", f.Error)
	}
	return nil, errors.New(f.Error)
}
