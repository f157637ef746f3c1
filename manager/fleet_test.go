package manager

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"renraku/contactfile"
	"renraku/slave"
	"renraku/slave/runs"
	"renraku/slave/slavetest"
	"renraku/telegram"
	"renraku/telegram/seal"
)

// What the tests of this package share: values, a contact file, and a fleet of slaves that only pretend, for synctest.

func host(t testing.TB, name string) telegram.Host {
	t.Helper()
	h, err := telegram.NewHost(name)
	require.NoError(t, err)
	return h
}

func process(t testing.TB, id string) telegram.ProcessID {
	t.Helper()
	p, err := telegram.NewProcessID(id)
	require.NoError(t, err)
	return p
}

func status(t testing.TB, s string) telegram.Status {
	t.Helper()
	st, err := telegram.NewStatus(s)
	require.NoError(t, err)
	return st
}

func address(t testing.TB, hostport string) *slave.Address {
	t.Helper()
	a, err := slave.NewAddress(hostport)
	require.NoError(t, err)
	return a
}

// TestMain is the parent of a run where the test binary is started as one.
func TestMain(m *testing.M) {
	if runs.IsParent() {
		os.Exit(runs.Parent())
	}
	os.Exit(m.Run())
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// records are those of a server in a directory of their own.
func records(t testing.TB) *slave.Records {
	t.Helper()
	return recordsIn(t, t.TempDir())
}

func recordsIn(t testing.TB, dir string) *slave.Records {
	t.Helper()
	r, err := slave.OpenRecords(dir, quiet())
	require.NoError(t, err)
	t.Cleanup(func() { r.Close() })
	return r
}

func contact(t testing.TB) (*contactfile.File, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "contact.dat")
	f, err := contactfile.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	return f, path
}

// encoded is the bytes of a telegram.
func encoded(t testing.TB, x telegram.Telegram) []byte {
	t.Helper()
	b, err := x.Append(nil)
	require.NoError(t, err)
	return b
}

// line is what the tests compare of a record: "app01 RUNNING ONLINE".
func line(r contactfile.Record) string {
	return fmt.Sprintf("%s %s %s", r.Host, r.Operating, r.Application)
}

// lines is the whole contact file as a reader without the lock sees it.
func lines(t testing.TB, path string) []string {
	t.Helper()
	records, err := contactfile.ReadFile(path)
	require.NoError(t, err)
	all := make([]string, len(records))
	for i, r := range records {
		all[i] = line(r)
	}
	return all
}

// pretended is one slave of a fleet. Its fields may be set while nothing is under way (after synctest.Wait).
type pretended struct {
	host    telegram.Host
	address netip.AddrPort
	socket  *slavetest.Socket
	keys    *seal.Pair // in sealed mode, once it was asked; its socket's reader has them alone

	mu       sync.Mutex
	status   telegram.Status
	stopped  bool // answers STOPPED
	silent   bool
	latency  time.Duration
	copies   int // answers to each inquiry, beside the first
	lose     int // the next inquiries are lost
	inquired []asked
}

// asked is one inquiry as it reached the slave.
type asked struct {
	at      time.Duration // since the start of the fleet
	control telegram.Control
}

func (a asked) String() string { return fmt.Sprintf("%v %v", a.at, a.control) }

// fleet is a StatusControl with slaves in memory, in a bubble of synctest.
type fleet struct {
	t       *testing.T
	network *slavetest.Network
	socket  *slavetest.Socket // the manager's
	status  *StatusControl
	own     *slave.OwnRecord
	drops   slave.Drops
	file    *contactfile.File
	path    string
	slaves  []*pretended
	byHost  map[telegram.Host]*pretended
	start   time.Time
	plan    plan
	log     *logBook
	events  *eventBook

	impaired  bool
	undecoded atomic.Int64 // inquiries that did not decode; none but on a bad network
}

const managerAddress = "192.0.2.1:10320"

// plan is the control data of every slave of a fleet, and whether all have one address.
type plan struct {
	slaves   int
	interval time.Duration
	timeout  time.Duration
	retries  int
	shared   bool
	sealed   bool
	later    int                                      // of the slaves, the last ones, which the definition does not have yet
	socket   func(*slavetest.Socket) slave.PacketConn // what the manager has of its socket; nil: all
}

// usual is the plan of most tests: one slave, found out after at most 10s + 3 × 1s.
func usual(slaves int) plan {
	return plan{slaves: slaves, interval: 10 * time.Second, timeout: time.Second, retries: 2}
}

// bound is the longest time until silence is found out.
func (p plan) bound() time.Duration { return p.interval + time.Duration(p.retries+1)*p.timeout }

// newFleet makes the slaves app1 to appN, which are up and ONLINE; Begin is the test's. All ends with the test.
func newFleet(t *testing.T, p plan) *fleet {
	f := &fleet{t: t, network: &slavetest.Network{}, byHost: map[telegram.Host]*pretended{}, start: time.Now(), plan: p,
		log: &logBook{}, events: &eventBook{}}
	f.file, f.path = contact(t)
	f.socket = f.network.Listen(managerAddress)
	for i := range p.slaves {
		at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 18, byte(i >> 8), byte(i)}), 10320)
		if p.shared {
			at = netip.MustParseAddrPort("198.18.0.0:10320")
		}
		s := &pretended{host: host(t, fmt.Sprintf("app%d", i+1)), address: at, status: status(t, contactfile.Online)}
		f.slaves = append(f.slaves, s)
		f.byHost[s.host] = s
		if p.shared && i > 0 {
			s.socket = f.slaves[0].socket
			continue
		}
		f.listen(s)
	}
	f.own = slave.NewOwnRecord(host(t, "mgr01"), f.file, 0)
	var packets slave.PacketConn = f.socket
	if p.socket != nil {
		packets = p.socket(f.socket)
	}
	f.status = NewStatusControl(f.own, f.definition(f.slaves[:p.slaves-p.later]...), f.file, packets,
		slog.New(slog.NewTextHandler(f.log, nil)), &f.drops)
	f.status.Tell(f.events.tell)
	if p.sealed {
		f.status.Seal(host(t, "mgr01"), []seal.Master{master(1)}, sealedTerm)
	}
	f.run(f.status.Serve)
	t.Cleanup(func() {
		if !f.impaired {
			require.Zero(t, f.undecoded.Load())
		}
	})
	return f
}

// listen has the slave answer at its address.
func (f *fleet) listen(s *pretended) {
	socket := f.network.Listen(s.address.String())
	s.socket = socket
	f.run(func(ctx context.Context) error {
		defer context.AfterFunc(ctx, socket.Wake)()
		in := slave.NewBatch()
		for ctx.Err() == nil {
			if err := slave.Receive(ctx, socket, in, time.Time{}, quiet()); err != nil {
				return err
			}
			for i := range in.Len() {
				b, _ := in.At(i)
				f.inquired(b)
			}
		}
		return nil
	})
}

// definition has the given slaves, as if it had just been read.
func (f *fleet) definition(slaves ...*pretended) []Slave {
	all := make([]Slave, len(slaves))
	for i, s := range slaves {
		all[i] = Slave{Host: s.host, Address: address(f.t, s.address.String()),
			Interval: f.plan.interval, Timeout: f.plan.timeout, Retries: f.plan.retries}
	}
	return all
}

// reload has the definition read again, which has the given slaves now.
func (f *fleet) reload(slaves ...*pretended) {
	f.t.Helper()
	require.NoError(f.t, f.status.SetSlaves(f.definition(slaves...)))
	synctest.Wait()
}

// run runs a service until the end of the test.
func (f *fleet) run(service func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- service(ctx) }()
	f.t.Cleanup(func() {
		cancel()
		require.NoError(f.t, <-done)
	})
}

// inquired is the end of the slaves: it notes an inquiry and answers it.
func (f *fleet) inquired(b []byte) {
	b, reply := f.opened(b)
	q, err := telegram.DecodeStatusInquiry(b)
	if err != nil {
		f.undecoded.Add(1)
		return
	}
	s := f.byHost[q.Host]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inquired = append(s.inquired, asked{time.Since(f.start), q.Control})
	if s.lose > 0 {
		s.lose--
		return
	}
	if s.silent {
		return
	}
	r := telegram.StatusResponse{Host: s.host, Control: telegram.Running, Status: s.status}
	if s.stopped || q.Control == telegram.End {
		r.Control = telegram.Stopped
	}
	answer := reply(encoded(f.t, r))
	for range 1 + s.copies {
		if s.latency == 0 {
			f.say(s, answer)
		} else {
			time.AfterFunc(s.latency, func() { f.say(s, answer) })
		}
	}
}

// say sends bytes to the manager from the slave's address.
func (f *fleet) say(s *pretended, b []byte) {
	s.socket.WriteToUDPAddrPort(b, netip.MustParseAddrPort(managerAddress))
}

// respond sends a response that nobody need have asked for.
func (f *fleet) respond(s *pretended, c telegram.Control, application string) {
	f.say(s, encoded(f.t, telegram.StatusResponse{Host: s.host, Control: c, Status: status(f.t, application)}))
	synctest.Wait()
}

// set changes a slave between two inquiries.
func (f *fleet) set(s *pretended, change func(*pretended)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// begin begins monitoring, at second 0 of the fleet.
func (f *fleet) begin() {
	require.NoError(f.t, f.status.Begin())
	synctest.Wait()
}

// at waits until the given time of the fleet, and until all that is due then is done.
func (f *fleet) at(since time.Duration) {
	time.Sleep(since - time.Since(f.start))
	synctest.Wait()
}

// record is the contact record of a slave.
func (f *fleet) record(s *pretended) string {
	f.t.Helper()
	r, err := contactfile.ReadRecord(f.path, s.host.String())
	require.NoError(f.t, err)
	return line(r)
}

// inquiries is what the slave was asked so far.
func (f *fleet) inquiries(s *pretended) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []string{}
	for _, a := range s.inquired {
		all = append(all, a.String())
	}
	return all
}

// forget has inquiries give only what is asked from now on.
func (f *fleet) forget(s *pretended) {
	f.set(s, func(s *pretended) { s.inquired = nil })
}

// hostNumber is a name for slave i.
func hostNumber(t testing.TB, i int) telegram.Host {
	t.Helper()
	return host(t, fmt.Sprintf("app%06d", i))
}
