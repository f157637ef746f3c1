package manager

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/contactfile"
	"renraku/slave"
	"renraku/telegram"
)

// eventually waits for the whole contact file to read so.
func eventually(t *testing.T, path string, want ...string) {
	t.Helper()
	var got []string
	ok := assert.Eventually(t, func() bool {
		records, err := contactfile.ReadFile(path)
		got = nil
		for _, r := range records {
			got = append(got, line(r))
		}
		return err == nil && slices.Equal(want, got)
	}, patience, 2*time.Millisecond)
	if !ok {
		t.Fatalf("%s: want %q, have %q", path, want, got)
	}
}

// inBackground runs a server; end ends it and gives its error.
func inBackground(t *testing.T, run func(context.Context) error) (end func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- run(ctx)
		close(done)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return func() error {
		cancel()
		return <-done
	}
}

func TestManagerAndSlaveFromBeginToEnd(t *testing.T) {
	processes := online(t)
	theirPackets, theirListener, theirs := sockets(t, "127.0.0.1")
	packets, listener, addr := sockets(t, "127.0.0.1")
	file, path := contact(t)
	app := Slave{Host: host(t, "app01"), Address: address(t, theirs), Interval: 100 * time.Millisecond, Timeout: 300 * time.Millisecond, Retries: 3}
	server := NewServer(Config{Host: host(t, "mgr01"), Records: records(t), Slaves: []Slave{app}, Processes: processes, Log: quiet()}, file, packets, listener)
	end := inBackground(t, server.Run)
	eventually(t, path, "mgr01 RUNNING NOT-STARTED", "app01 STOPPED NOT-STARTED")

	theirPath, kill := realSlave(t, "app01", addr, theirPackets, theirListener, processes)
	eventually(t, path, "mgr01 RUNNING NOT-STARTED", "app01 RUNNING NOT-STARTED")
	eventually(t, theirPath, "app01 RUNNING NOT-STARTED")

	both := []telegram.Host{host(t, "mgr01"), host(t, "app01")}
	server.Execution().Order(t.Context(), byOperator(t, "ONLINE"), both, func(r slave.Result) {
		assert.Equal(t, slave.Launched, r.Outcome, r.Text)
	})
	assert.Equal(t, []string{"mgr01 RUNNING ONLINE", "app01 RUNNING ONLINE"}, lines(t, path))
	assert.Equal(t, []string{"app01 RUNNING ONLINE"}, lines(t, theirPath))

	kill()
	eventually(t, path, "mgr01 RUNNING ONLINE", "app01 STOPPED ONLINE")

	again, err := listenPackets(theirs)
	require.NoError(t, err)
	againListener, err := net.Listen("tcp", theirs)
	require.NoError(t, err)
	theirPath, _ = realSlave(t, "app01", addr, again, againListener, processes)
	eventually(t, path, "mgr01 RUNNING ONLINE", "app01 RUNNING NOT-STARTED")

	require.NoError(t, server.End(t.Context()))
	assert.Empty(t, lines(t, path))
	assert.Empty(t, lines(t, theirPath), "END clears the slave's too, before the manager's")
	require.NoError(t, server.Begin())
	eventually(t, path, "mgr01 RUNNING ONLINE", "app01 RUNNING NOT-STARTED")
	eventually(t, theirPath, "app01 RUNNING NOT-STARTED")

	require.NoError(t, end())
	assert.Empty(t, lines(t, path))
	assert.Empty(t, lines(t, theirPath))
	assert.False(t, server.Monitoring())
	assert.ErrorIs(t, packets.Receive(slave.NewBatch(), time.Now()), net.ErrClosed)
	_, err = listener.Accept()
	assert.ErrorIs(t, err, net.ErrClosed)
}

func TestSlaveThatShutsDownIsStoppedAtOnce(t *testing.T) {
	theirPackets, theirListener, theirs := sockets(t, "127.0.0.1")
	packets, listener, addr := sockets(t, "127.0.0.1")
	file, path := contact(t)
	server := NewServer(Config{Host: host(t, "mgr01"), Records: records(t), Slaves: []Slave{at(t, "app01", theirs)}, Log: quiet()}, file, packets, listener)
	done := make(chan error, 1)
	go func() { done <- server.Run(t.Context()) }()
	defer func() { // nobody would be there to answer END
		packets.Close()
		assert.ErrorIs(t, <-done, net.ErrClosed)
	}()
	eventually(t, path, "mgr01 RUNNING NOT-STARTED", "app01 STOPPED NOT-STARTED")

	theirFile, theirPath := contact(t)
	app, err := slave.NewServer(slave.Config{Host: host(t, "app01"), Manager: address(t, addr), Records: records(t), Log: quiet()},
		theirFile, theirPackets, theirListener)
	require.NoError(t, err)
	end := inBackground(t, app.Run)
	eventually(t, path, "mgr01 RUNNING NOT-STARTED", "app01 RUNNING NOT-STARTED") // hours before the next inquiry
	require.NoError(t, end())
	eventually(t, path, "mgr01 RUNNING NOT-STARTED", "app01 STOPPED NOT-STARTED")
	assert.Empty(t, lines(t, theirPath))
}

func TestSlaveWithANameIsAskedOnceTheNameIsKnown(t *testing.T) {
	theirPackets, theirListener, theirs := sockets(t, "127.0.0.1")
	packets, listener, addr := sockets(t, "127.0.0.1")
	_, port, err := net.SplitHostPort(theirs)
	require.NoError(t, err)
	realSlave(t, "app01", addr, theirPackets, theirListener, nil)
	file, path := contact(t)
	app01 := at(t, "app01", "localhost:"+port)
	server := NewServer(Config{Host: host(t, "mgr01"), Records: records(t), Slaves: []Slave{app01}, Log: quiet()}, file, packets, listener)
	inBackground(t, server.Run)
	eventually(t, path, "mgr01 RUNNING NOT-STARTED", "app01 RUNNING NOT-STARTED")
}

func TestRunEndsWithTheErrorOfItsSocket(t *testing.T) {
	for _, which := range []string{"packets", "listener"} {
		packets, listener, _ := sockets(t, "127.0.0.1")
		file, path := contact(t)
		server := NewServer(Config{Host: host(t, "mgr01"), Records: records(t), Log: quiet()}, file, packets, listener)
		done := make(chan error, 1)
		go func() { done <- server.Run(t.Context()) }()
		eventually(t, path, "mgr01 RUNNING NOT-STARTED")
		if which == "packets" {
			packets.Close()
		} else {
			listener.Close()
		}
		assert.ErrorIs(t, <-done, net.ErrClosed, which)
	}
}

func TestRunEndsWithTheErrorOfTheContactFile(t *testing.T) {
	packets, listener, _ := sockets(t, "127.0.0.1")
	file, _ := contact(t)
	require.NoError(t, file.Close())
	server := NewServer(Config{Host: host(t, "mgr01"), Records: records(t), Log: quiet()}, file, packets, listener)
	assert.ErrorContains(t, server.Run(t.Context()), "begin monitoring: create contact file: ")
	_, err := listener.Accept()
	assert.ErrorIs(t, err, net.ErrClosed)
}

// probe is the only slave of a manager, and sends what no slave would.
type probe struct {
	t       *testing.T
	socket  *net.UDPConn
	manager netip.AddrPort
	server  *Server
	path    string
}

func newProbe(t *testing.T) *probe {
	socket, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	t.Cleanup(func() { socket.Close() })
	packets, listener, addr := sockets(t, "127.0.0.1")
	file, path := contact(t)
	app := at(t, "app01", socket.LocalAddr().String())
	server := NewServer(Config{Host: host(t, "mgr01"), Records: records(t), Slaves: []Slave{app}, Log: quiet()}, file, packets, listener)
	p := &probe{t: t, socket: socket, manager: netip.MustParseAddrPort(addr), server: server, path: path}
	end := inBackground(t, server.Run)
	t.Cleanup(func() { // before end's own, so that END is answered
		go func() {
			p.asked(telegram.End)
			p.send(p.response(telegram.Stopped, "ONLINE"))
		}()
		assert.NoError(t, end())
	})
	p.asked(telegram.Start)
	p.send(p.response(telegram.Running, "ONLINE"))
	eventually(t, path, "mgr01 RUNNING NOT-STARTED", "app01 RUNNING ONLINE")
	return p
}

func (p *probe) response(c telegram.Control, application string) []byte {
	return encoded(p.t, telegram.StatusResponse{Host: host(p.t, "app01"), Control: c, Status: status(p.t, application), Text: telegram.CutText("all is well")})
}

func (p *probe) send(b []byte) {
	_, err := p.socket.WriteToUDPAddrPort(b, p.manager)
	assert.NoError(p.t, err)
}

// asked takes the next datagram from the manager, which is the inquiry given.
func (p *probe) asked(c telegram.Control) {
	p.t.Helper()
	p.socket.SetReadDeadline(time.Now().Add(patience))
	var b [1000]byte
	n, err := p.socket.Read(b[:])
	if assert.NoError(p.t, err) {
		assert.Equal(p.t, encoded(p.t, telegram.StatusInquiry{Host: host(p.t, "app01"), Control: c}), b[:n])
	}
}

// expected is the reason for which the datagram changes nothing at a manager whose slave runs and is not asked.
func expected(t *testing.T, b []byte) slave.Drop {
	r, err := telegram.DecodeStatusResponse(b)
	switch {
	case err != nil:
		return slave.DropOf(err)
	case r.Host != host(t, "app01"):
		return slave.DropForeignHost
	case r.Control == telegram.Running:
		return slave.DropUnasked
	}
	return slave.NoDrop
}

func TestEveryDatagramIsTakenOrCountedByItsReason(t *testing.T) {
	p := newProbe(t)
	lookAtAll(p.server.status)
	good := p.response(telegram.Running, "ONLINE")
	var datagrams [][]byte
	for length := range 301 {
		datagrams = append(datagrams, append(slices.Clone(good), make([]byte, 200)...)[:length], bytes.Repeat([]byte("a"), length))
	}
	for i := range good {
		for _, change := range []byte{0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x30, 0x40, 0x80, 0xFF} {
			b := slices.Clone(good)
			b[i] ^= change
			datagrams = append(datagrams, b)
		}
	}
	before := lines(t, p.path)
	want := map[string]uint64{}
	total := func() (n uint64) {
		for _, count := range p.server.Drops().All() {
			n += count
		}
		return n
	}
	var sent, valid uint64
	for i, b := range datagrams {
		reason := expected(t, b)
		if reason == slave.NoDrop { // STOPPED is taken; the sweep goes on without it
			valid++
			continue
		}
		p.send(b)
		want[reason.String()]++
		sent++
		if i%64 == 0 { // the socket's buffer must not overflow
			require.Eventually(t, func() bool { return total() == sent }, patience, 100*time.Microsecond)
		}
	}
	assert.EqualValues(t, 1, valid)
	require.Eventually(t, func() bool { return total() == sent }, patience, time.Millisecond)
	assert.Equal(t, want, p.server.Drops().All())
	assert.Len(t, want, 8, "%v", want)
	assert.Equal(t, before, lines(t, p.path))

	p.send(p.response(telegram.Stopped, "BATCH"))
	p.send(p.response(telegram.Running, "ONLINE")) // a hint: START must be the first that comes since the beginning
	p.asked(telegram.Start)
	assert.Equal(t, []string{"mgr01 RUNNING NOT-STARTED", "app01 STOPPED BATCH"}, lines(t, p.path))
	p.send(p.response(telegram.Running, "ONLINE"))
	eventually(t, p.path, "mgr01 RUNNING NOT-STARTED", "app01 RUNNING ONLINE")
	assert.Equal(t, want, p.server.Drops().All())
}

func FuzzTake(f *testing.F) {
	good := encoded(f, telegram.StatusResponse{Host: host(f, "app01"), Control: telegram.Running, Status: status(f, "ONLINE")})
	f.Add(good)
	f.Add(good[:195])
	f.Add(encoded(f, telegram.StatusResponse{Host: host(f, "app01"), Control: telegram.Stopped}))
	f.Add(encoded(f, telegram.StatusResponse{Host: host(f, "app02"), Control: telegram.Running}))
	f.Add(encoded(f, telegram.StatusInquiry{Host: host(f, "app01"), Control: telegram.Check}))
	f.Add([]byte{})
	file, path := contact(f)
	var drops slave.Drops
	s := NewStatusControl(slave.NewOwnRecord(host(f, "mgr01"), file, 0),
		[]Slave{at(f, "app01", "198.18.0.1:10320"), at(f, "app02", "198.18.0.2:10320")}, file, nowhere{}, quiet(), &drops)
	require.NoError(f, s.Begin())
	lookAtAll(s)
	f.Fuzz(func(t *testing.T, b []byte) {
		later := time.Now().Add(time.Second)
		s.expire(later, later, slave.NewBatch()) // so that an answer may be asked for
		in := slave.NewBatch()
		in.Add(b, netip.MustParseAddrPort("198.18.0.1:10320"))
		s.take(in)
		records, err := contactfile.ReadFile(path)
		require.NoError(t, err)
		require.Len(t, records, 3)
		require.Equal(t, "app02 STOPPED NOT-STARTED", line(records[2]), "not from that address")
	})
}
