package runs_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"renraku/contactfile"
)

// What the loop counts. From countDouble on, each has to be zero.
const (
	countKills = iota
	countOrders
	countLaunched
	countFailed
	countNeverStarted
	countUnknown
	countUntaken
	countLocked
	countDouble
	countOverlapping
	countLost
	countTwice
	countFalse
	countFalseUnknown
	countFalseStatus
	counts
)

var countNames = [counts]string{"kills", "orders", "launched", "failed by themselves", "never started", "unknown", "not taken",
	"starts that found the lock held", "double runs", "runs at the same time", "lost results", "results twice", "false results",
	"unknown though their parent was not killed", "times a false field 133"}

type figures struct{ n [counts]int }

func (f *figures) add(g figures) {
	for i := range f.n {
		f.n[i] += g.n[i]
	}
}

func (f *figures) String() string {
	var all []string
	for i, n := range f.n {
		all = append(all, fmt.Sprintf("%d %s", n, countNames[i]))
	}
	return strings.Join(all, ", ")
}

func (f *figures) requireNothingWrong(t *testing.T) {
	for i := countDouble; i < counts; i++ {
		assert.Zero(t, f.n[i], countNames[i])
	}
}

// counter compares orders with what became of them.
type counter struct {
	figures
	t            *testing.T
	starts, ends map[int]int // marks of each order
}

// order takes one order, all that the history has of it, and field 133 as it stood when all of it was filed.
func (c *counter) order(o *ordered, results []contactfile.HistoryRecord, stands string) {
	starts, ends := c.starts[o.number], c.ends[o.number]
	wrong := func(count int) {
		c.n[count]++
		c.t.Errorf("%s: order %d (%s) under %v: %d starts, %d ends, told %q, field 133 was %s and is %s, results %v",
			countNames[count], o.number, o.kind, o.fault, starts, ends, o.told, o.stood, stands, results)
	}
	if starts > 1 || ends > 1 {
		wrong(countDouble)
	}
	if len(results) == 0 {
		if starts > 0 || o.told != "" || o.fault.step != "" {
			wrong(countLost)
		}
		c.n[countUntaken]++
		return
	}
	switch shape := outcomes(results); {
	case slices.Equal(shape, []string{"LAUNCHED"}) && isSimple(o.kind):
		wrong(countLost)
		return
	case len(shape) > 1 && !(slices.Equal(shape, []string{"LAUNCHED", "ENDED"}) && isSimple(o.kind)):
		wrong(countTwice)
		return
	}
	became := becameOf(results)
	c.n[became]++
	if (became == countUnknown || results[0].Text == killedAtOnce) && !o.fault.parent {
		wrong(countFalseUnknown)
	}
	if !slices.Contains(o.mayBecome(), became) || !o.isRight(became, results, starts, ends) || o.told != "" && o.told != results[0].Outcome {
		wrong(countFalse)
	}
	if !o.isFollowed(became, results, stands) {
		wrong(countFalseStatus)
	}
}

func outcomes(results []contactfile.HistoryRecord) (all []string) {
	for _, r := range results {
		all = append(all, r.Outcome)
	}
	return all
}

// killedAtOnce is the text where the parent was killed before it had read what to run.
const killedAtOnce = "not started: start the parent of the run: broken pipe"

// becameOf is the count that the results of one order belong to.
func becameOf(results []contactfile.HistoryRecord) int {
	switch last := results[len(results)-1]; {
	case strings.HasPrefix(last.Text, "unknown: "):
		return countUnknown
	case strings.HasPrefix(last.Text, "never started: "), last.Text == killedAtOnce:
		return countNeverStarted
	case strings.HasPrefix(last.Text, "exit status 3"):
		return countFailed
	}
	return countLaunched
}

// mayBecome is what can become of an order under its fault. Only a fault that comes after a time leaves anything to chance.
func (o *ordered) mayBecome() []int {
	byItself := countLaunched
	if o.kind == "fails" || o.kind == "breaks" {
		byItself = countFailed
	}
	switch f := o.fault; {
	case f.step == "" && f.parent:
		return []int{byItself, countNeverStarted, countUnknown}
	case f.step == "":
		return []int{byItself, countNeverStarted}
	case f.step == "intent" || f.step == "launched":
		return []int{countNeverStarted}
	case f.parent && f.step == "begun":
		return []int{countNeverStarted}
	case f.parent && f.step != "done" && f.step != "kept":
		return []int{countUnknown}
	}
	return []int{byItself}
}

// isRight says whether the results say what the marks say.
func (o *ordered) isRight(became int, results []contactfile.HistoryRecord, starts, ends int) bool {
	last := results[len(results)-1]
	switch became {
	case countUnknown:
		return last.Outcome == "FAILED" || last.Outcome == "ENDED"
	case countNeverStarted:
		return last.Outcome == "FAILED" && starts == 0
	case countFailed: // of type simple, on a slow machine, even before it was seen to be up
		return last.Text == "exit status 3" && ends == 1 && last.Outcome != "LAUNCHED"
	}
	return strings.HasPrefix(last.Text, "ended normally after ") && ends == 1 && last.Outcome != "FAILED"
}

// isFollowed says whether field 133 is what the definition has for these results, in each record and afterwards.
func (o *ordered) isFollowed(became int, results []contactfile.HistoryRecord, stands string) bool {
	after := o.stood
	for _, r := range results {
		prefix := statusFailed
		switch {
		case r.Outcome == "LAUNCHED":
			prefix = statusUp
		case r.Outcome == "ENDED" && became == countLaunched:
			prefix = statusAfter
		}
		if o.kind != "forks" && became != countNeverStarted {
			after = fmt.Sprint(prefix, o.number)
		}
		if r.Application != after {
			return false
		}
	}
	return stands == after
}
