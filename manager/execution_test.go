package manager

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/contactfile"
	"renraku/slave"
	"renraku/telegram"
)

// fleetProcesses: BATCH runs from ONLINE only, and only on app servers.
func fleetProcesses(t testing.TB) []slave.Process {
	apps, err := slave.ParsePattern("app*")
	require.NoError(t, err)
	return append(online(t), slave.Process{ID: process(t, "BATCH"), Command: []string{"/bin/true"}, Status: status(t, contactfile.Batch),
		From: []telegram.Status{status(t, contactfile.Online)}, Hosts: []slave.Pattern{apps}})
}

func TestCheckSendsNothingWhereTheOrderIsNotAllowed(t *testing.T) {
	cases := []struct {
		name        string
		host, id    string
		operating   contactfile.Operating
		application string
		want        string
	}{
		{"stopped server", "app01", "ONLINE", contactfile.Stopped, "NOT-STARTED", "SKIPPED NOT-STARTED: the server is STOPPED"},
		{"stopped server whose status stands", "app01", "ONLINE", contactfile.Stopped, "ONLINE", "SKIPPED ONLINE: the server is STOPPED"},
		{"status stands", "app01", "ONLINE", contactfile.Running, "ONLINE", "ALREADY ONLINE: ONLINE stands already; nothing was sent"},
		{"not in from", "app01", "BATCH", contactfile.Running, "NOT-STARTED", "SKIPPED NOT-STARTED: not from NOT-STARTED: it runs from ONLINE"},
		{"empty status", "app01", "BATCH", contactfile.Running, "", "SKIPPED : not from an empty status: it runs from ONLINE"},
		{"not a process of this server", "web01", "BATCH", contactfile.Running, "ONLINE", "SKIPPED ONLINE: no such process on this server"},
		{"no such process", "app01", "NOTHING", contactfile.Running, "ONLINE", "SKIPPED ONLINE: no such process on this server"},
		{"no such server", "app99", "ONLINE", contactfile.Running, "", "SKIPPED : the definition has no such server"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := newPeer(t, func(net.Conn) {})
			o := newOffice(t, fleetProcesses(t), at(t, "app01", p.address), at(t, "web01", p.address))
			if c.host != "app99" {
				o.say(c.host, c.operating, c.application)
			}
			before := lines(t, o.path)
			assert.Equal(t, c.want, text(o.order(t.Context(), c.id, c.host)))
			o.server.Execution().DryRun(process(t, c.id), []telegram.Host{host(t, c.host)}, func(r slave.Result) {
				assert.Equal(t, c.want, text(r), "the dry run says the same")
			})
			assert.Zero(t, p.connections.Load())
			assert.Equal(t, before, lines(t, o.path))
		})
	}
}

func TestOrderWithoutMonitoringIsSkipped(t *testing.T) {
	p := newPeer(t, func(net.Conn) {})
	o := newOffice(t, online(t), at(t, "app01", p.address))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, o.server.End(ended))
	for _, name := range []string{"app01", "mgr01"} {
		assert.Equal(t, "SKIPPED : no monitoring", text(o.order(t.Context(), "ONLINE", name)))
	}
	assert.Zero(t, p.connections.Load())
}

func TestADamagedContactFileForbidsOrdersAndTheTextSaysWhatMendsIt(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"emptied":       func(path string) error { return os.Truncate(path, 0) },
		"torn":          func(path string) error { return os.Truncate(path, 200) },
		"not a record":  func(path string) error { return os.WriteFile(path, bytes.Repeat([]byte("?\n"), 128), 0o640) },
		"names changed": func(path string) error { return exchange(path, "app01", "app02") },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPeer(t, func(net.Conn) {})
			o := newOffice(t, online(t), at(t, "app01", p.address))
			require.NoError(t, damage(o.path))
			r := o.order(t.Context(), "ONLINE", "app01")
			assert.Equal(t, slave.Skipped, r.Outcome)
			assert.Contains(t, r.Text, "contact file damaged (renraku start makes it anew): ")
			require.NoError(t, o.server.Begin())
			o.say("app01", contactfile.Stopped, "ONLINE")
			assert.Equal(t, "SKIPPED ONLINE: the server is STOPPED", text(o.order(t.Context(), "ONLINE", "app01")), "and so it does")
			assert.Zero(t, p.connections.Load())
		})
	}
}

// exchange writes one text over another of the same length in a file.
func exchange(path, before, after string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return os.WriteFile(path, bytes.ReplaceAll(b, []byte(before), []byte(after)), 0o640)
}

func TestDryRunSendsNothing(t *testing.T) {
	p := newPeer(t, func(net.Conn) {})
	o := newOffice(t, fleetProcesses(t), at(t, "app01", p.address), at(t, "app02", p.address))
	o.say("app02", contactfile.Running, "ONLINE")
	var rows []string
	o.server.Execution().DryRun(process(t, "ONLINE"), []telegram.Host{host(t, "mgr01"), host(t, "app01"), host(t, "app02"), host(t, "app01")},
		func(r slave.Result) { rows = append(rows, r.Host.String()+" "+text(r)) })
	assert.Equal(t, []string{"mgr01 READY NOT-STARTED", "app01 READY NOT-STARTED",
		"app02 ALREADY ONLINE: ONLINE stands already; nothing was sent", "app01 READY NOT-STARTED"}, rows, "nothing counts as in progress")
	assert.Zero(t, p.connections.Load())
	assert.Equal(t, []string{"mgr01 RUNNING NOT-STARTED", "app01 RUNNING NOT-STARTED", "app02 RUNNING ONLINE"}, lines(t, o.path))
}

func TestOrderInProgressIsNotSentAgain(t *testing.T) {
	ordered, release := make(chan struct{}, 10), make(chan struct{})
	p := newPeer(t, func(conn net.Conn) {
		receive(conn, 84)
		ordered <- struct{}{}
		<-release
		conn.Write([]byte(responseBytes("app01", failedBit, "ONLINE", "NOT-STARTED", "exit status 1")))
		receive(conn, 84)
	})
	o := newOffice(t, fleetProcesses(t), at(t, "app01", p.address), at(t, "app02", p.address))
	first := make(chan slave.Result, 1)
	go o.server.Execution().Order(t.Context(), byOperator(t, "ONLINE"), []telegram.Host{host(t, "app01")}, func(r slave.Result) { first <- r })
	<-ordered
	brief, cancel := context.WithTimeout(t.Context(), time.Second) // were it sent, the answer would not come
	defer cancel()
	assert.Equal(t, "ALREADY NOT-STARTED: an order is in progress; nothing was sent", text(o.order(brief, "ONLINE", "app01")))
	o.server.Execution().DryRun(process(t, "ONLINE"), []telegram.Host{host(t, "app01"), host(t, "app02")}, func(r slave.Result) {
		assert.Equal(t, r.Host.String() == "app01", r.Outcome == slave.Already, "only that server's")
	})
	assert.EqualValues(t, 1, p.connections.Load())
	close(release)
	assert.Equal(t, "FAILED NOT-STARTED: exit status 1", text(<-first))
	assert.Equal(t, slave.Failed, o.order(t.Context(), "ONLINE", "app01").Outcome, "it may be ordered again afterwards")
	assert.EqualValues(t, 2, p.connections.Load())
}

func TestManagersOwnServerIsOrderedInProcess(t *testing.T) {
	processes := online(t)
	processes = append(processes,
		slave.Process{ID: process(t, "FAILS"), Command: []string{"/bin/sh", "-c", "echo no disk; exit 3"}, Failed: status(t, "BROKEN")},
		slave.Process{ID: process(t, "SLEEPS"), Command: []string{"/bin/sleep", "0.2"}})
	o := newOffice(t, processes, at(t, "app01", nobody(t)))
	r := o.order(t.Context(), "ONLINE", "mgr01")
	assert.Equal(t, slave.Launched, r.Outcome, r.Text)
	assert.Equal(t, "mgr01 RUNNING ONLINE", o.record("mgr01"))
	assert.Equal(t, slave.Already, o.order(t.Context(), "ONLINE", "mgr01").Outcome)
	assert.Equal(t, "FAILED BROKEN: exit status 3: no disk", text(o.order(t.Context(), "FAILS", "mgr01")))
	assert.Equal(t, "mgr01 RUNNING BROKEN", o.record("mgr01"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.Equal(t, slave.Unknown, o.order(ctx, "SLEEPS", "mgr01").Outcome, "it was started, and its end is not waited for")
	assert.Empty(t, o.server.own.Close(t.Context()))
	assert.Equal(t, slave.Refused, o.order(t.Context(), "ONLINE", "mgr01").Outcome, "after Close")
}

func TestEveryResultIsLoggedOnce(t *testing.T) {
	processes := append(online(t), slave.Process{ID: process(t, "SLEEPS"), Command: []string{"/bin/sleep", "0.2"}})
	o := newOffice(t, processes, at(t, "app01", nobody(t)))
	o.order(t.Context(), "ONLINE", "mgr01")
	o.order(t.Context(), "ONLINE", "mgr01")
	o.order(t.Context(), "ONLINE", "app01")
	o.say("app01", contactfile.Stopped, contactfile.NotStarted)
	o.order(t.Context(), "ONLINE", "app01")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o.order(ctx, "SLEEPS", "mgr01")
	for _, words := range []string{"ONLINE@mgr01 LAUNCHED", "ONLINE@mgr01 ALREADY", "ONLINE@app01 UNREACHABLE",
		"ONLINE@app01 SKIPPED", "SLEEPS@mgr01 UNKNOWN"} {
		assert.Equal(t, 1, o.log.count(words), words)
	}
	assert.Empty(t, o.server.own.Close(t.Context()))
}

func TestOrdersToRealSlaves(t *testing.T) {
	processes := append(fleetProcesses(t), slave.Process{ID: process(t, "FAILS"),
		Command: []string{"/bin/sh", "-c", "echo no disk; exit 3"}, Failed: status(t, "BROKEN")})
	packets, listener, addr := sockets(t, "127.0.0.1")
	o := newOffice(t, processes, at(t, "app01", addr))
	theirs, _ := realSlave(t, "app01", o.addr, packets, listener, processes)
	both := func(want string) {
		t.Helper()
		assert.Equal(t, want, o.record("app01"))
		r, err := contactfile.ReadRecord(theirs, "app01")
		require.NoError(t, err)
		assert.Equal(t, want, line(r))
	}

	r := o.order(t.Context(), "ONLINE", "app01")
	assert.Equal(t, slave.Launched, r.Outcome, r.Text)
	both("app01 RUNNING ONLINE")

	o.say("app01", contactfile.Running, contactfile.NotStarted) // the manager knows less than the slave
	assert.Equal(t, "ALREADY ONLINE: ONLINE stands already", text(o.order(t.Context(), "ONLINE", "app01")))
	both("app01 RUNNING ONLINE")

	assert.Equal(t, "FAILED BROKEN: exit status 3: no disk", text(o.order(t.Context(), "FAILS", "app01")))
	both("app01 RUNNING BROKEN")

	o.say("app01", contactfile.Running, contactfile.Online)
	assert.Equal(t, "REFUSED BROKEN: not from BROKEN: it runs from ONLINE", text(o.order(t.Context(), "BATCH", "app01")))
	both("app01 RUNNING BROKEN")
}

func TestBulkOrderGivesExactlyOneRowForEachServer(t *testing.T) {
	const n = 1000
	simulation, err := slave.NewSimulation("sim", n)
	require.NoError(t, err)
	packets, listener, addr := sockets(t, "127.0.0.1")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- simulation.Serve(ctx, packets, listener, quiet()) }()
	defer func() {
		cancel()
		assert.NoError(t, <-done)
	}()
	closing := newPeer(t, func(conn net.Conn) { receive(conn, 84) })
	down := nobody(t)

	var slaves []Slave
	var hosts []telegram.Host
	want := map[string]int{}
	for i := range n {
		s := at(t, simulation.Host(i), addr)
		switch i % 10 {
		case 3:
			s.Address = address(t, closing.address)
			want["UNKNOWN NOT-STARTED"]++
		case 4:
			s.Address = address(t, down)
			want["UNREACHABLE NOT-STARTED"]++
		case 5:
			want["REFUSED NOT-STARTED"]++
		case 6:
			want["SKIPPED NOT-STARTED"]++
		case 7:
			want["ALREADY BATCH"]++
		default:
			want["LAUNCHED BATCH"]++
		}
		slaves = append(slaves, s)
		hosts = append(hosts, s.Host)
	}
	batch := slave.Process{ID: process(t, "BATCH"), Command: []string{"/bin/true"}, Status: status(t, contactfile.Batch)}
	o := newOffice(t, []slave.Process{batch}, slaves...)
	endSome(t, addr, simulation, n)
	for i := range n {
		switch i % 10 {
		case 6:
			o.say(simulation.Host(i), contactfile.Stopped, contactfile.NotStarted)
		case 7:
			o.say(simulation.Host(i), contactfile.Running, contactfile.Batch)
		}
	}
	ordersBefore := simulation.Orders()
	got, rows := map[string]int{}, map[string]int{}
	var inRow sync.Mutex
	o.server.Execution().Order(t.Context(), byOperator(t, "BATCH"), hosts, func(r slave.Result) {
		require.True(t, inRow.TryLock(), "one row at a time")
		defer inRow.Unlock()
		rows[r.Host.String()]++
		got[fmt.Sprintf("%s %s", r.Outcome, r.Application)]++
	})
	assert.Equal(t, want, got)
	assert.Len(t, rows, n)
	assert.EqualValues(t, want["LAUNCHED BATCH"]+want["REFUSED NOT-STARTED"], simulation.Orders()-ordersBefore)
	assert.EqualValues(t, want["UNKNOWN NOT-STARTED"], closing.connections.Load())
	for i, l := range lines(t, o.path)[1:] {
		application := contactfile.NotStarted
		if k := i % 10; k < 3 || k > 6 {
			application = contactfile.Batch
		}
		operating := contactfile.Running
		if i%10 == 6 {
			operating = contactfile.Stopped
		}
		require.Equal(t, fmt.Sprintf("%s %s %s", simulation.Host(i), operating, application), l)
	}
	for _, e := range o.server.targets.all {
		assert.False(t, e.inProgress())
	}
}

// endSome tells END to every slave of which the bulk order expects REFUSED.
func endSome(t *testing.T, addr string, simulation *slave.Simulation, n int) {
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	reader := telegram.NewReader(conn)
	for i := 5; i < n; i += 10 {
		require.NoError(t, telegram.Write(conn, telegram.StatusInquiry{Host: host(t, simulation.Host(i)), Control: telegram.End}))
		_, err := reader.Read()
		require.NoError(t, err)
	}
}
