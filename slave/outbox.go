package slave

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"

	"renraku/contactfile"
	"renraku/telegram"
)

// takenFile is the name of the receipts in the directory of the runs.
const takenFile = "taken.dat"

// The file of receipts: one line of 32 bytes with the number of the first record of the history that may be without a receipt,
// in decimal, then one byte for each record of the history: '+' where the manager has it.
const (
	takenWord   = "TAKEN "
	takenDigits = 25
	takenHeader = len(takenWord) + takenDigits + 1
	takenMark   = '+'
)

// outbox is the results that the manager has not said it has, in the order of the history. The history holds them; beside it
// stands only which of its records have their receipt.
type outbox struct {
	host    telegram.Host
	history *contactfile.History
	marks   *os.File
	log     *slog.Logger
	fresh   chan struct{} // there is something to deliver, or a reason to try again

	mu      sync.Mutex
	pending []parcel     // by number
	next    int          // every record before it was given to add
	ahead   map[int]bool // records after next that were
	first   int          // as it stands in the file
	broken  lastError    // of the file
}

// parcel is a result that the manager has not said it has.
type parcel struct {
	index    int // in the history
	response telegram.ExecutionResponse
	held     bool          // the connection of its order has it now
	settled  chan struct{} // closed when the manager has it
}

// openOutbox takes up what an earlier daemon could not deliver.
func openOutbox(host telegram.Host, records *Records, log *slog.Logger) (*outbox, error) {
	marks, err := contactfile.OpenFile(filepath.Join(records.Runs.Path(), takenFile), os.O_RDWR)
	if err != nil {
		return nil, fmt.Errorf("open the receipts: %w", err)
	}
	o := &outbox{host: host, history: records.History, marks: marks, log: log,
		fresh: make(chan struct{}, 1), ahead: map[int]bool{}}
	if err := o.load(); err != nil {
		marks.Close()
		return nil, fmt.Errorf("open the receipts: %w", err)
	}
	return o, nil
}

func (o *outbox) load() error {
	info, err := o.marks.Stat()
	if err != nil {
		return err
	}
	b := make([]byte, info.Size())
	if n, err := o.marks.ReadAt(b, 0); n < len(b) && err != nil {
		return err
	}
	o.next = o.history.Len()
	first, ok := parseTaken(b)
	if !ok || first > o.next {
		if o.next > 0 {
			o.log.Warn("receipts of the manager do not fit the history; what stands in it is not delivered again",
				"host", o.host.String(), "records", o.next)
		}
		return o.reset()
	}
	if end := int64(takenHeader + o.next); info.Size() > end { // of records that the history has no more
		if err := o.marks.Truncate(end); err != nil {
			return err
		}
	}
	o.first = first
	for i := first; i < o.next; i++ {
		if at := takenHeader + i; at < len(b) && b[at] == takenMark {
			continue
		}
		record, err := o.history.Record(i)
		if err != nil {
			continue // damaged: nobody can tell it
		}
		r, err := ResultOfRecord(&record)
		if err == nil && o.delivers(&r) {
			o.pending = append(o.pending, parcel{index: i, response: r.marked().Response(), settled: make(chan struct{})})
		}
	}
	if len(o.pending) > 0 {
		o.log.Info("results to be delivered to the manager", "host", o.host.String(), "results", len(o.pending))
		o.rouse()
	}
	return nil
}

// reset begins a new file, with nothing to deliver.
func (o *outbox) reset() error {
	if err := o.marks.Truncate(0); err != nil {
		return err
	}
	o.first = o.next
	return o.writeFirst()
}

func parseTaken(b []byte) (first int, ok bool) {
	if len(b) < takenHeader || !bytes.HasPrefix(b, []byte(takenWord)) {
		return 0, false
	}
	first, err := strconv.Atoi(string(b[len(takenWord) : takenHeader-1]))
	return first, err == nil && first >= 0
}

func (o *outbox) writeFirst() error {
	_, err := o.marks.WriteAt(fmt.Appendf(nil, "%s%0*d\n", takenWord, takenDigits, o.first), 0)
	return err
}

// delivers says whether the manager has to be told: every end of a process, and every answer to its own orders.
func (o *outbox) delivers(r *Result) bool {
	switch r.Outcome {
	case Launched, Failed, Ended:
		return r.Host == o.host
	case Already, Refused:
		return r.Host == o.host && r.Trigger == ByOrder
	}
	return false
}

// add takes a record of the history that was just written; every one has to come by. Where held is true, the connection of its
// order tells the manager first, and then says so by taken or release.
func (o *outbox) add(index int, r *Result, held bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ahead[index] = true
	for o.ahead[o.next] {
		delete(o.ahead, o.next)
		o.next++
	}
	if o.delivers(r) {
		p := parcel{index: index, response: r.marked().Response(), held: held, settled: make(chan struct{})}
		at, _ := o.find(index)
		o.pending = slices.Insert(o.pending, at, p)
	}
	o.rouse() // also where it is not delivered: one after it may be ready now
	o.noteFirst()
}

func (o *outbox) find(index int) (int, bool) {
	return slices.BinarySearchFunc(o.pending, index, func(p parcel, index int) int { return p.index - index })
}

// taken says that the manager has the result.
func (o *outbox) taken(index int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	at, ok := o.find(index)
	if !ok {
		return
	}
	close(o.pending[at].settled)
	o.pending = slices.Delete(o.pending, at, at+1)
	_, err := o.marks.WriteAt([]byte{takenMark}, int64(takenHeader+index))
	o.sayBroken(err)
	o.noteFirst()
	o.rouse()
}

// release says that the connection of the order has no receipt: the result is delivered like any other.
func (o *outbox) release(index int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if at, ok := o.find(index); ok {
		o.pending[at].held = false
		o.rouse()
	}
}

// noteFirst keeps in the file from where on the history has to be looked through at the next start.
func (o *outbox) noteFirst() {
	first := o.next
	if len(o.pending) > 0 {
		first = min(first, o.pending[0].index)
	}
	if first != o.first {
		o.first = first
		o.sayBroken(o.writeFirst())
	}
}

// sayBroken logs what is wrong with the file once. It costs a second delivery after the next start, nothing else.
func (o *outbox) sayBroken(err error) {
	if o.broken.changed(err) && err != nil {
		o.log.Error("receipt of the manager not noted", "host", o.host.String(), "error", err)
	}
}

// head is the first result without a receipt. It is not ready while the connection of its order has it, nor while a record before it was
// not given to add: two that are written at once come in either order.
func (o *outbox) head() (p parcel, ready bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.pending) == 0 {
		return parcel{}, false
	}
	return o.pending[0], !o.pending[0].held && o.pending[0].index < o.next
}

// rouse has the delivery look again.
func (o *outbox) rouse() {
	select {
	case o.fresh <- struct{}{}:
	default:
	}
}

func (o *outbox) close() error { return o.marks.Close() }
