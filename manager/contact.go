package manager

import (
	"fmt"
	"time"

	"renraku/contactfile"
)

// create creates the contact file (14), with what is known of each slave.
func (s *StatusControl) create(now time.Time) error {
	s.creation++
	s.uncreated = true
	if err := s.file.Create(s.records(now, s.monitors, nil)); err != nil {
		return fmt.Errorf("begin monitoring: %w", err)
	}
	if err := s.own.Begin(now); err != nil { // the monitor of the manager's own record has nobody to ask
		return fmt.Errorf("begin monitoring: %w", err)
	}
	s.uncreated = false
	s.written.say(s.own.Host(), nil)
	s.becomesRight()
	return nil
}

// keepFile looks after the contact file. Where somebody has removed or replaced it, it creates it again: no reader would find what is
// written then. Where somebody has emptied or damaged it, it says so, and leaves it for a person to see: no order and no trigger that
// needs what is damaged goes out until renraku start.
func (s *StatusControl) keepFile() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.monitoring {
		return
	}
	switch in := s.file.InPlace(); {
	case in && !s.uncreated:
		s.lookForDamage()
		return
	case !in:
		s.log.Warn("contact file created again", "host", s.own.Host().String(), "reason", "somebody has removed or replaced it")
	}
	if err := s.create(time.Now()); err != nil {
		s.written.say(s.own.Host(), err)
	}
}

// isWhole says whether the contact file stands at its place and has a record of each server at that server's place.
func (s *StatusControl) isWhole() bool {
	records, err := s.file.Records()
	return err == nil && len(records) == s.servers() && s.checkHosts(0, records) == nil && s.file.InPlace()
}

// servers is how many records the contact file has: the manager's own, and one of each slave.
func (s *StatusControl) servers() int { return len(s.monitors) + 1 }

// checkHosts says whether the records, of which the first is record first, are those of the servers at their places.
func (s *StatusControl) checkHosts(first int, records []contactfile.Record) error {
	for i := range records {
		host := s.own.Host()
		if n := first + i; n > 0 {
			host = s.monitors[n-1].host
		}
		if err := records[i].Of(host.String(), first+i); err != nil {
			return fmt.Errorf("read contact file: %w", err)
		}
	}
	return nil
}

// lookRecords is how many records one look reads: of a large fleet each is seen in its turn, so that a look costs no more than that.
const lookRecords = 1024

// look is where the looks for damage of the contact file stand.
type look struct {
	next  int // the record that is read next; one that is damaged, until it is right
	right int // records that were found right one after the other
}

// lookForDamage compares the size of the contact file, and reads a part of it. What is wrong is said once, with the record; that all is
// right again, when every record was found so since.
func (s *StatusControl) lookForDamage() {
	s.look.next %= s.servers() // there may be fewer than at the last look
	err := s.file.CheckLength(s.servers())
	for left := min(lookRecords, s.servers()); err == nil && left > 0; {
		n := min(left, s.servers()-s.look.next)
		err = s.lookAt(n)
		left -= n
	}
	if err != nil {
		s.look.right = 0
		s.damaged.say(s.own.Host(), fmt.Errorf("renraku start makes it anew: %w", err))
	} else if s.look.right >= s.servers() {
		s.becomesRight()
	}
}

// lookAt reads the next n records, up to one that is damaged.
func (s *StatusControl) lookAt(n int) error {
	part := make([]contactfile.Record, n)
	first := s.look.next
	right, err := s.file.ReadPart(first, part)
	for i := range right {
		if err := s.checkHosts(first+i, part[i:i+1]); err != nil {
			return err
		}
		s.look.next = (first + i + 1) % s.servers()
		s.look.right++
	}
	return err
}

// becomesRight says that nothing is wrong any more in the contact file, where something was.
func (s *StatusControl) becomesRight() {
	s.look = look{}
	s.damaged.say(s.own.Host(), nil)
}
