package manager

import (
	"context"
	"net"
	"os"
	"path/filepath"
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

// silentAt listens at app01's address and never answers an order; each that comes is told.
func silentAt(t *testing.T) (address string, orders <-chan net.Conn) {
	packets, listener, address := sockets(t, app01)
	packets.Close()
	came := make(chan net.Conn, 10)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { conn.Close() })
			receive(conn, 84)
			came <- conn
		}
	}()
	return address, came
}

// killedManager is an office that was killed while an order waited for its response: nobody may use it any more.
func killedManager(t *testing.T, dir string, app Slave, orders <-chan net.Conn, trigger slave.Trigger) {
	o := openOffice(t, dir, online(t), app)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		o.server.Execution().Order(ctx, slave.Order{Process: process(t, "ONLINE"), Trigger: trigger}, []telegram.Host{app.Host}, func(slave.Result) {})
	}()
	<-orders
	t.Cleanup(func() {
		cancel()
		<-ended
	})
}

const up = "up after 1s"

func TestSameResponseAfterARestartIsTakenAgainAndAddsNoRecord(t *testing.T) {
	dir := t.TempDir()
	x := responseBytes("app01", launchedBit, "ONLINE", "ONLINE", up)
	app := at(t, "app01", app01+":10320")
	o := openOffice(t, dir, online(t), app)
	o.takeResponses()
	require.NotEmpty(t, deliver(t, o, app01, responseBytes("app01", failedBit, "ONLINE", "ONLINE", up)))
	require.NotEmpty(t, deliver(t, o, app01, x))
	for range 2 {
		o = openOffice(t, dir, online(t), app)
		o.takeResponses()
		assert.Equal(t, takenBytes("app01", "ONLINE"), deliver(t, o, app01, x))
		assert.Len(t, o.history(), 2)
		assert.Empty(t, o.events.told())
	}
	assert.Equal(t, takenBytes("app01", "ONLINE"), deliver(t, o, app01, responseBytes("app01", launchedBit, "ONLINE", "ONLINE", up+"!")))
	assert.Len(t, o.history(), 3, "other bytes are another response")
	assert.Equal(t, takenBytes("app01", "ONLINE"), deliver(t, o, app01, x))
	assert.Len(t, o.history(), 4, "not the last")
}

func TestOrderBetweenTheSameBytesMakesThemANewResponseAfterARestartToo(t *testing.T) {
	x := responseBytes("app01", launchedBit, "ONLINE", "ONLINE", up)
	cases := []struct {
		name    string
		between func(o *office, app *Slave)
		same    bool
	}{
		{"sent, and no response", func(o *office, app *Slave) {
			app.Address = address(t, newPeer(t, func(conn net.Conn) { receive(conn, 84) }).address)
		}, false},
		{"sent, and another response", func(o *office, app *Slave) {
			app.Address = address(t, answering(t, responseBytes("app01", refusedBit, "ONLINE", "ONLINE", "no")).address)
		}, false},
		{"no connection", func(o *office, app *Slave) { app.Address = address(t, nobody(t)) }, true},
		{"skipped", func(o *office, _ *Slave) { o.say("app01", contactfile.Stopped, "NOT-STARTED") }, true},
		{"already", func(o *office, _ *Slave) { o.say("app01", contactfile.Running, "ONLINE") }, true},
		{"not noted", func(o *office, app *Slave) {
			app.Address = address(t, newPeer(t, func(conn net.Conn) { receive(conn, 84) }).address)
			o.server.targets.journal.file = full(o.t)
		}, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			app := at(t, "app01", app01+":10320")
			o := openOffice(t, dir, online(t), app)
			o.takeResponses()
			require.NotEmpty(t, deliver(t, o, app01, x))
			o = openOffice(t, dir, online(t), app)
			o.t = t
			c.between(o, &app)
			o.server.status.byHost.of(app.Host).address = app.Address
			o.order(t.Context(), "ONLINE", "app01")
			o = openOffice(t, dir, online(t), at(t, "app01", app01+":10320"))
			o.takeResponses()
			before := o.history()
			assert.Equal(t, takenBytes("app01", "ONLINE"), deliver(t, o, app01, x))
			if c.same {
				assert.Equal(t, before, o.history())
			} else {
				assert.Equal(t, append(before, "app01 ONLINE OPERATOR LAUNCHED ONLINE: "+up), o.history())
			}
		})
	}
}

func TestOrderOfAKilledManagerIsInProgressAtTheNext(t *testing.T) {
	dir := t.TempDir()
	addr, orders := silentAt(t)
	app := at(t, "app01", addr)
	x := responseBytes("app01", launchedBit, "ONLINE", "ONLINE", up)
	o := openOffice(t, dir, online(t), app)
	o.takeResponses()
	require.NotEmpty(t, deliver(t, o, app01, x))
	killedManager(t, dir, app, orders, slave.ByTime)

	for range 2 { // the second finds it as the first did
		o = openOffice(t, dir, online(t), app)
		o.takeResponses()
		assert.Equal(t, "ALREADY NOT-STARTED: an order is in progress; nothing was sent", text(o.order(t.Context(), "ONLINE", "app01")))
	}
	before := o.history()
	require.NotEmpty(t, deliver(t, o, app01, responseBytes("app01", endedBit, "ONLINE", "BATCH", "an earlier run")))
	o = openOffice(t, dir, online(t), app)
	o.takeResponses()
	assert.Equal(t, slave.Already, o.order(t.Context(), "ONLINE", "app01").Outcome, "that is not its response")
	require.Equal(t, takenBytes("app01", "ONLINE"), deliver(t, o, app01, x))
	assert.Equal(t, append(before, "app01 ONLINE TIME ENDED BATCH: an earlier run",
		"app01 ONLINE OPERATOR ALREADY NOT-STARTED: an order is in progress; nothing was sent",
		"app01 ONLINE TIME LAUNCHED ONLINE: "+up), o.history())
	assert.Equal(t, "app01 RUNNING ONLINE", o.record("app01"))
	assert.Empty(t, orders, "nothing was sent again")

	o.say("app01", contactfile.Running, contactfile.NotStarted)
	go func() { (<-orders).Close() }()
	assert.Equal(t, slave.Unknown, o.order(t.Context(), "ONLINE", "app01").Outcome, "it is not in progress any more")
	journal, err := os.ReadFile(filepath.Join(dir, "runs", ordersFile))
	require.NoError(t, err)
	assert.Len(t, journal, orderLineLength)
	assert.EqualValues(t, orderDone, journal[0])
}

func TestOutcomeThatOnlyTheHistoryHasEndsTheOrderAtTheNextStart(t *testing.T) {
	for _, response := range []bool{true, false} {
		dir := t.TempDir()
		p := newPeer(t, func(conn net.Conn) {
			receive(conn, 84)
			if response {
				conn.Write([]byte(responseBytes("app01", refusedBit, "ONLINE", "NOT-STARTED", "no")))
				receive(conn, 84)
			}
		})
		o := openOffice(t, dir, online(t), at(t, "app01", p.address))
		h := o.breakHistory(nil)
		h.hold = func() { o.server.targets.journal.file = full(t) }
		o.order(t.Context(), "ONLINE", "app01")
		assert.Equal(t, 1, o.log.count("journal of orders not written"))
		journal, err := os.ReadFile(filepath.Join(dir, "runs", ordersFile))
		require.NoError(t, err)
		require.Len(t, journal, orderLineLength)
		require.EqualValues(t, orderOutstanding, journal[0])

		o = openOffice(t, dir, online(t), at(t, "app01", p.address))
		assert.NotEqual(t, slave.Already, o.order(t.Context(), "ONLINE", "app01").Outcome)
		assert.Len(t, o.history(), 2)
	}
}

func TestOrderThatCannotBeNotedIsNotSent(t *testing.T) {
	got := make(chan string, 1)
	p := newPeer(t, func(conn net.Conn) { got <- receive(conn, 84) })
	o := newOffice(t, online(t), at(t, "app01", p.address))
	file := o.server.targets.journal.file
	o.server.targets.journal.file = full(t)
	const want = "FAILED NOT-STARTED: not sent: note the order: write /dev/full: no space left on device"
	for range 2 {
		assert.Equal(t, want, text(o.order(t.Context(), "ONLINE", "app01")))
		assert.Empty(t, <-got)
	}
	assert.Equal(t, []string{"app01 ONLINE OPERATOR " + want, "app01 ONLINE OPERATOR " + want}, o.history())
	assert.Equal(t, 1, o.log.count("journal of orders not written"))
	o.server.targets.journal.file = file
	o.order(t.Context(), "ONLINE", "app01")
	assert.Equal(t, launchBytes("app01", "ONLINE"), <-got)
	assert.Equal(t, 1, o.log.count("journal of orders written again"))
}

func TestManagerWithoutAJournalDoesNotRun(t *testing.T) {
	packets, listener, _ := sockets(t, "127.0.0.1")
	file, _ := contact(t)
	r := records(t)
	require.NoError(t, os.Mkdir(filepath.Join(r.Runs.Path(), ordersFile), 0o750))
	s := NewServer(Config{Host: host(t, "mgr01"), Records: r, Log: quiet()}, file, packets, listener)
	assert.ErrorIs(t, s.Run(t.Context()), syscall.EISDIR)
}

func TestDamagedJournalIsSaidAtTheStart(t *testing.T) {
	dir := t.TempDir()
	recordsIn(t, dir)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "runs", ordersFile), []byte("garbage"), 0o640))
	o := openOffice(t, dir, online(t))
	assert.Equal(t, 1, o.log.count("damaged lines of the journal of orders left out"))
}

func TestOrderOfADaemonThatEndsIsLeftToTheNext(t *testing.T) {
	dir := t.TempDir()
	addr, orders := silentAt(t)
	app := at(t, "app01", addr)
	o := openOffice(t, dir, online(t), app)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-orders
		cancel()
	}()
	assert.Equal(t, "UNKNOWN NOT-STARTED: sent, and no response: the daemon was ended meanwhile", text(o.order(ctx, "ONLINE", "app01")))
	assert.Empty(t, o.history())
	o = openOffice(t, dir, online(t), app)
	o.takeResponses()
	require.NotEmpty(t, deliver(t, o, app01, responseBytes("app01", launchedBit, "ONLINE", "ONLINE", up)))
	assert.Equal(t, []string{"app01 ONLINE OPERATOR LAUNCHED ONLINE: " + up}, o.history(), "as at the slave")
}

func TestResponseAfterUnknownAddsItsRecordAndCorrectsField133(t *testing.T) {
	addr, _ := silentAt(t)
	processes := online(t)
	processes[0].Timeout = 10 * time.Millisecond
	o := newOffice(t, processes, at(t, "app01", addr))
	o.takeResponses()
	o.server.execution.courier.more = 10 * time.Millisecond
	assert.Equal(t, "UNKNOWN NOT-STARTED: sent, and no response: the time for it is over", text(o.order(t.Context(), "ONLINE", "app01")))
	o.say("app01", contactfile.Stopped, contactfile.NotStarted)
	require.Equal(t, slave.Skipped, orderBy(o, slave.ByTime, "app01").Outcome, "no order that was sent")
	require.Equal(t, takenBytes("app01", "ONLINE"), deliver(t, o, app01, responseBytes("app01", launchedBit, "ONLINE", "ONLINE", up)))
	assert.Equal(t, []string{
		"app01 ONLINE OPERATOR UNKNOWN NOT-STARTED: sent, and no response: the time for it is over",
		"app01 ONLINE TIME SKIPPED NOT-STARTED: the server is STOPPED",
		"app01 ONLINE OPERATOR LAUNCHED ONLINE: " + up}, o.history())
	assert.Equal(t, "app01 STOPPED ONLINE", o.record("app01"))
}

func orderBy(o *office, trigger slave.Trigger, name string) (r slave.Result) {
	order := slave.Order{Process: process(o.t, "ONLINE"), Trigger: trigger}
	o.server.Execution().Order(o.t.Context(), order, []telegram.Host{host(o.t, name)}, func(row slave.Result) { r = row })
	return r
}

func TestTriggerOfALateResponseIsKnownAfterARestart(t *testing.T) {
	dir := t.TempDir()
	addr, orders := silentAt(t)
	app := at(t, "app01", addr)
	o := openOffice(t, dir, online(t), app)
	go func() { (<-orders).Close() }()
	require.Equal(t, slave.Unknown, orderBy(o, slave.ByMessage, "app01").Outcome)
	o = openOffice(t, dir, online(t), app)
	o.takeResponses()
	require.NotEmpty(t, deliver(t, o, app01, responseBytes("app01", launchedBit, "ONLINE", "ONLINE", up)))
	require.NotEmpty(t, deliver(t, o, app01, responseBytes("app01", launchedBit, "BATCH", "BATCH", up)))
	assert.Equal(t, []string{"app01 ONLINE MESSAGE LAUNCHED ONLINE: " + up, "app01 BATCH ORDER LAUNCHED BATCH: " + up}, o.history()[1:])
}

func TestResponseOnAnotherConnectionCountsOnlyWhereTheOrdersOwnBringsNone(t *testing.T) {
	for _, own := range []bool{true, false} {
		addr, orders := silentAt(t)
		o := newOffice(t, online(t), at(t, "app01", addr))
		o.takeResponses()
		row := make(chan slave.Result, 1)
		go o.server.Execution().Order(t.Context(), byOperator(t, "ONLINE"), []telegram.Host{host(t, "app01")}, func(r slave.Result) { row <- r })
		conn := <-orders
		require.NotEmpty(t, deliver(t, o, app01, responseBytes("app01", launchedBit, "ONLINE", "ONLINE", up)))
		want := []string{"app01 ONLINE OPERATOR LAUNCHED ONLINE: " + up}
		if own {
			conn.Write([]byte(responseBytes("app01", alreadyBit, "ONLINE", "ONLINE", "it stands")))
			assert.Equal(t, takenBytes("app01", "ONLINE"), receive(conn, 84))
			assert.Equal(t, "ALREADY ONLINE: it stands", text(<-row))
			want = append(want, "app01 ONLINE OPERATOR ALREADY ONLINE: it stands")
		} else {
			conn.Close()
			assert.Equal(t, "LAUNCHED ONLINE: "+up, text(<-row))
		}
		assert.Equal(t, want, o.history())
	}
}

func TestOtherProcessesStandFromSetProcessesOn(t *testing.T) {
	addr, orders := silentAt(t)
	o := newOffice(t, online(t), at(t, "app01", addr))
	o.takeResponses()
	row := make(chan slave.Result, 1)
	go o.server.Execution().Order(t.Context(), byOperator(t, "ONLINE"), []telegram.Host{host(t, "app01")}, func(r slave.Result) { row <- r })
	conn := <-orders
	require.NotEmpty(t, deliver(t, o, app01, responseBytes("app01", endedBit, "ONLINE", "NOT-STARTED", "earlier")))

	batch := slave.Process{ID: process(t, "BATCH"), Command: []string{"/bin/true"}, Status: status(t, contactfile.Batch)}
	o.server.SetProcesses([]slave.Process{batch})
	assert.Equal(t, "SKIPPED NOT-STARTED: no such process on this server", text(o.order(t.Context(), "ONLINE", "app01")))
	assert.Equal(t, slave.Launched, o.order(t.Context(), "BATCH", "mgr01").Outcome)
	conn.Write([]byte(responseBytes("app01", launchedBit, "ONLINE", "ONLINE", up)))
	assert.Equal(t, "LAUNCHED ONLINE: "+up, text(<-row), "the order in progress goes on")
	assert.Contains(t, o.server.targets.all, target{host(t, "app01"), process(t, "ONLINE")})
	require.NotEmpty(t, receive(conn, 84))
	o.server.SetProcesses([]slave.Process{batch})
	assert.NotContains(t, o.server.targets.all, target{host(t, "app01"), process(t, "ONLINE")}, "it is forgotten when it is done")
	before := len(o.history())
	for range 2 {
		require.NotEmpty(t, deliver(t, o, app01, responseBytes("app01", launchedBit, "ONLINE", "ONLINE", up)))
	}
	assert.Equal(t, before+2, len(o.history()), "of such a process nothing is remembered")
}

func TestSetProcessesAtAnyTime(t *testing.T) {
	p := answering(t, responseBytes("app01", refusedBit, "ONLINE", "NOT-STARTED", "no"))
	o := newOffice(t, online(t), at(t, "app01", p.address))
	var all sync.WaitGroup
	all.Go(func() {
		for range 200 {
			o.server.SetProcesses(nil)
			o.server.SetProcesses(online(t))
		}
	})
	for range 4 {
		all.Go(func() {
			for range 10 {
				o.server.Execution().Order(t.Context(), byOperator(t, "ONLINE"), []telegram.Host{host(t, "app01")}, func(r slave.Result) {
					assert.Contains(t, []slave.Outcome{slave.Refused, slave.Skipped, slave.Already}, r.Outcome, r.Text)
				})
			}
		})
	}
	all.Wait()
	assert.Len(t, o.history(), 40)
}
