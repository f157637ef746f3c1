package slave

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// pollOften is the time between two looks of a test at what has no other way to say that it is there.
const pollOften = time.Millisecond

// post is an outbox on records of its own, and what the execution control does with it.
type post struct {
	*outbox
	t       testing.TB
	dir     string
	records *Records
	log     *logBook
	drops   Drops // of the delivery
}

func openPost(t testing.TB, dir string) *post {
	t.Helper()
	log, book := newLog()
	p := &post{t: t, dir: dir, log: book}
	var err error
	p.records, err = OpenRecords(dir, log)
	require.NoError(t, err)
	p.outbox, err = openOutbox(app01, p.records, log)
	require.NoError(t, err)
	t.Cleanup(p.end)
	return p
}

func (p *post) end() {
	p.close()
	p.records.Close()
}

func (p *post) again() *post {
	p.end()
	return openPost(p.t, p.dir)
}

// file writes a result to the history and offers it.
func (p *post) file(id string, outcome Outcome, trigger Trigger, held bool) int {
	p.t.Helper()
	r := Result{Host: app01, Process: processID(id), Trigger: trigger, Outcome: outcome, Application: NotStarted, Text: "text of " + id, Time: noon}
	index, err := p.records.History.Append(r.Record())
	require.NoError(p.t, err)
	p.add(index, &r, held)
	return index
}

// waiting is what is without a receipt.
func (p *post) waiting() (all []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, x := range p.pending {
		all = append(all, x.response.Process.String())
	}
	return all
}

func TestWhatHasNoReceiptIsTakenUpAgainInOrderWithTheSameBytes(t *testing.T) {
	p := openPost(t, t.TempDir())
	for i, id := range []string{"A", "B", "C", "D"} {
		p.file(id, []Outcome{Launched, Failed, Ended, Launched}[i], []Trigger{ByOrder, ByTime, ByMessage, ByOperator}[i], false)
	}
	p.taken(1)
	p.taken(1) // again
	first, _ := p.head()
	p = p.again()
	assert.Equal(t, []string{"A", "C", "D"}, p.waiting())
	assert.Len(t, p.log.with("results to be delivered to the manager", "results=3"), 1)
	second, ready := p.head()
	assert.True(t, ready)
	assert.Equal(t, must(first.response.Append(nil)), must(second.response.Append(nil)))
	p.taken(0)
	p.taken(3)
	p = p.again()
	assert.Equal(t, []string{"C"}, p.waiting())
	p.taken(2)
	p = p.again()
	assert.Empty(t, p.waiting())
	assert.Equal(t, fmt.Sprintf("TAKEN %025d\n++++", 4), contents(t, filepath.Join(p.dir, "runs", "taken.dat")))
	assert.Equal(t, 4, p.file("E", Launched, ByOrder, false))
	assert.Equal(t, []string{"E"}, p.again().waiting())
}

func TestTheManagerIsToldOfEveryEndAndOfItsOwnOrders(t *testing.T) {
	p := openPost(t, t.TempDir())
	i := 0
	var want []string
	for _, outcome := range []Outcome{Launched, Failed, Ended, Already, Refused, Lost, Set} {
		for _, trigger := range []Trigger{ByOrder, ByOperator, ByTime, ByMessage} {
			id := fmt.Sprintf("P%d", i)
			i++
			p.file(id, outcome, trigger, false)
			if outcome == Launched || outcome == Failed || outcome == Ended || trigger == ByOrder && (outcome == Already || outcome == Refused) {
				want = append(want, id)
			}
		}
	}
	assert.Equal(t, want, p.waiting())
	assert.Equal(t, want, p.again().waiting())
}

func TestResultsWaitInTheOrderOfTheHistoryHoweverTheyCome(t *testing.T) {
	p := openPost(t, t.TempDir())
	var all []Result
	for _, id := range []string{"A", "B", "C"} {
		r := Result{Host: app01, Process: processID(id), Trigger: ByOrder, Outcome: Launched, Application: NotStarted, Time: noon}
		_, err := p.records.History.Append(r.Record())
		require.NoError(t, err)
		all = append(all, r)
	}
	for _, i := range []int{2, 0, 1} {
		p.add(i, &all[i], i == 0)
	}
	assert.Equal(t, []string{"A", "B", "C"}, p.waiting())
	_, ready := p.head()
	assert.False(t, ready, "the connection of the order has it")
	p.release(0)
	p.release(99)
	_, ready = p.head()
	assert.True(t, ready)
	p.taken(99)
	assert.Len(t, p.waiting(), 3)
}

// A daemon that was killed between the history and the outbox has its result delivered by the next.
func TestARecordThatWasNeverOfferedIsDeliveredAfterARestart(t *testing.T) {
	p := openPost(t, t.TempDir())
	p.file("A", Launched, ByOrder, false)
	p.taken(0)
	r := Result{Host: app01, Process: processID("B"), Trigger: ByOrder, Outcome: Launched, Application: NotStarted, Time: noon}
	_, err := p.records.History.Append(r.Record())
	require.NoError(t, err)
	p = p.again()
	assert.Equal(t, []string{"B"}, p.waiting())
}

func TestReceiptsThatDoNotFitAreGivenUpWithAWord(t *testing.T) {
	header := func(n int) string { return fmt.Sprintf("TAKEN %025d\n", n) }
	cases := []struct {
		name, content string
		waiting       []string
		warned        bool
	}{
		{"whole", header(0) + "+", []string{"B", "C"}, false},
		{"none taken", header(0), []string{"A", "B", "C"}, false},
		{"all before", header(2), []string{"C"}, false},
		{"all", header(3) + "+++", nil, false},
		{"gap", header(0) + "+\x00+", []string{"B"}, false},
		{"more marks than records", header(1) + "++++++++", nil, false},
		{"zeros, as a crash leaves them", header(0) + "\x00\x00\x00", []string{"A", "B", "C"}, false},
		{"missing", "", nil, true},
		{"torn", header(0)[:20], nil, true},
		{"foreign", strings.Repeat("x", 100), nil, true},
		{"no number", "TAKEN " + strings.Repeat("x", 25) + "\n", nil, true},
		{"negative", "TAKEN -000000000000000000000001\n", nil, true},
		{"beyond the history", header(4), nil, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := openPost(t, t.TempDir())
			for _, id := range []string{"A", "B", "C"} {
				p.file(id, Launched, ByOrder, false)
			}
			p.end()
			require.NoError(t, os.WriteFile(filepath.Join(p.dir, "runs", "taken.dat"), []byte(c.content), 0o640))
			p = openPost(t, p.dir)
			assert.Equal(t, c.waiting, p.waiting())
			assert.Equal(t, c.warned, len(p.log.with("receipts of the manager do not fit the history")) == 1)
			p.file("D", Launched, ByOrder, false)
			p = p.again()
			assert.Equal(t, append(c.waiting, "D"), p.waiting(), "from now on all is well")
			assert.Empty(t, p.log.with("do not fit"))
		})
	}
}

func TestAReceiptThatCannotBeNotedIsLoggedOnce(t *testing.T) {
	p := openPost(t, t.TempDir())
	for _, id := range []string{"A", "B", "C"} {
		p.file(id, Launched, ByOrder, false)
	}
	require.NoError(t, p.marks.Close())
	for i := range 3 {
		p.taken(i)
	}
	assert.Empty(t, p.waiting())
	assert.LessOrEqual(t, len(p.log.with("receipt of the manager not noted")), 2)
}

func TestReceiptsThatCannotBeOpenedSayWhy(t *testing.T) {
	p := openPost(t, t.TempDir())
	path := filepath.Join(p.dir, "runs", "taken.dat")
	require.NoError(t, os.Remove(path))
	require.NoError(t, os.Mkdir(path, 0o750))
	log, _ := newLog()
	_, err := openOutbox(app01, p.records, log)
	require.ErrorContains(t, err, "open the receipts")
}

// Two runs that end at once are written one after the other, and offered in either order.
func TestAResultIsNotDeliveredBeforeOneThatStandsBeforeIt(t *testing.T) {
	for _, outcome := range []Outcome{Launched, Lost} { // the latter the manager is not told
		p := openPost(t, t.TempDir())
		results := []Result{
			{Host: app01, Process: processID("A"), Trigger: ByOrder, Outcome: outcome, Application: NotStarted, Time: noon},
			{Host: app01, Process: processID("B"), Trigger: ByOrder, Outcome: Launched, Application: NotStarted, Time: noon}}
		for i := range results {
			must(p.records.History.Append(results[i].Record()))
		}
		p.add(1, &results[1], false)
		_, ready := p.head()
		assert.False(t, ready)
		await(t, p.fresh)
		p.add(0, &results[0], false)
		await(t, p.fresh)
		first, ready := p.head()
		assert.True(t, ready)
		assert.Equal(t, outcome == Launched, first.index == 0)
	}
}
