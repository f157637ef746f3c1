package manager

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/contactfile"
	"renraku/slave"
	"renraku/slave/credentials"
	"renraku/slave/datagram"
	"renraku/telegram"
)

// What the tests on real sockets share; every address is a loopback one, every port the system's choice.

// patience is for what happens at once on a machine that is not busy.
const patience = 20 * time.Second

// sockets are a UDP socket and a TCP listener of one address and port.
func sockets(t testing.TB, ip string) (*datagram.Conn, net.Listener, string) {
	t.Helper()
	for range 20 {
		listener, err := net.Listen("tcp", net.JoinHostPort(ip, "0"))
		require.NoError(t, err)
		at := listener.Addr().String()
		packets, err := listenPackets(at)
		if err == nil {
			t.Cleanup(func() { packets.Close(); listener.Close() })
			return packets, listener, at
		}
		listener.Close()
	}
	t.Fatal("no port is free for UDP and TCP")
	return nil, nil, ""
}

func listenPackets(at string) (*datagram.Conn, error) {
	udp, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(at)))
	if err != nil {
		return nil, err
	}
	return datagram.New(udp)
}

// nobody is an address at which nothing listens.
func nobody(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return listener.Addr().String()
}

// at is a slave with the control data that the tests of orders do not care about.
func at(t testing.TB, name, hostport string) Slave {
	t.Helper()
	return Slave{Host: host(t, name), Address: address(t, hostport), Interval: time.Hour, Timeout: time.Hour}
}

// office is a manager on loopback that monitors nobody: what its contact file says of the slaves, the test says.
type office struct {
	t      *testing.T
	server *Server
	file   *contactfile.File
	path   string
	dir    string // of its records
	addr   string
	log    *logBook
	events *eventBook
}

// eventBook keeps the events that were told.
type eventBook struct {
	mu  sync.Mutex
	all []string
}

func (b *eventBook) tell(event string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all = append(b.all, event)
}

func (b *eventBook) told() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.all)
}

func (b *eventBook) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all = nil
}

// logBook keeps what is logged.
type logBook struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logBook) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// count is how often the words were logged.
func (l *logBook) count(words string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), words)
}

func newOffice(t *testing.T, processes []slave.Process, slaves ...Slave) *office {
	t.Helper()
	return openOffice(t, t.TempDir(), processes, slaves...)
}

// openOffice is newOffice on the records of a directory, as an earlier manager left them.
func openOffice(t *testing.T, dir string, processes []slave.Process, slaves ...Slave) *office {
	t.Helper()
	return openSealedOffice(t, nil, dir, processes, slaves...)
}

// openSealedOffice is openOffice in sealed mode, or in plain mode where security is nil.
func openSealedOffice(t *testing.T, security *credentials.Security, dir string, processes []slave.Process, slaves ...Slave) *office {
	t.Helper()
	packets, listener, addr := sockets(t, "127.0.0.1")
	o := &office{t: t, addr: addr, dir: dir, log: &logBook{}, events: &eventBook{}}
	o.file, o.path = contact(t)
	o.server = NewServer(Config{Host: host(t, "mgr01"), Slaves: slaves, Security: security, Processes: processes, Records: recordsIn(t, dir),
		Tell: o.events.tell, Log: slog.New(slog.NewTextHandler(o.log, nil))}, o.file, packets, listener)
	t.Cleanup(func() {
		o.server.own.Stop()
		o.server.targets.journal.close()
	})
	require.NoError(t, o.server.Begin())
	for _, s := range slaves {
		o.say(s.Host.String(), contactfile.Running, contactfile.NotStarted)
	}
	return o
}

// say sets a record as the status control would.
func (o *office) say(name string, operating contactfile.Operating, application string) {
	o.t.Helper()
	_, _, err := o.file.Update(o.server.status.record(host(o.t, name)), time.Now(), func(r *contactfile.Record) {
		r.Operating, r.Application = operating, application
	})
	require.NoError(o.t, err)
}

func (o *office) record(name string) string {
	o.t.Helper()
	r, err := contactfile.ReadRecord(o.path, name)
	require.NoError(o.t, err)
	return line(r)
}

// history is what the history has, one line such as "app01 ONLINE OPERATOR LAUNCHED ONLINE: ended normally" for each record.
func (o *office) history() []string {
	o.t.Helper()
	return historyIn(o.t, o.dir)
}

func historyIn(t *testing.T, dir string) []string {
	t.Helper()
	all := []string{}
	for r, err := range contactfile.ReadHistory(filepath.Join(dir, slave.HistoryFile)) {
		require.NoError(t, err)
		line := fmt.Sprintf("%s %s %s %s %s: %s", r.Host, r.Process, r.Trigger, r.Outcome, r.Application, r.Text)
		all = append(all, strings.TrimSuffix(line, ": "))
	}
	return all
}

// takeResponses serves the TCP listener until the end of the test.
func (o *office) takeResponses() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- o.server.serveResponses(ctx) }()
	o.t.Cleanup(func() {
		cancel()
		assert.NoError(o.t, <-done)
	})
}

// order gives the result of an order to one host.
func (o *office) order(ctx context.Context, id, name string) slave.Result {
	o.t.Helper()
	var rows []slave.Result
	o.server.Execution().Order(ctx, byOperator(o.t, id), []telegram.Host{host(o.t, name)}, func(r slave.Result) { rows = append(rows, r) })
	require.Len(o.t, rows, 1)
	require.Equal(o.t, name, rows[0].Host.String())
	require.Equal(o.t, id, rows[0].Process.String())
	return rows[0]
}

func byOperator(t testing.TB, id string) slave.Order {
	return slave.Order{Process: process(t, id), Trigger: slave.ByOperator}
}

// text is what the tests compare of a result: "LAUNCHED ONLINE: ended normally".
func text(r slave.Result) string {
	return strings.TrimSuffix(fmt.Sprintf("%s %s: %s", r.Outcome, r.Application, r.Text), ": ")
}

// peer is a slave's TCP end as a test writes it.
type peer struct {
	address     string
	connections atomic.Int32
}

// newPeer gives each connection to serve and closes it afterwards.
func newPeer(t *testing.T, serve func(net.Conn)) *peer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &peer{address: listener.Addr().String()}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			p.connections.Add(1)
			all.Go(func() {
				defer conn.Close()
				conn.SetDeadline(time.Now().Add(patience))
				serve(conn)
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		all.Wait()
	})
	return p
}

// field is a field of the wire, written from the table of the contract and not by the encoder.
func field(s string, length int) string { return s + strings.Repeat(" ", length-len(s)) }

func launchBytes(name, id string) string { return field(name, 64) + "XQ" + "\x01\x00" + field(id, 16) }
func takenBytes(name, id string) string  { return field(name, 64) + "XQ" + "\x02\x00" + field(id, 16) }

func responseBytes(name, control, id, application, why string) string {
	return field(name, 64) + "XR" + control + field(id, 16) + field(application, 24) + field(why, 104)
}

// Control codes of XR.
const (
	endedBit    = "\x08\x00"
	launchedBit = "\x10\x00"
	failedBit   = "\x20\x00"
	alreadyBit  = "\x40\x00"
	refusedBit  = "\x80\x00"
)

// receive reads n bytes, fewer where the connection ends.
func receive(conn net.Conn, n int) string {
	b := make([]byte, n)
	got, _ := io.ReadFull(conn, b)
	return string(b[:got])
}

// realSlave is a slave.Server on loopback; stop ends it as a machine ends that loses power.
func realSlave(t *testing.T, name, manager string, packets *datagram.Conn, listener net.Listener, processes []slave.Process) (path string, stop func()) {
	t.Helper()
	return realSlaveIn(t, t.TempDir(), name, manager, packets, listener, processes)
}

// realSlaveIn is realSlave with its records in dir.
func realSlaveIn(t *testing.T, dir, name, manager string, packets *datagram.Conn, listener net.Listener, processes []slave.Process) (
	path string, stop func()) {
	t.Helper()
	return sealedSlaveIn(t, nil, dir, name, manager, packets, listener, processes)
}

// sealedSlaveIn is realSlaveIn in sealed mode, or in plain mode where security is nil.
func sealedSlaveIn(t *testing.T, security *credentials.Security, dir, name, manager string, packets *datagram.Conn, listener net.Listener,
	processes []slave.Process) (path string, stop func()) {
	t.Helper()
	file, path := contact(t)
	server, err := slave.NewServer(slave.Config{Host: host(t, name), Manager: address(t, manager), Security: security, Processes: processes,
		Records: recordsIn(t, dir), Log: quiet()}, file, packets, listener)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		server.Run(ctx)
	}()
	stop = func() {
		packets.Close()
		listener.Close()
		<-done
	}
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return path, stop
}
