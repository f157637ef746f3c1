package metrics

import (
	"maps"
	"slices"
	"sync"

	"renraku/slave"
)

// counted are the outcomes that are counted. SET is none of a process.
var counted = []slave.Outcome{slave.Launched, slave.Failed, slave.Already, slave.Refused, slave.Ended, slave.Skipped, slave.Unreachable,
	slave.Unknown, slave.Lost}

// outcomes counts the records of the history by process and outcome: it reads what has come since somebody last asked.
type outcomes struct {
	history History

	mu     sync.Mutex
	next   int // the number of the first record that was not read yet
	counts map[string][]uint64
}

func newOutcomes(history History) *outcomes {
	return &outcomes{history: history, next: history.Len(), counts: map[string][]uint64{}}
}

// follow reads what has come, and gives all counts. Processes that the definition does not have count together, and those that it does
// not have any more are forgotten.
func (o *outcomes) follow(k *known) map[string][]uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	maps.DeleteFunc(o.counts, func(process string, _ []uint64) bool { return process != undefined && !k.isProcess[process] })
	next := o.next
	for i, r := range o.history.Backwards() {
		if i < o.next {
			break
		}
		next = max(next, i+1)
		if outcome := slices.Index(counted, slave.Outcome(r.Outcome)); outcome >= 0 {
			o.of(k.label(r.Process))[outcome]++
		}
	}
	o.next = next
	all := make(map[string][]uint64, len(k.processes))
	for _, process := range k.processes {
		all[process] = slices.Clone(o.of(process))
	}
	return all
}

// of is the counts of a process, in the order of counted.
func (o *outcomes) of(process string) []uint64 {
	counts := o.counts[process]
	if counts == nil {
		counts = make([]uint64, len(counted))
		o.counts[process] = counts
	}
	return counts
}
