//go:build interop

package interop

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
	"renraku/contactfile"
)

const (
	nrpeServer = "/usr/sbin/nrpe"
	nrpeClient = "/usr/lib/nagios/plugins/check_nrpe"
	nrpeUser   = "nagios" // which the package of the server makes

	nrpePatience = 30 * time.Second
)

// nrpe is NRPE's server, and the contact file that its command checks.
type nrpe struct {
	port int
	dir  string
	file *contactfile.File
}

// startNRPE starts the server on loopback. It runs its commands as a user of its own, as on any server: so the contact file has the
// rights that the daemon gives it, and that user's group.
func startNRPE(t *testing.T) *nrpe {
	t.Helper()
	account, err := user.Lookup(nrpeUser)
	require.NoError(t, err)
	group, err := strconv.Atoi(account.Gid)
	require.NoError(t, err)
	root := cmdtest.Dir(t)
	require.NoError(t, os.Chmod(root, 0o755))
	binary, err := os.ReadFile(cmdtest.Binary(t, "renraku"))
	require.NoError(t, err)
	renraku := filepath.Join(root, "renraku")
	require.NoError(t, os.WriteFile(renraku, binary, 0o755))

	n := &nrpe{port: cmdtest.Ports(t, 1)[0], dir: filepath.Join(root, "mgr01")}
	require.NoError(t, contactfile.MakeDir(n.dir))
	n.file, err = contactfile.Open(n.contact())
	require.NoError(t, err)
	t.Cleanup(func() { n.file.Close() })
	for _, path := range []string{n.dir, n.contact()} {
		require.NoError(t, os.Chown(path, 0, group))
	}
	config := filepath.Join(root, "nrpe.cfg")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, `server_address=127.0.0.1
server_port=%d
allowed_hosts=127.0.0.1
nrpe_user=%s
nrpe_group=%s
pid_file=%s/nrpe.pid
dont_blame_nrpe=0
command_timeout=10
command[check_renraku]=%s check --dir %s
command[check_renraku_app01]=%[5]s check --dir %s app01
command[check_renraku_db01]=%[5]s check --dir %s db01
command[check_renraku_wrong]=%[5]s check --frobnicate
`, n.port, nrpeUser, nrpeUser, root, renraku, n.dir, n.dir, n.dir), 0o644))
	server := cmdtest.Begin(t, exec.Command(nrpeServer, "-c", config, "-f"))
	cmdtest.Until(t, nrpePatience, "NRPE's server listens", func() bool {
		require.False(t, server.Ended(), "%s%s", server.Stdout(), server.Stderr())
		c, err := net.Dial("tcp", n.address())
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	return n
}

func (n *nrpe) contact() string { return filepath.Join(n.dir, "contact.dat") }

func (n *nrpe) address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(n.port)) }

// assertAnswers asks by NRPE's client for a command, and wants the exit status and the line.
func (n *nrpe) assertAnswers(t *testing.T, command string, code int, line string) {
	t.Helper()
	out, err := exec.Command(nrpeClient, "-H", "127.0.0.1", "-p", strconv.Itoa(n.port), "-c", command).Output()
	got := 0
	if err != nil {
		var failed *exec.ExitError
		require.True(t, errors.As(err, &failed), "%v", err)
		got = failed.ExitCode()
	}
	assert.Equal(t, code, got, string(out))
	assert.Regexp(t, `\A`+line+`\n\z`, string(out))
}

func (n *nrpe) set(t *testing.T, i int, change func(*contactfile.Record)) {
	t.Helper()
	_, changed, err := n.file.Update(i, time.Now(), change)
	require.NoError(t, err)
	require.True(t, changed)
}

func TestNagiosReadsTheCheckThroughNRPE(t *testing.T) {
	n := startNRPE(t)
	since := time.Date(2026, 11, 22, 10, 43, 5, 0, time.UTC)
	records := []contactfile.Record{
		{Host: "mgr01", Operating: contactfile.Running, Application: contactfile.NotStarted, Since: since},
		{Host: "app01", Operating: contactfile.Running, Application: contactfile.Online, Since: since},
		{Host: "app02", Operating: contactfile.Running, Application: contactfile.Online, Since: since},
	}
	const stale = `; no daemon is running in \S+: the contact file is as the last one left it`

	n.assertAnswers(t, "check_renraku", 3, `RENRAKU UNKNOWN - the contact file is empty: there is no monitoring`)

	require.NoError(t, n.file.Create(records))
	n.assertAnswers(t, "check_renraku", 0, `RENRAKU OK - 3 servers RUNNING: 1 NOT-STARTED, 2 ONLINE`+stale+
		` \| ?servers=3;;;0 running=3;;;0;3 stopped=0;;0;0;3 warned=0;0;;0;3 maintenance=0;;;0;3 application_NOT-STARTED=1;;;0;3 application_ONLINE=2;;;0;3`)

	n.set(t, 2, func(r *contactfile.Record) { r.Application = "BATCH-FAILED" })
	n.assertAnswers(t, "check_renraku", 1, `RENRAKU WARNING - 1 of 3 servers to warn of: app02 BATCH-FAILED`+stale+
		` \| ?servers=3;;;0 running=3;;;0;3 stopped=0;;0;0;3 warned=1;0;;0;3 maintenance=0;;;0;3 application_BATCH-FAILED=1;0;;0;3 .*`)
	n.assertAnswers(t, "check_renraku_app01", 0, `RENRAKU OK - 1 server RUNNING: 1 ONLINE`+stale+` \| ?servers=1;;;0 .*`)

	n.set(t, 1, func(r *contactfile.Record) { r.Operating = contactfile.Stopped })
	n.assertAnswers(t, "check_renraku", 2, `RENRAKU CRITICAL - 1 of 3 servers STOPPED: app01; 1 of 3 servers to warn of: app02 BATCH-FAILED`+stale+
		` \| ?servers=3;;;0 running=2;;;0;3 stopped=1;;0;0;3 warned=1;0;;0;3 maintenance=0;;;0;3 .*`)

	n.assertAnswers(t, "check_renraku_db01", 3, `RENRAKU UNKNOWN - no record of a host "db01"`+stale)
	n.assertAnswers(t, "check_renraku_wrong", 3, `RENRAKU UNKNOWN - check: no flag --frobnicate; usage: renraku check .*`)

	// What NRPE's user may not read.
	require.NoError(t, os.Chown(n.contact(), 0, 0))
	n.assertAnswers(t, "check_renraku", 3, `RENRAKU UNKNOWN - read contact file: .*: permission denied: its group may read it, and this user is not in it`)
	require.NoError(t, os.Remove(n.contact()))
	n.assertAnswers(t, "check_renraku", 3, `RENRAKU UNKNOWN - no contact file in \S+: has renrakud ever run there\? .*`)
}

func TestLongestLineOfTheCheckComesThroughNRPEWhole(t *testing.T) {
	n := startNRPE(t)
	var records []contactfile.Record
	for i := range 1000 {
		records = append(records, contactfile.Record{Host: fmt.Sprintf("%064d", i), Operating: contactfile.Stopped,
			Application: fmt.Sprintf("%024d", i), Since: time.Now().UTC().Truncate(time.Second)})
	}
	require.NoError(t, n.file.Create(records))
	n.assertAnswers(t, "check_renraku", 2, `RENRAKU CRITICAL - 1000 of 1000 servers STOPPED: (\d{64}, ){4}\d{64} and 995 more.* \| ?servers=1000;;;0 .* other_applications=9\d\d;;;0;1000`)
}
