package web

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
	"renraku/cmd/internal/control"
	"renraku/cmd/internal/definition"
	"renraku/telegram"
)

const oneOrder = `{"process":"ONLINE","hosts":["mgr01","app01"]}`

func withToken(token string) []string {
	return []string{"Authorization", "Bearer " + token, "Content-Type", "application/json"}
}

func TestWithoutTheTokenNothingIsOrdered(t *testing.T) {
	s := newSite(t, "mgr01", "app01").serve(t)
	answer, body := s.do(t, "POST", "/api/order", oneOrder, withToken(rightToken)...)
	assert.Equal(t, http.StatusForbidden, answer.StatusCode, "there is no token")
	assert.Contains(t, body, "the definition has no token_file")

	s.server.SetToken(newToken(rightToken))
	for _, headers := range [][]string{
		{"Content-Type", "application/json"},
		withToken(rightToken[1:] + rightToken[:1]),
		{"Authorization", "Basic " + rightToken, "Content-Type", "application/json"},
		{"Cookie", "token=" + rightToken, "Content-Type", "application/json"},
	} {
		answer, body = s.do(t, "POST", "/api/order", oneOrder, headers...)
		assert.Equal(t, http.StatusUnauthorized, answer.StatusCode, headers)
		assert.JSONEq(t, `{"error":"the token is wrong"}`, body)
	}
	answer, _ = s.do(t, "POST", "/api/order?token="+rightToken, oneOrder, "Content-Type", "application/json")
	assert.Equal(t, http.StatusUnauthorized, answer.StatusCode, "not in the address")
	assert.Empty(t, s.daemon.ordered())

	for _, token := range []string{"", "wrong", rightToken[1:], rightToken + "x", strings.Repeat("x", maxToken+1)} {
		answer, body = s.do(t, "POST", "/api/order", oneOrder, withToken(token)...)
		assert.Equal(t, http.StatusTooManyRequests, answer.StatusCode, "five wrong ones came before")
		assert.JSONEq(t, `{"error":"the token is wrong, and too many from this address were before it"}`, body)
		wait, err := strconv.Atoi(answer.Header.Get("Retry-After"))
		require.NoError(t, err)
		assert.InDelta(t, wrongEvery.Seconds(), wait, 1)
	}
	assert.Equal(t, map[string]uint64{"page: wrong token": 5, "page: too many wrong tokens": 5}, s.server.Dropped())
	assert.Empty(t, s.daemon.ordered())
}

func TestTheRightTokenNeverWaitsForWrongOnesOfItsAddress(t *testing.T) {
	s := newSite(t, "mgr01", "app01")
	s.server.SetToken(newToken(rightToken))
	var log strings.Builder // a handler writes a line at a time, and they are read when all is done
	s.server.cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
	s.serve(t)
	const guesses = 8 * maxWrong
	var guessing sync.WaitGroup
	for range 4 {
		guessing.Go(func() {
			for range guesses / 4 {
				answer, _ := s.do(t, "POST", "/api/order", oneOrder, withToken("a wrong token")...)
				assert.Contains(t, []int{http.StatusUnauthorized, http.StatusTooManyRequests}, answer.StatusCode)
			}
		})
	}
	for range maxWrong {
		answer, body := s.do(t, "POST", "/api/order", oneOrder, withToken(rightToken)...)
		assert.Equal(t, http.StatusOK, answer.StatusCode, body)
	}
	guessing.Wait()
	answer, body := s.do(t, "POST", "/api/order", oneOrder, withToken(rightToken)...)
	assert.Equal(t, http.StatusOK, answer.StatusCode, body)
	assert.Len(t, s.daemon.ordered(), maxWrong+1)
	assert.Equal(t, maxWrong+1, strings.Count(log.String(), `msg="order from the page" process=ONLINE all=false hosts=2 peer=127.0.0.1`), "who ordered is logged")
	dropped := s.server.Dropped()
	assert.Equal(t, uint64(guesses), dropped["page: wrong token"]+dropped["page: too many wrong tokens"], "each is counted")
	assert.Equal(t, int(dropped["page: wrong token"]), strings.Count(log.String(), "wrong token"), "and those within the limit are logged")
	assert.InDelta(t, maxWrong, dropped["page: wrong token"], 2, "one more each %v, where the machine is slow", wrongEvery)
}

func TestAnotherTokenStandsFromThenOn(t *testing.T) {
	s := newSite(t, "mgr01", "app01").serve(t)
	for _, c := range []struct {
		stands *Token
		given  string
		want   int
	}{
		{newToken(rightToken), rightToken, 200},
		{newToken("anothertokenoflength"), rightToken, 401},
		{newToken("anothertokenoflength"), "anothertokenoflength", 200},
		{nil, "anothertokenoflength", 403},
	} {
		s.server.SetToken(c.stands)
		answer, _ := s.do(t, "POST", "/api/order", oneOrder, withToken(c.given)...)
		assert.Equal(t, c.want, answer.StatusCode)
	}
}

func TestAnOrderIsAnsweredByARowForEachServer(t *testing.T) {
	s := newSite(t, "mgr01", "app01").serve(t)
	s.server.SetToken(newToken(rightToken))
	for _, dry := range []string{"", `,"dry_run":true`} {
		answer, body := s.do(t, "POST", "/api/order", strings.Replace(oneOrder, "}", dry+"}", 1), withToken(rightToken)...)
		assert.Equal(t, 200, answer.StatusCode)
		assert.Equal(t, "application/x-ndjson", answer.Header.Get("Content-Type"))
		assert.Equal(t, "no", answer.Header.Get("X-Accel-Buffering"))
		assert.Equal(t, `{"hosts":["mgr01","app01"]}
{"host":"mgr01","process":"ONLINE","outcome":"LAUNCHED","application":"","text":""}
{"host":"app01","process":"ONLINE","outcome":"LAUNCHED","application":"","text":""}
`, body)
	}
	hosts := []string{"mgr01", "app01"}
	assert.Equal(t, []control.Order{{Process: "ONLINE", Hosts: hosts}, {Process: "ONLINE", Hosts: hosts, DryRun: true}}, s.daemon.ordered())
}

func TestAnOrderThatIsNotAsItShouldBeIsRefused(t *testing.T) {
	s := newSite(t, "mgr01").serve(t)
	s.server.SetToken(newToken(rightToken))
	for _, c := range []struct {
		name, kind, body, says string
		want                   int
	}{
		{"a form", "application/x-www-form-urlencoded", "process=ONLINE", "an order is application/json", 415},
		{"plain text, which another site could send", "text/plain", oneOrder, "an order is application/json", 415},
		{"no type", "", oneOrder, "an order is application/json", 415},
		{"no JSON", "application/json", "ONLINE", "not JSON as the daemon knows it", 400},
		{"a key too many", "application/json", `{"process":"ONLINE","command":["/bin/rm"]}`, "not JSON as the daemon knows it", 400},
		{"two values", "application/json", oneOrder + oneOrder, "not JSON as the daemon knows it", 400},
		{"too large", "application/json; charset=utf-8", `{"process":"` + strings.Repeat("x", maxOrder) + `"}`, "too large", 400},
		{"no such process", "application/json", `{"process":"OTHER","hosts":["mgr01"]}`, `no process \"OTHER\" in f`, 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			answer, body := s.do(t, "POST", "/api/order", c.body, "Authorization", "Bearer "+rightToken, "Content-Type", c.kind)
			assert.Equal(t, c.want, answer.StatusCode)
			assert.Contains(t, body, c.says)
			assert.Equal(t, "application/json", answer.Header.Get("Content-Type"))
		})
	}
	assert.Empty(t, s.daemon.ordered())
}

// The page orders by name, though it be on all servers.
func TestAnOrderOnTheLargestFleetByNameIsNotTooLarge(t *testing.T) {
	o := control.Order{Process: strings.Repeat("P", telegram.ProcessLength), Hosts: make([]string, definition.MaxSlaves+1)}
	for i := range o.Hosts {
		o.Hosts[i] = strings.Repeat("h", telegram.HostLength)
	}
	b, err := json.Marshal(o)
	require.NoError(t, err)
	assert.LessOrEqual(t, len(b), maxOrder)
}

func TestAnOrderGoesOnWhenNobodyReadsItsRows(t *testing.T) {
	s := newSite(t, "mgr01", "app01").serve(t)
	s.server.SetToken(newToken(rightToken))
	s.daemon.hold = make(chan struct{})
	r, err := http.NewRequest("POST", s.url+"/api/order", strings.NewReader(oneOrder))
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+rightToken)
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r) // the head has come
	require.NoError(t, err)
	answer.Body.Close()
	close(s.daemon.hold)
	cmdtest.Until(t, aMoment, "the order is done", func() bool { return len(s.daemon.ordered()) == 1 })
}

// taker takes the lines of an answer.
type taker struct {
	header http.Header

	mu       sync.Mutex
	taken    string
	flushed  int       // bytes of taken
	deadline time.Time // of the last ones
}

func (t *taker) Header() http.Header { return t.header }

func (t *taker) WriteHeader(int) {}

func (t *taker) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.taken += string(b)
	return len(b), nil
}

func (t *taker) Flush() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.flushed = len(t.taken)
}

func (t *taker) SetWriteDeadline(at time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.deadline = at
	return nil
}

// sent is what has left for the page, and until when it had time for that.
func (t *taker) sent() (lines string, deadline time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.taken[:t.flushed], t.deadline
}

func TestAnOrderWithoutARowForAWhileHasABeat(t *testing.T) {
	s := newSite(t, "mgr01", "app01")
	synctest.Test(t, func(t *testing.T) {
		s.daemon.hold = make(chan struct{})
		w := &taker{header: http.Header{}}
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.server.carryOut(w, control.Order{Process: "ONLINE", Hosts: []string{"mgr01", "app01"}})
		}()
		const head, rows = `{"hosts":["mgr01","app01"]}` + "\n", `{"host":"mgr01","process":"ONLINE","outcome":"LAUNCHED","application":"","text":""}
{"host":"app01","process":"ONLINE","outcome":"LAUNCHED","application":"","text":""}
`
		time.Sleep(beatEvery - 1)
		synctest.Wait()
		lines, _ := w.sent()
		assert.Equal(t, head, lines)
		for beats := 1; beats <= 2*int(answerWait/beatEvery); beats++ {
			time.Sleep(beatEvery)
			synctest.Wait()
			var deadline time.Time
			lines, deadline = w.sent()
			assert.Equal(t, head+strings.Repeat("\n", beats), lines)
			assert.Equal(t, time.Now().Add(eventWait-beatEvery+1), deadline, "each has its time")
		}
		close(s.daemon.hold)
		<-done
		all, _ := w.sent()
		assert.Equal(t, lines+rows, all)
		time.Sleep(time.Hour)
		after, _ := w.sent()
		assert.Equal(t, all, after, "nothing after the end")
	})
	assert.Len(t, s.daemon.ordered(), 1)
}

func TestOrdersAtOnceAreBounded(t *testing.T) {
	s := newSite(t, "mgr01", "app01").serve(t)
	s.server.SetToken(newToken(rightToken))
	s.daemon.hold = make(chan struct{})
	answers := make(chan int, maxOrdering)
	for range maxOrdering {
		go func() {
			answer, _ := s.do(t, "POST", "/api/order", oneOrder, withToken(rightToken)...)
			answers <- answer.StatusCode
		}()
	}
	cmdtest.Until(t, aMoment, "all are in progress", func() bool { return len(s.server.ordering) == maxOrdering })
	answer, _ := s.do(t, "POST", "/api/order", oneOrder, withToken(rightToken)...)
	assert.Equal(t, http.StatusServiceUnavailable, answer.StatusCode)
	assert.Equal(t, "10", answer.Header.Get("Retry-After"))
	assert.Equal(t, uint64(1), s.server.Dropped()["page: too many orders at once"])
	close(s.daemon.hold)
	for range maxOrdering {
		assert.Equal(t, 200, <-answers)
	}
}
