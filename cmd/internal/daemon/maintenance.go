package daemon

import (
	"time"

	"renraku/cmd/internal/control"
	"renraku/cmd/internal/duration"
	"renraku/manager"
	"renraku/slave"
)

// maxMaintained is how many servers in maintenance the daemon's state names.
const maxMaintained = 10

// Maintain has the servers that are meant be in maintenance, or not any more.
func (m *managerStation) Maintain(request control.Maintain) (control.Maintenance, error) {
	hosts, err := hostsOf(m.current.Load().Hosts(), control.Order{Hosts: request.Hosts})
	if err != nil {
		return control.Maintenance{}, err
	}
	if request.Off {
		err = m.server.EndMaintenance(hosts)
	} else {
		length, wrong := maintenanceLength(request.For)
		if wrong != nil {
			return control.Maintenance{}, wrong
		}
		err = m.server.Maintain(hosts, length)
	}
	if err != nil {
		return control.Maintenance{}, err
	}
	until := m.server.Maintained()
	var answer control.Maintenance
	for _, host := range hosts {
		answer.Servers = append(answer.Servers, control.Maintained{Host: host.String(), Until: until[host.String()]})
	}
	return answer, nil
}

func maintenanceLength(text string) (time.Duration, error) {
	length, err := duration.Parse(text)
	if err != nil || length < manager.LeastMaintenance || length > manager.MostMaintenance {
		return 0, control.WrongRequest("a maintenance for %q: %s to %s (%s) are right", text, slave.AsWritten(manager.LeastMaintenance),
			slave.AsWritten(manager.MostMaintenance), duration.Text(manager.MostMaintenance))
	}
	return length, nil
}

// Maintenance is all servers in maintenance, in definition order.
func (m *managerStation) Maintenance() (control.Maintenance, error) {
	return control.Maintenance{Servers: m.maintained()}, nil
}

func (m *managerStation) maintained() []control.Maintained {
	until := m.server.Maintained()
	all := make([]control.Maintained, 0, len(until))
	if len(until) == 0 {
		return all
	}
	for _, host := range m.current.Load().Hosts() {
		if end, in := until[host]; in {
			all = append(all, control.Maintained{Host: host, Until: end})
		}
	}
	return all
}

// notHere says that maintenance is the manager's.
func notHere() (control.Maintenance, error) {
	return control.Maintenance{}, control.WrongRequest("this is a slave: only the manager has servers in maintenance")
}

// Maintain is refused: what a slave does by itself goes on in maintenance too.
func (s *slaveStation) Maintain(control.Maintain) (control.Maintenance, error) { return notHere() }

// Maintenance is refused.
func (s *slaveStation) Maintenance() (control.Maintenance, error) { return notHere() }
