package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
)

// fakeStation notes what it is asked for.
type fakeStation struct {
	state  State
	err    error // of Begin, End, and of Order before its head
	asked  []string
	order  func(ctx context.Context, o Order, head func(Head), row func(Row)) error
	orders []Order

	maintenance Maintenance
}

func (f *fakeStation) State() State { return f.state }

func (f *fakeStation) Begin() error {
	f.asked = append(f.asked, "begin")
	return f.err
}

func (f *fakeStation) End(context.Context) error {
	f.asked = append(f.asked, "end")
	return f.err
}

func (f *fakeStation) Order(ctx context.Context, o Order, head func(Head), row func(Row)) error {
	f.orders = append(f.orders, o)
	if f.order == nil {
		return f.err
	}
	return f.order(ctx, o, head, row)
}

func (f *fakeStation) Message(text string) error {
	f.asked = append(f.asked, "message "+text)
	return f.err
}

func (f *fakeStation) SetStatus(application string) error {
	f.asked = append(f.asked, "status "+application)
	return f.err
}

func (f *fakeStation) Maintain(m Maintain) (Maintenance, error) {
	f.asked = append(f.asked, fmt.Sprint("maintain ", m))
	return f.maintenance, f.err
}

func (f *fakeStation) Maintenance() (Maintenance, error) { return f.maintenance, f.err }

// serve serves the station on a real socket until the test ends; stop ends it before.
func serve(t *testing.T, station Station) (dir string, stop func()) {
	t.Helper()
	dir = cmdtest.Dir(t)
	listener, err := Listen(dir)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, listener, station) }()
	stop = func() {
		if cancel != nil {
			cancel()
			cancel = nil
			assert.NoError(t, <-ended)
		}
	}
	t.Cleanup(stop)
	return dir, stop
}

func noHead(Head) {}
func noRow(Row)   {}

func TestStateAndCommandsGoRound(t *testing.T) {
	station := &fakeStation{state: State{Host: "app01", Role: "slave", Monitoring: true, Dropped: map[string]uint64{"address": 3}}}
	dir, _ := serve(t, station)
	c := NewClient(dir)
	state, err := c.State(t.Context())
	require.NoError(t, err)
	assert.Equal(t, station.state, state)
	assert.NoError(t, c.End(t.Context()))
	assert.NoError(t, c.Begin(t.Context()))
	assert.NoError(t, c.Message(t.Context(), "NIGHT <over> 完了"))
	assert.NoError(t, c.SetStatus(t.Context(), "NOT-STARTED"))
	assert.Equal(t, []string{"end", "begin", "message NIGHT <over> 完了", "status NOT-STARTED"}, station.asked)
}

func TestMaintenanceGoesRound(t *testing.T) {
	until := time.Date(2026, 11, 22, 14, 5, 0, 0, time.UTC)
	station := &fakeStation{maintenance: Maintenance{[]Maintained{{"app01", until}, {Host: "app02"}}}}
	dir, _ := serve(t, station)
	c := NewClient(dir)
	got, err := c.Maintain(t.Context(), Maintain{Hosts: []string{"app*"}, For: "2h0m0s"})
	require.NoError(t, err)
	assert.Equal(t, station.maintenance, got)
	_, err = c.Maintain(t.Context(), Maintain{Hosts: []string{"app01"}, Off: true})
	require.NoError(t, err)
	assert.Equal(t, []string{"maintain {[app*] 2h0m0s false}", "maintain {[app01]  true}"}, station.asked)
	got, err = c.Maintenance(t.Context())
	require.NoError(t, err)
	assert.Equal(t, station.maintenance, got)
}

func TestRowsComeAsTheyAreDone(t *testing.T) {
	next := make(chan bool)
	station := &fakeStation{order: func(_ context.Context, _ Order, head func(Head), row func(Row)) error {
		head(Head{[]string{"a", "b"}})
		row(Row{Host: "b", Process: "P", Outcome: "LAUNCHED", Application: "ONLINE", Text: "ended\nnormally <&>"})
		<-next
		row(Row{Host: "a"})
		return nil
	}}
	dir, _ := serve(t, station)
	want := Order{Process: "P", Hosts: []string{"a", "b"}, DryRun: true}
	var hosts []string
	var rows []Row
	err := NewClient(dir).Order(t.Context(), want, func(h Head) { hosts = h.Hosts }, func(r Row) {
		if rows = append(rows, r); len(rows) == 1 {
			next <- true // the second row is not there before the first has been read
		}
	})
	require.NoError(t, err)
	assert.Equal(t, []Order{want}, station.orders)
	assert.Equal(t, []string{"a", "b"}, hosts)
	assert.Equal(t, []Row{
		{Host: "b", Process: "P", Outcome: "LAUNCHED", Application: "ONLINE", Text: "ended\nnormally <&>"},
		{Host: "a"},
	}, rows)
}

func TestFaultsSayWhoseTheyAre(t *testing.T) {
	station := &fakeStation{err: WrongRequest("no process %q: %w", "X", io.EOF)}
	dir, _ := serve(t, station)
	c := NewClient(dir)
	for name, do := range map[string]func() error{
		"begin":   func() error { return c.Begin(t.Context()) },
		"end":     func() error { return c.End(t.Context()) },
		"order":   func() error { return c.Order(t.Context(), Order{}, noHead, noRow) },
		"message": func() error { return c.Message(t.Context(), "x") },
		"status":  func() error { return c.SetStatus(t.Context(), "x") },
		"maintain": func() error {
			m, err := c.Maintain(t.Context(), Maintain{})
			assert.Zero(t, m)
			return err
		},
		"maintenance": func() error {
			_, err := c.Maintenance(t.Context())
			return err
		},
	} {
		station.err = WrongRequest("no process %q: %w", "X", io.EOF)
		err := do()
		assert.EqualError(t, err, `no process "X": EOF`, name)
		assert.ErrorIs(t, err, ErrRequest, name)
		station.err = errors.New("disk full")
		err = do()
		assert.EqualError(t, err, "disk full", name)
		assert.NotErrorIs(t, err, ErrRequest, name)
		assert.NotErrorIs(t, err, ErrNoDaemon, name)
	}
	assert.ErrorIs(t, WrongRequest("%w", io.EOF), ErrRequest)
}

func TestRequestThatIsNotUnderstoodIsAFault(t *testing.T) {
	station := &fakeStation{}
	dir, _ := serve(t, station)
	c := NewClient(dir)
	for _, body := range []string{"", "{", `{"process":1}`, `{"process":"` + strings.Repeat("x", maxRequest) + `"}`} {
		answer, err := c.http.Post("http://renrakud/order", "", strings.NewReader(body))
		require.NoError(t, err)
		text, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		answer.Body.Close()
		assert.Equal(t, http.StatusBadRequest, answer.StatusCode)
		assert.Contains(t, string(text), `{"error":"the order is not JSON as the daemon knows it`)
	}
	assert.Empty(t, station.orders)
	_, err := c.do(t.Context(), http.MethodGet, "/order", nil)
	assert.ErrorContains(t, err, "405")
}

// leaveSocket leaves what a daemon that was killed leaves.
func leaveSocket(t *testing.T, dir string) {
	t.Helper()
	path := filepath.Join(dir, SocketName)
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	require.NoError(t, err)
	listener.SetUnlinkOnClose(false)
	require.NoError(t, listener.Close())
	require.FileExists(t, path)
}

func TestNoDaemonIsToldFromOtherTroubles(t *testing.T) {
	dir := cmdtest.Dir(t)
	_, err := NewClient(dir).State(t.Context())
	assert.ErrorIs(t, err, ErrNoDaemon)
	assert.EqualError(t, err, "no daemon is running in "+dir)
	_, err = NewClient(filepath.Join(dir, "none")).State(t.Context())
	assert.ErrorIs(t, err, ErrNoDaemon)

	leaveSocket(t, dir)
	assert.ErrorIs(t, NewClient(dir).Begin(t.Context()), ErrNoDaemon)

	require.NoError(t, os.Remove(filepath.Join(dir, SocketName)))
	require.NoError(t, os.WriteFile(filepath.Join(dir, SocketName), nil, 0o600))
	assert.ErrorIs(t, NewClient(dir).Begin(t.Context()), ErrNoDaemon)
}

func TestTroubleWithTheSocketIsToldInPlainWords(t *testing.T) {
	dir := cmdtest.Dir(t)
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	assert.EqualError(t, NewClient(file).Begin(t.Context()), "talk to the daemon in "+file+": not a directory")

	long := filepath.Join(dir, strings.Repeat("x", maxPath))
	err := NewClient(long).Begin(t.Context())
	assert.EqualError(t, err, "no daemon is running in "+long+": its name is too long for one")
	assert.ErrorIs(t, err, ErrNoDaemon)

	deaf, err := net.Listen("unix", filepath.Join(dir, SocketName))
	require.NoError(t, err)
	defer deaf.Close()
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	assert.EqualError(t, NewClient(dir).End(canceled), "talk to the daemon in "+dir+": interrupted; what it was told before that goes on")
	late, stop := context.WithTimeout(t.Context(), time.Millisecond)
	defer stop()
	assert.EqualError(t, NewClient(dir).End(late), "talk to the daemon in "+dir+": it does not answer")
}

func TestWhoWaitsForADaemonThatDoesNotAnswerIsTold(t *testing.T) {
	dir := cmdtest.Dir(t)
	deaf, err := net.Listen("unix", filepath.Join(dir, SocketName))
	require.NoError(t, err)
	defer deaf.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c := NewClient(dir)
	c.OnWait(time.Millisecond, cancel)
	assert.ErrorIs(t, c.SetStatus(ctx, "ONLINE"), errInterrupted, "it is told, and so this ends")
}

func TestSocketOfADeadDaemonIsReplaced(t *testing.T) {
	dir := cmdtest.Dir(t)
	leaveSocket(t, dir)
	listener, err := Listen(dir)
	require.NoError(t, err)
	defer listener.Close()
	info, err := os.Stat(filepath.Join(dir, SocketName))
	require.NoError(t, err)
	assert.Equal(t, "Srw-rw----", info.Mode().String())
}

func TestListenSaysWhatIsInTheWay(t *testing.T) {
	dir := cmdtest.Dir(t)
	_, err := Listen(filepath.Join(dir, "none"))
	assert.ErrorContains(t, err, "open control socket: ")
	require.NoError(t, os.MkdirAll(filepath.Join(dir, SocketName, "full"), 0o700))
	_, err = Listen(dir)
	assert.ErrorContains(t, err, "open control socket: ")

	long := filepath.Join(dir, strings.Repeat("x", maxPath-len(dir)-len(SocketName)-2))
	require.NoError(t, os.Mkdir(long, 0o700))
	listener, err := Listen(long)
	require.NoError(t, err, "as long as it may be")
	listener.Close()
	_, err = Listen(long + "y")
	assert.ErrorContains(t, err, "its path may have 107 bytes and has 108: choose a shorter directory than "+long+"y")
}

// dies answers one request with these bytes and is gone then.
func dies(t *testing.T, answer string) (dir string) {
	t.Helper()
	dir = cmdtest.Dir(t)
	listener, err := Listen(dir)
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		conn.Read(make([]byte, 4096))
		io.WriteString(conn, answer)
	}()
	return dir
}

func TestDaemonThatDiesInTheMiddleIsNoted(t *testing.T) {
	chunked := "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	chunk := func(s string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(s), s) }
	head := chunk(`{"hosts":["a","b","c"]}` + "\n")
	for _, c := range []struct {
		name, answer, want string
		rows               int
	}{
		{"before the answer", "", ": it ended before it had answered", 0},
		{"before the head", chunked, "read the daemon's answer: ", 0},
		{"before the rows", chunked + head, "the daemon ended after 0 of 3 results: ", 0},
		{"after a row", chunked + head + chunk(`{"host":"b"}`+"\n"), "the daemon ended after 1 of 3 results: ", 1},
		{"inside a row", chunked + head + chunk(`{"host":"b"}`+"\n"+`{"ho`), "the daemon ended after 1 of 3 results: ", 1},
		{"rows too few", chunked + head + chunk(`{"host":"b"}`+"\n") + "0\r\n\r\n", "the daemon ended after 1 of 3 results: ", 1},
		{"in other words", "HTTP/1.1 500 Broken\r\n\r\nnot JSON", "500 Broken", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			rows := 0
			err := NewClient(dies(t, c.answer)).Order(t.Context(), Order{}, noHead, func(Row) { rows++ })
			assert.ErrorContains(t, err, c.want)
			assert.NotErrorIs(t, err, ErrNoDaemon)
			assert.Equal(t, c.rows, rows)
		})
	}
	err := NewClient(dies(t, chunked+head)).Order(t.Context(), Order{}, noHead, func(Row) {})
	assert.EqualError(t, err, "the daemon ended after 0 of 3 results: orders that were sent go on, and the history will have their outcomes")
	_, err = NewClient(dies(t, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")).State(t.Context())
	assert.ErrorContains(t, err, "read the daemon's answer: ")
}

func TestOrderGoesOnWithoutTheCommandThatGaveIt(t *testing.T) {
	begun, goOn, done := make(chan bool), make(chan bool), make(chan error, 1)
	station := &fakeStation{order: func(ctx context.Context, _ Order, head func(Head), row func(Row)) error {
		head(Head{[]string{"a"}})
		close(begun)
		<-goOn
		row(Row{Host: "a"})
		done <- ctx.Err()
		return nil
	}}
	dir, _ := serve(t, station)
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() { gone <- NewClient(dir).Order(ctx, Order{}, noHead, noRow) }()
	<-begun
	cancel()
	assert.Error(t, <-gone)
	close(goOn)
	assert.NoError(t, <-done, "the order's own context")
}

func TestServeEndsOrdersWithItself(t *testing.T) {
	begun := make(chan bool)
	station := &fakeStation{order: func(ctx context.Context, _ Order, head func(Head), row func(Row)) error {
		head(Head{[]string{"a"}})
		close(begun)
		<-ctx.Done()
		row(Row{Host: "a", Outcome: "UNKNOWN"})
		return nil
	}}
	dir, stop := serve(t, station)
	rows := make(chan Row, 1)
	failed := make(chan error, 1)
	go func() {
		failed <- NewClient(dir).Order(context.Background(), Order{}, noHead, func(r Row) { rows <- r })
	}()
	<-begun
	started := time.Now()
	stop()
	assert.Less(t, time.Since(started), 10*time.Second)
	assert.NoError(t, <-failed)
	assert.Equal(t, "UNKNOWN", (<-rows).Outcome)
	assert.NoFileExists(t, filepath.Join(dir, SocketName))
	_, err := NewClient(dir).State(context.Background())
	assert.ErrorIs(t, err, ErrNoDaemon)
}

func TestServeSaysWhatTookItsSocketAway(t *testing.T) {
	listener, err := Listen(cmdtest.Dir(t))
	require.NoError(t, err)
	listener.Close()
	err = Serve(t.Context(), listener, &fakeStation{})
	assert.ErrorIs(t, err, net.ErrClosed)
	assert.ErrorContains(t, err, "serve control socket: ")
}
