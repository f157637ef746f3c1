package main

import (
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
)

func atManager(t *testing.T, f *cmdtest.Fleet, args ...string) *exec.Cmd {
	t.Helper()
	return exec.Command(cmdtest.Binary(t, "renraku"), append(args, "--dir", f.Dir(manager))...)
}

// A batch ends by itself; its message orders ONLINE on the same server, whose own message runs a notifier on the manager.
func TestTheEndOfOneProcessTriggersAnother(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, quickPolls)
	said := f.File(manager, "said")
	f.Define(t, `
[[process]]
id = "NIGHT"
command = ["/bin/sleep", "0.3"]
type = "simple"
settle = "50ms"
from = ["NOT-STARTED"]
status = "BATCH"

[[process]]
id = "NOTIFY"
command = ["/bin/sh", "-c", "echo \"$RENRAKU_MESSAGE\" >> `+said+`"]

[[trigger]]
process = "ONLINE"
hosts = ["app*"]
message = '^NIGHT@app01 ended normally$'

[[trigger]]
process = "NOTIFY"
hosts = ["mgr01"]
message = '^app02 application ONLINE$'
`)
	f.StartAll(t)
	out := f.Renraku(t, manager, "run", "NIGHT", "--host", first)
	require.Equal(t, 0, out.Code, out.Stderr)
	f.AwaitManager(t, aWhile, "mgr01 RUNNING", "app01 RUNNING ONLINE", "app02 RUNNING ONLINE")
	cmdtest.Until(t, aWhile, "the notifier", func() bool { return strings.Contains(read(said), "app02 application ONLINE\n") })
	awaitHistory(t, f, first, "app01 NIGHT ORDER LAUNCHED BATCH", "app01 NIGHT ORDER ENDED NOT-STARTED", "app01 ONLINE ORDER LAUNCHED ONLINE")
	cmdtest.Until(t, aWhile, "the notifier's result", func() bool { return len(f.History(t, manager)) == 5 })
	history := f.History(t, manager)
	assert.Equal(t, []string{"app01 NIGHT OPERATOR LAUNCHED BATCH", "app01 NIGHT OPERATOR ENDED NOT-STARTED"}, history[:2])
	assert.ElementsMatch(t, []string{"app01 ONLINE MESSAGE LAUNCHED ONLINE", "app02 ONLINE MESSAGE LAUNCHED ONLINE",
		"mgr01 NOTIFY MESSAGE LAUNCHED NOT-STARTED"}, history[2:])
}

func read(path string) string {
	b, _ := os.ReadFile(path) // it may not be there yet
	return string(b)
}

// Without a manager: a slave's local trigger, by logger as by renraku message.
func TestALocalTriggerNeedsNoManager(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, quickPolls)
	said := f.File(first, "said")
	f.Define(t, `
[[process]]
id = "SAY"
command = ["/bin/sh", "-c", "echo \"$RENRAKU_MESSAGE\" >> `+said+`"]

[[trigger]]
process = "SAY"
local = true
message = '^job (\S+) done$'
`)
	f.Start(t, first)
	messages := func(n int) func() bool {
		return func() bool { return strings.Count(read(said), "\n") == n }
	}
	out, err := exec.Command("logger", "-u", f.File(first, "message.sock"), "-t", "cron", "job A done").CombinedOutput()
	require.NoError(t, err, "%s (logger is in package bsdutils)", out)
	cmdtest.Until(t, aWhile, "the process of logger's message", messages(1))
	cmdtest.Until(t, aWhile, "its result", func() bool { return len(f.History(t, first)) == 1 })
	told := f.Renraku(t, first, "message", "job", "B", "done")
	require.Equal(t, 0, told.Code, told.Stderr)
	cmdtest.Until(t, aWhile, "the process of the operator's message", messages(2))
	assert.Equal(t, "job A done\njob B done\n", read(said))
	awaitHistory(t, f, first, "app01 SAY MESSAGE LAUNCHED NOT-STARTED", "app01 SAY MESSAGE LAUNCHED NOT-STARTED")

	f.Start(t, manager)
	awaitHistory(t, f, manager, "app01 SAY MESSAGE LAUNCHED NOT-STARTED", "app01 SAY MESSAGE LAUNCHED NOT-STARTED")
	none := cmdtest.Renraku(t, "message", "job C done", "--dir", f.Dir(second))
	assert.Equal(t, 3, none.Code)
	assert.Contains(t, none.Stderr, "no daemon is running")
}

// The matcher of messages is made slow, and the senders do not stop: nobody waits, and no slave is found silent for it.
func TestAFloodOfMessagesDelaysNeitherSendersNorPolling(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, quickPolls)
	f.Define(t, `
[[trigger]]
process = "ONLINE"
hosts = ["app01"]
message = '(x+x+)+y$'
`)
	all := f.StartAll(t)
	conn, err := net.Dial("unixgram", f.File(manager, "message.sock"))
	require.NoError(t, err)
	defer conn.Close()
	message := []byte("<13>Nov 22 10:59:43 batch: " + strings.Repeat("x", 4000))
	longest := time.Duration(0)
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); {
		began := time.Now()
		_, err := conn.Write(message)
		require.NoError(t, err)
		longest = max(longest, time.Since(began))
	}
	assert.Less(t, longest, 2*time.Second)
	assert.NotContains(t, all[manager].Log(), "STOPPED")
	told := f.Renraku(t, manager, "message", "xxy")
	require.Equal(t, 0, told.Code, told.Stderr)
	f.AwaitManager(t, aWhile, "mgr01 RUNNING", "app01 RUNNING ONLINE", "app02 RUNNING")
	assert.NotContains(t, all[manager].Log(), "STOPPED")
}
