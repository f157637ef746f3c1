//go:build interop

package interop

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
	"renraku/contactfile"
)

// The control data of a site.
const (
	siteInterval = 300 * time.Millisecond
	siteWait     = 100 * time.Millisecond
	siteRetries  = 3

	siteDetection = siteInterval + (siteRetries+1)*siteWait
	siteMargin    = time.Second // for a machine with other work
	sitePatience  = 30 * time.Second
)

// siteHosts are the servers of a site, the manager first, with their addresses; all have the usual port.
var siteHosts = []struct{ name, address string }{
	{"mgr01", "10.203.0.1"}, {"app01", "10.203.0.11"}, {"app02", "10.203.0.12"},
}

// site is a manager and two slaves as real processes, each in a network namespace of its own, joined by a bridge in one more. What
// passes the manager's link is captured.
type site struct {
	t       *testing.T
	prefix  string // of the names of its namespaces
	root    string
	config  string
	daemons map[string]*cmdtest.Process
	capture *cmdtest.Process
	pcap    string
}

// newSite makes the namespaces and begins the capture; no daemon runs yet. All of it goes with the test.
func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{t: t, prefix: fmt.Sprintf("renraku-%d-%d-", os.Getpid(), time.Now().UnixNano()%1e9), root: cmdtest.Dir(t),
		daemons: map[string]*cmdtest.Process{}}
	s.namespace("net")
	s.ip("-n", s.ns("net"), "link", "add", "bridge", "type", "bridge")
	s.ip("-n", s.ns("net"), "link", "set", "bridge", "up")
	for i, h := range siteHosts {
		s.namespace(h.name)
		s.ip("-n", s.ns("net"), "link", "add", "to-"+h.name, "type", "veth", "peer", "name", "eth0", "netns", s.ns(h.name))
		s.ip("-n", s.ns("net"), "link", "set", "to-"+h.name, "master", "bridge", "up")
		s.ip("-n", s.ns(h.name), "link", "set", "lo", "up")
		s.ip("-n", s.ns(h.name), "addr", "add", h.address+"/24", "dev", "eth0")
		s.ip("-n", s.ns(h.name), "link", "set", "eth0", "address", hardware(i), "up")
	}
	s.introduce()
	s.define()
	s.beginCapture()
	return s
}

func hardware(i int) string { return fmt.Sprintf("02:00:00:00:00:%02x", i+1) }

// introduce has every server know the others' hardware addresses: while a link is down, inquiries go out all the same and are seen.
func (s *site) introduce() {
	for _, h := range siteHosts {
		for i, other := range siteHosts {
			if other != h {
				s.ip("-n", s.ns(h.name), "neigh", "replace", other.address, "lladdr", hardware(i), "dev", "eth0", "nud", "permanent")
			}
		}
	}
}

func (s *site) ns(name string) string { return s.prefix + name }

func (s *site) namespace(name string) {
	s.t.Helper()
	s.ip("netns", "add", s.ns(name))
	s.t.Cleanup(func() { exec.Command("ip", "netns", "del", s.ns(name)).Run() })
}

func (s *site) ip(args ...string) {
	s.t.Helper()
	run(s.t, exec.Command("ip", args...), ".")
}

// inside is a command in the namespace of a host; ip gives its process over to it.
func (s *site) inside(name string, args ...string) *exec.Cmd {
	return exec.Command("ip", append([]string{"netns", "exec", s.ns(name)}, args...)...)
}

// define writes the definition. ONLINE adds a line to the file ONLINE.runs, and waits for the file ONLINE.gate to go where there is one.
func (s *site) define() {
	text := fmt.Sprintf("[manager]\nhost = %q\naddress = %q\n\n[monitor]\ninterval = %q\ntimeout = %q\nretries = %d\n",
		siteHosts[0].name, siteHosts[0].address, siteInterval, siteWait, siteRetries)
	for _, h := range siteHosts[1:] {
		text += fmt.Sprintf("\n[[slave]]\nhost = %q\naddress = %q\n", h.name, h.address)
	}
	const script = `cd "$0/$RENRAKU_HOST"; echo run >> ONLINE.runs; while test -e ONLINE.gate; do sleep 0.02; done`
	text += fmt.Sprintf("\n[[process]]\nid = \"ONLINE\"\ncommand = [\"/bin/sh\", \"-c\", %q, %q]\nstatus = \"ONLINE\"\n", script, s.root)
	s.config = cmdtest.WriteDefinition(s.t, s.root, text)
}

func (s *site) beginCapture() {
	s.t.Helper()
	s.pcap = filepath.Join(s.root, "site.pcap")
	s.capture = cmdtest.Begin(s.t, s.inside("net", "dumpcap", "-q", "-P", "-B", "16", "-i", "to-"+siteHosts[0].name, "-w", s.pcap))
	cmdtest.Until(s.t, sitePatience, "the capture begins", func() bool { return strings.Contains(s.capture.Stderr(), "File: ") })
}

// The last packet of a capture: a datagram to a port where nothing listens. What stands before it in the file is complete.
const (
	lastPort = 9
	lastWord = "end of the capture"
)

// captured ends the capture and gives its file.
func (s *site) captured() string {
	s.t.Helper()
	last := fmt.Sprintf("import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b%q, (%q, %d))",
		lastWord, siteHosts[1].address, lastPort)
	run(s.t, s.inside(siteHosts[0].name, "python3", "-c", last), ".")
	cmdtest.Until(s.t, sitePatience, "the capture is complete", func() bool {
		b, err := os.ReadFile(s.pcap)
		return err == nil && bytes.Contains(b, []byte(lastWord))
	})
	s.capture.Signal(s.t, syscall.SIGINT)
	s.capture.Wait(s.t)
	require.Regexp(s.t, `received/dropped on interface '[^']+': [0-9]+/0 \(`, s.capture.Stderr(), "no packet is missing")
	return s.pcap
}

func (s *site) file(host, name string) string { return filepath.Join(s.root, host, name) }

// start starts the daemon of a host and waits until it is ready.
func (s *site) start(host string) {
	s.t.Helper()
	p := cmdtest.Begin(s.t, s.inside(host, cmdtest.Binary(s.t, "renrakud"), "--config", s.config, "--host", host, "--dir", s.file(host, "")))
	s.daemons[host] = p
	cmdtest.Until(s.t, sitePatience, host+" ready", func() bool { return strings.Contains(p.Stderr(), "msg=ready") })
}

func (s *site) startAll() {
	s.t.Helper()
	for _, h := range siteHosts {
		s.start(h.name)
	}
	s.await(sitePatience, "RUNNING", "RUNNING", "RUNNING")
}

// end sends a signal to the daemon of a host and waits for its end.
func (s *site) end(host string, signal syscall.Signal) {
	s.t.Helper()
	s.daemons[host].Signal(s.t, signal)
	s.daemons[host].Wait(s.t)
}

// await waits until the manager's contact file shows the operating statuses, and gives how long that took.
func (s *site) await(limit time.Duration, want ...string) time.Duration {
	s.t.Helper()
	return cmdtest.Until(s.t, limit, fmt.Sprintf("operating statuses %q", want), func() bool {
		records, err := contactfile.ReadFile(s.file("mgr01", "contact.dat"))
		if err != nil || len(records) != len(want) {
			return false
		}
		for i, r := range records {
			if string(r.Operating) != want[i] {
				return false
			}
		}
		return true
	})
}

// renraku runs the operator's command at the manager.
func (s *site) renraku(args ...string) cmdtest.Output {
	s.t.Helper()
	return cmdtest.Renraku(s.t, append(args, "--dir", s.file("mgr01", ""))...)
}

// cut takes the link of a host down, or up again.
func (s *site) link(host, state string) { s.ip("-n", s.ns("net"), "link", "set", "to-"+host, state) }

// runs is how often ONLINE has run on a host.
func (s *site) runs(host string) int {
	b, err := os.ReadFile(s.file(host, "ONLINE.runs"))
	if err != nil {
		assert.ErrorIs(s.t, err, os.ErrNotExist)
	}
	return strings.Count(string(b), "\n")
}

// results is what a history has of the runs on a host.
func (s *site) results(at, host string) (all []string) {
	s.t.Helper()
	for r, err := range contactfile.ReadHistory(s.file(at, "history.dat")) {
		require.NoError(s.t, err)
		if r.Host == host && r.Outcome != "UNKNOWN" {
			all = append(all, strings.Join([]string{r.Process, r.Outcome, r.Application, r.Text}, " "))
		}
	}
	return all
}
