package manager

import (
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

// SetStatus corrects field 133 of the manager's own server on the operator's word.
func (s *Server) SetStatus(status telegram.Status) error { return s.own.SetStatus(status) }
