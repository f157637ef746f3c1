package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"renraku/cmd/internal/cmdtest"
	"renraku/cmd/internal/control"
	"renraku/cmd/internal/definition"
	"renraku/contactfile"
	"renraku/telegram"
)

// options are those of a daemon of mgr01 or app01, at these addresses.
func options(t *testing.T, host, manager, slave string) Options {
	t.Helper()
	d, err := definition.Parse("renraku.toml", fmt.Appendf(nil, `[manager]
host = "mgr01"
address = %q
[monitor]
interval = "1h"
timeout = "50ms"
retries = 0
[[slave]]
host = "app01"
address = %q
[[process]]
id = "ONLINE"
command = ["/bin/true"]
status = "ONLINE"
`, manager, slave))
	require.NoError(t, err)
	return Options{Definition: d, Host: host, Dir: filepath.Join(cmdtest.Dir(t), "daemon"),
		Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
}

func local(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// open opens a daemon that closes with the test.
func open(t *testing.T, o Options) *Daemon {
	t.Helper()
	d, err := Open(o)
	require.NoError(t, err)
	t.Cleanup(d.close)
	return d
}

func TestOpenFindsTheRoleOfTheHost(t *testing.T) {
	ports := cmdtest.Ports(t, 2)
	manager, slave := local(ports[0]), local(ports[1])
	m := open(t, options(t, "mgr01", manager, slave))
	assert.Equal(t, definition.ManagerRole, m.Role)
	assert.Equal(t, manager, m.packets.LocalAddr().String())
	assert.Equal(t, manager, m.listener.Addr().String())
	s := open(t, options(t, "app01", manager, slave))
	assert.Equal(t, definition.SlaveRole, s.Role)
	assert.Equal(t, slave, s.packets.LocalAddr().String())
	assert.Equal(t, slave, s.listener.Addr().String())
}

func TestOpenRefusesAHostThatTheDefinitionDoesNotHave(t *testing.T) {
	o := options(t, "db01", local(1), local(2))
	_, err := Open(o)
	assert.EqualError(t, err, `host "db01" is neither the manager nor a slave of renraku.toml: --host names another`)
	assert.NoDirExists(t, o.Dir)
}

func TestOpenRefusesADirectoryThatAnotherDaemonHas(t *testing.T) {
	ports := cmdtest.Ports(t, 2)
	o := options(t, "app01", local(ports[0]), local(ports[1]))
	first := open(t, o)
	_, err := Open(o)
	assert.ErrorIs(t, err, contactfile.ErrLocked)
	assert.EqualError(t, err, "lock directory "+o.Dir+": another daemon holds it")

	first.close() // gives it back, and the ports
	open(t, o)
}

func TestOpenNamesTheAddressThatAnotherProgramHas(t *testing.T) {
	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) {
			address := local(cmdtest.Ports(t, 1)[0])
			o := options(t, "app01", local(1), address)
			var other io.Closer
			var err error
			if network == "udp" {
				other, err = net.ListenPacket("udp", address)
			} else {
				other, err = net.Listen("tcp", address)
			}
			require.NoError(t, err)
			_, err = Open(o)
			assert.ErrorIs(t, err, syscall.EADDRINUSE)
			assert.ErrorContains(t, err, "another program listens on "+address)

			require.NoError(t, other.Close()) // nothing was kept of the first attempt
			open(t, o)
		})
	}
}

func TestOpenTakesAnyAddressWhereTheMachineDoesNotHaveItsOwn(t *testing.T) {
	port := cmdtest.Ports(t, 1)[0]
	o := options(t, "app01", local(1), fmt.Sprintf("192.0.2.1:%d", port)) // an address for documents: nobody has it
	var log bytes.Buffer
	o.Log = slog.New(slog.NewTextHandler(&log, nil))
	d := open(t, o)
	assert.True(t, strings.HasSuffix(d.packets.LocalAddr().String(), fmt.Sprintf("]:%d", port)), d.packets.LocalAddr())
	assert.True(t, strings.HasSuffix(d.listener.Addr().String(), fmt.Sprintf("]:%d", port)), d.listener.Addr())
	assert.Contains(t, log.String(), "level=WARN")
	assert.Contains(t, log.String(), "listening on all addresses of this machine")
	assert.Contains(t, log.String(), fmt.Sprintf("192.0.2.1:%d", port))
}

func TestOpenSaysWhatIsWrongWithTheDirectory(t *testing.T) {
	port := cmdtest.Ports(t, 1)[0]
	for _, c := range []struct {
		name, want string
		spoil      func(dir string) error
	}{
		{"a file in its place", "make the directory: ", func(dir string) error { return os.WriteFile(dir, nil, 0o600) }},
		{"a directory as contact file", "open contact file: ", func(dir string) error { return os.MkdirAll(filepath.Join(dir, "contact.dat"), 0o700) }},
		{"a file as runs", "open the records of runs: ", func(dir string) error {
			return errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(filepath.Join(dir, "runs"), nil, 0o600))
		}},
		{"a directory as socket", "open control socket: ", func(dir string) error { return os.MkdirAll(filepath.Join(dir, "control.sock", "full"), 0o700) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := options(t, "app01", local(1), local(port))
			require.NoError(t, c.spoil(o.Dir))
			_, err := Open(o)
			assert.ErrorContains(t, err, c.want)

			require.NoError(t, os.RemoveAll(o.Dir)) // nothing was kept: neither the ports nor the lock
			d, err := Open(o)
			require.NoError(t, err)
			d.close()
		})
	}
}

// run runs a daemon until the test ends; stop ends it before and gives Run's error.
func run(t *testing.T, o Options) (d *Daemon, stop func() error) {
	t.Helper()
	d, err := Open(o)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- d.Run(ctx)
		close(ended)
	}()
	stop = func() error {
		cancel()
		return <-ended
	}
	t.Cleanup(func() { stop() })
	return d, stop
}

func TestStationsAnswerTheOperator(t *testing.T) {
	ports := cmdtest.Ports(t, 2)
	for host, role := range map[string]string{"mgr01": "manager", "app01": "slave"} {
		t.Run(role, func(t *testing.T) {
			o := options(t, host, local(ports[0]), local(ports[1]))
			_, stop := run(t, o)
			c := control.NewClient(o.Dir)
			monitoring := func() bool {
				state, err := c.State(t.Context())
				require.NoError(t, err)
				assert.Equal(t, host, state.Host)
				assert.Equal(t, role, state.Role)
				return state.Monitoring
			}
			cmdtest.Until(t, 10*time.Second, "monitoring", monitoring)
			require.NoError(t, c.End(t.Context()))
			assert.False(t, monitoring())
			require.NoError(t, c.End(t.Context()), "the end again")
			require.NoError(t, c.Begin(t.Context()))
			assert.True(t, monitoring())
			require.NoError(t, c.Begin(t.Context()), "the beginning again")

			var head control.Head
			var rows []control.Row
			order := func(o control.Order) error {
				rows = nil
				return c.Order(t.Context(), o, func(h control.Head) { head = h }, func(r control.Row) { rows = append(rows, r) })
			}
			require.NoError(t, order(control.Order{Process: "ONLINE", Hosts: []string{host}}))
			assert.Equal(t, []string{host}, head.Hosts)
			require.Len(t, rows, 1)
			assert.Equal(t, "LAUNCHED", rows[0].Outcome, rows)
			assert.Equal(t, "ONLINE", rows[0].Application)
			assert.ErrorIs(t, order(control.Order{Process: "BATCH", All: true}), control.ErrRequest)
			assert.ErrorIs(t, order(control.Order{Process: "ONLINE", Hosts: []string{"db01"}}), control.ErrRequest)
			err := order(control.Order{Process: "ONLINE", Hosts: []string{host}, DryRun: true})
			if role == "slave" {
				assert.EqualError(t, err, "a dry run is the manager's check, and this is a slave")
			} else {
				require.NoError(t, err)
				assert.Equal(t, "ALREADY", rows[0].Outcome)
			}

			assert.NoError(t, stop())
			assert.NoFileExists(t, filepath.Join(o.Dir, "control.sock"))
			open(t, o) // the directory and the ports are free again
		})
	}
}

func TestKilledDaemonTellsNobodyAndLeavesItsContactFile(t *testing.T) {
	ports := cmdtest.Ports(t, 2)
	manager, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(local(ports[0]))))
	require.NoError(t, err)
	defer manager.Close()
	o := options(t, "app01", local(ports[0]), local(ports[1]))
	d, stop := run(t, o)
	b := make([]byte, telegram.MaxLength)
	require.NoError(t, manager.SetReadDeadline(time.Now().Add(10*time.Second)))
	_, _, err = manager.ReadFrom(b) // it announces itself
	require.NoError(t, err)
	d.Kill()
	require.NoError(t, stop())
	record, err := contactfile.ReadRecord(filepath.Join(o.Dir, "contact.dat"), "app01")
	require.NoError(t, err)
	assert.Equal(t, contactfile.Running, record.Operating)
	raw, err := manager.SyscallConn()
	require.NoError(t, err)
	require.NoError(t, raw.Control(func(fd uintptr) { // what was sent on loopback is there by now
		_, _, err = unix.Recvfrom(int(fd), b, unix.MSG_DONTWAIT)
	}))
	assert.ErrorIs(t, err, unix.EAGAIN, "no farewell")
}

func TestHostsOf(t *testing.T) {
	all := []string{"mgr01", "app01", "app02", "web1", "web2", "web3"}
	for _, c := range []struct {
		name  string
		hosts []string
		all   bool
		want  string
		err   string
	}{
		{name: "all", all: true, want: "mgr01 app01 app02 web1 web2 web3"},
		{name: "one", hosts: []string{"app02"}, want: "app02"},
		{name: "in definition order", hosts: []string{"web2", "mgr01"}, want: "mgr01 web2"},
		{name: "star", hosts: []string{"app*"}, want: "app01 app02"},
		{name: "question mark", hosts: []string{"web?"}, want: "web1 web2 web3"},
		{name: "range", hosts: []string{"web[2-3]"}, want: "web2 web3"},
		{name: "each once", hosts: []string{"app*", "app01", "*1"}, want: "mgr01 app01 app02 web1"},
		{name: "neither", err: "either some hosts or all"},
		{name: "both", hosts: []string{"app01"}, all: true, err: "either some hosts or all"},
		{name: "no match", hosts: []string{"db01"}, err: `no host matches "db01"`},
		{name: "one of two without a match", hosts: []string{"app01", "db*"}, err: `no host matches "db*"`},
		{name: "no pattern", hosts: []string{"app[1"}, err: "the bracket at character 4 is not closed"},
		{name: "empty", hosts: []string{""}, err: "empty"},
	} {
		t.Run(c.name, func(t *testing.T) {
			hosts, err := hostsOf(all, control.Order{Hosts: c.hosts, All: c.all})
			if c.err != "" {
				assert.ErrorIs(t, err, control.ErrRequest)
				assert.ErrorContains(t, err, c.err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, strings.Fields(c.want), headOf(hosts).Hosts)
		})
	}
}
