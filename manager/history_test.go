package manager

import (
	"context"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/contactfile"
	"renraku/slave"
	"renraku/telegram"
)

// answering is a slave that gives each order this response, and takes the receipt.
func answering(t *testing.T, response string) *peer {
	return newPeer(t, func(conn net.Conn) {
		receive(conn, 84)
		conn.Write([]byte(response))
		receive(conn, 84)
	})
}

// brokenHistory is a history on a disk that fails while there is an error, and that may hold each append back.
type brokenHistory struct {
	history
	hold func()

	mu  sync.Mutex
	err error
}

func (h *brokenHistory) Append(records ...contactfile.HistoryRecord) (int, error) {
	if h.hold != nil {
		h.hold()
	}
	h.mu.Lock()
	err := h.err
	h.mu.Unlock()
	if err != nil {
		return 0, err
	}
	return h.history.Append(records...)
}

func (h *brokenHistory) fail(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.err = err
}

// breakHistory has the appends of a manager fail until fail(nil).
func (o *office) breakHistory(err error) *brokenHistory {
	h := &brokenHistory{history: o.server.targets.history, err: err}
	o.server.targets.history = h
	return h
}

func TestEveryOutcomeIsOneRecordBeforeItsRow(t *testing.T) {
	closing := newPeer(t, func(conn net.Conn) { receive(conn, 84) })
	down := nobody(t)
	slaves := []Slave{
		at(t, "launched", answering(t, responseBytes("launched", launchedBit, "ONLINE", "ONLINE", "ended normally")).address),
		at(t, "failed", answering(t, responseBytes("failed", failedBit, "ONLINE", "BROKEN", "exit status 3")).address),
		at(t, "already", answering(t, responseBytes("already", alreadyBit, "ONLINE", "ONLINE", "in progress since then")).address),
		at(t, "refused", answering(t, responseBytes("refused", refusedBit, "ONLINE", "BATCH", "no monitoring on this server")).address),
		at(t, "closing", closing.address),
		at(t, "down", down),
		at(t, "stopped", down),
		at(t, "stands", down),
	}
	o := newOffice(t, online(t), slaves...)
	o.say("stopped", contactfile.Stopped, "BATCH")
	o.say("stands", contactfile.Running, "ONLINE")
	hosts := []telegram.Host{host(t, "mgr01")}
	for _, s := range slaves {
		hosts = append(hosts, s.Host)
	}
	o.server.Execution().DryRun(process(t, "ONLINE"), hosts, func(slave.Result) {})
	assert.Empty(t, o.history(), "a dry run is no order")

	before := now()
	rows := 0
	order := slave.Order{Process: process(t, "ONLINE"), Trigger: slave.ByTime}
	o.server.Execution().Order(t.Context(), order, hosts, func(r slave.Result) {
		rows++
		assert.Contains(t, o.history(), r.Host.String()+" ONLINE TIME "+text(r), "on disk before the row")
		assert.WithinRange(t, r.Time, before, now())
	})
	assert.Equal(t, len(hosts), rows)
	got := o.history()
	slices.Sort(got)
	require.Len(t, got, len(hosts))
	assert.True(t, strings.HasPrefix(got[5], "mgr01 ONLINE TIME LAUNCHED ONLINE: ended normally"), got[5])
	assert.Equal(t, []string{
		"already ONLINE TIME ALREADY ONLINE: in progress since then",
		"closing ONLINE TIME UNKNOWN NOT-STARTED: sent, and no response: the slave closed the connection",
		"down ONLINE TIME UNREACHABLE NOT-STARTED: " + down + ": connection refused",
		"failed ONLINE TIME FAILED BROKEN: exit status 3",
		"launched ONLINE TIME LAUNCHED ONLINE: ended normally",
		"refused ONLINE TIME REFUSED BATCH: no monitoring on this server",
		"stands ONLINE TIME ALREADY ONLINE: ONLINE stands already; nothing was sent",
		"stopped ONLINE TIME SKIPPED BATCH: the server is STOPPED",
	}, slices.Delete(got, 5, 6))
}

func TestOrdersOfTheManagersOwnServerAreOneRecordEach(t *testing.T) {
	o := newOffice(t, append(online(t), slave.Process{ID: process(t, "SLEEPS"), Command: []string{"/bin/sleep", "0.2"}}))
	o.order(t.Context(), "ONLINE", "mgr01")
	o.order(t.Context(), "ONLINE", "mgr01")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.Equal(t, slave.Unknown, o.order(ctx, "SLEEPS", "mgr01").Outcome)
	assert.Empty(t, o.server.own.Close(t.Context()), "its end is recorded when it comes")
	got := o.history()
	require.Len(t, got, 3)
	assert.Contains(t, got[0], "mgr01 ONLINE OPERATOR LAUNCHED ONLINE")
	assert.Equal(t, "mgr01 ONLINE OPERATOR ALREADY ONLINE: ONLINE stands already; nothing was sent", got[1])
	assert.Contains(t, got[2], "mgr01 SLEEPS OPERATOR LAUNCHED ONLINE")
}

func TestResponseIsOnDiskBeforeItsReceipt(t *testing.T) {
	var o *office
	atReceipt := make(chan []string, 1)
	p := newPeer(t, func(conn net.Conn) {
		receive(conn, 84)
		conn.Write([]byte(responseBytes("app01", launchedBit, "ONLINE", "ONLINE", "up")))
		receive(conn, 84)
		atReceipt <- o.history()
	})
	o = newOffice(t, online(t), at(t, "app01", p.address))
	o.order(t.Context(), "ONLINE", "app01")
	assert.Equal(t, []string{"app01 ONLINE OPERATOR LAUNCHED ONLINE: up"}, <-atReceipt)
}

func TestResponseThatTheHistoryCannotTakeIsNotTakenUntilItCan(t *testing.T) {
	packets, listener, addr := sockets(t, app01)
	packets.Close()
	x := responseBytes("app01", launchedBit, "ONLINE", "ONLINE", "up")
	receipt := make(chan string, 2)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			receive(conn, 84)
			conn.Write([]byte(x))
			receipt <- receive(conn, 84)
			conn.Close()
		}
	}()
	o := newOffice(t, online(t), at(t, "app01", addr))
	o.takeResponses()
	h := o.breakHistory(syscall.ENOSPC)
	assert.Equal(t, "UNKNOWN NOT-STARTED: sent, and no response: the response could not be written: no space left on device; "+
		"not in the history: no space left on device", text(o.order(t.Context(), "ONLINE", "app01")))
	assert.Empty(t, <-receipt)
	for range 3 {
		assert.Empty(t, deliver(t, o, app01, x))
	}
	assert.Equal(t, 1, o.log.count("response not taken"))
	assert.Equal(t, 1, o.log.count("history not written"))
	assert.Equal(t, "app01 RUNNING NOT-STARTED", o.record("app01"))
	assert.Empty(t, o.history())
	assert.Empty(t, o.events.told())

	h.fail(nil)
	assert.Contains(t, text(o.order(t.Context(), "ONLINE", "app01")), "ALREADY NOT-STARTED: an order is in progress")
	assert.Equal(t, takenBytes("app01", "ONLINE"), deliver(t, o, app01, x))
	assert.Equal(t, "app01 RUNNING ONLINE", o.record("app01"))
	assert.Equal(t, []string{"app01 ONLINE OPERATOR ALREADY NOT-STARTED: an order is in progress; nothing was sent",
		"app01 ONLINE OPERATOR LAUNCHED ONLINE: up"}, o.history())
	assert.Equal(t, 1, o.log.count("history written again"))
	o.say("app01", contactfile.Running, contactfile.NotStarted)
	assert.Equal(t, slave.Launched, o.order(t.Context(), "ONLINE", "app01").Outcome, "it is not in progress any more")
}

func TestOutcomeOfWhichNoSlaveKnowsIsGivenWithoutAHistory(t *testing.T) {
	o := newOffice(t, online(t), at(t, "app01", nobody(t)), at(t, "app02", nobody(t)))
	o.say("app01", contactfile.Stopped, contactfile.NotStarted)
	o.breakHistory(syscall.ENOSPC)
	const why = "; not in the history: no space left on device"
	assert.Equal(t, "SKIPPED NOT-STARTED: the server is STOPPED"+why, text(o.order(t.Context(), "ONLINE", "app01")))
	r := o.order(t.Context(), "ONLINE", "app02")
	assert.Equal(t, slave.Unreachable, r.Outcome)
	assert.True(t, strings.HasSuffix(r.Text, why), r.Text)
	assert.Equal(t, 1, o.log.count("history not written"))
}

// The history has one write for all appends that come while another goes on: they have to come, and not wait for one another.
func TestOutcomesOfABulkOrderAreWrittenTogether(t *testing.T) {
	const n = 100
	simulation, err := slave.NewSimulation("sim", n)
	require.NoError(t, err)
	packets, listener, addr := sockets(t, "127.0.0.1")
	end := inBackground(t, func(ctx context.Context) error { return simulation.Serve(ctx, packets, listener, quiet()) })
	var slaves []Slave
	var hosts []telegram.Host
	for i := range n {
		slaves = append(slaves, at(t, simulation.Host(i), addr))
		hosts = append(hosts, slaves[i].Host)
	}
	o := newOffice(t, online(t), slaves...)
	for i := range n / 2 {
		o.say(simulation.Host(i), contactfile.Stopped, contactfile.NotStarted)
	}
	h := o.breakHistory(nil)
	var appends sync.WaitGroup
	appends.Add(n)
	h.hold = func() { // each waits until all are there
		appends.Done()
		together := make(chan struct{})
		go func() {
			appends.Wait()
			close(together)
		}()
		select {
		case <-together:
		case <-time.After(patience):
			t.Error("appends wait for one another")
		}
	}
	got := map[slave.Outcome]int{}
	o.server.Execution().Order(t.Context(), byOperator(t, "ONLINE"), hosts, func(r slave.Result) { got[r.Outcome]++ })
	assert.Equal(t, map[slave.Outcome]int{slave.Skipped: n / 2, slave.Launched: n / 2}, got)
	assert.Len(t, o.history(), n)
	require.NoError(t, end())
}

func TestEventsOfEachNewResponseAreTold(t *testing.T) {
	processes := append(online(t), slave.Process{ID: process(t, "STAYS"), Command: []string{"/bin/true"}, Type: slave.Simple})
	o := newOffice(t, processes, at(t, "app01", app01+":10320"))
	o.takeResponses()
	for _, x := range []string{
		responseBytes("app01", launchedBit, "ONLINE", "ONLINE", "ended normally after 1s"),
		responseBytes("app01", launchedBit, "STAYS", "ONLINE", "up after 1s"),
		responseBytes("app01", endedBit, "STAYS", "ONLINE", "ended normally after 2s"),
		responseBytes("app01", failedBit, "ONLINE", "ONLINE", "exit status 3"),
		responseBytes("app01", alreadyBit, "ONLINE", "ONLINE", "it stands"),
		responseBytes("app01", refusedBit, "STAYS", "ONLINE", "no"),
	} {
		for range 2 {
			require.NotEmpty(t, deliver(t, o, app01, x))
		}
	}
	require.Equal(t, slave.Launched, o.order(t.Context(), "ONLINE", "mgr01").Outcome)
	assert.Equal(t, []string{"ONLINE@app01 ended normally", "STAYS@app01 launched", "STAYS@app01 ended normally",
		"ONLINE@app01 failed: exit status 3"}, slices.DeleteFunc(o.events.told(), func(event string) bool {
		return strings.Contains(event, " application ") || strings.HasSuffix(event, "mgr01 ended normally")
	}))
	assert.Equal(t, 1, len(slices.DeleteFunc(o.events.told(), func(event string) bool { return event != "ONLINE@mgr01 ended normally" })))
}
