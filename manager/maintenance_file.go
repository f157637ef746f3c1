package manager

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"renraku/contactfile"
	"renraku/telegram"
)

// MaintenanceFile is the name of the file in the manager's directory that keeps which servers are in maintenance.
const MaintenanceFile = "maintenance.dat"

// maintenanceLook is the longest time between two looks at the clock, which somebody may have set: maintenance ends by the wall clock.
const maintenanceLook = time.Minute

// KeepMaintenance takes up the maintenance that an earlier daemon left in the file at path, and keeps it there from now on. Where the file
// cannot be read, no server is in maintenance, and the log says so.
func (s *StatusControl) KeepMaintenance(path string) {
	s.reloading.Lock()
	defer s.reloading.Unlock()
	s.maintenance.path = path
	left, err := contactfile.ReadMaintenance(path)
	if err != nil {
		s.log.Error("no server is in maintenance: what an earlier daemon left cannot be read", "host", s.own.Host().String(), "error", err)
	}
	s.takeUp(left)
	s.maintenance.publish()
}

// takeUp has servers be in maintenance that were so when an earlier daemon ended. The caller holds reloading.
func (s *StatusControl) takeUp(left []contactfile.Maintenance) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for i := range left {
		l := &left[i]
		host, err := telegram.NewHost(l.Host)
		switch {
		case err != nil || !s.isServer(host):
			s.log.Info(l.Host+" maintenance ends", "host", l.Host, "reason", maintenanceGone)
		case !l.Until.After(now):
			s.log.Info(l.Host+" maintenance ends", "host", l.Host, "reason", "its time was over before this daemon began")
		default:
			s.enterMaintenance(host, &maintained{until: l.Until, operating: l.Operating, application: l.Application})
			s.log.Info(l.Host+" maintenance goes on", "host", l.Host, "maintenance", l.Until.Format(time.RFC3339))
		}
	}
}

// keepMaintenance ends each maintenance at its time, until ctx ends.
func (s *StatusControl) keepMaintenance(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-s.maintenance.changed:
		case <-ctx.Done():
			return nil
		}
		timer.Reset(s.endMaintenanceInTime())
	}
}

// endMaintenanceInTime ends each maintenance whose time is over, and gives the time to the next look.
func (s *StatusControl) endMaintenanceInTime() time.Duration {
	defer s.events.deliver()
	s.reloading.Lock()
	defer s.reloading.Unlock()
	all, now, pause, ended := s.Maintained(), time.Now(), maintenanceLook, false
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if left := all[name].Sub(now); left > 0 {
			pause = min(pause, left)
			continue
		}
		if host, err := telegram.NewHost(name); err == nil {
			ended = s.endMaintenance(host, "reason", maintenanceOver) || ended
		}
	}
	if ended {
		s.maintenance.publish()
	}
	if ended || s.maintenance.behind {
		s.writeMaintenance(nil) // an error is logged, and a record whose time is over means nothing
	}
	return pause
}

// dropMaintenance ends the maintenance of hosts that the definition does not have any more. The caller holds reloading.
func (s *StatusControl) dropMaintenance() {
	dropped := false
	for name := range s.Maintained() {
		host, err := telegram.NewHost(name)
		if err == nil && host != s.own.Host() && s.addressOf(host) == nil {
			dropped = s.endMaintenance(host, "reason", maintenanceGone) || dropped
		}
	}
	if dropped {
		s.maintenance.publish()
		s.writeMaintenance(nil)
	}
}

// noteMaintenance writes the file with what is to begin. With an error the file is without it, since it does not begin: where the file has it
// already and the directory is not on disk, it is taken back. The caller holds reloading.
func (s *StatusControl) noteMaintenance(begun map[telegram.Host]*maintained) error {
	err := s.writeMaintenance(begun)
	if !isUnsynced(err) {
		return err
	}
	if still := s.writeMaintenance(nil); still != nil && !isUnsynced(still) {
		return fmt.Errorf("%w; the file has it until it can be written again: %w", err, still)
	}
	return err
}

func isUnsynced(err error) bool {
	var unsynced *contactfile.UnsyncedError
	return errors.As(err, &unsynced)
}

// writeMaintenance writes the file as it stands, with what begins. The caller holds reloading.
func (s *StatusControl) writeMaintenance(begun map[telegram.Host]*maintained) error {
	if s.maintenance.path == "" {
		s.maintenance.behind = false
		return nil
	}
	next := maps.Clone(s.maintenance.of)
	maps.Copy(next, begun)
	err := contactfile.WriteMaintenance(s.maintenance.path, maintenanceRecords(next))
	s.maintenance.behind = err != nil
	s.maintenance.written.say(s.own.Host(), err)
	return err
}

// maintenanceRecords is the maintenance file.
func maintenanceRecords(maintenance map[telegram.Host]*maintained) []contactfile.Maintenance {
	all := make([]contactfile.Maintenance, 0, len(maintenance))
	for host, m := range maintenance {
		all = append(all, contactfile.Maintenance{Host: host.String(), Operating: m.operating, Application: m.application, Until: m.until})
	}
	return all
}
