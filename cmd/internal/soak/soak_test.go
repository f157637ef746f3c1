package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/trial"
	"renraku/contactfile"
)

// lifeOf is a life with these numbers of goroutines.
func lifeOf(goroutines ...int) *life {
	l := &life{name: "mgr01"}
	for _, n := range goroutines {
		l.all = append(l.all, sample{inside: inside{Goroutines: n, Heap: uint64(n) << 20}, Resident: 20 << 20, Descriptors: 10, Threads: 8})
	}
	return l
}

// growing is n samples from first to last.
func growing(n, first, last int) (all []int) {
	for i := range n {
		all = append(all, first+(last-first)*i/(n-1))
	}
	return all
}

func TestGrowthIsFoundAndPeaksAreNone(t *testing.T) {
	tests := []struct {
		name  string
		all   []int
		holds bool
	}{
		{"nothing changes", growing(30, 20, 20), true},
		{"warming up", append(growing(10, 5, 100), growing(20, 100, 100)...), true},
		{"one peak in the last third", append(growing(29, 20, 20), 1000), true},
		{"a slow leak", growing(30, 20, 80), false},
		{"too few samples", growing(10, 20, 20), false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var must trial.Claims
			lifeOf(test.all...).claim(&must)
			assert.Equal(t, test.holds, must.Print(new(bytes.Buffer)), "%v", must)
		})
	}
}

func TestWhatIsUsedAtRestMayNotBeMore(t *testing.T) {
	var must trial.Claims
	before := sample{inside: inside{Goroutines: 20}, Descriptors: 10}
	claimRest(&must, "mgr01", before, sample{inside: inside{Goroutines: 20 + mostAtRest}, Descriptors: 10})
	assert.True(t, must.Print(new(bytes.Buffer)))
	claimRest(&must, "mgr01", before, sample{inside: inside{Goroutines: 20}, Descriptors: 11 + mostAtRest})
	assert.False(t, must.Print(new(bytes.Buffer)))
}

func TestUsageOfAProcessIsThatOfThisOne(t *testing.T) {
	resident, threads, err := statusOf(os.Getpid())
	require.NoError(t, err)
	assert.Greater(t, resident, uint64(1<<20))
	assert.Greater(t, threads, 1)
	_, _, err = statusOf(-1)
	assert.ErrorIs(t, err, os.ErrNotExist)
	assert.Positive(t, ownInside().Goroutines)
	assert.Positive(t, ownInside().Heap)
}

// boardOf is a board over a contact file with one slave, which has to be found so for a long time already.
func boardOf(t *testing.T, stands, expected contactfile.Operating) (*board, *wrongs) {
	path := filepath.Join(t.TempDir(), "contact.dat")
	file, err := contactfile.Open(path)
	require.NoError(t, err)
	require.NoError(t, file.Create([]contactfile.Record{{Host: "app1", Operating: stands, Application: "NOT-STARTED", Since: time.Now()}}))
	require.NoError(t, file.Close())
	w := newWrongs(new(bytes.Buffer))
	b := newBoard(path, []string{"app1"}, w)
	b.hosts["app1"] = &expectation{operating: expected, since: time.Now().Add(-time.Minute)}
	return b, w
}

func TestTheContactFileIsComparedWithWhatIsExpected(t *testing.T) {
	tests := []struct {
		name             string
		stands, expected contactfile.Operating
		then             func(*board)
		wrong            kind
	}{
		{"right", contactfile.Running, contactfile.Running, func(*board) {}, ""},
		{"anything", contactfile.Stopped, anything, func(*board) {}, ""},
		{"silent and RUNNING", contactfile.Running, contactfile.Stopped, func(*board) {}, wrongRunning},
		{"well and never RUNNING", contactfile.Stopped, contactfile.Running, func(*board) {}, wrongNotBack},
		{"well and STOPPED", contactfile.Stopped, contactfile.Running, func(b *board) { b.hosts["app1"].met = true }, wrongStopped},
		{"STOPPED for a moment", contactfile.Running, contactfile.Running, func(b *board) { b.judged("app1", time.Now()) }, wrongStopped},
		{"STOPPED for a moment, this program being late", contactfile.Running, contactfile.Running, func(b *board) {
			b.judged("app1", time.Now())
			b.excuseAll(time.Second)
		}, ""},
		{"another server", contactfile.Running, contactfile.Running, func(b *board) { b.roster = []string{"app2"} }, wrongFile},
		{"another definition is being read", contactfile.Running, contactfile.Running,
			func(b *board) { b.roster, b.next = []string{"app2"}, b.roster }, ""},
		{"not due yet", contactfile.Running, contactfile.Stopped, func(b *board) { b.hosts["app1"].since = time.Now() }, ""},
		{"the manager is stopped since before that was due", contactfile.Running, contactfile.Stopped,
			func(b *board) { b.paused = b.hosts["app1"].since.Add(time.Second) }, ""},
		{"the manager is stopped since after that was due", contactfile.Running, contactfile.Stopped, (*board).pause, wrongRunning},
		{"the manager was stopped since before that was due", contactfile.Running, contactfile.Stopped, func(b *board) {
			b.paused = b.hosts["app1"].since.Add(time.Second)
			b.resume()
		}, ""},
		{"torn", contactfile.Running, contactfile.Running, func(b *board) { os.Truncate(b.path, 100) }, wrongFile},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b, w := boardOf(t, test.stands, test.expected)
			test.then(b)
			b.look()
			want := map[kind]int{}
			if test.wrong != "" {
				want[test.wrong] = 1
			}
			assert.Equal(t, want, w.n)
		})
	}
}

// The last answer may come through when the direction that is cut off changes: it was under way, or comes between both settings.
func TestAnotherCutGivesTheWholeTimeForStoppedAgain(t *testing.T) {
	for i := range weathers {
		w := &weathers[i]
		t.Run(w.name, func(t *testing.T) {
			b, wrong := boardOf(t, contactfile.Running, contactfile.Stopped)
			s := &soak{board: b, fleet: &fleet{}, figures: newFigures()}
			s.set([]string{"app1"}, w)
			b.look()
			assert.Empty(t, wrong.n)
			assert.Equal(t, w.finds, b.hosts["app1"].operating)
			if w.finds == contactfile.Stopped {
				b.hosts["app1"].since = time.Now().Add(-stoppedBound)
				b.look()
				assert.Equal(t, map[kind]int{wrongRunning: 1}, wrong.n)
			}
		})
	}
}

func TestEventsOfASlaveTakeTurns(t *testing.T) {
	const running, stopped = `{"time":"2026-11-22T10:43:06Z","msg":"sim1 RUNNING","host":"sim1"}` + "\n",
		`{"time":"2026-11-22T10:43:07Z","msg":"sim1 STOPPED","host":"sim1"}` + "\n"
	w, log := newWrongs(new(bytes.Buffer)), new(bytes.Buffer)
	j := newJournal(log, w)
	for _, part := range []string{running[:20], running[20:] + stopped, `{"msg":"trigger of ALARM fires"}` + "\n"} {
		j.Write([]byte(part))
	}
	assert.Zero(t, w.total())
	assert.Equal(t, "STOPPED", j.lastOf("sim1"))
	assert.Equal(t, 1, j.firings("ALARM"))
	j.Write([]byte(stopped))
	assert.Equal(t, map[kind]int{wrongEvents: 1}, w.n)
	assert.Equal(t, 4, bytes.Count(log.Bytes(), []byte("\n")))
}
