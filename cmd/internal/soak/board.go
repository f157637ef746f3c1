package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"renraku/contactfile"
)

// The bounds of what the manager finds. Slack is for this machine, on which much happens at once.
const (
	slack        = 2 * time.Second
	stoppedBound = interval + (retries+1)*timeout + timeout + slack // one more inquiry where the manager itself was late
	runningBound = interval + timeout + 2*longestWay + slack
)

// anything is what a record may say of a slave on a bad network.
const anything contactfile.Operating = ""

const (
	lookAgain = 100 * time.Millisecond // between two looks at the contact file
	lagLimit  = 500 * time.Millisecond // where the program itself was late by more, what it saw meanwhile says nothing
)

// expectation is what the manager has to say of a server.
type expectation struct {
	operating contactfile.Operating
	since     time.Time // from which on the time for it counts
	met       bool
}

func (e *expectation) bound() time.Duration {
	if e.operating == contactfile.Stopped {
		return stoppedBound
	}
	return runningBound
}

// due says whether the manager has to have found it by now.
func (e *expectation) due(now time.Time) bool {
	return e.operating != anything && now.After(e.since.Add(e.bound()))
}

// board is what the contact file of the manager has to say, and whether it does.
type board struct {
	path  string
	wrong *wrongs

	mu      sync.Mutex // held while the file is read, so that nothing is expected anew meanwhile
	hosts   map[string]*expectation
	roster  []string  // of the definition that stands
	next    []string  // that is being taken over; nil: none
	down    bool      // the manager is not there: the file may be empty
	paused  time.Time // since when it is stopped; zero: it is not
	looks   int
	stopped []judgedAt                    // since the last look
	stands  map[contactfile.Operating]int // at the last look
	found   map[contactfile.Operating]int
	latest  map[contactfile.Operating]time.Duration
	excused time.Duration
}

func newBoard(path string, roster []string, w *wrongs) *board {
	return &board{path: path, roster: roster, wrong: w, hosts: map[string]*expectation{},
		found: map[contactfile.Operating]int{}, latest: map[contactfile.Operating]time.Duration{}}
}

// expect has the servers be found so, from now on.
func (b *board) expect(hosts []string, operating contactfile.Operating) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	for _, host := range hosts {
		if e := b.hosts[host]; e == nil || e.operating != operating {
			b.hosts[host] = &expectation{operating: operating, since: now}
		}
	}
}

// release expects nothing any more of the servers that have to be found otherwise until now.
func (b *board) release(hosts []string, operating contactfile.Operating) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, host := range hosts {
		if e := b.hosts[host]; e != nil && e.operating != operating {
			e.operating = anything
		}
	}
}

// pause says that the manager is stopped from now on. It finds nobody until resume, and then has the whole time for whom it had to
// find after now.
func (b *board) pause() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.paused = time.Now()
}

// resume says that the manager goes on.
func (b *board) resume() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.excuse(b.paused)
	b.paused = time.Time{}
}

// excuse gives the time for what was not due when it began once more: nobody could be found in it. The caller holds the lock.
func (b *board) excuse(begun time.Time) {
	now := time.Now()
	for _, e := range b.hosts {
		if !e.due(begun) {
			e.since = now
		}
	}
}

// forgive is excuse for all: a new manager knows nobody.
func (b *board) forgive() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.down = false
	for _, e := range b.hosts {
		e.since, e.met = time.Now(), false
	}
}

// setDown says that the manager is not there.
func (b *board) setDown() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.down = true
}

func (b *board) isDown() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.down
}

// change has another definition be taken over; changed says that it is.
func (b *board) change(next []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.next = next
}

func (b *board) changed() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.roster, b.next = b.next, nil
}

// look reads the contact file and compares it.
func (b *board) look() {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	records, err := contactfile.ReadFile(b.path)
	b.compareJudged()
	if b.down {
		return
	}
	b.looks++
	if err != nil {
		b.wrong.add(wrongFile, "%v", err)
		return
	}
	hosts := make([]string, len(records))
	for i := range records {
		hosts[i] = records[i].Host
	}
	if !slices.Equal(hosts, b.roster) && (b.next == nil || !slices.Equal(hosts, b.next)) {
		b.wrong.add(wrongFile, "%d records, which are not the %d of the definition", len(hosts), len(b.roster))
		return
	}
	b.stands = map[contactfile.Operating]int{}
	for i := range records {
		b.stands[records[i].Operating]++
		b.compare(&records[i], now)
	}
}

func (b *board) compare(r *contactfile.Record, now time.Time) {
	e := b.hosts[r.Host]
	if e == nil || e.operating == anything {
		return
	}
	if r.Operating == e.operating {
		if !e.met {
			e.met = true
			b.found[e.operating]++
			b.latest[e.operating] = max(b.latest[e.operating], now.Sub(e.since))
		}
		return
	}
	if !b.paused.IsZero() {
		now = b.paused
	}
	if !e.due(now) {
		return
	}
	kind := wrongStopped
	switch {
	case e.operating == contactfile.Stopped:
		kind = wrongRunning
	case !e.met:
		kind = wrongNotBack
	}
	b.wrong.add(kind, "%s is %s %v after it has to be %s", r.Host, r.Operating, now.Sub(e.since).Round(time.Millisecond), e.operating)
	e.since, e.met = now, false // once
}

// judged is a STOPPED of the manager's log. It is looked at with the contact file, when it is known whether this program had a processor.
func (b *board) judged(host string, at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stopped = append(b.stopped, judgedAt{host, at})
}

type judgedAt struct {
	host string
	at   time.Time
}

// compareJudged: nobody whose network is well may be found STOPPED, however shortly. The caller holds the lock.
func (b *board) compareJudged() {
	for _, j := range b.stopped {
		if e := b.hosts[j.host]; e != nil && e.operating == contactfile.Running && e.due(j.at) {
			b.wrong.add(wrongStopped, "%s was found STOPPED at %s", j.host, j.at.Format(time.TimeOnly))
		}
	}
	b.stopped = b.stopped[:0]
}

// excuseAll gives everybody the whole time once more: the program itself was late, and it is the network.
func (b *board) excuseAll(late time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.excused += late
	for _, e := range b.hosts {
		e.since = time.Now()
	}
}

// watch looks at the file until ctx ends.
func (b *board) watch(ctx context.Context) {
	ticker := time.NewTicker(lookAgain)
	defer ticker.Stop()
	for last := time.Now(); ; {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		if late := time.Since(last) - lookAgain; late > lagLimit {
			b.excuseAll(late)
		}
		last = time.Now()
		b.look()
	}
}

// unmet says who is not found as he has to be, yet.
func (b *board) unmet() (all []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, host := range b.roster {
		if e := b.hosts[host]; e != nil && e.operating != anything && !e.met {
			all = append(all, host)
		}
	}
	return all
}

// told is what was found, and how late the last was.
func (b *board) told(operating contactfile.Operating) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return fmt.Sprintf("%d; the last after %v", b.found[operating], b.latest[operating].Round(time.Millisecond))
}

// count is how many servers were found so at the last look.
func (b *board) count(operating contactfile.Operating) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.stands[operating]
}

// looked is how often the file was read, and the time in which the program itself had no processor.
func (b *board) looked() (looks int, excused time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.looks, b.excused
}
