package manager

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/contactfile"
	"renraku/slave"
	"renraku/telegram"
)

// online is the definition of the one process of most tests.
func online(t testing.TB) []slave.Process {
	return []slave.Process{{ID: process(t, "ONLINE"), Command: []string{"/bin/true"}, Status: status(t, contactfile.Online)}}
}

func TestOrderTakesTheResponseAndGivesTheReceipt(t *testing.T) {
	cases := []struct {
		name      string
		responses []string
		want      string
		record    string
	}{
		{"LAUNCHED", []string{responseBytes("app01", launchedBit, "ONLINE", "ONLINE", "ended normally")},
			"LAUNCHED ONLINE: ended normally", "app01 RUNNING ONLINE"},
		{"FAILED, and the status unchanged", []string{responseBytes("app01", failedBit, "ONLINE", "NOT-STARTED", "exit status 3")},
			"FAILED NOT-STARTED: exit status 3", "app01 RUNNING NOT-STARTED"},
		{"FAILED, and another status", []string{responseBytes("app01", failedBit, "ONLINE", "BROKEN", "exit status 3")},
			"FAILED BROKEN: exit status 3", "app01 RUNNING BROKEN"},
		{"ALREADY", []string{responseBytes("app01", alreadyBit, "ONLINE", "ONLINE", "ONLINE stands already")},
			"ALREADY ONLINE: ONLINE stands already", "app01 RUNNING ONLINE"},
		{"REFUSED", []string{responseBytes("app01", refusedBit, "ONLINE", "BATCH", "not from BATCH")},
			"REFUSED BATCH: not from BATCH", "app01 RUNNING BATCH"},
		{"an empty status", []string{responseBytes("app01", launchedBit, "ONLINE", "", "")},
			"LAUNCHED ", "app01 RUNNING "},
		{"ENDED of an earlier run first", []string{
			responseBytes("app01", endedBit, "ONLINE", "BATCH", "exit status 0"),
			responseBytes("app01", endedBit, "ONLINE", "BATCH", "again"),
			responseBytes("app01", launchedBit, "ONLINE", "ONLINE", "up")},
			"LAUNCHED ONLINE: up", "app01 RUNNING ONLINE"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := make(chan string, 1)
			p := newPeer(t, func(conn net.Conn) {
				all := receive(conn, 84)
				for _, r := range c.responses {
					conn.Write([]byte(r))
					all += receive(conn, 84)
				}
				got <- all + receive(conn, 1)
			})
			o := newOffice(t, online(t), at(t, "app01", p.address))
			assert.Equal(t, c.want, text(o.order(t.Context(), "ONLINE", "app01")))
			assert.Equal(t, c.record, o.record("app01"))
			want := launchBytes("app01", "ONLINE")
			for range c.responses {
				want += takenBytes("app01", "ONLINE")
			}
			assert.Equal(t, want, <-got)
			assert.EqualValues(t, 1, p.connections.Load())
		})
	}
}

func TestOrderIsOnlyAnsweredByItsOwnResponse(t *testing.T) {
	reset := func(conn net.Conn) {
		receive(conn, 84)
		conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
	}
	answer := func(b string) func(net.Conn) {
		return func(conn net.Conn) {
			receive(conn, 84)
			conn.Write([]byte(b))
			conn.(*net.TCPConn).CloseWrite()
			receive(conn, 84)
		}
	}
	good := responseBytes("app01", launchedBit, "ONLINE", "ONLINE", "")
	cases := []struct {
		name  string
		serve func(net.Conn)
		want  string
	}{
		{"closed after the order", answer(""), "the slave closed the connection"},
		{"closed within the response", answer(good[:211]), "the slave closed the connection"},
		{"closed within the header", answer(good[:1]), "the slave closed the connection"},
		{"reset", reset, "connection reset by peer"},
		{"of another process", answer(responseBytes("app01", launchedBit, "BATCH", "BATCH", "")),
			`XR LAUNCHED app01 BATCH BATCH "" came instead`},
		{"of another host", answer(responseBytes("app02", launchedBit, "ONLINE", "BATCH", "")),
			`XR LAUNCHED app02 ONLINE BATCH "" came instead`},
		{"an order", answer(takenBytes("app01", "ONLINE")), "XQ TAKEN app01 ONLINE came instead"},
		{"no telegram", answer(field("hello", 212)), `telegram type: offset 64: unknown telegram type: "  "`},
		{"two bits", answer(responseBytes("app01", "\x30\x00", "ONLINE", "ONLINE", "")),
			"XR: control code: offset 66: not exactly one bit of this type's own: 0x3000"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var after string
			done := make(chan struct{})
			p := newPeer(t, func(conn net.Conn) {
				defer close(done)
				c.serve(conn)
				after = receive(conn, 1)
			})
			o := newOffice(t, online(t), at(t, "app01", p.address), at(t, "app02", p.address))
			r := o.order(t.Context(), "ONLINE", "app01")
			assert.Equal(t, slave.Unknown, r.Outcome)
			assert.Equal(t, contactfile.NotStarted, r.Application.String(), "as known before")
			assert.Contains(t, r.Text, "sent, and no response: ")
			assert.Contains(t, r.Text, c.want)
			<-done
			assert.Empty(t, after, "no receipt")
			assert.EqualValues(t, 1, p.connections.Load(), "never sent again")
			assert.Equal(t, []string{"mgr01 RUNNING NOT-STARTED", "app01 RUNNING NOT-STARTED", "app02 RUNNING NOT-STARTED"}, lines(t, o.path))
		})
	}
}

func TestOrderThatReachesNobodyIsUnreachable(t *testing.T) {
	down := nobody(t)
	o := newOffice(t, online(t), at(t, "app01", down), at(t, "app02", "no-such-name.invalid:10320"))
	assert.Equal(t, "UNREACHABLE NOT-STARTED: "+down+": connection refused", text(o.order(t.Context(), "ONLINE", "app01")))
	assert.Equal(t, "UNREACHABLE NOT-STARTED: address no-such-name.invalid:10320 is not resolved", text(o.order(t.Context(), "ONLINE", "app02")))
	gone := target{host(t, "app99"), process(t, "ONLINE")}
	r, sent := o.server.execution.courier.order(t.Context(), o.server.targets.find(gone), gone, slave.ByOperator, 0, notHeld)
	assert.False(t, sent)
	assert.Equal(t, "UNREACHABLE : the definition does not have the server any more", text(r))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	assert.Equal(t, slave.Unreachable, o.order(ended, "ONLINE", "app01").Outcome, "nothing was sent")
}

func TestOrderIsUnknownWhenTheDaemonEndsBeforeTheResponse(t *testing.T) {
	ordered := make(chan struct{})
	p := newPeer(t, func(conn net.Conn) {
		assert.Equal(t, launchBytes("app01", "ONLINE"), receive(conn, 84))
		close(ordered)
		assert.Empty(t, receive(conn, 1))
	})
	o := newOffice(t, online(t), at(t, "app01", p.address))
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-ordered
		cancel()
	}()
	assert.Equal(t, "UNKNOWN NOT-STARTED: sent, and no response: the daemon was ended meanwhile", text(o.order(ctx, "ONLINE", "app01")))
	assert.EqualValues(t, 1, p.connections.Load())
}

func TestOrdersLeaveFromTheListenersAddress(t *testing.T) {
	from := make(chan string, 1)
	p := newPeer(t, func(conn net.Conn) {
		ip, _, _ := net.SplitHostPort(conn.RemoteAddr().String())
		from <- ip
	})
	packets, listener, _ := sockets(t, "127.0.0.5")
	file, _ := contact(t)
	app01 := at(t, "app01", p.address)
	s := NewServer(Config{Host: host(t, "mgr01"), Slaves: []Slave{app01}, Processes: online(t), Records: records(t), Log: quiet()},
		file, packets, listener)
	defer s.targets.journal.close()
	at := target{app01.Host, process(t, "ONLINE")}
	r, _ := s.execution.courier.order(t.Context(), s.targets.find(at), at, slave.ByOperator, 0, notHeld)
	assert.Equal(t, slave.Unknown, r.Outcome)
	assert.Equal(t, "127.0.0.5", <-from)
	assert.Nil(t, slave.LocalAddr(&net.TCPAddr{IP: net.IPv6unspecified, Port: 10320}), "all addresses: the system chooses")
	require.Equal(t, "127.0.0.5:0", slave.LocalAddr(listener.Addr()).String())
}

func TestOrderWaitsForItsResponseAsLongAsTheProcessMayRunAndTenSecondsMore(t *testing.T) {
	const unread = time.Duration(-1)
	const begunOnly = "UNKNOWN ONLINE: sent, and no response: it began, and its rest did not come"
	cases := []struct {
		name           string
		timeout, after time.Duration // after: of the response
		bytes          int           // of it, all of them where it is 0
		took           time.Duration
		want           string
	}{
		{"no response", time.Minute, 0, 0, 70 * time.Second, "UNKNOWN ONLINE: sent, and no response: the time for it is over"},
		{"a response just in time", time.Minute, 70*time.Second - 1, 0, 70*time.Second - 1, "LAUNCHED ONLINE"},
		{"for ever", 0, 24 * time.Hour, 0, 24 * time.Hour, "LAUNCHED ONLINE"},
		{"one byte of a response", time.Minute, time.Second, 1, time.Second + slave.RestWait, begunOnly},
		{"all bytes but one", time.Minute, time.Second, 211, time.Second + slave.RestWait, begunOnly},
		{"one byte after a day", 0, 24 * time.Hour, 1, 24*time.Hour + slave.RestWait, begunOnly},
		{"an order that is not read", 0, unread, 0, slave.WriteWait, "UNKNOWN ONLINE: sent, and no response: the time for it is over"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t, usual(1))
				f.begin()
				ours, theirs := net.Pipe()
				defer theirs.Close()
				dials := 0
				targets := fleetTargets(t, f)
				courier := &courier{
					dialTo: func(context.Context, string, string) (net.Conn, error) {
						dials++
						return ours, nil
					},
					dials: newDials(), addresses: f.status.addressOf,
					targets: targets, responses: newResponses(targets, nil, &f.drops), more: responseMore, log: quiet(),
				}
				go func() {
					if c.after == unread {
						return
					}
					receive(theirs, 84)
					if c.after > 0 {
						time.Sleep(c.after)
						b := encoded(t, telegram.ExecutionResponse{Host: f.slaves[0].host, Control: telegram.Launched,
							Process: process(t, "ONLINE"), Status: status(t, "ONLINE")})
						if c.bytes > 0 {
							b = b[:c.bytes]
						}
						theirs.Write(b)
						receive(theirs, 84)
					}
				}()
				start := time.Now()
				at := target{f.slaves[0].host, process(t, "ONLINE")}
				r, _ := courier.order(t.Context(), targets.find(at), at, slave.ByOperator, c.timeout, notHeld)
				assert.Equal(t, c.want, text(r))
				assert.Equal(t, c.took, time.Since(start))
				assert.Equal(t, 1, dials)
				assert.Equal(t, c.want == begunOnly, f.drops.Of(slave.DropSlow) == 1)
				assert.Equal(t, c.after == unread, f.drops.Of(slave.DropUntaken) == 1)
			})
		})
	}
}

// fleetTargets are the targets of a fleet's slaves, with the process of most tests.
func fleetTargets(t *testing.T, f *fleet) *targets {
	r := records(t)
	j, _, _, err := openJournal(r.Runs.Path())
	require.NoError(t, err)
	t.Cleanup(func() { j.close() })
	defined, processes := &definitions{}, online(t)
	defined.all.Store(&processes)
	return newTargets(&Config{Host: host(t, "mgr01"), Records: r, Log: quiet()}, j, f.status, f.file, defined)
}

func TestOrdersBeyondTheLimitWaitAndTheLogSaysSo(t *testing.T) {
	o := newOffice(t, online(t), at(t, "app01", nobody(t)), at(t, "app02", nobody(t)))
	e := o.server.Execution()
	for range MaxOrders {
		e.places <- struct{}{}
	}
	results := make(chan slave.Result)
	go func() {
		defer close(results)
		e.Order(t.Context(), byOperator(t, "ONLINE"), []telegram.Host{host(t, "app01"), host(t, "app02")}, func(r slave.Result) { results <- r })
	}()
	require.Eventually(t, func() bool { return o.log.count("orders wait: as many as there may be are in progress") == 1 }, patience, time.Millisecond)
	assert.Equal(t, 1, o.log.count("process=ONLINE waiting=2 limit=16384"))
	assert.Empty(t, results)
	for range MaxOrders {
		<-e.places
	}
	outcomes := map[slave.Outcome]int{}
	for r := range results {
		outcomes[r.Outcome]++
	}
	assert.Equal(t, map[slave.Outcome]int{slave.Unreachable: 2}, outcomes)
	assert.Equal(t, 1, o.log.count("orders wait"), "once for both")
}
