package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// count is what the loop counts. From countDouble on, each has to be zero.
type count string

const (
	countRounds      count = "rounds"
	countKills       count = "kills"
	countOrders      count = "orders"
	countResults     count = "results of runs"
	countHeld        count = "starts that found a socket of the daemon before still held"
	countRedelivered count = "results that stand twice at the manager, an order having been sent in between"

	countDouble       count = "double runs"
	countOverlapping  count = "runs at the same time"
	countLost         count = "lost results"
	countTwice        count = "results twice"
	countFalse        count = "false results"
	countFalseUnknown count = "unknown though their parent was not killed"
	countManagerLost  count = "results that the manager does not have"
	countManagerFalse count = "records at the manager that are not the slave's"
	countFalseStatus  count = "times a false field 133"
)

var (
	countsOfAll   = []count{countRounds, countKills, countOrders, countResults, countHeld, countRedelivered}
	countsOfWrong = []count{countDouble, countOverlapping, countLost, countTwice, countFalse, countFalseUnknown, countManagerLost,
		countManagerFalse, countFalseStatus}
)

// figures are counts, each by kind.
type figures struct {
	n map[count]map[string]int
}

func newFigures() figures {
	f := figures{n: map[count]map[string]int{}}
	for _, c := range slices.Concat(countsOfAll, countsOfWrong) {
		f.n[c] = map[string]int{}
	}
	return f
}

func (f *figures) add(g *figures) {
	for c, kinds := range g.n {
		for kind, n := range kinds {
			f.n[c][kind] += n
		}
	}
}

func (f *figures) total(c count) (n int) {
	for _, more := range f.n[c] {
		n += more
	}
	return n
}

func (f *figures) String() string {
	var b strings.Builder
	for _, c := range slices.Concat(countsOfAll, countsOfWrong) {
		fmt.Fprintf(&b, "\n%6d %s", f.total(c), c)
		separator := ": "
		for _, kind := range slices.Sorted(maps.Keys(f.n[c])) {
			if kind != "" {
				fmt.Fprintf(&b, "%s%d %s", separator, f.n[c][kind], kind)
				separator = ", "
			}
		}
	}
	return b.String()
}

func (f *figures) requireNothingWrong(t *testing.T) {
	for _, c := range countsOfWrong {
		assert.Zero(t, f.total(c), string(c))
	}
}
