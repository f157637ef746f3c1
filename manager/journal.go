package manager

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"renraku/contactfile"
	"renraku/slave"
	"renraku/telegram"
)

// ordersFile is the name of the journal among the records of the manager's own runs.
const ordersFile = "orders.dat"

// The journal is the orders that are being sent or were sent and whose outcome does not stand in the history yet, so that the
// next daemon knows them when this one is killed. It is an array of slots, one line of 173 bytes for each order, with one space
// between the fields:
//
//	offset  0      2            27            52           73        138          155         164         172
//	        | mark | sent  24   | until  24   | records 20 | host 64 | process 16 | trigger 8 | CRC-32  8 | LF |
//
// The mark is '+', and '-' once the outcome stands in the history: then the slot is free. The times are UTC as in the history.
// The order counts as in progress until the second one. "records" is how many records the history had when it was sent: one of
// the same host and process that stands after them is its outcome. The CRC, in hexadecimal digits, is of all fields but the mark.
// A file of length zero has no order; a line that is not exactly so is none. Where no order is left, a long file is emptied.
//
// A line is written without fdatasync(2): the kernel keeps it when the daemon is killed, and that is what it is for. A power cut
// of the manager's machine may lose it. Then the order may be sent again; but the slave's own check starts nothing twice, and its
// response comes and is recorded all the same.
const (
	orderTimeLayout  = "2006-01-02T15:04:05.000Z"
	orderLineLength  = 173
	orderOutstanding = '+'
	orderDone        = '-'
	orderFields      = 8
)

// maxOutstanding is how many orders may be without an outcome at once, those of earlier daemons included; a further one is not
// sent.
const maxOutstanding = 4 * MaxOrders

// keptSlots is how many free slots the file keeps where it has no order: those that one block of a file system has room for. To give
// that back and ask for it again with each order is dear.
const keptSlots = 4096 / orderLineLength

// sentOrder is an order that is being sent or was sent, until its outcome stands in the history.
type sentOrder struct {
	target
	trigger slave.Trigger
	at      time.Time // when it was sent: UTC, milliseconds
	until   time.Time // when it is given up
	records int       // of the history at that time
	slot    int       // of the journal

	entry     *entry
	alone     bool          // no connection waits for its response; entry.mu
	delivered *slave.Result // its connection lives, and a response came on another; entry.mu
	due       time.Time     // until, on the monotonic clock, or when it is tried again; targets.mu
}

// line is the order as it stands in the journal.
func (s *sentOrder) line() []byte {
	b := fmt.Appendf(nil, "%c %s %s %020d %-*s %-*s %-8s ", orderOutstanding, s.at.UTC().Format(orderTimeLayout),
		s.until.UTC().Format(orderTimeLayout), s.records, telegram.HostLength, s.host, telegram.ProcessLength, s.process, s.trigger)
	return fmt.Appendf(b, "%08x\n", crc32.ChecksumIEEE(b[1:]))
}

// parseOrder reads a line of the journal that is outstanding. What it reads gives the same line again.
func parseOrder(line []byte) (*sentOrder, bool) {
	if len(line) != orderLineLength || line[0] != orderOutstanding {
		return nil, false
	}
	fields := strings.Fields(string(line))
	if len(fields) != orderFields {
		return nil, false
	}
	s := &sentOrder{trigger: slave.Trigger(fields[6])}
	var errs [5]error
	s.at, errs[0] = time.Parse(orderTimeLayout, fields[1])
	s.until, errs[1] = time.Parse(orderTimeLayout, fields[2])
	s.records, errs[2] = strconv.Atoi(fields[3])
	s.host, errs[3] = telegram.NewHost(fields[4])
	s.process, errs[4] = telegram.NewProcessID(fields[5])
	if errors.Join(errs[:]...) != nil {
		return nil, false
	}
	return s, string(s.line()) == string(line)
}

// journal is the file of orders. Its daemon is the only one: it holds the lock of the contact file.
type journal struct {
	file *os.File

	mu    sync.Mutex // not held while a line is written: each slot is one order's
	slots int        // of the file
	free  []int      // slots that have no order
}

// openJournal opens the journal in dir, making an empty one where there is none, and gives the orders that an earlier daemon left
// in it. damaged is how many lines are none.
func openJournal(dir string) (j *journal, left []*sentOrder, damaged int, err error) {
	file, err := contactfile.OpenFile(filepath.Join(dir, ordersFile), os.O_RDWR)
	if err != nil {
		return nil, nil, 0, fmt.Errorf("open the journal of orders: %w", err)
	}
	b, err := io.ReadAll(io.LimitReader(file, maxOutstanding*orderLineLength))
	if err != nil {
		file.Close()
		return nil, nil, 0, fmt.Errorf("read the journal of orders: %w", err)
	}
	j = &journal{file: file}
	for slot := 0; len(b) > 0; slot++ {
		line := b[:min(orderLineLength, len(b))]
		b = b[len(line):]
		s, ok := parseOrder(line)
		switch {
		case ok:
			s.slot = slot
			for ; j.slots < slot; j.slots++ {
				j.free = append(j.free, j.slots)
			}
			j.slots++
			left = append(left, s)
		case line[0] != orderDone:
			damaged++
		}
	}
	if err := file.Truncate(int64(j.slots) * orderLineLength); err != nil {
		file.Close()
		return nil, nil, 0, fmt.Errorf("cut the journal of orders: %w", err)
	}
	return j, left, damaged, nil
}

// note writes the order down.
func (j *journal) note(s *sentOrder) error {
	if err := j.reserve(s); err != nil {
		return err
	}
	if _, err := j.file.WriteAt(s.line(), j.offset(s)); err != nil {
		j.release(s, 0)
		return fmt.Errorf("note the order: %w", err)
	}
	return nil
}

// reserve finds a slot for the order.
func (j *journal) reserve(s *sentOrder) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	last := len(j.free) - 1
	switch {
	case last >= 0:
		s.slot = j.free[last]
		j.free = j.free[:last]
	case j.slots == maxOutstanding:
		return fmt.Errorf("%d orders have no outcome yet", maxOutstanding)
	default:
		s.slot = j.slots
		j.slots++
	}
	return nil
}

// done says that the order's outcome stands in the history. Where that cannot be written, the next daemon finds it there.
func (j *journal) done(s *sentOrder) error {
	_, err := j.file.WriteAt([]byte{orderDone}, j.offset(s))
	kept := keptSlots
	if err != nil {
		kept = 0
	}
	if err = errors.Join(err, j.release(s, kept)); err != nil {
		return fmt.Errorf("note the end of an order: %w", err)
	}
	return nil
}

// release gives the slot back, and the whole file where no order is in it any more and it is longer than the slots that are kept.
func (j *journal) release(s *sentOrder, kept int) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.free = append(j.free, s.slot)
	if len(j.free) < j.slots || j.slots <= kept {
		return nil
	}
	j.slots, j.free = 0, slices.Delete(j.free, 0, len(j.free))
	return j.file.Truncate(0)
}

// outstanding is how many orders are in it.
func (j *journal) outstanding() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.slots - len(j.free)
}

func (j *journal) offset(s *sentOrder) int64 { return int64(s.slot) * orderLineLength }

func (j *journal) close() error { return j.file.Close() }
