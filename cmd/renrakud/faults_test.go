package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"renraku/cmd/internal/cmdtest"
)

// Broken machines: what a daemon does while its machine refuses it something, and afterwards.

// limit sets a limit of a process that runs, and gives back what puts it back.
func limit(t *testing.T, pid, resource int, to uint64) (restore func()) {
	t.Helper()
	var before unix.Rlimit
	require.NoError(t, unix.Prlimit(pid, resource, nil, &before))
	require.NoError(t, unix.Prlimit(pid, resource, &unix.Rlimit{Cur: to, Max: before.Max}, nil))
	return func() { unix.Prlimit(pid, resource, &before, nil) } // it may have ended
}

// ran is how often ONLINE has run on a host.
func ran(t *testing.T, f *cmdtest.Fleet, host string) int {
	t.Helper()
	b, err := os.ReadFile(f.File(host, "ONLINE.runs"))
	if os.IsNotExist(err) {
		return 0
	}
	require.NoError(t, err)
	return strings.Count(string(b), "\n")
}

// rounds waits until the manager has asked and been answered some times more: a record that is wrong would show by then.
func rounds(t *testing.T, f *cmdtest.Fleet) {
	t.Helper()
	const enough = 10
	answers := map[string]int{first: f.Network.Answers(first), second: f.Network.Answers(second)}
	cmdtest.Until(t, aWhile, "rounds", func() bool {
		return f.Network.Answers(first) >= answers[first]+enough && f.Network.Answers(second) >= answers[second]+enough
	})
}

func TestAStoppedSlaveIsFoundAndComesBackWithWhatItRan(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, quickPolls)
	release := hold(t, f, first)
	all := f.StartAll(t)
	order := orderBehind(t, f, all[first], first)
	all[first].Signal(t, unix.SIGSTOP)
	f.AwaitManager(t, atOnce, "mgr01 RUNNING", "app01 STOPPED NOT-STARTED", "app02 RUNNING")
	release()
	cmdtest.Until(t, aWhile, "the end of ONLINE", func() bool { return ran(t, f, first) == 1 })
	assert.False(t, order.Ended(), "its result is not known")
	all[first].Signal(t, unix.SIGCONT)
	assert.Equal(t, 0, order.Wait(t), order.Stderr())
	assert.Contains(t, order.Stdout(), "LAUNCHED")
	f.AwaitManager(t, aWhile, "mgr01 RUNNING", "app01 RUNNING ONLINE", "app02 RUNNING")
	assert.Equal(t, 1, ran(t, f, first))
}

// The second slave answers an inquiry while the manager is stopped: the time for it is over when the manager looks at it. It is asked no
// second time, and the manager is late by less than has it excuse anyone, so that this answer alone keeps the slave from being STOPPED.
func TestAStoppedManagerCallsNobodySTOPPEDWhenItGoesOn(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, "interval = \"200ms\"\ntimeout = \"4s\"\nretries = 0")
	f.Place(t, noLoss)
	release := hold(t, f, first)
	all := f.StartAll(t)
	order := orderBehind(t, f, all[first], first)
	all[second].Signal(t, unix.SIGSTOP)
	asked, answers := f.Network.Asked(second), f.Network.Answers(second)
	cmdtest.Until(t, aWhile, "an inquiry", func() bool { return f.Network.Asked(second) > asked })
	all[manager].Signal(t, unix.SIGSTOP)
	all[second].Signal(t, unix.SIGCONT)
	cmdtest.Until(t, aWhile, "its answer", func() bool { return f.Network.Answers(second) > answers })
	release()
	time.Sleep(4500 * time.Millisecond) // longer than the timeout
	awaitHistory(t, f, first, "app01 ONLINE ORDER LAUNCHED ONLINE")
	all[manager].Signal(t, unix.SIGCONT)
	assert.Equal(t, 0, order.Wait(t), order.Stderr())
	assert.Contains(t, order.Stdout(), "LAUNCHED")
	f.AwaitManager(t, aWhile, "mgr01 RUNNING", "app01 RUNNING ONLINE", "app02 RUNNING")
	rounds(t, f)
	assert.NotContains(t, all[manager].Log(), " STOPPED")
	awaitHistory(t, f, manager, "app01 ONLINE OPERATOR LAUNCHED ONLINE")
}

// Without a free descriptor nothing is opened: no connection, no process. What is open goes on, and so status control does.
func TestWithoutDescriptorsStatusGoesOnAndOrdersSayWhy(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, quickPolls)
	f.Place(t, noLoss)
	all := f.StartAll(t)
	conn, err := (&net.Dialer{Timeout: aWhile}).Dial("tcp", fmt.Sprintf("127.0.0.1:%d", f.Ports[first]))
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(aWhile)))
	ask := func(telegram string, answer int) string {
		_, err := conn.Write([]byte(telegram))
		require.NoError(t, err)
		b := make([]byte, answer)
		for got := 0; got < answer; {
			n, err := conn.Read(b[got:])
			require.NoError(t, err)
			got += n
		}
		return string(b)
	}
	host := "app01" + strings.Repeat(" ", 59)
	ask(host+"SQ\x00\x01", 196) // the slave has accepted the connection
	var restore []func()
	for _, host := range []string{manager, first} {
		restore = append(restore, limit(t, all[host].Cmd.Process.Pid, unix.RLIMIT_NOFILE, 3)) // the standard ones
	}
	const online = "ONLINE          "
	answer := ask(host+"XQ\x01\x00"+online, 212)
	assert.Equal(t, host+"XR\x20\x00"+online+"NOT-STARTED             ", answer[:108], "FAILED")
	assert.Contains(t, answer[108:], "not started: ")
	assert.Contains(t, answer[108:], "too many open files")
	assert.Zero(t, ran(t, f, first))
	late, err := (&net.Dialer{Timeout: aWhile}).Dial("tcp", conn.RemoteAddr().String())
	require.NoError(t, err)
	defer late.Close()
	rounds(t, f)
	assert.Equal(t, []string{"mgr01 RUNNING NOT-STARTED", "app01 RUNNING NOT-STARTED", "app02 RUNNING NOT-STARTED"}, f.Contact(t, manager))
	assert.NotContains(t, all[manager].Log(), " STOPPED")
	for _, r := range restore {
		r()
	}
	conn.Close()
	require.NoError(t, late.SetDeadline(time.Now().Add(aWhile)))
	conn = late
	ask(host+"SQ\x00\x01", 196) // it waited for a descriptor
	out := f.Renraku(t, manager, "run", "ONLINE", "--host", first)
	assert.Equal(t, 0, out.Code, out.Stderr)
	assert.Contains(t, out.Stdout, "LAUNCHED")
	assert.Equal(t, 1, ran(t, f, first))
}

func TestTwoDaemonsDoNotShareADirectory(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, quickPolls)
	all := f.StartAll(t)
	for _, host := range []string{manager, first} {
		second := cmdtest.Run(t, "renrakud", "--config", f.Config, "--host", host, "--dir", f.Dir(host))
		assert.NotEqual(t, 0, second.Code)
		assert.Contains(t, second.Stderr, "another daemon")
		require.NoError(t, os.Remove(f.File(host, "contact.dat"))) // its lock goes with it
		third := cmdtest.Run(t, "renrakud", "--config", f.Config, "--host", host, "--dir", f.Dir(host))
		assert.NotEqual(t, 0, third.Code)
		assert.Contains(t, third.Stderr, "another daemon", "before it has opened anything else")
	}
	f.AwaitManager(t, aWhile, "mgr01 RUNNING", "app01 RUNNING", "app02 RUNNING")
	orderOnline(t, f, first)
	for _, d := range all {
		assert.False(t, d.Ended(), d.Log())
	}
}

func TestAHistoryThatIsTakenAwayIsSaidLoudlyAndOnce(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, noPolls)
	all := f.StartAll(t)
	for _, host := range []string{manager, first} {
		path := f.File(host, "history.dat")
		require.NoError(t, os.Rename(path, path+".1"))
		const gone = "history removed or replaced: what is written now is lost when this daemon ends"
		cmdtest.Until(t, aWhile, "the log of "+host, func() bool { return strings.Contains(all[host].Log(), gone) })
		assert.Equal(t, 0, f.Renraku(t, host, "run", "ONLINE", "--host", host).Code)
		out := f.Renraku(t, host, "history")
		assert.Equal(t, 1, out.Code)
		assert.Contains(t, out.Stderr, "though a daemon runs there: somebody has taken history.dat away")
		require.NoError(t, os.Rename(path+".1", path))
		cmdtest.Until(t, aWhile, "the log of "+host, func() bool { return strings.Contains(all[host].Log(), "history in its place again") })
		assert.Equal(t, 1, strings.Count(all[host].Log(), gone))
		assert.Contains(t, strings.Join(f.History(t, host), "\n"), "ONLINE", "nothing was lost meanwhile")
	}
}

// No server changes and nobody is asked, so that nothing but the look at the file can find it.
func TestAContactFileThatIsEmptiedOrDamagedIsSaidLoudlyAndOnce(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, noPolls)
	all := f.StartAll(t)
	f.AwaitManager(t, aWhile, "mgr01 RUNNING", "app01 RUNNING", "app02 RUNNING")
	said := func(host, words string, times int) {
		t.Helper()
		cmdtest.Until(t, aWhile, "the log of "+host, func() bool { return strings.Count(all[host].Log(), words) >= times })
		assert.Equal(t, times, strings.Count(all[host].Log(), words), all[host].Log())
	}
	for _, c := range []struct { // the manager first: what a slave runs changes the manager's file too, a moment later
		host  string
		words [2]string
	}{
		{manager, [2]string{`msg="contact file damaged" host=mgr01 error="renraku start makes it anew: read contact file: record 0: `,
			"contact file right again"}},
		{first, [2]string{`host=app01 error="contact file damaged (renraku start makes it anew): read contact file: record 0: `,
			"contact file written again"}},
	} {
		host, words := c.host, c.words
		path := f.File(host, "contact.dat")
		whole, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.Truncate(path, 0))
		said(host, words[0], 1)
		require.NoError(t, os.WriteFile(path, whole, 0o640))
		said(host, words[1], 1)
		torn := append([]byte("two words"), whole[9:]...)
		require.NoError(t, os.WriteFile(path, torn, 0o640))
		said(host, words[0], 2)
		after, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, torn, after, "what is damaged is not written over")
		assert.Equal(t, 0, f.Renraku(t, host, "start").Code)
		said(host, words[1], 2)
		said(host, words[0], 2)
		assert.Equal(t, 0, f.Renraku(t, host, "run", "ONLINE", "--host", host).Code)
	}
}

func TestAContactFileThatIsRemovedOrReplacedIsMadeAnew(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, quickPolls)
	all := f.StartAll(t)
	orderOnline(t, f, first)
	for name, away := range map[string]func(path string) error{
		"removed":  os.Remove,
		"replaced": func(path string) error { return os.Rename(filepath.Join(filepath.Dir(path), "other"), path) },
	} {
		for host, want := range map[string][]string{
			manager: {"mgr01 RUNNING NOT-STARTED", "app01 RUNNING ONLINE", "app02 RUNNING NOT-STARTED"},
			first:   {"app01 RUNNING ONLINE"},
		} {
			require.NoError(t, os.WriteFile(f.File(host, "other"), []byte("of somebody else\n"), 0o640))
			require.NoError(t, away(f.File(host, "contact.dat")), name)
			cmdtest.Until(t, aWhile, "contact file of "+host+" made anew", func() bool {
				b, err := os.ReadFile(f.File(host, "contact.dat"))
				return err == nil && len(b) == 128*len(want)
			})
			f.Await(t, aWhile, host, want...)
		}
	}
	assert.Contains(t, all[manager].Log(), "contact file created again")
	assert.NotContains(t, all[manager].Log(), " STOPPED")
	out := f.Renraku(t, manager, "run", "ONLINE", "--host", second)
	assert.Equal(t, 0, out.Code, out.Stderr)
	f.AwaitManager(t, aWhile, "mgr01 RUNNING", "app01 RUNNING ONLINE", "app02 RUNNING ONLINE")
}
