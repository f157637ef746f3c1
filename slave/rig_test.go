package slave

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"renraku/contactfile"
	"renraku/slave/credentials"
	"renraku/slave/datagram"
)

// rig is a Server app01 on loopback sockets, and the manager's socket, whose announcement has been taken.
type rig struct {
	*Server
	t        testing.TB
	path     string
	log      *logBook
	manager  *net.UDPConn
	results  *managerEnd
	packets  *datagram.Conn
	listener *net.TCPListener
	security *credentials.Security
	stop     func() error // ends Run, and gives its error
}

func startServer(t testing.TB, processes ...Process) *rig {
	r := newRig(t, processes...)
	r.run()
	b, _ := r.receive()
	require.Equal(t, sr("app01", 0x0010, "NOT-STARTED", ""), b)
	return r
}

func newRig(t testing.TB, processes ...Process) *rig { return newSealedRig(t, nil, processes...) }

// newSealedRig is one in sealed mode, or in plain mode where security is nil.
func newSealedRig(t testing.TB, security *credentials.Security, processes ...Process) *rig {
	loopback := netip.MustParseAddr("127.0.0.1")
	r := &rig{
		t:        t,
		security: security,
		packets:  must(datagram.New(must(net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(loopback, 0)))))),
		listener: must(net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(loopback, 0)))),
	}
	r.manager, r.results = listenAsManager(t)
	t.Cleanup(func() { r.packets.Close(); r.listener.Close() })
	file, path := openContactFile(t)
	log, book := newLog()
	r.path, r.log = path, book
	r.serve(openRecords(t), file, log, processes)
	return r
}

// serve has the server of the rig be on these records.
func (r *rig) serve(records *Records, file *contactfile.File, log *slog.Logger, processes []Process) {
	r.Server = newServer(r.t, Config{Manager: must(NewAddress(r.manager.LocalAddr().String())), Security: r.security, Processes: processes, Records: records, Log: log},
		file, r.packets, r.listener)
}

// newServer is app01, on records of its own where the configuration has none.
func newServer(t testing.TB, cfg Config, file *contactfile.File, packets PacketConn, listener net.Listener) *Server {
	t.Helper()
	cfg.Host = app01
	if cfg.Records == nil {
		cfg.Records = openRecords(t)
	}
	s, err := NewServer(cfg, file, packets, listener)
	require.NoError(t, err)
	return s
}

func (r *rig) run() {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	r.stop = sync.OnceValue(func() error {
		cancel()
		return await(r.t, ended)
	})
	r.t.Cleanup(func() { r.stop() })
}

func portOf(a net.Addr) string {
	_, port, err := net.SplitHostPort(a.String())
	if err != nil {
		panic(err)
	}
	return port
}

// ask sends a datagram from the manager's socket and gives the answer.
func (r *rig) ask(b []byte) []byte {
	r.t.Helper()
	r.tell(b)
	answer, from := r.receive()
	require.Equal(r.t, r.packets.LocalAddr().String(), from.String())
	return answer
}

func (r *rig) tell(b []byte) {
	_, err := r.manager.WriteTo(b, r.packets.LocalAddr())
	require.NoError(r.t, err)
}

func (r *rig) receive() ([]byte, netip.AddrPort) {
	r.t.Helper()
	b := make([]byte, 1000)
	require.NoError(r.t, r.manager.SetReadDeadline(time.Now().Add(patience)))
	n, from, err := r.manager.ReadFromUDPAddrPort(b)
	require.NoError(r.t, err)
	return b[:n], from
}

// connect dials the server from an address of its own, "127.0.0.1" being the manager's.
func (r *rig) connect(from string) *net.TCPConn {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: patience}
	conn, err := d.Dial("tcp", r.listener.Addr().String())
	require.NoError(r.t, err)
	r.t.Cleanup(func() { conn.Close() })
	require.NoError(r.t, conn.SetDeadline(time.Now().Add(patience)))
	return conn.(*net.TCPConn)
}

// managerEnd takes the results that are delivered to the manager's port, and keeps their bytes.
type managerEnd struct {
	listener net.Listener

	mu  sync.Mutex
	all [][]byte
}

// listenAsManager has one port for both protocols, as a manager does.
func listenAsManager(t testing.TB) (*net.UDPConn, *managerEnd) {
	for range 100 {
		listener := must(net.Listen("tcp", "127.0.0.1:0"))
		addr := listener.Addr().(*net.TCPAddr)
		packets, err := net.ListenUDP("udp", &net.UDPAddr{IP: addr.IP, Port: addr.Port})
		if err != nil {
			listener.Close()
			continue
		}
		m := &managerEnd{listener: listener}
		t.Cleanup(func() { packets.Close(); listener.Close() })
		go m.serve()
		return packets, m
	}
	require.FailNow(t, "no port is free for both protocols")
	return nil, nil
}

func (m *managerEnd) serve() {
	for {
		conn, err := m.listener.Accept()
		if err != nil {
			return
		}
		go m.take(conn)
	}
}

// take answers each response with its receipt.
func (m *managerEnd) take(conn net.Conn) {
	defer conn.Close()
	for {
		b := make([]byte, 212)
		if _, err := io.ReadFull(conn, b); err != nil {
			return
		}
		m.mu.Lock()
		m.all = append(m.all, b)
		m.mu.Unlock()
		conn.Write(receiptOf(b))
	}
}

// receiptOf is XQ TAKEN for a response.
func receiptOf(response []byte) []byte {
	return wire(string(response[:64]), "XQ", 0x0200, string(response[68:84]))
}

// delivered is what has come so far.
func (m *managerEnd) delivered() [][]byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.all)
}
