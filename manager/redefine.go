package manager

import (
	"time"

	"renraku/slave"
	"renraku/telegram"
)

// Redefine has another server definition and other processes stand from now on. Slaves that stay are not disturbed, orders and runs
// in progress go on as they began. With an error everything stays as it was.
func (s *Server) Redefine(slaves []Slave, processes []slave.Process) error {
	if err := s.status.SetSlaves(slaves); err != nil {
		return err
	}
	s.SetProcesses(processes)
	return nil
}

// SetMonitoring has another hold and another word on the fallback stand from now on, as in Config.
func (s *Server) SetMonitoring(hold time.Duration, fallback bool) {
	s.status.SetHold(hold)
	s.status.SetFallback(fallback)
}

// HoldsTrigger says whether a trigger of this manager is to order nothing, since the manager suspects itself, and counts it then.
func (s *Server) HoldsTrigger() bool {
	held := s.Isolated()
	if held {
		s.drops.Count(slave.DropIsolated)
	}
	return held
}

// SetStatus corrects field 133 of the manager's own server on the operator's word.
func (s *Server) SetStatus(status telegram.Status) error { return s.own.SetStatus(status) }
