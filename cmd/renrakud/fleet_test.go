package main

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"renraku/cmd/internal/cmdtest"
	"renraku/slave"
	"renraku/telegram"
)

const (
	// noPolls is control data with which nothing is found by a poll: it is at the start, by a message, or not at all.
	noPolls = "interval = \"1h\"\ntimeout = \"1s\"\nretries = 5"
	atOnce  = 2 * time.Second
	aWhile  = 20 * time.Second

	manager, first, second = cmdtest.Manager, cmdtest.First, cmdtest.Second
)

func TestMain(m *testing.M) { cmdtest.Main(m) }

// orderOnline has ONLINE launched on some hosts.
func orderOnline(t *testing.T, f *cmdtest.Fleet, hosts ...string) {
	t.Helper()
	args := []string{"run", "ONLINE"}
	for _, host := range hosts {
		args = append(args, "--host", host)
	}
	out := f.Renraku(t, manager, args...)
	require.Equal(t, 0, out.Code, out.Stderr)
	require.Equal(t, len(hosts), strings.Count(out.Stdout, "LAUNCHED"), out.Stdout)
}

func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	c := exec.Command(name, args...)
	c.Env = append(os.Environ(), "LC_ALL=C")
	out, err := c.Output()
	require.NoError(t, err)
	return string(out)
}

func size(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	return info.Size()
}

func TestContactFilesAreReadWithTheToolsOfTheSystem(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, noPolls)
	f.StartAll(t)
	orderOnline(t, f, second)
	for host, want := range map[string][][2]string{
		manager: {{manager, "NOT-STARTED"}, {first, "NOT-STARTED"}, {second, "ONLINE"}},
		first:   {{first, "NOT-STARTED"}},
		second:  {{second, "ONLINE"}},
	} {
		path := f.File(host, "contact.dat")
		assert.EqualValues(t, 128*len(want), size(t, path))
		var hosts, operating, applications, words string
		for n, w := range want {
			record := tool(t, "dd", "if="+path, "bs=128", fmt.Sprintf("skip=%d", n), "count=1", "status=none")
			assert.Regexp(t, fmt.Sprintf(`\A%-64sRUNNING %-24s[0-9-]{10}T[0-9:]{8}Z {11}\n\z`, w[0], w[1]), record)
			hosts += fmt.Sprintf("%-64s\n", w[0])
			operating += "RUNNING \n"
			applications += fmt.Sprintf("%-24s\n", w[1])
			words += w[0] + " RUNNING " + w[1] + " 4\n"
		}
		assert.Equal(t, hosts, tool(t, "cut", "-c1-64", path))
		assert.Equal(t, operating, tool(t, "cut", "-c65-72", path))
		assert.Equal(t, applications, tool(t, "cut", "-c73-96", path))
		for _, when := range strings.Fields(tool(t, "cut", "-c97-116", path)) {
			since, err := time.Parse("2006-01-02T15:04:05Z", when)
			assert.NoError(t, err)
			assert.WithinDuration(t, time.Now(), since, time.Minute)
		}
		assert.Equal(t, strings.Repeat("           \n", len(want)), tool(t, "cut", "-c117-", path))
		assert.Equal(t, words, tool(t, "awk", "{print $1, $2, $3, NF}", path))
	}
}

func TestKilledSlaveIsStoppedWithinTheTimeThatValidatePrints(t *testing.T) {
	t.Parallel()
	const margin = 500 * time.Millisecond // for a machine with other work
	f := cmdtest.NewFleet(t, "interval = \"2s\"\ntimeout = \"200ms\"\nretries = 2")
	out := cmdtest.Renraku(t, "validate", f.Config)
	printed := regexp.MustCompile(`worst-case detection time of a server that falls silent: (\S+) `).FindStringSubmatch(out.Stdout)
	require.Len(t, printed, 2, out.Stdout)
	detection, err := time.ParseDuration(printed[1])
	require.NoError(t, err)
	require.Equal(t, 2*time.Second+3*200*time.Millisecond, detection)

	all := f.StartAll(t)
	orderOnline(t, f, first)
	all[first].Kill(t)
	f.AwaitManager(t, detection+margin, "mgr01 RUNNING", "app01 STOPPED ONLINE", "app02 RUNNING")
	assert.Contains(t, all[manager].Log(), `msg="app01 STOPPED" host=app01 reason="no answer to 3 inquiries"`)

	// Its next inquiry is 1.4 s away, so that this cannot be it.
	started := time.Now()
	f.Start(t, first)
	f.AwaitManager(t, time.Second, "mgr01 RUNNING", "app01 RUNNING ONLINE", "app02 RUNNING")
	assert.Less(t, time.Since(started), 1400*time.Millisecond, "not before the next regular inquiry")
}

func TestEndedSlaveIsStoppedAtOnceAndRunningAtOnceWhenItIsBack(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, noPolls)
	all := f.StartAll(t)
	orderOnline(t, f, second)

	all[second].Signal(t, unix.SIGTERM)
	f.AwaitManager(t, atOnce, "mgr01 RUNNING", "app01 RUNNING", "app02 STOPPED ONLINE")
	assert.Equal(t, 0, all[second].Wait(t))
	assert.Zero(t, size(t, f.File(second, "contact.dat")))
	assert.Contains(t, all[manager].Log(), "it said so: the daemon shuts down")

	f.Start(t, second)
	f.AwaitManager(t, atOnce, "mgr01 RUNNING", "app01 RUNNING", "app02 RUNNING ONLINE")
	assert.Equal(t, []string{"app02 RUNNING ONLINE"}, f.Contact(t, second))
}

func TestStopAtTheManagerEmptiesEveryContactFileUntilStart(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, noPolls)
	f.StartAll(t)
	orderOnline(t, f, first)

	out := f.Renraku(t, manager, "stop")
	assert.Equal(t, cmdtest.Output{Stdout: "monitoring has ended\n"}, out)
	for _, host := range []string{manager, first, second} {
		assert.Zero(t, size(t, f.File(host, "contact.dat")), host)
	}
	out = f.Renraku(t, manager, "run", "ONLINE", "--all")
	assert.Equal(t, 1, out.Code)
	assert.Equal(t, 3, strings.Count(out.Stdout, "SKIPPED"), out.Stdout)
	assert.Equal(t, 3, strings.Count(out.Stdout, "no monitoring"), out.Stdout)
	out = f.Renraku(t, second, "run", "ONLINE", "--all")
	assert.Equal(t, 1, out.Code)
	assert.Regexp(t, `app02 +REFUSED +NOT-STARTED +no monitoring on this server`, out.Stdout)
	assert.NoFileExists(t, f.File(second, "ONLINE.runs"))

	out = f.Renraku(t, manager, "start")
	assert.Equal(t, cmdtest.Output{Stdout: "monitoring is on\n"}, out)
	f.AwaitManager(t, atOnce, "mgr01 RUNNING NOT-STARTED", "app01 RUNNING ONLINE", "app02 RUNNING NOT-STARTED")
	assert.Equal(t, []string{"app01 RUNNING ONLINE"}, f.Contact(t, first))
	assert.Equal(t, []string{"app02 RUNNING NOT-STARTED"}, f.Contact(t, second))
}

func TestStopNamesASlaveThatDoesNotAnswerAndIsNotAllWell(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, "interval = \"1h\"\ntimeout = \"100ms\"\nretries = 1")
	all := f.StartAll(t)
	all[second].Signal(t, syscall.SIGSTOP)
	out := f.Renraku(t, manager, "stop")
	assert.Equal(t, cmdtest.Output{Code: 1,
		Stderr: "renraku: stop: monitoring has ended, but there was no answer to END from app02\n"}, out)
	assert.Zero(t, size(t, f.File(manager, "contact.dat")))
	assert.Zero(t, size(t, f.File(first, "contact.dat")))
	assert.NotZero(t, size(t, f.File(second, "contact.dat")))
}

func TestStopAtASlaveIsStoppedAtTheManagerUntilStart(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, noPolls)
	f.StartAll(t)
	require.Zero(t, f.Renraku(t, first, "stop").Code)
	assert.Zero(t, size(t, f.File(first, "contact.dat")))
	f.AwaitManager(t, atOnce, "mgr01 RUNNING", "app01 STOPPED NOT-STARTED", "app02 RUNNING")
	out := f.Renraku(t, manager, "run", "ONLINE", "--host", first)
	assert.Equal(t, 1, out.Code)
	assert.Regexp(t, `app01 +SKIPPED +NOT-STARTED +the server is STOPPED`, out.Stdout)

	require.Zero(t, f.Renraku(t, first, "start").Code)
	f.AwaitManager(t, atOnce, "mgr01 RUNNING", "app01 RUNNING", "app02 RUNNING")
	assert.Equal(t, []string{"app01 RUNNING NOT-STARTED"}, f.Contact(t, first))
}

func TestEndedManagerEmptiesEveryContactFile(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, noPolls)
	all := f.StartAll(t)
	assert.Equal(t, 0, all[manager].Terminate(t))
	for _, host := range []string{manager, first, second} {
		assert.Zero(t, size(t, f.File(host, "contact.dat")), host)
	}
	assert.Regexp(t, `(?s)msg=ready .*msg="shutting down".*msg="monitoring ends".*msg=ended host=mgr01\n\z`, all[manager].Log())
	assert.NotContains(t, all[manager].Log(), "did not answer END")
	assert.NoFileExists(t, f.File(manager, "control.sock"))
}

func TestKilledManagerLearnsFromTheSlavesWhenItIsBack(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, noPolls)
	all := f.StartAll(t)
	orderOnline(t, f, manager, second)
	all[manager].Kill(t)
	require.NoError(t, os.Truncate(f.File(manager, "contact.dat"), 200)) // whatever it left does not count
	f.Start(t, manager)
	f.AwaitManager(t, atOnce, "mgr01 RUNNING ONLINE", "app01 RUNNING NOT-STARTED", "app02 RUNNING ONLINE")
}

func TestWrongStartsSayWhyAndExit(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, noPolls)
	f.Start(t, first)
	start := func(args ...string) cmdtest.Output { return cmdtest.Run(t, "renrakud", args...) }

	out := start("--config", f.Config, "--host", first, "--dir", f.Dir(first))
	assert.Equal(t, 1, out.Code)
	assert.Equal(t, fmt.Sprintf("renrakud: lock directory %s: another daemon holds the file\n", f.Dir(first)), out.Stderr)
	assert.Equal(t, []string{"app01 RUNNING NOT-STARTED"}, f.Contact(t, first), "the daemon that was there first")
	assert.Equal(t, 0, f.Renraku(t, first, "stop").Code, "its socket is still its own")

	out = start("--config", f.Config, "--host", first, "--dir", f.Dir("other"))
	assert.Equal(t, 1, out.Code)
	assert.Contains(t, out.Stderr, fmt.Sprintf("renrakud: another program listens on 127.0.0.1:%d: ", f.Ports[first]))

	out = start("--config", f.Config, "--host", "db01", "--dir", f.Dir("db01"))
	assert.Equal(t, cmdtest.Output{Code: 2, Stderr: fmt.Sprintf(
		"renrakud: host \"db01\" is neither the manager nor a slave of %s: --host names another\n", f.Config)}, out)
	assert.NoDirExists(t, f.Dir("db01"))

	out = start("--config", f.Dir("none.toml"))
	assert.Equal(t, 2, out.Code)
	assert.Contains(t, out.Stderr, "renrakud: read the definition: ")
	require.NoError(t, os.Chmod(f.Config, 0o646))
	out = start("--config", f.Config, "--host", first, "--dir", f.Dir("other"))
	assert.Equal(t, cmdtest.Output{Code: 2, Stderr: fmt.Sprintf("renrakud: read the definition: %s is not to be trusted: "+
		"others may write it; this mends it: chmod o-w %[1]s\n", f.Config)}, out)
	require.NoError(t, os.Chmod(f.Config, 0o640))
	out = start("--config", f.Config, "--host", first, "--log-format", "xml")
	assert.Equal(t, cmdtest.Output{Code: 2, Stderr: "renrakud: --log-format \"xml\": text or json is right\n"}, out)
	assert.Equal(t, 2, start("--frobnicate").Code)
	assert.Equal(t, 2, start("extra").Code)
	out = start("--help")
	assert.Equal(t, 0, out.Code)
	assert.Contains(t, out.Stdout, "--config file")
}

func TestLogAsJSONIsOneObjectALine(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, noPolls)
	d := cmdtest.Start(t, f.Config, first, f.Dir(first), "--log-format", "json")
	assert.Equal(t, 0, d.Terminate(t))
	var said []string
	for line := range strings.Lines(d.Log()) {
		var entry struct {
			Time  time.Time
			Level string
			Msg   string
		}
		require.NoError(t, json.Unmarshal([]byte(line), &entry), line)
		assert.WithinDuration(t, time.Now(), entry.Time, time.Minute)
		assert.Equal(t, "INFO", entry.Level)
		said = append(said, entry.Msg)
	}
	assert.Equal(t, []string{"ready", "shutting down", "ended"}, said)
}

// Whatever umask a daemon is started with, and with whichever its processes run.
func TestFilesAreForTheDaemonAndItsGroup(t *testing.T) {
	t.Parallel()
	for _, umask := range []string{"000", "077"} {
		t.Run(umask, func(t *testing.T) {
			t.Parallel()
			f := cmdtest.NewFleet(t, noPolls)
			f.Define(t, "\n[[trigger]]\nprocess = \"ONLINE\"\nat = \"0 0 1 1 *\"\nlocal = true\n")
			f.Seal(t) // which has more files
			start := func(host string) {
				c := exec.Command("/bin/sh", "-c", `umask "$0" && exec "$@"`, umask, cmdtest.Binary(t, "renrakud"),
					"--config", f.Config, "--host", host, "--dir", f.Dir(host))
				p := cmdtest.Begin(t, c)
				cmdtest.Until(t, aWhile, host+" ready", func() bool { return strings.Contains(p.Stderr(), "msg=ready") })
			}
			start(first)
			start(manager)
			f.AwaitManager(t, atOnce, "mgr01 RUNNING NOT-STARTED", "app01 RUNNING NOT-STARTED", "app02 STOPPED NOT-STARTED")
			require.Equal(t, 1, f.Renraku(t, manager, "run", "FAIL", "--host", manager, "--host", first).Code)
			got := map[string]string{}
			for _, host := range []string{first, manager} {
				require.NoError(t, filepath.WalkDir(f.Dir(host), func(path string, d fs.DirEntry, err error) error {
					require.NoError(t, err)
					info, err := d.Info()
					require.NoError(t, err)
					got[strings.TrimPrefix(path, f.Dir(host))] = info.Mode().String()
					return nil
				}))
			}
			assert.Equal(t, map[string]string{
				"":                      "drwxr-x---",
				"/contact.dat":          "-rw-r-----",
				"/history.dat":          "-rw-r-----",
				"/control.sock":         "Srw-rw----",
				"/message.sock":         "Srw-rw----",
				"/runs":                 "drwxr-x---",
				"/runs/application.dat": "-rw-r-----",
				"/runs/clock.dat":       "-rw-r-----",
				"/runs/inquiry.dat":     "-rw-r-----",
				"/runs/start.dat":       "-rw-r-----",
				"/runs/orders.dat":      "-rw-r-----",
				"/runs/taken.dat":       "-rw-r-----",
				"/runs/FAIL.run":        "-rw-r-----",
				"/runs/FAIL.out":        "-rw-r-----",
			}, got)
		})
	}
}

// padded is the bytes of the specification by hand: a name, and spaces up to its width.
func padded(name string, width int) string { return name + strings.Repeat(" ", width-len(name)) }

func TestSlaveAnswersTheBytesOfTheSpecification(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, noPolls)
	f.Start(t, first)
	conn, err := net.Dial("udp", fmt.Sprintf("127.0.0.1:%d", f.Ports[first]))
	require.NoError(t, err)
	defer conn.Close()
	for _, c := range []struct{ ask, answer, text string }{
		{"\x00\x02", "\x00\x10", ""},                                // START, RUNNING
		{"\x00\x01", "\x00\x10", ""},                                // CHECK, RUNNING
		{"\x00\x04", "\x00\x20", "monitoring ended by the manager"}, // END, STOPPED
	} {
		_, err = io.WriteString(conn, "app01"+strings.Repeat(" ", 59)+"SQ"+c.ask)
		require.NoError(t, err)
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(aWhile)))
		b := make([]byte, 1000)
		n, err := conn.Read(b)
		require.NoError(t, err)
		assert.Equal(t, padded("app01", 64)+"SR"+c.answer+padded("NOT-STARTED", 24)+padded(c.text, 104), string(b[:n]))
	}
}

func TestOfAHundredOrdersAtOnceOneIsLaunched(t *testing.T) {
	t.Parallel()
	const orders = 100
	f := cmdtest.NewFleet(t, noPolls)
	f.Start(t, first)
	require.NoError(t, unix.Mkfifo(f.File(first, "ONLINE.gate"), 0o600))
	gate, err := os.OpenFile(f.File(first, "ONLINE.gate"), os.O_RDWR, 0) // the process waits for a line, or for its end
	require.NoError(t, err)
	defer gate.Close()

	answers := make(chan telegram.Telegram, orders)
	begun := time.Now()
	for range orders {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", f.Ports[first]))
		require.NoError(t, err)
		t.Cleanup(func() { conn.Close() })
		go func() {
			io.WriteString(conn, padded("app01", 64)+"XQ\x01\x00"+padded("ONLINE", 16))
			x, _ := telegram.NewReader(conn).Read()
			answers <- x
		}()
	}
	take := func() telegram.ExecutionResponse {
		select {
		case x := <-answers:
			require.IsType(t, telegram.ExecutionResponse{}, x)
			return x.(telegram.ExecutionResponse)
		case <-time.After(aWhile):
			require.FailNow(t, "no answer")
		}
		return telegram.ExecutionResponse{}
	}
	for range orders - 1 {
		x := take()
		assert.Equal(t, telegram.Already, x.Control, x.String())
	}
	assert.Less(t, time.Since(begun), slave.ReceiptWait, "nobody waits for another order's receipt")
	_, err = io.WriteString(gate, "go\n")
	require.NoError(t, err)
	x := take()
	assert.Equal(t, telegram.Launched, x.Control, x.String())
	assert.Equal(t, "ONLINE", x.Status.String())
	runs, err := os.ReadFile(f.File(first, "ONLINE.runs"))
	require.NoError(t, err)
	assert.Equal(t, 1, strings.Count(string(runs), "\n"), "runs")
}

func TestStatusNamesTheDamageOfAFileInUse(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, noPolls)
	f.StartAll(t)
	file, err := os.OpenFile(f.File(manager, "contact.dat"), os.O_WRONLY, 0)
	require.NoError(t, err)
	defer file.Close()
	_, err = file.WriteAt([]byte("RUNNIN'"), 1*128+64)
	require.NoError(t, err)
	out := f.Renraku(t, manager, "status")
	assert.Equal(t, cmdtest.Output{Code: 1, Stderr: fmt.Sprintf("renraku: status: read contact file %s: record 1: operating status: "+
		"offset 192: neither RUNNING nor STOPPED: \"RUNNIN'\"\n", file.Name())}, out)
	assert.Equal(t, 0, f.Renraku(t, first, "status").Code, "the others are well")
}
