package metrics

import (
	"renraku/contactfile"
	"renraku/slave"
	"renraku/telegram"
)

// known is the label values that the definition of one moment gives.
type known struct {
	processes  []string // and undefined
	isProcess  map[string]bool
	statuses   []string                // NOT-STARTED, those of processes, and undefined
	status     map[telegram.Status]int // their numbers
	eachServer bool
}

func (c *collector) known() *known {
	d := c.source.Definition()
	k := &known{isProcess: map[string]bool{}, status: map[telegram.Status]int{}, eachServer: d.Web.HostMetrics}
	k.addStatus(slave.NotStarted)
	for i := range d.Processes {
		p := &d.Processes[i]
		k.isProcess[p.ID.String()] = true
		k.processes = append(k.processes, p.ID.String())
		for _, status := range []telegram.Status{p.Status, p.After, p.Failed} {
			k.addStatus(status)
		}
	}
	k.processes = append(k.processes, undefined)
	k.statuses = append(k.statuses, undefined)
	return k
}

// label is the label value of a process.
func (k *known) label(process string) string {
	if k.isProcess[process] {
		return process
	}
	return undefined
}

// addStatus takes a status up, unless there is none.
func (k *known) addStatus(s telegram.Status) {
	if _, twice := k.status[s]; !twice && s != (telegram.Status{}) {
		k.status[s] = len(k.statuses)
		k.statuses = append(k.statuses, s.String())
	}
}

// numberOf is that of a status among all.
func (k *known) numberOf(s telegram.Status) int {
	if n, ok := k.status[s]; ok {
		return n
	}
	return len(k.statuses) - 1
}

// tellServers counts servers by their statuses, and those in maintenance; those that there are none of have 0. Each server has metrics of
// its own only where the definition says so.
func (c *collector) tellServers(to telling, k *known) {
	running, stopped, found := make([]int, len(k.statuses)), make([]int, len(k.statuses)), false
	maintained, runningMaintained, stoppedMaintained := c.source.Manager.Maintained(), 0, 0
	for s := range c.source.Manager.Servers() {
		found = true
		isRunning := s.Operating == contactfile.Running
		counts, inMaintenance := stopped, &stoppedMaintained
		if isRunning {
			counts, inMaintenance = running, &runningMaintained
		}
		counts[k.numberOf(s.Application)]++
		host := s.Host.String()
		_, isMaintained := maintained[host]
		if isMaintained {
			*inMaintenance++
		}
		if k.eachServer {
			to.yes(c.serverRunning, isRunning, host)
			to.yes(c.serverMaintained, isMaintained, host)
		}
	}
	if !found { // no monitoring: nothing is known of anybody
		return
	}
	for i, status := range k.statuses {
		to.gauge(c.servers, float64(running[i]), string(contactfile.Running), status)
		to.gauge(c.servers, float64(stopped[i]), string(contactfile.Stopped), status)
	}
	to.gauge(c.maintained, float64(runningMaintained), string(contactfile.Running))
	to.gauge(c.maintained, float64(stoppedMaintained), string(contactfile.Stopped))
}
