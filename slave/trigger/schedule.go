package trigger

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/adhocore/gronx"
)

// Places of the fields in what gronx.Segments gives, which begins with the seconds.
const (
	minuteField = 1
	hourField   = 2
	dayField    = 3

	cronFields = 5
)

// schedule is a trigger with its five fields read, and its zone. One goroutine at a time may use it.
type schedule struct {
	Trigger
	zone    zone
	minutes uint64   // bit n: minute n of the hour
	hours   uint64   // bit n: hour n of the day
	dates   []string // segments of gronx, with only day, month and weekday set

	known  bool  // whether the next two are set
	day    int64 // the day that was last asked about
	dayDue bool
}

// newSchedule checks the trigger and reads its fields. The error is ErrTrigger.
func newSchedule(t *Trigger) (*schedule, error) {
	s := &schedule{Trigger: *t, zone: zone{location: t.Location, steady: 1}}
	if err := s.read(); err != nil {
		return nil, &Error{t.Process, err}
	}
	return s, nil
}

func (s *schedule) read() error {
	switch {
	case s.At == "" && s.Message == nil:
		return errors.New("it has neither a time nor a message")
	case s.At != "" && s.Message != nil:
		return errors.New("it has both a time and a message")
	case s.Message != nil:
		return nil
	case s.Location == nil:
		return errors.New("its time has no zone")
	}
	fields := strings.Fields(s.At)
	if len(fields) != cronFields || !gronx.IsValid(strings.Join(fields, " ")) {
		return fmt.Errorf("%q is not five fields of cron", s.At)
	}
	segments, err := gronx.Segments(strings.Join(fields, " "))
	if err != nil {
		return fmt.Errorf("%q is not five fields of cron: %w", s.At, err)
	}
	if s.minutes, err = numbers(segments, minuteField, hourMinutes, time.Minute); err != nil {
		return fmt.Errorf("%q is not five fields of cron: %w", s.At, err)
	}
	if s.hours, err = numbers(segments, hourField, dayMinutes/hourMinutes, time.Hour); err != nil {
		return fmt.Errorf("%q is not five fields of cron: %w", s.At, err)
	}
	s.dates = append([]string{"*", "*", "*"}, segments[dayField:]...)
	return nil
}

// numbers gives, as bits, which of n numbers from 0 on the field means; unit is what one of them lasts.
func numbers(segments []string, field, n int, unit time.Duration) (set uint64, err error) {
	for i := range n {
		c := gronx.SegmentChecker{}
		c.SetRef(time.Unix(0, 0).UTC().Add(time.Duration(i) * unit))
		due, err := c.CheckDue(segments[field], field)
		if err != nil {
			return 0, err
		}
		if due {
			set |= 1 << i
		}
	}
	return set, nil
}

// due says whether the trigger fires in the minute m: in it the wall clock of its zone first reaches, or has just skipped, a
// minute that the five fields mean. However many such minutes there are, that is once.
func (s *schedule) due(m minute) bool {
	after, last := s.zone.shows(m)
	for w := after + 1; w <= last; w++ {
		if s.means(w) {
			return true
		}
	}
	return false
}

// means says whether the five fields mean the wall minute. gronx sees it as a time in UTC, so that it knows of no change of
// the clock.
func (s *schedule) means(w wallMinute) bool {
	if s.minutes&(1<<w.minute()) == 0 || s.hours&(1<<w.hour()) == 0 {
		return false
	}
	if day := w.day(); !s.known || s.day != day {
		g := gronx.Gronx{C: &gronx.SegmentChecker{}}
		g.C.SetRef(w.date())
		due, err := g.SegmentsDue(s.dates)
		s.day, s.known, s.dayDue = day, true, due && err == nil
	}
	return s.dayDue
}
