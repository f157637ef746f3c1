package slave

import (
	"fmt"
	"log/slog"
	"sync"
	"time"

	"renraku/contactfile"
	"renraku/telegram"
)

// phase is where the status control of a slave stands.
type phase int

const (
	monitoring      phase = iota // answers every inquiry with RUNNING (33, 37)
	endedByManager               // END was received: answers START and END only (34)
	endedByOperator              // renraku stop: answers every inquiry with STOPPED until renraku start (34)
)

// StatusControl is the status control unit of a slave (210), steps 31–38. It answers inquiries; the sockets are not its own.
type StatusControl struct {
	host telegram.Host
	own  *OwnRecord
	file *contactfile.File
	log  *slog.Logger

	mu     sync.Mutex // one step of the flowchart at a time
	phase  phase
	told   telegram.Control // what the last inquiry was answered with; 0: none was since the start
	why    string           // monitoring ended, for a person
	broken lastError        // of the contact file
}

// NewStatusControl is the status control of a slave whose contact file is file and whose record in it is own.
func NewStatusControl(host telegram.Host, own *OwnRecord, file *contactfile.File, log *slog.Logger) *StatusControl {
	return &StatusControl{host: host, own: own, file: file, log: log, phase: endedByOperator, why: "monitoring has not begun"}
}

// Begin creates the contact file and begins monitoring (31, 32), at the start of the daemon and on the operator's start
// command. Where monitoring goes on already, it only creates the contact file again if somebody has emptied, damaged, removed or
// replaced it.
func (s *StatusControl) Begin() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase == monitoring && s.own.Monitored() {
		if _, err := s.own.ReadApplication(); err == nil && s.file.InPlace() {
			return nil
		}
		s.log.Warn("contact file created again", "host", s.host.String(), "reason", "it was not as it should be")
	}
	return s.begin()
}

// keepFile creates the contact file again where somebody has removed or replaced it: no reader would find what is written then. Where
// somebody has emptied or damaged it, it says so: the next inquiry may be long in coming.
func (s *StatusControl) keepFile() {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.phase != monitoring || !s.own.Monitored():
		return
	case s.file.InPlace():
		s.sayBroken(WithRemedy(s.setRunning()))
		return
	}
	s.log.Warn("contact file created again", "host", s.host.String(), "reason", "somebody has removed or replaced it")
	s.sayBroken(s.begin())
}

// End ends monitoring on the operator's end command (34–36) or at shutdown: the contact file is cleared, and every inquiry
// is answered with STOPPED, and why, until Begin.
func (s *StatusControl) End(why string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.end(endedByOperator, why)
}

// Monitoring says whether inquiries are answered with RUNNING.
func (s *StatusControl) Monitoring() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.phase == monitoring
}

// Answer takes one inquiry for this host and gives its response, or the reason for which there is none (33–38).
func (s *StatusControl) Answer(q telegram.StatusInquiry) (telegram.StatusResponse, Drop) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, drop := s.step(q)
	if drop == NoDrop {
		s.told = r.Control
	}
	return r, drop
}

// isBelievedRunning says whether the last that the manager was told is RUNNING. It is not where nobody monitors: the manager never asked,
// or has ended monitoring since.
func (s *StatusControl) isBelievedRunning() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.told == telegram.Running
}

func (s *StatusControl) step(q telegram.StatusInquiry) (telegram.StatusResponse, Drop) {
	switch s.phase {
	case endedByOperator:
		return s.response(telegram.Stopped), NoDrop
	case endedByManager:
		switch q.Control {
		case telegram.Check:
			return telegram.StatusResponse{}, DropNotMonitored
		case telegram.Start:
			s.phase = monitoring
			s.log.Info("monitoring begins", "host", s.host.String(), "reason", "START from the manager")
		}
	}
	if q.Control == telegram.End {
		if s.phase == monitoring {
			s.log.Info("monitoring ends", "host", s.host.String(), "reason", "END from the manager")
		}
		if err := s.end(endedByManager, "monitoring ended by the manager"); err != nil {
			s.sayBroken(err)
		}
		return s.response(telegram.Stopped), NoDrop
	}
	s.sayBroken(WithRemedy(s.setRunning()))
	return s.response(telegram.Running), NoDrop
}

// setRunning sets the own record to RUNNING (38), and creates the contact file where that is still to be done.
func (s *StatusControl) setRunning() error {
	if s.own.Monitored() {
		return s.own.SetRunning(time.Now())
	}
	return s.begin()
}

// Announce is the response that a slave sends unasked: RUNNING when monitoring begins, STOPPED when it has ended.
func (s *StatusControl) Announce() telegram.StatusResponse {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase == monitoring {
		return s.response(telegram.Running)
	}
	return s.response(telegram.Stopped)
}

func (s *StatusControl) begin() error {
	s.phase = monitoring
	now := time.Now()
	if err := s.file.Create([]contactfile.Record{s.own.Initial(now)}); err != nil {
		s.own.Fail(err)
		return fmt.Errorf("begin monitoring: %w", err)
	}
	if err := s.own.Begin(now); err != nil {
		return fmt.Errorf("begin monitoring: %w", err)
	}
	return nil
}

func (s *StatusControl) end(to phase, why string) error {
	s.phase, s.why = to, why
	s.own.End()
	if err := s.file.Clear(); err != nil {
		return fmt.Errorf("end monitoring: %w", err)
	}
	return nil
}

// sayBroken logs what is wrong with the contact file once, and once that it is well again.
func (s *StatusControl) sayBroken(err error) {
	if !s.broken.changed(err) {
		return
	}
	if err != nil {
		s.log.Error("contact file not written", "host", s.host.String(), "error", err)
	} else {
		s.log.Info("contact file written again", "host", s.host.String())
	}
}

// response has a text only where monitoring has ended.
func (s *StatusControl) response(c telegram.Control) telegram.StatusResponse {
	r := telegram.StatusResponse{Host: s.host, Control: c, Status: s.own.Application()}
	if c == telegram.Stopped {
		r.Text = telegram.CutText(s.why)
	}
	return r
}
