package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
)

// countingStation counts what it is asked for. What it is asked with a text "wrong" or "broken" fails.
type countingStation struct {
	mu    sync.Mutex
	asked int
}

func (s *countingStation) ask(text string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	switch text {
	case "wrong":
		return WrongRequest("no such thing")
	case "broken":
		return errors.New("the disk is full")
	}
	return nil
}

func (s *countingStation) State() State {
	s.ask("")
	return State{Host: "app01"}
}
func (s *countingStation) Begin() error                       { return s.ask("") }
func (s *countingStation) End(context.Context) error          { return s.ask("") }
func (s *countingStation) Message(text string) error          { return s.ask(text) }
func (s *countingStation) SetStatus(application string) error { return s.ask(application) }

func (s *countingStation) Maintenance() (Maintenance, error) { return Maintenance{}, s.ask("") }
func (s *countingStation) Maintain(m Maintain) (Maintenance, error) {
	return Maintenance{}, s.ask(m.For)
}

func (s *countingStation) Order(_ context.Context, o Order, head func(Head), row func(Row)) error {
	if err := s.ask(o.Process); err != nil {
		return err
	}
	head(Head{o.Hosts})
	for _, host := range o.Hosts {
		row(Row{Host: host, Process: o.Process})
	}
	return nil
}

func request(method, path, body string) string {
	text := method + " " + path + " HTTP/1.1\r\nHost: renrakud\r\n"
	if body != "" {
		text += fmt.Sprintf("Content-Length: %d\r\n", len(body))
	}
	return text + "\r\n" + body
}

// FuzzRequests: whatever bytes come on the control socket, each answer is HTTP; one of the daemon's own is JSON that a command
// understands, a fault says why, and nothing is done that is not answered as done or as a fault.
func FuzzRequests(f *testing.F) {
	for _, seed := range []string{
		"", "\r\n\r\n", "GET /state HTTP/1.1\r\n", request("GET", "/state", ""), request("POST", "/begin", ""), request("POST", "/end", ""),
		request("POST", "/order", `{"process":"ONLINE","hosts":["app01","app02"]}`), request("POST", "/order", `{"process":"wrong","all":true}`),
		request("POST", "/order", `{"process":"ONLINE","hosts":"app01"}`), request("POST", "/order", `{"process":"ONLINE"`), request("POST", "/order", "null"),
		request("POST", "/message", `{"text":"NIGHT <over> 完了"}`), request("POST", "/message", `{"text":"broken"}`), request("POST", "/message", "\xff"),
		request("GET", "/maintenance", ""), request("POST", "/maintain", `{"hosts":["app*"],"for":"2h0m0s"}`), request("POST", "/maintain", `{"hosts":["app01"],"off":true}`),
		request("POST", "/maintain", `{"for":"wrong"}`), request("POST", "/maintain", `{"for":7}`), request("POST", "/status", `{"application":"ONLINE"}`), request("POST", "/status", `{"application":"wrong"}{}`), request("GET", "/order", ""),
		request("GET", "/state", "") + request("POST", "/begin", "") + request("PUT", "/begin", ""), request("GET", "//state", ""), request("GET", "/../state", ""),
		strings.Replace(request("POST", "/message", `{"text":"x"}`), "Content-Length: 12", "Transfer-Encoding: chunked", 1) + "0\r\n\r\n",
		strings.Replace(request("POST", "/message", `{"text":"x"}`), "12", "99999999999999", 1), "GET /state HTTP/1.0\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"POST /message HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 12\r\n\r\n" + `{"text":"x"}`, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	var complaints bytes.Buffer
	log.SetOutput(&complaints) // net/http writes there that a request made the daemon panic
	station := &countingStation{}
	dir := cmdtest.Dir(f)
	listener, err := Listen(dir)
	require.NoError(f, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, listener, station) }()
	f.Cleanup(func() {
		cancel()
		<-ended
	})
	f.Fuzz(func(t *testing.T, b []byte) {
		before := station.asked
		answers, done := answersOf(t, filepath.Join(dir, SocketName), b)
		require.Equal(t, station.asked-before, done, "%s", answers)
		require.NotContains(t, complaints.String(), "panic")
		require.LessOrEqual(t, len(answers), 1000+100*len(b))
		if first, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(answers)), nil); err == nil && isMisunderstood(b) {
			require.NotEqual(t, http.StatusOK, first.StatusCode)
		}
	})
}

// isMisunderstood says whether the bytes begin with a request whose body is not what its path wants.
func isMisunderstood(b []byte) bool {
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(b)))
	if err != nil || r.Method != http.MethodPost {
		return false
	}
	body := json.NewDecoder(r.Body)
	switch r.URL.Path {
	case "/order":
		return body.Decode(&Order{}) != nil
	case "/message":
		return body.Decode(&Message{}) != nil
	case "/status":
		return body.Decode(&Status{}) != nil
	case "/maintain":
		return body.Decode(&Maintain{}) != nil
	}
	return false
}

// answersOf gives all that comes back for the bytes, and how many of the answers say that something was done, or why not.
func answersOf(t *testing.T, socket string, b []byte) (all []byte, done int) {
	conn, err := net.Dial("unix", socket)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	conn.Write(b) // the daemon may have closed the connection meanwhile
	conn.(*net.UnixConn).CloseWrite()
	all, err = io.ReadAll(conn)
	if !errors.Is(err, syscall.ECONNRESET) { // it did not read all of the bytes
		require.NoError(t, err)
	}
	rest := bufio.NewReader(bytes.NewReader(all))
	for {
		answer, err := http.ReadResponse(rest, nil)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return all, done
		}
		require.NoError(t, err, "%q", all)
		body, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		if checkAnswer(t, answer, body) {
			done++
		}
	}
}

// checkAnswer says whether the answer is the station's.
func checkAnswer(t *testing.T, answer *http.Response, body []byte) bool {
	if answer.Header.Get("Content-Type") != contentType {
		require.NotEqual(t, http.StatusInternalServerError, answer.StatusCode)
		return false
	}
	values := json.NewDecoder(bytes.NewReader(body))
	if answer.StatusCode == http.StatusOK {
		var any json.RawMessage
		for values.More() {
			require.NoError(t, values.Decode(&any), "%q", body)
		}
		return true
	}
	require.Contains(t, []int{http.StatusBadRequest, http.StatusInternalServerError}, answer.StatusCode)
	var fault Fault
	require.NoError(t, values.Decode(&fault))
	require.NotEmpty(t, fault.Error)
	return !strings.HasSuffix(fault.Error, "is not JSON as the daemon knows it")
}
