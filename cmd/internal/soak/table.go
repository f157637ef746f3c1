package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"

	"renraku/cmd/internal/trial"
)

// kind is what must not happen.
type kind string

const (
	wrongFile    kind = "the contact file not readable, or with other servers"
	wrongStopped kind = "STOPPED though the network is well"
	wrongRunning kind = "RUNNING though nothing answers, after its bound"
	wrongNotBack kind = "not RUNNING again within its bound"
	wrongEvents  kind = "events out of their order"
	wrongLog     kind = "lines of the log that are none"
	wrongDaemon  kind = "daemons that did not start, end, go on or read again as they have to"
	wrongTold    kind = "orders without one row for each server"
	wrongMessage kind = "messages that were taken and fired nothing, or twice"
	wrongDouble  kind = "double runs"
	wrongLost    kind = "results lost at a slave"
	wrongTwice   kind = "results twice at a slave"
	wrongFalse   kind = "results that are false"
	wrongUnsent  kind = "results that the manager does not have"
	wrongMade    kind = "results at the manager that the slave does not have"
	wrongOrder   kind = "ends before their beginning in the manager's history"
	wrongRow     kind = "rows told that the manager's history does not have"
	wrongHistory kind = "records of a history that are damaged"
)

var kinds = []kind{wrongFile, wrongStopped, wrongRunning, wrongNotBack, wrongEvents, wrongLog, wrongDaemon, wrongTold, wrongMessage,
	wrongDouble, wrongLost, wrongTwice, wrongFalse, wrongUnsent, wrongMade, wrongOrder, wrongRow, wrongHistory}

// mostSaid is how many of each kind are told one by one.
const mostSaid = 5

// wrongs counts what must not happen, and tells the first of each kind at once.
type wrongs struct {
	to io.Writer

	mu sync.Mutex
	n  map[kind]int
}

func newWrongs(to io.Writer) *wrongs { return &wrongs{to: to, n: map[kind]int{}} }

func (w *wrongs) add(k kind, format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.n[k]++; w.n[k] <= mostSaid {
		fmt.Fprintf(w.to, "WRONG: %s: %s\n", k, fmt.Sprintf(format, args...))
	}
}

func (w *wrongs) total() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, more := range w.n {
		n += more
	}
	return n
}

// claim says of each kind that there is none.
func (w *wrongs) claim(must *trial.Claims) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, k := range kinds {
		must.Add(w.n[k] == 0, string(k), fmt.Sprint(w.n[k]), "0")
	}
}

// figures are what happened, for who reads the table.
type figures struct {
	mu sync.Mutex
	n  map[string]int
}

func newFigures() *figures { return &figures{n: map[string]int{}} }

func (f *figures) add(name string, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n[name] += n
}

func (f *figures) of(name string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.n[name]
}

func (f *figures) print(to io.Writer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fmt.Fprintln(to)
	for _, name := range slices.Sorted(maps.Keys(f.n)) {
		fmt.Fprintf(to, "%8d  %s\n", f.n[name], name)
	}
}
