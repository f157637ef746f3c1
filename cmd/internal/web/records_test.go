package web

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/contactfile"
)

// readSettled reads until a file of another size is taken.
func readSettled(t *testing.T, r *records) {
	t.Helper()
	for range 2 {
		_, _, err := r.read()
		require.NoError(t, err)
	}
}

func TestRecordsKeepWhatARecordWasWhileItIsWritten(t *testing.T) {
	s := newSite(t, "mgr01", "app01", "app02")
	r := &s.server.hub.fleet.records
	readSettled(t, r)
	require.Len(t, r.known, 3)

	f, err := os.OpenFile(r.path, os.O_WRONLY, 0)
	require.NoError(t, err)
	defer f.Close()
	_, err = f.WriteAt([]byte("STOP"), contactfile.RecordLength+64)
	require.NoError(t, err)
	s.update(t, 2, stop)
	changed, whole, err := r.read()
	require.NoError(t, err)
	assert.Equal(t, []int{2}, changed, "and nobody else waits for it")
	assert.False(t, whole)
	assert.Equal(t, contactfile.Running, r.known[1].Operating)

	_, err = f.WriteAt([]byte("STOPPED "), contactfile.RecordLength+64)
	require.NoError(t, err)
	changed, whole, err = r.read()
	require.NoError(t, err)
	assert.Equal(t, []int{1}, changed)
	assert.False(t, whole)
	assert.Equal(t, contactfile.Stopped, r.known[1].Operating)
	changed, _, _ = r.read()
	assert.Empty(t, changed, "once")
}

func TestRecordsTakeAFileOfAnotherSizeWhenItIsMetTwice(t *testing.T) {
	s := newSite(t, "mgr01", "app01", "app02")
	r := &s.server.hub.fleet.records
	readSettled(t, r)
	for _, c := range []struct {
		name string
		then func()
		want int
	}{
		{"cleared, as while it is made anew", func() { require.NoError(t, s.file.Clear()) }, 3},
		{"whole again", func() { s.create(t, "mgr01", "app01", "app02") }, 3},
		{"longer", func() { s.create(t, "mgr01", "app01", "app02", "app03") }, 3},
		{"and so again", func() {}, 4},
		{"removed", func() { require.NoError(t, os.Remove(r.path)) }, 4},
		{"and still", func() {}, 0},
	} {
		c.then()
		_, _, err := r.read()
		require.NoError(t, err, c.name)
		assert.Len(t, r.known, c.want, c.name)
	}
}

func TestLastRecordsAreThoseOfTheEndOfTheHistory(t *testing.T) {
	s := newSite(t, "mgr01")
	l := &s.server.hub.fleet.last
	require.NoError(t, l.begin())
	assert.Empty(t, l.of)
	for i, host := range []string{"app01", "app02", "app01"} {
		_, err := s.history.Append(historyOf(i, host))
		require.NoError(t, err)
	}
	hosts, err := l.follow()
	require.NoError(t, err)
	assert.Equal(t, []string{"app01", "app02", "app01"}, hosts)
	assert.Equal(t, "text 2", l.of["app01"].Text)
	hosts, err = l.follow()
	require.NoError(t, err)
	assert.Empty(t, hosts)

	require.NoError(t, l.begin())
	assert.Equal(t, "text 2", l.of["app01"].Text)
	assert.Equal(t, "text 1", l.of["app02"].Text)
}

func historyOf(i int, host string) contactfile.HistoryRecord {
	return contactfile.HistoryRecord{Time: time.Unix(1_800_000_000+int64(i), 0).UTC(), Host: host, Process: "ONLINE", Trigger: "OPERATOR",
		Outcome: "LAUNCHED", Application: "ONLINE", Text: fmt.Sprintf("text %d", i)}
}

func TestTheHistoryOfAServerComesInPagesNewestFirst(t *testing.T) {
	s := newSite(t, "mgr01").serve(t)
	const n = historyPage + 20
	var records []contactfile.HistoryRecord
	for i := range n {
		records = append(records, historyOf(i, "app01"), historyOf(i, "app02"))
	}
	_, err := s.history.Append(records...)
	require.NoError(t, err)

	ask := func(query string) (a historyAnswer) {
		answer, body := s.do(t, "GET", "/api/history?"+query, "")
		require.Equal(t, 200, answer.StatusCode, body)
		require.NoError(t, json.Unmarshal([]byte(body), &a))
		return a
	}
	first := ask("host=app01")
	require.Len(t, first.Records, historyPage)
	assert.Equal(t, historyRecord{"2027-01-15T08:01:59Z", "ONLINE", "OPERATOR", "LAUNCHED", "ONLINE", "text 119"}, first.Records[0])
	assert.Positive(t, first.Next)
	rest := ask(fmt.Sprintf("host=app01&before=%d", first.Next))
	require.Len(t, rest.Records, 20)
	assert.Equal(t, "text 19", rest.Records[0].Text)
	assert.Equal(t, "text 0", rest.Records[19].Text)
	assert.Zero(t, rest.Next)
	assert.Empty(t, ask("host=app03").Records)
	for _, wrong := range []string{"", "host=" + fmt.Sprintf("%065d", 0), "host=a%20b", "host=app01&before=x", "host=app01&before=-1"} {
		answer, _ := s.do(t, "GET", "/api/history?"+wrong, "")
		assert.Equal(t, 400, answer.StatusCode, wrong)
	}
}
