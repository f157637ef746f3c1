package slave

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/slave/slavetest"
	"renraku/telegram"
	"renraku/telegram/seal"
)

func TestAServerAnnouncesItselfAnswersAndTakesItsLeave(t *testing.T) {
	r := newRig(t)
	assert.Empty(t, contents(t, r.path))
	assert.False(t, r.Monitoring())
	r.run()
	b, from := r.receive()
	assert.Equal(t, sr("app01", 0x0010, "NOT-STARTED", ""), b)
	assert.Equal(t, r.packets.LocalAddr().String(), from.String())
	assert.Equal(t, padded("app01", 64)+"RUNNING NOT-STARTED ", contents(t, r.path)[:84])
	assert.True(t, r.Monitoring())
	assert.Equal(t, sr("app01", 0x0010, "NOT-STARTED", ""), r.ask(sq("app01", 0x0001)))
	writeStatus(t, r.path, "ONLINE")

	require.NoError(t, r.stop())
	b, _ = r.receive()
	assert.Equal(t, sr("app01", 0x0020, "ONLINE", "the daemon shuts down"), b)
	assert.Empty(t, contents(t, r.path))
	require.ErrorIs(t, r.packets.Receive(NewBatch(), time.Now()), net.ErrClosed)
	_, err := r.listener.Accept()
	require.ErrorIs(t, err, net.ErrClosed)
}

func TestTheOperatorEndsAndBeginsMonitoring(t *testing.T) {
	r := startServer(t, Process{ID: processID("ONLINE"), Command: sh(""), Status: appStatus("ONLINE")})
	result, err := r.Execute(context.Background(), byOperator("ONLINE"))
	require.NoError(t, err)
	assert.Equal(t, Launched, result.Outcome)

	require.NoError(t, r.End())
	b, _ := r.receive()
	assert.Equal(t, sr("app01", 0x0020, "ONLINE", "monitoring ended by the operator"), b)
	assert.False(t, r.Monitoring())
	assert.Empty(t, contents(t, r.path))
	for _, control := range []uint16{0x0001, 0x0002, 0x0004, 0x0001} {
		assert.Equal(t, sr("app01", 0x0020, "ONLINE", "monitoring ended by the operator"), r.ask(sq("app01", control)))
	}
	result, err = r.Execute(context.Background(), byOperator("ONLINE"))
	require.NoError(t, err)
	assert.Equal(t, Refused, result.Outcome)

	require.NoError(t, r.Begin())
	b, _ = r.receive()
	assert.Equal(t, sr("app01", 0x0010, "ONLINE", ""), b)
	assert.True(t, r.Monitoring())
	assert.Equal(t, "ONLINE", statusInFile(t, r.path))
	assert.Equal(t, sr("app01", 0x0010, "ONLINE", ""), r.ask(sq("app01", 0x0001)))
}

func TestAServerThatEndsWaitsForItsProcessesAndTheResponseArrives(t *testing.T) {
	t.Parallel()
	for range 20 { // the response and the end of the connection must not race
		g := slavetest.NewGate(t)
		r := startServer(t, Process{ID: processID("ONLINE"), Command: gated(g, "", "echo done; exit 3"), Failed: appStatus("BROKEN")})
		conn := r.connect("127.0.0.1")
		send(t, conn, xq("app01", 0x0100, "ONLINE"))
		g.Await(1)
		stopped := make(chan error, 1)
		go func() { stopped <- r.stop() }()
		b, _ := r.receive()
		require.Equal(t, sr("app01", 0x0020, "NOT-STARTED", "the daemon shuts down"), b)
		require.Equal(t, sr("app01", 0x0020, "NOT-STARTED", "the daemon shuts down"), r.ask(sq("app01", 0x0001)), "it still answers")
		require.Empty(t, stopped)
		g.LetGo(1)
		require.Equal(t, xr("app01", 0x2000, "ONLINE", "BROKEN", "exit status 3: done"), take(t, conn, 212))
		requireClosed(t, conn)
		require.NoError(t, await(t, stopped))
		require.Empty(t, contents(t, r.path))
		require.Empty(t, r.Drops().All())
	}
}

func TestTheEndOfAServerDoesNotWaitForIdleConnections(t *testing.T) {
	r := startServer(t)
	idle, half := r.connect("127.0.0.1"), r.connect("127.0.0.1")
	send(t, half, xq("app01", 0x0100, "ONLINE")[:70])
	begun := time.Now()
	require.NoError(t, r.stop())
	assert.Less(t, time.Since(begun), 5*time.Second)
	requireClosed(t, idle)
	requireClosed(t, half)
}

func TestASocketClosedUnderAServerShutsItDownWithItsError(t *testing.T) {
	cases := []struct {
		name  string
		close func(r *rig) error
	}{
		{"UDP", func(r *rig) error { return r.packets.Close() }},
		{"TCP", func(r *rig) error { return r.listener.Close() }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			ended := make(chan error, 1)
			go func() { ended <- r.Run(context.Background()) }()
			r.receive()
			idle := r.connect("127.0.0.1") // which does not keep the end from being noticed
			send(t, idle, sq("app01", 0x0001))
			take(t, idle, 196)
			require.NoError(t, c.close(r))
			require.ErrorIs(t, await(t, ended), net.ErrClosed)
			assert.Empty(t, contents(t, r.path))
			requireClosed(t, idle)
			if c.name == "TCP" {
				b, _ := r.receive()
				assert.Equal(t, sr("app01", 0x0020, "NOT-STARTED", "the daemon shuts down"), b)
			}
		})
	}
}

func TestAKilledServerTellsNobodyAndLeavesTheFile(t *testing.T) {
	r := newRig(t)
	ctx, kill := context.WithCancelCause(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	r.receive()
	before := contents(t, r.path)
	assert.Len(t, before, 128)
	kill(ErrKilled)
	require.NoError(t, await(t, ended))
	assert.Equal(t, before, contents(t, r.path))
	require.ErrorIs(t, r.packets.Receive(NewBatch(), time.Now()), net.ErrClosed)
	require.NoError(t, r.manager.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
	_, err := r.manager.Read(make([]byte, 1))
	assert.ErrorIs(t, err, os.ErrDeadlineExceeded)
}

func TestAServerWhoseContactFileCannotBeWrittenDoesNotRun(t *testing.T) {
	file, _ := openContactFile(t)
	require.NoError(t, file.Close())
	var network slavetest.Network
	packets, manager := network.Listen("192.0.2.1:10320"), network.Listen("192.0.2.10:10320")
	log, _ := newLog()
	s := newServer(t, Config{Manager: must(NewAddress("192.0.2.10:10320")), Log: log}, file, packets, newQueueListener())
	require.ErrorIs(t, s.Run(context.Background()), os.ErrClosed)
	require.ErrorIs(t, packets.Close(), net.ErrClosed)
	require.NoError(t, manager.SetReadDeadline(time.Now()))
	_, _, err := manager.ReadFromUDPAddrPort(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
}

func TestAManagerWithANameIsToldOnceItIsResolved(t *testing.T) {
	manager := must(net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}))
	defer manager.Close()
	r := newRig(t)
	r.cfg.Manager = must(NewAddress("localhost:" + portOf(manager.LocalAddr())))
	r.run()
	require.NoError(t, manager.SetReadDeadline(time.Now().Add(patience)))
	b := make([]byte, 1000)
	n, err := manager.Read(b)
	require.NoError(t, err)
	assert.Equal(t, sr("app01", 0x0010, "NOT-STARTED", ""), b[:n])
}

func TestWhatWasDroppedIsLoggedOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network slavetest.Network
		packets, stranger := network.Listen("192.0.2.1:10320"), network.Listen("192.0.2.66:10320")
		manager := network.Listen("192.0.2.10:10320")
		file, _ := openContactFile(t)
		log, book := newLog()
		s := newServer(t, Config{Manager: must(NewAddress("192.0.2.10:10320")), Log: log}, file, packets, newQueueListener())
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx) }()
		tell := func(from *slavetest.Socket, b []byte) {
			_, err := from.WriteToUDPAddrPort(b, netip.MustParseAddrPort("192.0.2.1:10320"))
			require.NoError(t, err)
		}
		reports := func() int { return len(book.with("telegrams dropped")) }
		time.Sleep(time.Minute + time.Second)
		assert.Zero(t, reports(), "nothing was dropped")
		tell(stranger, sq("app01", 0x0001))
		tell(stranger, sq("app01", 0x0001))
		tell(manager, sq("app02", 0x0001))
		time.Sleep(dropReport)
		assert.Equal(t, 1, reports())
		assert.Len(t, book.with("level=WARN", `"dropped.unknown address"=2`, `"dropped.another host"=1`), 1)
		time.Sleep(5 * dropReport)
		assert.Equal(t, 1, reports())
		tell(stranger, nil)
		time.Sleep(dropReport)
		assert.Len(t, book.with("telegrams dropped", `"dropped.unknown address"=1`), 1)
		assert.Equal(t, 2, reports())
		cancel()
		require.NoError(t, <-ended)
	})
}

func TestTheEndWaitsForProcessesNoLongerThanItMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network slavetest.Network
		file, _ := openContactFile(t)
		log, book := newLog()
		s := newServer(t, Config{Manager: must(NewAddress("192.0.2.10:10320")), Log: log}, file,
			network.Listen("192.0.2.1:10320"), newQueueListener())
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx) }()
		synctest.Wait()
		s.execution.idle = make(chan struct{}) // as a process in progress has it: a real one would stop the bubble's clock
		s.execution.running[processID("BATCH")] = &execution{}
		begun := time.Now()
		cancel()
		require.NoError(t, <-ended)
		assert.Equal(t, shutdownWait, time.Since(begun))
		assert.Len(t, book.with("processes go on without the daemon", "host=app01", "process_ids=BATCH"), 1)
	})
}

func TestServeGivesTheFirstErrorAndEndsTheOthers(t *testing.T) {
	first, last := errors.New("first"), errors.New("of the shutdown")
	untilEnd := func(ctx context.Context) error { <-ctx.Done(); return nil }
	fails := func(context.Context) error { return first }
	called := 0
	shutDown := func() error { called++; return last }
	err := Serve(context.Background(), shutDown, untilEnd, fails, untilEnd)
	require.ErrorIs(t, err, first)
	require.ErrorIs(t, err, last)
	assert.Equal(t, 1, called)

	killed, kill := context.WithCancelCause(context.Background())
	kill(ErrKilled)
	require.NoError(t, Serve(killed, shutDown, untilEnd))
	assert.Equal(t, 1, called, "who is killed does not shut down")

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	serving := make(chan context.Context, 1)
	service := func(ctx context.Context) error { serving <- ctx; <-ctx.Done(); return nil }
	shutDown = func() error {
		require.NoError(t, (<-serving).Err(), "services go on during the shutdown")
		return last
	}
	assert.ErrorIs(t, Serve(ctx, shutDown, service, func(context.Context) error { return nil }), last)
}

func TestAResultAndItsResponseSayTheSame(t *testing.T) {
	for outcome, control := range map[Outcome]uint16{Launched: 0x1000, Failed: 0x2000, Already: 0x4000, Refused: 0x8000, Ended: 0x0800} {
		r := Result{Host: app01, Process: processID("P"), Outcome: outcome, Application: appStatus("ONLINE"), Text: "why"}
		x := r.Response()
		assert.Equal(t, telegram.Control(control), x.Control)
		assert.Equal(t, r, ResultOf(&x))
	}
	for _, outcome := range []Outcome{Skipped, Unreachable, Unknown} {
		x := (&Result{Host: app01, Process: processID("P"), Outcome: outcome}).Response()
		_, err := x.Append(nil)
		require.ErrorIs(t, err, telegram.ErrControl, "it is the manager's own")
	}
}

// startAsked is a server in sealed mode that has been asked once.
func startAsked(t *testing.T) (*rig, *sealedEnd) {
	r := newSealedRig(t, slavetest.NewKeys(t, "mgr01").Security(t, "app01"))
	manager := &sealedEnd{t: t, mac: seal.NewMAC()}
	r.run()
	announced, _ := r.receive()
	response, trailer := manager.opened(announced)
	assert.Equal(t, telegram.Running, response.Control)
	assert.Zero(t, trailer.Session)
	response, _ = manager.opened(r.ask(manager.inquiry(telegram.Start, from1(7, 1, 1))))
	assert.Equal(t, telegram.Running, response.Control)
	return r, manager
}

func TestInSealedModeASlaveThatShutsDownStaysToAnswerStopped(t *testing.T) {
	r, manager := startAsked(t)
	ended := make(chan error, 1)
	go func() { ended <- r.stop() }()
	announced, _ := r.receive()
	response, trailer := manager.opened(announced)
	assert.Equal(t, telegram.Stopped, response.Control)
	assert.Zero(t, trailer.Session)
	response, trailer = manager.opened(r.ask(manager.inquiry(telegram.Check, from1(7, 1, 2))))
	assert.Equal(t, telegram.Stopped, response.Control)
	assert.Equal(t, uint64(2), trailer.Sequence)
	require.NoError(t, await(t, ended))
}

// A slave that shuts down stays for an inquiry where the manager believes it RUNNING, and only there.
func TestInSealedModeASlaveThatShutsDownStaysForASecondAtMostAndOnlyWhereItIsMonitored(t *testing.T) {
	keys := slavetest.NewKeys(t, "mgr01")
	const check, start, end = telegram.Check, telegram.Start, telegram.End
	asked := func(controls ...telegram.Control) func(*Server, func(telegram.Control)) {
		return func(_ *Server, ask func(telegram.Control)) {
			for _, c := range controls {
				ask(c)
			}
		}
	}
	for _, c := range []struct {
		name   string
		before func(s *Server, ask func(telegram.Control))
		stays  time.Duration
	}{
		{"asked", asked(start, check), stoppedWait},
		{"never asked", asked(), 0},
		{"told END", asked(start, check, end), 0},
		{"asked after END", asked(start, end, check), 0},
		{"told END, and START again", asked(start, end, start), stoppedWait},
		{"told END, and begun by the operator", func(s *Server, ask func(telegram.Control)) {
			ask(start)
			ask(end)
			require.NoError(t, s.Begin())
		}, 0},
		{"ended by the operator", func(s *Server, ask func(telegram.Control)) {
			ask(start)
			require.NoError(t, s.End())
			ask(start)
		}, 0},
		{"ended by the operator, and the manager does not know it", func(s *Server, ask func(telegram.Control)) {
			ask(start)
			require.NoError(t, s.End())
		}, stoppedWait},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var network slavetest.Network
				manager := network.Listen("192.0.2.10:10320")
				file, _ := openContactFile(t)
				log, _ := newLog()
				s := newServer(t, Config{Manager: must(NewAddress("192.0.2.10:10320")), Security: keys.Security(t, "app01"), Log: log}, file,
					network.Listen("192.0.2.1:10320"), newQueueListener())
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				go func() { ended <- s.Run(ctx) }()
				synctest.Wait()
				peer, sequence := &sealedEnd{t: t, mac: seal.NewMAC()}, uint64(0)
				c.before(s, func(control telegram.Control) {
					sequence++
					_, err := manager.WriteToUDPAddrPort(peer.inquiry(control, from1(7, 1, sequence)), netip.MustParseAddrPort("192.0.2.1:10320"))
					require.NoError(t, err)
					synctest.Wait()
				})
				begun := time.Now()
				cancel()
				require.NoError(t, <-ended)
				assert.Equal(t, c.stays, time.Since(begun))
			})
		})
	}
}
