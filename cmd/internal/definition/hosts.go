package definition

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"renraku/slave"
	"renraku/telegram"
)

// What the control data may be.
var (
	intervals = span{least: 100 * time.Millisecond, most: time.Hour, example: "10s"}
	timeouts  = span{least: 10 * time.Millisecond, most: time.Minute, example: "1s"}
	holds     = span{least: 100 * time.Millisecond, most: 24 * time.Hour, zero: "none", example: "30s"}
)

const maxRetries = 100

const (
	rightHost  = `a host name such as "app01"`
	rightHosts = `a host name such as "app01" or "web[001-200]"`
)

// hostInAddress is what stands for the host's own name in an address.
const hostInAddress = "{host}"

// control is the control data: interval, response wait, retry count.
type control struct {
	interval, timeout time.Duration
	retries           int
}

func (t *table) control(standard control) control {
	return control{
		interval: t.duration("interval", intervals, standard.interval),
		timeout:  t.duration("timeout", timeouts, standard.timeout),
		retries:  t.integer("retries", 0, maxRetries, standard.retries),
	}
}

// manager reads [manager], the server definition of the managing server.
func (r *reader) manager(top *table) {
	t := top.table("manager")
	if t == nil {
		if _, wrongType := top.values["manager"]; !wrongType {
			top.missing("manager", "a table [manager] with host and address")
		}
		r.hostsOK = false
		return
	}
	host, ok := t.needed("host", rightHost)
	if ok && !r.host(t, host, host) {
		ok = false
	}
	r.hostsOK = r.hostsOK && ok
	r.def.Manager.Host = host
	if address, addressOK := t.needed("address", rightAddress); addressOK && (ok || !strings.Contains(address, hostInAddress)) {
		full, err := complete(strings.ReplaceAll(address, hostInAddress, host))
		if err != nil {
			t.wrong("address", "%s is not an address (%v): %s is right", quoted(address), err, rightAddress)
		}
		r.def.Manager.Address = full
	}
	t.unknown()
}

// unsetHold stands for an isolation_hold that follows the intervals of the slaves, which are not known yet.
const unsetHold = time.Duration(-1)

// monitor reads [monitor], the control data for every slave that has none of its own.
func (r *reader) monitor(top *table) control {
	standard := control{DefaultInterval, DefaultTimeout, DefaultRetries}
	r.def.Monitor = Monitor{IsolationHold: unsetHold, TCPFallback: true}
	t := top.table("monitor")
	if t == nil {
		return standard
	}
	standard = t.control(standard)
	r.def.Monitor.IsolationHold = t.duration("isolation_hold", holds, unsetHold)
	r.def.Monitor.TCPFallback = t.boolean("tcp_fallback", true)
	t.unknown()
	return standard
}

// hold fills in the default of isolation_hold, once all slaves are known.
func (r *reader) hold(standard control) {
	if r.def.Monitor.IsolationHold != unsetHold {
		return
	}
	longest := time.Duration(0)
	for _, g := range r.def.Groups {
		longest = max(longest, g.Interval)
	}
	if longest == 0 {
		longest = standard.interval
	}
	r.def.Monitor.IsolationHold = DefaultHoldIntervals * longest
}

// slave reads one [[slave]] table and expands it.
func (r *reader) slave(t *table, standard control) {
	written, hostOK := t.needed("host", rightHosts)
	address, addressOK := t.needed("address", rightAddress)
	c := t.control(standard)
	t.unknown()

	if r.members > MaxSlaves {
		return
	}
	var hosts, addresses []string
	if hostOK {
		hosts, hostOK = t.expand("host", written)
	}
	if addressOK {
		addresses, addressOK = t.expand("address", address)
	}
	if r.members += max(len(hosts), len(addresses)); r.members > MaxSlaves {
		t.wrong("host", "with these the file has more than %d slaves: fewer are right", MaxSlaves)
		r.hostsOK = false
		return
	}
	if hostOK {
		hostOK = r.hosts(t, written, hosts)
	}
	r.hostsOK = r.hostsOK && hostOK
	if !hostOK {
		hosts = slices.Repeat([]string{"host"}, max(1, len(addresses))) // so that the addresses are checked all the same
	}
	full := make([]string, len(hosts))
	if addressOK && len(addresses) > 1 && len(addresses) != len(hosts) {
		t.wrong("address", "%s has %d members and host %s has %d: the same number is right", quoted(address), len(addresses), quoted(written), len(hosts))
	} else if addressOK {
		t.addresses(full, hosts, addresses)
	}
	if own := r.def.Manager.Address; own != "" && slices.Contains(full, own) {
		t.wrong("address", "%s is the manager's own: another address or port is right", quoted(own))
	}
	if !hostOK {
		return
	}
	r.def.Slaves = slices.Grow(r.def.Slaves, len(hosts))
	for i, host := range hosts {
		r.def.Slaves = append(r.def.Slaves, Slave{host, full[i], len(r.def.Groups)})
	}
	r.def.Groups = append(r.def.Groups, Group{written, address, len(hosts), c.interval, c.timeout, c.retries})
}

func (t *table) expand(key, written string) ([]string, bool) {
	members, err := slave.ExpandRange(written)
	if err != nil {
		t.wrong(key, "%s: %v", quoted(written), err)
		return nil, false
	}
	return members, true
}

// hosts checks the members of a range. It notes the first that is wrong, since the others are so for the same reason.
func (r *reader) hosts(t *table, written string, hosts []string) bool {
	for _, host := range hosts {
		if !r.host(t, host, written) {
			return false
		}
	}
	return true
}

// host checks and keeps one host name.
func (r *reader) host(t *table, host, written string) bool {
	right := rightHosts
	if t.path == "manager" {
		right = rightHost
	}
	if _, err := telegram.NewHost(host); err != nil {
		t.wrong("host", "%s is not a host name (%s): %s is right", quoted(written), because(err), right)
		return false
	}
	if i := strings.IndexAny(host, "*?[]"); i >= 0 {
		t.wrong("host", "%s is not a host name (%q stands in patterns only): %s is right", quoted(written), rune(host[i]), right)
		return false
	}
	if err := r.folderName(host); err != nil {
		t.wrong("host", "%s cannot have a folder of keys (%v), and the mode is sealed: %s is right", quoted(written), err, right)
		return false
	}
	if line, twice := r.hostLine[host]; twice {
		t.wrong("host", "%s is in line %d already: one entry for each host is right", quoted(host), line)
		return false
	}
	r.hostLine[host] = t.line("host")
	return true
}

// addresses completes an address for each host into full: its own member of a range, or the one that all share.
func (t *table) addresses(full, hosts, addresses []string) {
	last, lastFull := "", ""
	for i, host := range hosts {
		address := strings.ReplaceAll(addresses[min(i, len(addresses)-1)], hostInAddress, host)
		if address != last {
			completed, err := complete(address)
			if err != nil {
				t.wrong("address", "%s is not an address (%v): %s is right", quoted(address), err, rightAddress)
				return
			}
			last, lastFull = address, completed
		}
		full[i] = lastFull
	}
}

// because is what package telegram says against a value, without the name of the field.
func because(err error) string {
	var e *telegram.FieldError
	if !errors.As(err, &e) {
		return err.Error()
	}
	if e.Got == "" {
		return e.Err.Error()
	}
	return fmt.Sprintf("%v: %s", e.Err, e.Got)
}
