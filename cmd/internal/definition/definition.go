package definition

import (
	"time"

	"renraku/slave"
	"renraku/slave/trigger"
)

// Defaults of the control data.
const (
	DefaultInterval = 10 * time.Second
	DefaultTimeout  = time.Second
	DefaultRetries  = 5

	DefaultHoldIntervals = 3 // of IsolationHold, the longest of all slaves
)

// Definition is what a definition file says. What Parse gives is complete: hosts and IDs are unique, every pattern matches a
// host, and every default is filled in.
type Definition struct {
	File      string // as it was given to Load or Parse
	Security  Security
	Manager   Manager
	Monitor   Monitor
	Web       Web
	Slaves    []Slave // expanded, in definition order
	Groups    []Group // as written, in definition order
	Processes []slave.Process
	Triggers  []Trigger
}

// Manager is the managing server (100).
type Manager struct {
	Host    string
	Address string // host:port
}

// Monitor is what [monitor] says of all slaves together; the control data of each are its group's.
type Monitor struct {
	IsolationHold time.Duration // how long the manager that may be cut off holds its judgement, at most; 0: not at all
	TCPFallback   bool          // a slave is asked on TCP before it is called STOPPED for want of an answer on UDP
}

// Slave is one slave server (200). There may be very many, so what they have in common is their group's.
type Slave struct {
	Host    string
	Address string // host:port; slaves of one group may share it
	Group   int    // the index in Groups of its [[slave]] table, which has its control data
}

// Group is one [[slave]] table with the control data of its slaves.
type Group struct {
	Host     string        // as written, such as "web[001-200]"
	Address  string        // as written, such as "{host}.example.net"
	Count    int           // its slaves
	Interval time.Duration // from inquiry to inquiry
	Timeout  time.Duration // response wait
	Retries  int           // inquiries after the first that had no answer
}

// Trigger starts a process at a preset time or on a message (50).
type Trigger = trigger.Trigger

// Role is what a host is in the definition (10–12).
type Role int

// The roles. The zero value is none.
const (
	ManagerRole Role = iota + 1
	SlaveRole
)

// String is the role in a word.
func (r Role) String() string {
	switch r {
	case ManagerRole:
		return "manager"
	case SlaveRole:
		return "slave"
	}
	return "no role"
}

// Role says what the host is (10–12), and for a slave its index in Slaves. It is not ok where the definition has no such host.
func (d *Definition) Role(host string) (role Role, index int, ok bool) {
	if host == "" {
		return 0, 0, false
	}
	if host == d.Manager.Host {
		return ManagerRole, 0, true
	}
	for i := range d.Slaves {
		if d.Slaves[i].Host == host {
			return SlaveRole, i, true
		}
	}
	return 0, 0, false
}

// Hosts gives every host: the manager first, then the slaves in definition order.
func (d *Definition) Hosts() []string {
	hosts := make([]string, 0, 1+len(d.Slaves))
	hosts = append(hosts, d.Manager.Host)
	for i := range d.Slaves {
		hosts = append(hosts, d.Slaves[i].Host)
	}
	return hosts
}

// Process gives the process with that ID, and nil where there is none.
func (d *Definition) Process(id string) *slave.Process {
	for i := range d.Processes {
		if d.Processes[i].ID.String() == id {
			return &d.Processes[i]
		}
	}
	return nil
}

// GroupOf gives the group of a slave of the definition.
func (d *Definition) GroupOf(s *Slave) *Group { return &d.Groups[s.Group] }

// Detection is the longest time from the silence of one of the group's slaves until it counts as stopped.
func (g *Group) Detection() time.Duration {
	return g.Interval + time.Duration(g.Retries+1)*g.Timeout
}

// DetectionHeld is the same where more than half of the running slaves, and at least 3, fall silent together: the manager that holds
// its judgement may hear of enough others just before the end, and then asks once more, with all retries.
func (d *Definition) DetectionHeld(g *Group) time.Duration {
	if d.Monitor.IsolationHold == 0 {
		return g.Detection()
	}
	return g.Detection() + d.Monitor.IsolationHold + time.Duration(g.Retries+2)*g.Timeout
}
