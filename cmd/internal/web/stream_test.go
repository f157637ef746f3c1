package web

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
	"renraku/cmd/internal/control"
	"renraku/contactfile"
)

const aMoment = 20 * time.Second // on a machine that is loaded

func TestAPageGetsEverythingAndThenWhatChanges(t *testing.T) {
	s := newSite(t, "mgr01", "app01", "app02").serve(t)
	_, err := s.history.Append(contactfile.HistoryRecord{Time: time.Unix(1_800_000_050, 0).UTC(), Host: "app02", Process: "ONLINE",
		Trigger: "OPERATOR", Outcome: "FAILED", Text: "exit status 3"})
	require.NoError(t, err)
	f := s.follow(t, "")
	assert.Equal(t, "text/event-stream", f.answer.Header.Get("Content-Type"))
	assert.Equal(t, "no", f.answer.Header.Get("X-Accel-Buffering"))
	e := f.next(t)
	assert.Equal(t, "snapshot", e.name)
	all := decoded(t, e)
	assert.Equal(t, []any{"mgr01", "app01", "app02"}, all["hosts"])
	assert.Equal(t, "111", all["running"])
	assert.Equal(t, []any{"NOT-STARTED"}, all["words"])
	assert.Equal(t, []any{0.0, 0.0, 0.0}, all["status"])
	assert.Equal(t, []any{1.8e9, 1.8e9, 1.8e9}, all["since"])
	assert.Equal(t, []any{[]any{2.0, "ONLINE", "FAILED", 1_800_000_050.0}}, all["results"])
	state := all["state"].(map[string]any)
	assert.Equal(t, true, state["monitoring"])
	assert.Equal(t, false, state["can_order"])
	assert.Equal(t, []any{}, state["blocked"])
	assert.Len(t, all["processes"], 1)

	s.update(t, 1, stop)
	e = f.next(t)
	assert.Equal(t, "delta", e.name)
	d := decoded(t, e)
	assert.Equal(t, []any{[]any{1.0, false, "NOT-STARTED", 1_800_000_100.0}}, d["changes"])
	for _, key := range []string{"results", "state", "processes"} {
		assert.NotContains(t, d, key)
	}

	_, err = s.history.Append(contactfile.HistoryRecord{Time: time.Unix(1_800_000_200, 0).UTC(), Host: "app01", Process: "ONLINE",
		Trigger: "OPERATOR", Outcome: "LAUNCHED"})
	require.NoError(t, err)
	assert.Equal(t, []any{[]any{1.0, "ONLINE", "LAUNCHED", 1_800_000_200.0}}, decoded(t, f.next(t))["results"])

	s.daemon.say(func(s *control.State) { s.Isolated, s.UDPBlocked, s.UDPBlockedCount = true, []string{"app02"}, 1 })
	state = decoded(t, f.next(t))["state"].(map[string]any)
	assert.Equal(t, true, state["isolated"])
	assert.Equal(t, []any{"app02"}, state["blocked"])

	s.daemon.say(func(s *control.State) { s.Refused = &control.Refused{Error: "renraku.toml:3: no"} })
	assert.Equal(t, "renraku.toml:3: no", decoded(t, f.next(t))["state"].(map[string]any)["refused"])

	s.server.SetToken(newToken(rightToken))
	assert.Equal(t, true, decoded(t, f.next(t))["state"].(map[string]any)["can_order"])
}

func TestAPageThatComesLaterGetsWhatStandsThen(t *testing.T) {
	s := newSite(t, "mgr01", "app01").serve(t)
	first := s.follow(t, "")
	assert.Equal(t, "11", decoded(t, first.next(t))["running"])
	for _, to := range []struct {
		operating contactfile.Operating
		want      string
	}{{contactfile.Stopped, "10"}, {contactfile.Running, "11"}} {
		s.update(t, 1, func(r *contactfile.Record) { r.Operating = to.operating })
		delta := first.next(t)
		assert.Equal(t, "delta", delta.name)
		e := s.follow(t, "").next(t)
		assert.Equal(t, [2]string{"snapshot", delta.id}, [2]string{e.name, e.id})
		assert.Equal(t, to.want, decoded(t, e)["running"])
	}
}

func TestAPageIsToldTheProcessesOfANewDefinition(t *testing.T) {
	s := newSite(t, "mgr01", "app01").serve(t)
	f := s.follow(t, "")
	process := map[string]any{"id": "ONLINE", "type": "oneshot", "from": []any{}, "status": "ONLINE", "hosts": []any{}}
	assert.Equal(t, []any{process}, decoded(t, f.next(t))["processes"])

	s.define(t, online+"from = [\"BATCH\"]\nhosts = [\"mgr*\"]\n[[process]]\nid = \"REPORT\"\ncommand = [\"/bin/true\"]\n")
	process["from"], process["hosts"] = []any{"BATCH"}, []any{"mgr*"}
	e := f.next(t)
	assert.Equal(t, "delta", e.name)
	d := decoded(t, e)
	report := map[string]any{"id": "REPORT", "type": "oneshot", "from": []any{}, "status": "", "hosts": []any{}}
	assert.Equal(t, []any{process, report}, d["processes"])
	for _, key := range []string{"changes", "results", "maintenance", "state"} {
		assert.NotContains(t, d, key)
	}
	assert.Equal(t, []any{process, report}, decoded(t, s.follow(t, "").next(t))["processes"])

	s.define(t, "")
	assert.Equal(t, []any{}, decoded(t, f.next(t))["processes"], "none are none, and not what was there before")
}

func TestAPageIsToldWhoIsInMaintenanceAndUntilWhen(t *testing.T) {
	s := newSite(t, "mgr01", "app01", "app02", "app03").serve(t)
	at := func(seconds int64) time.Time { return time.Unix(seconds, 0) }
	s.daemon.maintain(map[string]time.Time{"app03": at(1_800_007_200), "app01": at(1_800_003_600), "gone": at(1)})
	f := s.follow(t, "")
	assert.Equal(t, []any{[]any{1.0, 1_800_003_600.0}, []any{3.0, 1_800_007_200.0}}, decoded(t, f.next(t))["maintenance"])

	for _, c := range []struct {
		until map[string]time.Time
		want  []any
	}{
		{map[string]time.Time{"app01": at(1_800_003_600), "app02": at(1_800_000_600)}, []any{[]any{2.0, 1_800_000_600.0}, []any{3.0, 0.0}}},
		{map[string]time.Time{"app01": at(1_800_009_000), "app02": at(1_800_000_600)}, []any{[]any{1.0, 1_800_009_000.0}}},
		{nil, []any{[]any{1.0, 0.0}, []any{2.0, 0.0}}},
	} {
		s.daemon.maintain(c.until)
		e := f.next(t)
		assert.Equal(t, "delta", e.name)
		d := decoded(t, e)
		assert.Equal(t, c.want, d["maintenance"])
		assert.NotContains(t, d, "changes")
	}
	s.update(t, 1, stop)
	assert.NotContains(t, decoded(t, f.next(t)), "maintenance")
	assert.Equal(t, []any{}, decoded(t, s.follow(t, "").next(t))["maintenance"])

	s.daemon.maintain(map[string]time.Time{"app04": at(1_800_003_600)})
	s.create(t, "mgr01", "app04")
	assert.Equal(t, []any{[]any{1.0, 1_800_003_600.0}}, decoded(t, f.next(t))["maintenance"], "of a server that is new")
}

func TestAPageThatComesAgainGetsWhatItLacks(t *testing.T) {
	s := newSite(t, "mgr01", "app01", "app02").serve(t)
	first := s.follow(t, "")
	snapshot := first.next(t)
	s.update(t, 1, stop)
	delta := first.next(t)
	s.update(t, 2, stop)
	last := first.next(t)

	again := s.follow(t, snapshot.id)
	for _, want := range []event{delta, last} {
		assert.Equal(t, want, again.next(t))
	}
	first.close() // nobody else is there when it comes again
	again.close()
	cmdtest.Until(t, aMoment, "nobody is there", func() bool { return s.clients() == 0 })
	s.update(t, 1, func(r *contactfile.Record) { r.Operating = contactfile.Running })
	again = s.follow(t, last.id)
	e := again.next(t)
	assert.Equal(t, "delta", e.name)
	assert.Equal(t, []any{[]any{1.0, true, "NOT-STARTED", 1_800_000_100.0}}, decoded(t, e)["changes"])

	begun := s.get(t, "/events?after="+snapshot.id) // the page itself begins it anew, from where it was
	assert.Equal(t, "delta", begun.next(t).name)
	tried := s.get(t, "/events?after="+snapshot.id, "Last-Event-ID", last.id) // and then the browser by itself, which knows better
	assert.Equal(t, e, tried.next(t))

	for _, id := range []string{"another.0", "nothing", fmt.Sprintf("%s9", last.id)} {
		assert.Equal(t, "snapshot", s.follow(t, id).next(t).name, id)
	}
}

func (s *site) clients() int {
	s.server.hub.mu.Lock()
	defer s.server.hub.mu.Unlock()
	return s.server.hub.clients
}

func TestOtherServersAreASnapshot(t *testing.T) {
	s := newSite(t, "mgr01", "app01").serve(t)
	f := s.follow(t, "")
	f.next(t)
	s.create(t, "mgr01", "app01", "app02")
	assert.Equal(t, []any{"mgr01", "app01", "app02"}, decoded(t, f.next(t))["hosts"])
	s.create(t, "mgr01", "app03", "app02")
	assert.Equal(t, []any{"mgr01", "app03", "app02"}, decoded(t, f.next(t))["hosts"])
	s.daemon.say(func(s *control.State) { s.Monitoring = false })
	require.NoError(t, s.file.Clear())
	for {
		e := f.next(t)
		if v := decoded(t, e); e.name == "snapshot" {
			assert.Equal(t, []any{}, v["hosts"])
			assert.Equal(t, false, v["state"].(map[string]any)["monitoring"])
			return
		}
	}
}

func TestAPageThatIsTooSlowGetsEverythingAnewAndIsCounted(t *testing.T) {
	s := newSite(t, "mgr01").serve(t)
	r, err := http.NewRequest("GET", s.url+"/events", nil)
	require.NoError(t, err)
	c := s.dial(t)
	require.NoError(t, r.Write(c)) // and nothing is read
	cmdtest.Until(t, aMoment, "the page is there", func() bool { return s.clients() == 1 })
	h := s.server.hub
	for range 4 * maxDeltaBytes >> 20 { // more than the buffers of the connection and what the hub keeps
		h.mu.Lock()
		h.publish(bytes.Repeat([]byte("x"), 1<<20))
		h.mu.Unlock()
	}
	all := bufio.NewReader(c)
	snapshots := 0
	cmdtest.Until(t, aMoment, "another snapshot", func() bool {
		line, err := all.ReadString('\n')
		require.NoError(t, err)
		if line == "event: snapshot\n" {
			snapshots++
		}
		return snapshots == 2
	})
	assert.Positive(t, s.server.Dropped()["page: too slow for changes"])
}

func TestWhoeverIsBehindGetsDeltasAsFarAsTheyAreKept(t *testing.T) {
	s := newSite(t, "mgr01", "app01")
	h := s.server.hub
	h.fleet.begin()
	for i := range 2 * maxDeltas {
		s.update(t, 1, func(r *contactfile.Record) { r.Application = fmt.Sprintf("S%d", i) })
		h.pollOnce()
	}
	for behind, snapshot := range map[uint64]bool{0: false, 1: false, maxDeltas: false, maxDeltas + 1: true, 2 * maxDeltas: true} {
		u := h.since(position{h.at.epoch, h.at.seq - behind})
		assert.Equal(t, snapshot, u.snapshot != nil, behind)
		if !snapshot {
			assert.Len(t, u.deltas, int(behind))
		}
	}
}

func TestDeltasThatAreKeptAreBoundedInBytes(t *testing.T) {
	h := newHub(nil, &counts{})
	for range 20 {
		h.keep(make([]byte, 1<<20))
	}
	assert.Len(t, h.deltas, maxDeltaBytes>>20)
	assert.Equal(t, maxDeltaBytes, h.size)
	h.keep(make([]byte, 2*maxDeltaBytes))
	assert.Empty(t, h.deltas)
	assert.Zero(t, h.size)
	assert.Equal(t, uint64(21), h.at.seq)
}

func TestOpenPagesAreBounded(t *testing.T) {
	s := newSite(t, "mgr01").serve(t)
	for range maxClients {
		s.follow(t, "").next(t)
	}
	answer, body := s.do(t, "GET", "/events", "")
	assert.Equal(t, http.StatusServiceUnavailable, answer.StatusCode)
	assert.Contains(t, body, "64 pages are open already")
	assert.Equal(t, uint64(1), s.server.Dropped()["page: too many pages"])
}

func TestNothingIsReadWhileNobodyLooks(t *testing.T) {
	s := newSite(t, "mgr01")
	synctest.Test(t, func(t *testing.T) {
		h := newHub(s.server.hub.fleet, &counts{})
		time.Sleep(time.Minute)
		assert.Zero(t, s.daemon.asked.Load()+s.daemon.told.Load())
		leave, ok := h.join()
		require.True(t, ok)
		began := s.daemon.asked.Load()
		assert.Positive(t, began, "the first page has everything at once")
		time.Sleep(time.Minute + time.Millisecond)
		assert.Equal(t, int64(time.Minute/pollEvery), s.daemon.asked.Load()-began)
		another, ok := h.join()
		require.True(t, ok)
		time.Sleep(time.Minute)
		assert.Equal(t, 2*int64(time.Minute/pollEvery), s.daemon.asked.Load()-began, "two pages cost no more")
		leave()
		another()
		before := s.daemon.asked.Load() + s.daemon.told.Load()
		time.Sleep(time.Hour)
		assert.Equal(t, before, s.daemon.asked.Load()+s.daemon.told.Load())
	})
}

func TestAPageHasItsTimeToTakeEachEvent(t *testing.T) {
	s := newSite(t, "mgr01")
	synctest.Test(t, func(t *testing.T) {
		s.server.hub = newHub(s.server.hub.fleet, &s.server.counts)
		ctx, leave := context.WithCancel(t.Context())
		w, left := &taker{header: http.Header{}}, make(chan struct{})
		go func() {
			defer close(left)
			s.server.stream(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/events", nil))
		}()
		for beats := 1; beats <= 4; beats++ {
			synctest.Wait()
			events, deadline := w.sent()
			assert.Equal(t, beats, strings.Count(events, "event: beat\n"))
			assert.Equal(t, time.Now().Add(eventWait), deadline)
			time.Sleep(beatEvery)
		}
		leave()
		<-left
	})
}

func TestAStreamHasABeatAtItsBeginningAndWhileItIsQuiet(t *testing.T) {
	s := newSite(t, "mgr01").serve(t)
	id := s.follow(t, "").next(t).id
	began := time.Now().UnixMilli()
	f := s.follow(t, id) // which lacks nothing
	for i := range 2 {
		select {
		case e := <-f.events:
			assert.Equal(t, "beat", e.name)
			assert.Empty(t, e.id)
			at, err := strconv.ParseInt(e.data, 10, 64)
			require.NoError(t, err)
			assert.Equal(t, i == 1, at-began >= beatEvery.Milliseconds(), "beat %d after %d ms", i, at-began)
		case <-time.After(aMoment):
			assert.Fail(t, "no beat")
		}
	}
}
