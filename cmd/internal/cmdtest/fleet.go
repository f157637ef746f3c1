package cmdtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"renraku/contactfile"
)

// The hosts of a Fleet.
const (
	Manager = "mgr01"
	First   = "app01"
	Second  = "app02"
)

// WriteDefinition writes a definition file into dir and gives its path.
func WriteDefinition(t testing.TB, dir, text string) string {
	t.Helper()
	path := filepath.Join(dir, "renraku.toml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o640))
	return path
}

// Fleet is a manager and two slaves on 127.0.0.1, with one definition file.
type Fleet struct {
	Config  string
	Network *Network // between them; nil: nothing is
	Ports   map[string]int
	root    string
}

// NewFleet defines a fleet with this control data, and starts nothing. Its process ONLINE reads a line from the file
// ONLINE.gate where there is one (which may be a pipe that keeps it waiting), and adds a line to ONLINE.runs.
func NewFleet(t testing.TB, control string) *Fleet {
	t.Helper()
	f := &Fleet{root: Dir(t), Ports: map[string]int{}}
	ports := Ports(t, 3)
	text := fmt.Sprintf("[manager]\nhost = %q\naddress = \"127.0.0.1:%d\"\n\n[monitor]\n%s\n", Manager, ports[0], control)
	f.Ports[Manager] = ports[0]
	for i, host := range []string{First, Second} {
		text += fmt.Sprintf("\n[[slave]]\nhost = %q\naddress = \"127.0.0.1:%d\"\n", host, ports[i+1])
		f.Ports[host] = ports[i+1]
	}
	const script = `cd "$0/$RENRAKU_HOST"; if test -e ONLINE.gate; then read line < ONLINE.gate; fi; echo $$ >> ONLINE.runs; echo up`
	text += fmt.Sprintf("\n[[process]]\nid = \"ONLINE\"\ncommand = [\"/bin/sh\", \"-c\", %q, %q]\nstatus = \"ONLINE\"\n", script, f.root)
	text += "\n[[process]]\nid = \"FAIL\"\ncommand = [\"/bin/sh\", \"-c\", \"echo no database; exit 3\"]\n"
	f.Config = WriteDefinition(t, f.root, text)
	return f
}

// Seal has the fleet be in sealed mode, with keys that renraku keygen makes. The daemons read them from where it makes them.
func (f *Fleet) Seal(t testing.TB) {
	t.Helper()
	f.Define(t, fmt.Sprintf("\n[security]\nmode = \"sealed\"\nkeys = %q\n", filepath.Join(f.keys(), "{host}")))
	f.Keygen(t)
}

// Keygen runs renraku keygen for the fleet, such as with --rotate.
func (f *Fleet) Keygen(t testing.TB, args ...string) {
	t.Helper()
	out := Renraku(t, append([]string{"keygen", f.keys(), "--config", f.Config}, args...)...)
	require.Equal(t, 0, out.Code, out.Stderr)
}

func (f *Fleet) keys() string { return filepath.Join(f.root, "keys") }

// Define adds text to the definition file.
func (f *Fleet) Define(t testing.TB, text string) {
	t.Helper()
	before, err := os.ReadFile(f.Config)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(f.Config, append(before, text...), 0o640))
}

// History is a host's history, one text such as "app01 ONLINE OPERATOR LAUNCHED ONLINE" for each record.
func (f *Fleet) History(t testing.TB, host string) []string {
	t.Helper()
	lines := []string{}
	for r, err := range contactfile.ReadHistory(f.File(host, "history.dat")) {
		require.NoError(t, err)
		lines = append(lines, fmt.Sprintf("%s %s %s %s %s", r.Host, r.Process, r.Trigger, r.Outcome, r.Application))
	}
	return lines
}

// Dir is the directory of a host's daemon.
func (f *Fleet) Dir(host string) string { return filepath.Join(f.root, host) }

// File is a file in the directory of a host's daemon.
func (f *Fleet) File(host, name string) string { return filepath.Join(f.root, host, name) }

// Start starts one daemon.
func (f *Fleet) Start(t testing.TB, host string) *Daemon {
	t.Helper()
	config := f.Config
	if host == Manager && f.Network != nil {
		config = f.Network.config
	}
	return Start(t, config, host, f.Dir(host))
}

// StartAll starts the slaves and then the manager, and waits until the manager has found all of them RUNNING.
func (f *Fleet) StartAll(t testing.TB) map[string]*Daemon {
	t.Helper()
	all := map[string]*Daemon{}
	for _, host := range []string{First, Second, Manager} {
		all[host] = f.Start(t, host)
	}
	f.AwaitManager(t, patience, Manager+" RUNNING", First+" RUNNING", Second+" RUNNING")
	return all
}

// Renraku runs the operator's command at a host; --dir is added.
func (f *Fleet) Renraku(t testing.TB, host string, args ...string) Output {
	t.Helper()
	return Renraku(t, append(args, "--dir", f.Dir(host))...)
}

// Contact is a host's contact file, one text such as "app01 RUNNING ONLINE" for each record.
func (f *Fleet) Contact(t testing.TB, host string) []string {
	t.Helper()
	records, err := contactfile.ReadFile(f.File(host, "contact.dat"))
	require.NoError(t, err)
	lines := []string{}
	for _, r := range records {
		lines = append(lines, fmt.Sprintf("%s %s %s", r.Host, r.Operating, r.Application))
	}
	return lines
}

// AwaitManager waits until each record of the manager's contact file begins with the text wanted, and gives how long that
// took.
func (f *Fleet) AwaitManager(t testing.TB, limit time.Duration, wanted ...string) time.Duration {
	t.Helper()
	return f.Await(t, limit, Manager, wanted...)
}

// Await is AwaitManager for the contact file of any host.
func (f *Fleet) Await(t testing.TB, limit time.Duration, host string, wanted ...string) time.Duration {
	t.Helper()
	return Until(t, limit, fmt.Sprintf("contact file of %s: %q", host, wanted), func() bool {
		lines := f.Contact(t, host)
		if len(lines) != len(wanted) {
			return false
		}
		for i := range lines {
			if !strings.HasPrefix(lines[i], wanted[i]) {
				return false
			}
		}
		return true
	})
}
