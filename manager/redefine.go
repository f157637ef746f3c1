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

// Maintain has the hosts be in maintenance for so long from now on, on the operator's word: see StatusControl.Maintain.
func (s *Server) Maintain(hosts []telegram.Host, length time.Duration) error {
	return s.status.Maintain(hosts, time.Now().Add(length), slave.ByOperator)
}

// EndMaintenance ends the maintenance of those of the hosts that are in it, on the operator's word: see StatusControl.EndMaintenance.
func (s *Server) EndMaintenance(hosts []telegram.Host) error {
	return s.status.EndMaintenance(hosts, slave.ByOperator)
}

// Maintained is the hosts in maintenance, and when that ends, on the wall clock. Nobody changes the map.
func (s *Server) Maintained() map[string]time.Time { return s.status.Maintained() }

// tellOwn tells an event of the manager's own server, unless that is in maintenance. It is called under the lock of its record.
func (s *Server) tellOwn(event string) {
	if in := s.status.maintenance.own.Load(); in != nil {
		holdEvent(event, s.cfg.Host, in, &s.drops, s.cfg.Log)
	} else if s.cfg.Tell != nil {
		s.cfg.Tell(event)
	}
}

// HoldsTrigger says whether a trigger of this manager is to order nothing, since the manager suspects itself, and counts it then.
func (s *Server) HoldsTrigger() bool { return s.status.HoldsTrigger() }

// SetStatus corrects field 133 of the manager's own server on the operator's word.
func (s *Server) SetStatus(status telegram.Status) error { return s.own.SetStatus(status) }
