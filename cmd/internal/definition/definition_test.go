package definition

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/slave"
	"renraku/telegram"
)

const head = "[manager]\nhost = \"mgr01\"\naddress = \"192.0.2.10\"\n"

func parse(t testing.TB, text string) *Definition {
	t.Helper()
	d, err := Parse("renraku.toml", []byte(text))
	require.NoError(t, err)
	return d
}

func status(t testing.TB, s string) telegram.Status {
	st, err := telegram.NewStatus(s)
	require.NoError(t, err)
	return st
}

func processID(t testing.TB, s string) telegram.ProcessID {
	id, err := telegram.NewProcessID(s)
	require.NoError(t, err)
	return id
}

func patterns(t testing.TB, texts ...string) (list []slave.Pattern) {
	for _, s := range texts {
		p, err := slave.ParsePattern(s)
		require.NoError(t, err)
		list = append(list, p)
	}
	return list
}

func TestExampleOfTheContract(t *testing.T) {
	d, err := Load("testdata/renraku.toml")
	require.NoError(t, err)
	assert.Equal(t, "testdata/renraku.toml", d.File)
	assert.Equal(t, Manager{"mgr01", "192.0.2.10:10320"}, d.Manager)

	require.Len(t, d.Slaves, 201)
	assert.Equal(t, Slave{"app01", "192.0.2.11:10320", 0}, d.Slaves[0])
	assert.Equal(t, Slave{"web001", "web001.example.net:10320", 1}, d.Slaves[1])
	assert.Equal(t, Slave{"web200", "web200.example.net:10320", 1}, d.Slaves[200])
	assert.Equal(t, []Group{
		{"app01", "192.0.2.11", 1, 5 * time.Second, time.Second, 5},
		{"web[001-200]", "{host}.example.net", 200, 10 * time.Second, time.Second, 5},
	}, d.Groups)

	assert.Equal(t, []slave.Process{
		{
			ID: processID(t, "ONLINE"), Command: []string{"/opt/app/online", "start"}, Type: slave.Oneshot,
			From: []telegram.Status{status(t, "NOT-STARTED")}, Status: status(t, "ONLINE"), Timeout: 10 * time.Minute,
			Check: []string{"/opt/app/online", "status"}, CheckInterval: 30 * time.Second,
		},
		{
			ID: processID(t, "NIGHTBATCH"), Command: []string{"/opt/app/batch", "--night"}, Type: slave.Simple,
			From: []telegram.Status{status(t, "NOT-STARTED")}, Status: status(t, "BATCH"), After: status(t, "NOT-STARTED"),
			Failed: status(t, "BATCH-FAILED"), Timeout: 10 * time.Minute, Settle: time.Second,
			Hosts: patterns(t, "app*"), User: "app",
		},
	}, d.Processes)

	tokyo, err := time.LoadLocation("Asia/Tokyo")
	require.NoError(t, err)
	assert.Equal(t, []Trigger{
		{Process: "NIGHTBATCH", Hosts: patterns(t, "app*"), At: "0 23 * * 1-5", Location: tokyo},
		{Process: "ONLINE", Hosts: patterns(t, "app*"), Message: regexp.MustCompile(`^NIGHTBATCH@app01 ended normally$`)},
	}, d.Triggers)
}

func TestSmallestDefinitionHasNoSlaves(t *testing.T) {
	d := parse(t, head)
	assert.Equal(t, &Definition{File: "renraku.toml", Security: Security{Keys: DefaultKeys}, Manager: Manager{"mgr01", "192.0.2.10:10320"},
		Monitor: Monitor{IsolationHold: 30 * time.Second, TCPFallback: true}}, d)
	assert.Equal(t, []string{"mgr01"}, d.Hosts())
}

func TestRolesAreSoughtInTheDefinition(t *testing.T) {
	d := parse(t, head+"[[slave]]\nhost = \"a[1-2]\"\naddress = \"{host}\"\n[[slave]]\nhost = \"b\"\naddress = \"b\"\n")
	for _, c := range []struct {
		host  string
		role  Role
		index int
		ok    bool
		word  string
	}{
		{"mgr01", ManagerRole, 0, true, "manager"},
		{"a1", SlaveRole, 0, true, "slave"},
		{"a2", SlaveRole, 1, true, "slave"},
		{"b", SlaveRole, 2, true, "slave"},
		{"a3", 0, 0, false, "no role"},
		{"a[1-2]", 0, 0, false, "no role"},
		{"", 0, 0, false, "no role"},
	} {
		role, index, ok := d.Role(c.host)
		assert.Equal(t, c.role, role, c.host)
		assert.Equal(t, c.index, index, c.host)
		assert.Equal(t, c.ok, ok, c.host)
		assert.Equal(t, c.word, role.String())
	}
	assert.Equal(t, []string{"mgr01", "a1", "a2", "b"}, d.Hosts(), "manager first, then definition order")
	_, _, ok := (&Definition{}).Role("")
	assert.False(t, ok)
}

func TestProcessIsFoundByItsID(t *testing.T) {
	d := parse(t, head+"[[process]]\nid = \"A\"\ncommand = [\"/a\"]\n[[process]]\nid = \"B\"\ncommand = [\"/b\"]\n")
	assert.Same(t, &d.Processes[1], d.Process("B"))
	assert.Nil(t, d.Process("C"))
	assert.Nil(t, d.Process(""))
}

func TestControlDataIsInherited(t *testing.T) {
	d := parse(t, head+`[monitor]
interval = "2s"
timeout = "200ms"
retries = 0
[[slave]]
host = "a"
address = "a"
[[slave]]
host = "b"
address = "b"
interval = "100ms"
timeout = "1m"
retries = 100
`)
	assert.Equal(t, []Slave{{"a", "a:10320", 0}, {"b", "b:10320", 1}}, d.Slaves)
	a, b := d.GroupOf(&d.Slaves[0]), d.GroupOf(&d.Slaves[1])
	assert.Equal(t, &Group{"a", "a", 1, 2 * time.Second, 200 * time.Millisecond, 0}, a)
	assert.Equal(t, &Group{"b", "b", 1, 100 * time.Millisecond, time.Minute, 100}, b)
	assert.Equal(t, 2200*time.Millisecond, a.Detection(), "interval + (retries + 1) × timeout")
	assert.Equal(t, 101*time.Minute+100*time.Millisecond, b.Detection())
}

func TestManagersOwnIsolationAndTheFallback(t *testing.T) {
	slaves := "[[slave]]\nhost = \"a\"\naddress = \"a\"\ninterval = \"5s\"\n[[slave]]\nhost = \"b\"\naddress = \"b\"\ninterval = \"20s\"\n"
	for _, c := range []struct {
		monitor, slaves string
		want            Monitor
	}{
		{"", "", Monitor{30 * time.Second, true}},
		{"interval = \"1s\"", "", Monitor{3 * time.Second, true}},
		{"interval = \"1h\"", slaves, Monitor{time.Minute, true}}, // the longest of those that there are
		{"isolation_hold = \"0\"", slaves, Monitor{0, true}},
		{"isolation_hold = \"0s\"\ntcp_fallback = true", slaves, Monitor{0, true}},
		{"isolation_hold = \"100ms\"\ntcp_fallback = false", slaves, Monitor{100 * time.Millisecond, false}},
		{"isolation_hold = \"24h\"", slaves, Monitor{24 * time.Hour, true}},
	} {
		assert.Equal(t, c.want, parse(t, head+"[monitor]\n"+c.monitor+"\n"+c.slaves).Monitor, c.monitor)
	}
	assert.Equal(t, Monitor{time.Minute, true}, parse(t, head+slaves).Monitor, "without the table")
}

func TestDetectionWhereJudgementIsHeld(t *testing.T) {
	d := parse(t, head+"[[slave]]\nhost = \"a\"\naddress = \"a\"\n")
	assert.Equal(t, 16*time.Second, d.Groups[0].Detection())
	assert.Equal(t, (16+30+7)*time.Second, d.DetectionHeld(&d.Groups[0]))
	d.Monitor.IsolationHold = 0
	assert.Equal(t, 16*time.Second, d.DetectionHeld(&d.Groups[0]))
}

func TestRangesOfHostsAndAddresses(t *testing.T) {
	for _, c := range []struct {
		name, host, address string
		count               int
		first, last         Slave
	}{
		{"own name in the address", "web[001-200]", "{host}.example.net", 200,
			Slave{Host: "web001", Address: "web001.example.net:10320"}, Slave{Host: "web200", Address: "web200.example.net:10320"}},
		{"range in the address", "web[001-200]", "10.0.1.[1-200]", 200,
			Slave{Host: "web001", Address: "10.0.1.1:10320"}, Slave{Host: "web200", Address: "10.0.1.200:10320"}},
		{"both", "web[1-3]", "{host}.rack[07-09].example.net:99", 3,
			Slave{Host: "web1", Address: "web1.rack07.example.net:99"}, Slave{Host: "web3", Address: "web3.rack09.example.net:99"}},
		{"range of ports", "sim[1-3]", "127.0.0.1:[10001-10003]", 3,
			Slave{Host: "sim1", Address: "127.0.0.1:10001"}, Slave{Host: "sim3", Address: "127.0.0.1:10003"}},
		{"one address for all", "sim[000001-100000]", "127.0.0.1", 100000,
			Slave{Host: "sim000001", Address: "127.0.0.1:10320"}, Slave{Host: "sim100000", Address: "127.0.0.1:10320"}},
		{"IPv6", "v[1-9]", "[2001:db8::[1-9]]:99", 9,
			Slave{Host: "v1", Address: "[2001:db8::1]:99"}, Slave{Host: "v9", Address: "[2001:db8::9]:99"}},
		{"bare IPv6", "v[1-9]", "2001:db8::[1-9]", 9,
			Slave{Host: "v1", Address: "[2001:db8::1]:10320"}, Slave{Host: "v9", Address: "[2001:db8::9]:10320"}},
	} {
		d := parse(t, head+"[[slave]]\nhost = \""+c.host+"\"\naddress = \""+c.address+"\"\n")
		require.Len(t, d.Slaves, c.count, c.name)
		for _, pair := range [][2]Slave{{c.first, d.Slaves[0]}, {c.last, d.Slaves[c.count-1]}} {
			assert.Equal(t, pair[0].Host, pair[1].Host, c.name)
			assert.Equal(t, pair[0].Address, pair[1].Address, c.name)
		}
		assert.Equal(t, c.count, d.Groups[0].Count)
	}
}

func TestTriggersOfEveryKind(t *testing.T) {
	d := parse(t, head+`[[process]]
id = "P"
command = ["/p"]
[[trigger]]
process = "P"
hosts = ["mgr01"]
at = " 0  0 1 1 *"
[[trigger]]
process = "P"
local = true
message = ' STOPPED$'
[[trigger]]
process = "P"
local = true
hosts = ["m*"]
at = "*/5 * * * *"
timezone = "UTC"
`)
	assert.Equal(t, []Trigger{
		{Process: "P", Hosts: patterns(t, "mgr01"), At: "0 0 1 1 *", Location: time.Local},
		{Process: "P", Message: regexp.MustCompile(` STOPPED$`), Local: true},
		{Process: "P", Hosts: patterns(t, "m*"), At: "*/5 * * * *", Location: time.UTC, Local: true},
	}, d.Triggers)
}

func TestProcessKeysAtTheirEdges(t *testing.T) {
	d := parse(t, head+`[[process]]
id = "A-b_c.0123456789"
command = ["/p", ""]
type = "simple"
timeout = "0"
settle = "0"
dir = "/"
env = { LANG = "C", EMPTY = "" }
[[process]]
id = "Q"
command = ["/p"]
type = "simple"
timeout = "7d"
settle = "1m"
status = "S"
check = ["/c"]
check_interval = "100ms"
`)
	p, q := d.Processes[0], d.Processes[1]
	assert.Equal(t, []string{"/p", ""}, p.Command)
	assert.Equal(t, map[string]string{"LANG": "C", "EMPTY": ""}, p.Env)
	assert.Equal(t, []time.Duration{0, 0}, []time.Duration{p.Timeout, p.Settle})
	assert.Equal(t, "/", p.Dir)
	assert.Equal(t, []time.Duration{168 * time.Hour, time.Minute, 100 * time.Millisecond}, []time.Duration{q.Timeout, q.Settle, q.CheckInterval})
}

func TestLoadTellsAFileThatCannotBeReadFromOneThatIsWrong(t *testing.T) {
	var wrong Errors
	_, err := Load(filepath.Join(t.TempDir(), "none.toml"))
	assert.ErrorIs(t, err, fs.ErrNotExist)
	assert.ErrorContains(t, err, "read the definition: ")
	assert.NotErrorAs(t, err, &wrong)

	_, err = Load(t.TempDir())
	assert.ErrorContains(t, err, "read the definition: ")
	assert.NotErrorAs(t, err, &wrong)

	path := filepath.Join(t.TempDir(), "renraku.toml")
	require.NoError(t, os.WriteFile(path, []byte("x"), 0o600))
	_, err = Load(path)
	require.ErrorAs(t, err, &wrong)
	assert.Equal(t, path, wrong[0].File)

	require.NoError(t, os.WriteFile(path, append([]byte(head), bytes.Repeat([]byte("#"), MaxSize)...), 0o600))
	_, err = Load(path)
	require.ErrorAs(t, err, &wrong)
	assert.EqualError(t, err, path+":1: the file is too large: at most 16 MiB are right")
}

func TestAddressesAreCompleted(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"192.0.2.11", "192.0.2.11:10320"},
		{"192.0.2.11:1", "192.0.2.11:1"},
		{"192.0.2.11:65535", "192.0.2.11:65535"},
		{"app01", "app01:10320"},
		{"app_01.example.net.:99", "app_01.example.net.:99"},
		{"3com", "3com:10320"},
		{"::1", "[::1]:10320"},
		{"[::1]", "[::1]:10320"},
		{"[::1]:99", "[::1]:99"},
		{"fe80::1%eth0", "[fe80::1%eth0]:10320"},
	} {
		got, err := complete(c.in)
		assert.NoError(t, err, c.in)
		assert.Equal(t, c.want, got)
	}
	for _, c := range []struct{ in, want string }{
		{"", "it has no host"},
		{":99", "it has no host"},
		{"a:", `its port "" is not 1 to 65535`},
		{"a:0", `its port "0" is not 1 to 65535`},
		{"a:65536", `its port "65536" is not 1 to 65535`},
		{"a:+1", `its port "+1" is not 1 to 65535`},
		{"a:http", `its port "http" is not 1 to 65535`},
		{"a:1:2", "more than one colon"},
		{"[::1", "not an IPv6 address"},
		{"[app01]:99", "not an IPv6 address"},
		{"[192.0.2.1]:99", "not an IPv6 address"},
		{"[::1]99", "only a colon and a port"},
		{"[::1]:", `its port "" is not 1 to 65535`},
		{"10.0.0.256", "not an IP address"},
		{"10.0.1", "not an IP address"},
		{"0.0.0.0", "no single server"},
		{"::", "no single server"},
		{"224.0.0.1", "no single server"},
		{"a b", `' ' stands in no host name`},
		{"a/24", `'/' stands in no host name`},
		{"{Host}.net", "only {host} may stand in braces"},
		{"a..b", "between its dots"},
		{".a", "before or between its dots"},
		{strings.Repeat("a", 254), "254 bytes, at most 253"},
	} {
		_, err := complete(c.in)
		assert.ErrorContains(t, err, c.want, c.in)
	}
}
