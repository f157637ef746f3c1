package web

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/control"
	"renraku/cmd/internal/definition"
	"renraku/contactfile"
	"renraku/slave"
)

const rightToken = "0123456789abcdef0123456789abcdef"

// daemon is a manager's daemon without a network: its state is what the test says, and its orders are noted.
type daemon struct {
	mu     sync.Mutex
	state  control.State
	until  map[string]time.Time // ends of maintenance
	orders []control.Order
	hold   chan struct{} // nil: orders are done at once; else they wait for it to be closed

	asked atomic.Int64 // times for its state
	told  atomic.Int64 // times for who is in maintenance
}

func (d *daemon) State() control.State {
	d.asked.Add(1)
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.state
}

func (d *daemon) Maintained() map[string]time.Time {
	d.told.Add(1)
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.until)
}

// maintain has these be in maintenance, and no others.
func (d *daemon) maintain(until map[string]time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.until = until
}

func (d *daemon) InProgress() ([]Order, int) { return []Order{}, 0 }

func (d *daemon) Order(o control.Order, head func(control.Head), row func(control.Row)) error {
	d.mu.Lock()
	hold := d.hold
	d.mu.Unlock()
	if o.Process != "ONLINE" {
		return control.WrongRequest("no process %q in f", o.Process)
	}
	head(control.Head{Hosts: o.Hosts})
	if hold != nil {
		<-hold
	}
	for _, host := range o.Hosts {
		row(control.Row{Host: host, Process: o.Process, Outcome: "LAUNCHED"})
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.orders = append(d.orders, o)
	return nil
}

func (d *daemon) ordered() []control.Order {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]control.Order{}, d.orders...)
}

func (d *daemon) say(change func(*control.State)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(&d.state)
}

// site is a page with its contact file, its history and its daemon.
type site struct {
	server  *Server
	daemon  *daemon
	file    *contactfile.File
	history *contactfile.History
	url     string
	def     atomic.Pointer[definition.Definition] // the one that stands
}

const manager = `[manager]
host = "mgr01"
address = "mgr01"
[web]
listen = "127.0.0.1"
names = ["desk.example.net"]
`

const online = `[[process]]
id = "ONLINE"
command = ["/bin/true"]
status = "ONLINE"
`

// define has a definition with these processes stand, as SIGHUP does.
func (s *site) define(t testing.TB, processes string) {
	t.Helper()
	d, err := definition.Parse("f", []byte(manager+processes))
	require.NoError(t, err)
	s.def.Store(d)
}

// newSite has the hosts RUNNING and NOT-STARTED, and nobody serves yet.
func newSite(t testing.TB, hosts ...string) *site {
	t.Helper()
	dir := t.TempDir()
	file, err := contactfile.Open(filepath.Join(dir, "contact.dat"))
	require.NoError(t, err)
	t.Cleanup(func() { file.Close() })
	history, _, err := contactfile.OpenHistory(filepath.Join(dir, slave.HistoryFile))
	require.NoError(t, err)
	t.Cleanup(func() { history.Close() })
	s := &site{daemon: &daemon{state: control.State{Host: "mgr01", Monitoring: true}}, file: file, history: history}
	s.create(t, hosts...)
	s.define(t, online)
	s.server = New(Config{Dir: dir, ContactFile: "contact.dat", Source: s.daemon, Definition: s.def.Load,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	return s
}

// create creates the contact file anew.
func (s *site) create(t testing.TB, hosts ...string) {
	t.Helper()
	var records []contactfile.Record
	for _, host := range hosts {
		records = append(records, contactfile.Record{Host: host, Operating: contactfile.Running, Application: "NOT-STARTED", Since: time.Unix(1_800_000_000, 0)})
	}
	require.NoError(t, s.file.Create(records))
}

// update changes a record.
func (s *site) update(t testing.TB, i int, change func(*contactfile.Record)) {
	t.Helper()
	_, changed, err := s.file.Update(i, time.Unix(1_800_000_100, 0), change)
	require.NoError(t, err)
	require.True(t, changed)
}

func stop(r *contactfile.Record) { r.Operating = contactfile.Stopped }

// serve serves until the end of the test.
func (s *site) serve(t testing.TB) *site {
	t.Helper()
	listener, err := Listen("127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.server.Serve(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	s.url = "http://" + listener.Addr().String()
	return s
}

// do sends a request with these headers, "Host" too.
func (s *site) do(t testing.TB, method, path, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), aMoment) // a stream has no end
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, s.url+path, strings.NewReader(body))
	require.NoError(t, err)
	for i := 0; i < len(headers); i += 2 {
		if r.Header.Set(headers[i], headers[i+1]); headers[i] == "Host" {
			r.Host = headers[i+1]
		}
	}
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer, string(b)
}

// event is one of the stream.
type event struct{ name, id, data string }

// follower reads the stream.
type follower struct {
	answer *http.Response
	events chan event
	cancel context.CancelFunc
}

// follow opens the stream, after the event with that ID where it is not "".
func (s *site) follow(t testing.TB, after string) *follower {
	t.Helper()
	if after == "" {
		return s.get(t, "/events")
	}
	return s.get(t, "/events", "Last-Event-ID", after)
}

// get opens the stream at a path, with these headers.
func (s *site) get(t testing.TB, path string, headers ...string) *follower {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path, nil)
	require.NoError(t, err)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	require.NoError(t, err)
	f := &follower{answer: answer, events: make(chan event, 1000), cancel: cancel}
	go f.read()
	t.Cleanup(f.close)
	return f
}

func (f *follower) read() {
	defer close(f.events)
	var e event
	lines := bufio.NewScanner(f.answer.Body)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch name {
		case "event":
			e.name = value
		case "id":
			e.id = value
		case "data":
			e.data = value
		case "":
			if e.name != "" {
				f.events <- e
			}
			e = event{}
		}
	}
}

func (f *follower) close() {
	f.cancel()
	f.answer.Body.Close()
}

// next is the next event that is no beat.
func (f *follower) next(t testing.TB) event {
	t.Helper()
	late := time.After(20 * time.Second)
	for {
		select {
		case e, open := <-f.events:
			require.True(t, open, "the stream has ended")
			if e.name != "beat" {
				return e
			}
		case <-late:
			require.FailNow(t, "no event")
		}
	}
}

// decoded is what an event carries.
func decoded(t testing.TB, e event) map[string]any {
	t.Helper()
	var v map[string]any
	require.NoError(t, json.Unmarshal([]byte(e.data), &v))
	return v
}

// dial is a connection to the page without HTTP.
func (s *site) dial(t testing.TB) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}
