package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// The control data of every slave.
const (
	interval = time.Second
	timeout  = 300 * time.Millisecond
	retries  = 4

	otherInterval = 700 * time.Millisecond // of one group, in the other definition
)

// The processes. Those of the real slaves write into the ledger that they ran, and print the same token.
const (
	processEverywhere = "TRUE"   // /bin/true; a simulated slave takes it for its status
	processRecord     = "RECORD" // the operator's, oneshot
	processServe      = "SERVE"  // the operator's, simple: a status while it runs
	processChain      = "CHAIN"  // of the message that SERVE has ended
	processBack       = "BACK"   // of the event that a slave is RUNNING
	processAlarm      = "ALARM"  // of messages from outside
	processTick       = "TICK"   // of each minute
)

const (
	serving        = "SERVING" // the status while SERVE runs
	processTimeout = 5 * time.Second
)

// variant is which definition stands.
type variant int

const (
	base  variant = iota
	other         // has more slaves, another interval of some and another process
	wrong         // is no definition
)

// writeDefinition writes the definition file as one server has it: own is nil at the manager.
func (f *fleet) writeDefinition(v variant, own *realSlave) error {
	managerAddress, path := f.address(managerNode, daemonPort), filepath.Join(f.dir, managerHost+".toml")
	if own != nil {
		managerAddress, path = own.toManager.Address, filepath.Join(f.dir, own.host+".toml")
	}
	var b strings.Builder
	fmt.Fprintf(&b, "[manager]\nhost = %q\naddress = %q\n\n[monitor]\ninterval = %q\ntimeout = %q\nretries = %d\n",
		managerHost, managerAddress, interval, timeout, retries)
	b.WriteString(f.keys.definition())
	for _, s := range f.real {
		address := s.toSlave.Address
		if s == own {
			address = s.address
		}
		fmt.Fprintf(&b, "\n[[slave]]\nhost = %q\naddress = %q\n", s.host, address)
	}
	for i, g := range f.simulated {
		if g == f.guests && v != other {
			continue
		}
		fmt.Fprintf(&b, "\n[[slave]]\nhost = \"%s[%0*d-%0*d]\"\naddress = %q\n", simulatedPrefix, f.width, g.first+1, f.width, g.last+1,
			g.proxy.Address)
		if i == 0 && v == other {
			fmt.Fprintf(&b, "interval = %q\n", otherInterval)
		}
	}
	b.WriteString(f.processes(v))
	if v == wrong {
		b.WriteString("\n[[process]]\nid = \"TRUE\"\ncommand = [\"not/absolute\"]\n")
	}
	return replaceFile(path, b.String())
}

// processes is the processes and triggers of the definition.
func (f *fleet) processes(v variant) string {
	const script = `read token < /proc/sys/kernel/random/uuid; echo "$RENRAKU_HOST $RENRAKU_PROCESS $token" >> "$0"; `
	var b strings.Builder
	process := func(id, then, more string) {
		fmt.Fprintf(&b, "\n[[process]]\nid = %q\ncommand = [\"/bin/sh\", \"-c\", %q, %q]\nhosts = [%q]\ntimeout = %q\n%s",
			id, script+then, f.ledger, realPrefix+"*", processTimeout, more)
	}
	const say = `echo "run $token"`
	fmt.Fprintf(&b, "\n[[process]]\nid = %q\ncommand = [\"/bin/true\"]\ntimeout = %q\n", processEverywhere, processTimeout)
	process(processRecord, say, "")
	process(processServe, say+"; sleep 0.5", fmt.Sprintf("type = \"simple\"\nsettle = \"200ms\"\nfrom = [\"NOT-STARTED\"]\nstatus = %q\n", serving))
	for _, id := range []string{processChain, processBack, processAlarm, processTick} {
		process(id, say, "")
	}
	if v == other {
		process("OTHER", say, "")
	}
	trigger := func(id, hosts, when string) {
		fmt.Fprintf(&b, "\n[[trigger]]\nprocess = %q\nhosts = [%q]\n%s\n", id, hosts, when)
	}
	trigger(processChain, realPrefix+"*", fmt.Sprintf("message = '^SERVE@%s1 ended normally$'", realPrefix))
	trigger(processBack, realPrefix+"2", fmt.Sprintf("message = '^%s2 RUNNING$'", realPrefix))
	trigger(processAlarm, realPrefix+"*", fmt.Sprintf("message = '^%s \\d+$'", alarm))
	trigger(processTick, realPrefix+"*", `at = "* * * * *"`)
	return b.String()
}

// replaceFile has the text stand in the file, all at once.
func replaceFile(path, text string) error {
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
