package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"renraku/cmd/internal/control"
	"renraku/cmd/internal/daemon"
	"renraku/cmd/internal/definition"
	"renraku/cmd/internal/trial"
	"renraku/slave"
	"renraku/slave/slavetest"
)

const (
	managerHost     = "mgr01"
	realPrefix      = "app"
	simulatedPrefix = "sim"

	realSlaves = 5  // that run processes
	groups     = 10 // of simulated slaves, each behind a proxy of its own
	guests     = 10 // simulated slaves that only the other definition has
)

// Each server has an IP address of its own, in a network of this process on loopback, so that the checks of addresses are in force and
// several of these programs at once do not meet.
const (
	managerNode    = 1
	simulationNode = 2
	realNode       = 10 // of the first
	groupNode      = 100
	strangerNode   = 250

	daemonPort  = 10320
	behindPort  = 10321 // of a slave behind its proxy
	managerPort = 10400 // of the first proxy before the manager; there is one for each real slave
)

// realSlave is a slave daemon that runs processes.
type realSlave struct {
	host, dir, address string
	toSlave, toManager *slavetest.Proxy
	asked, answered    recorder // in sealed mode

	mu     sync.Mutex
	daemon *trial.Child
}

// group is some simulated slaves behind one proxy, counted from 0 over all groups.
type group struct {
	first, last int
	proxy       *slavetest.Proxy
}

// fleet is all servers.
type fleet struct {
	ctx         context.Context // of its processes
	dir, ledger string
	keys        *keys  // nil: plain mode
	network     string // the first three bytes of all addresses
	seed        uint64
	width       int // of the numbers of simulated slaves

	simulation *trial.Child
	simulated  []*group // the guests come last
	guests     *group
	real       []*realSlave

	journal *journal
	mu      sync.Mutex
	manager *trial.Child
}

func (f *fleet) address(node, port int) string { return fmt.Sprintf("%s%d:%d", f.network, node, port) }

func (f *fleet) ip(node int) string { return fmt.Sprintf("%s%d", f.network, node) }

// startFleet starts the slaves and their proxies, and then the manager.
func startFleet(ctx context.Context, dir string, o *options, j *journal) (*fleet, error) {
	pid := os.Getpid()
	f := &fleet{ctx: ctx, dir: dir, ledger: filepath.Join(dir, "ledger"), seed: o.seed, journal: j, width: len(strconv.Itoa(o.slaves + guests)),
		network: fmt.Sprintf("127.%d.%d.", 64+pid>>8&63, pid&255)}
	if o.mode == definition.Sealed.String() {
		if err := f.makeKeys(); err != nil {
			return f, err
		}
	}
	if err := f.startSimulation(ctx, o.slaves); err != nil {
		return f, err
	}
	for k := range realSlaves {
		if err := f.placeReal(k); err != nil {
			return f, err
		}
	}
	for _, s := range f.real {
		if err := f.writeDefinition(base, s); err != nil {
			return f, err
		}
		if err := f.startReal(ctx, s); err != nil {
			return f, err
		}
	}
	if err := f.writeDefinition(base, nil); err != nil {
		return f, err
	}
	return f, f.startManager(ctx)
}

func (f *fleet) startSimulation(ctx context.Context, slaves int) error {
	var err error
	address := f.address(simulationNode, daemonPort)
	args := []string{"-role", roleSimulation, strconv.Itoa(slaves + guests), address}
	if f.keys != nil {
		args = append(args, f.keys.dir)
	}
	if f.simulation, err = trial.Start(ctx, "simulation", os.Stderr, args...); err != nil {
		return err
	}
	for i := range groups + 1 {
		g := &group{first: i * slaves / groups, last: (i+1)*slaves/groups - 1}
		if i == groups {
			g.last = slaves + guests - 1
			f.guests = g
		}
		place := slavetest.Place{Listen: f.address(groupNode+i, daemonPort), Target: address, From: f.ip(managerNode)}
		g.proxy, err = slavetest.OpenProxy(place, f.seed, uint64(groupNode+i), slavetest.Impairment{}, slavetest.Streams{})
		if err != nil {
			return err
		}
		f.simulated = append(f.simulated, g)
	}
	return nil
}

// placeReal gives a real slave its place.
func (f *fleet) placeReal(k int) (err error) {
	s := &realSlave{host: f.realHost(k), address: f.address(realNode+k, behindPort)}
	s.dir = filepath.Join(f.dir, s.host)
	to := slavetest.Place{Listen: f.address(realNode+k, daemonPort), Target: s.address, From: f.ip(managerNode)}
	if s.toSlave, err = slavetest.OpenProxy(to, f.seed, uint64(2*k), slavetest.Impairment{}, slavetest.Streams{}); err != nil {
		return err
	}
	f.real = append(f.real, s)
	if f.keys != nil {
		s.toSlave.There.Watch(s.asked.keep)
		s.toSlave.Back.Watch(s.answered.keep)
	}
	back := slavetest.Place{Listen: f.address(managerNode, managerPort+k), Target: f.address(managerNode, daemonPort), From: f.ip(realNode + k)}
	s.toManager, err = slavetest.OpenProxy(back, f.seed, uint64(2*k+1), slavetest.Impairment{}, slavetest.Streams{})
	return err
}

func (f *fleet) realHost(k int) string { return fmt.Sprintf("%s%d", realPrefix, k+1) }

func (f *fleet) simulatedHost(i int) string {
	return fmt.Sprintf("%s%0*d", simulatedPrefix, f.width, i+1)
}

// roster is the servers of a definition, in its order.
func (f *fleet) roster(v variant) []string {
	all := []string{managerHost}
	for _, s := range f.real {
		all = append(all, s.host)
	}
	for _, g := range f.simulated {
		if g != f.guests || v == other {
			all = append(all, f.hosts(g)...)
		}
	}
	return all
}

func (f *fleet) hosts(g *group) (all []string) {
	for i := g.first; i <= g.last; i++ {
		all = append(all, f.simulatedHost(i))
	}
	return all
}

// startReal starts the daemon of a real slave.
func (f *fleet) startReal(ctx context.Context, s *realSlave) error {
	defer f.keys.hold()()
	log, err := os.OpenFile(f.log(s.host), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	c, err := trial.Start(ctx, s.host, log, "-role", roleDaemon, filepath.Join(f.dir, s.host+".toml"), s.host, s.dir)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.daemon = c
	return nil
}

func (s *realSlave) now() *trial.Child {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.daemon
}

func (f *fleet) startManager(ctx context.Context) error {
	c, err := trial.Start(ctx, managerHost, f.journal, "-role", roleDaemon, filepath.Join(f.dir, managerHost+".toml"), managerHost, f.managerDir())
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.manager = c
	return nil
}

func (f *fleet) managerNow() *trial.Child {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.manager
}

func (f *fleet) log(host string) string { return filepath.Join(f.dir, host+".log") }

func (f *fleet) managerDir() string { return filepath.Join(f.dir, managerHost) }

func (f *fleet) contactFile() string { return filepath.Join(f.managerDir(), daemon.ContactFile) }

func (f *fleet) history(host string) string { return filepath.Join(f.dir, host, slave.HistoryFile) }

func (f *fleet) client() *control.Client { return control.NewClient(f.managerDir()) }

// heal has the network be a good one.
func (f *fleet) heal() {
	for _, g := range f.simulated {
		g.proxy.Heal()
	}
	for _, s := range f.real {
		s.toSlave.Heal()
		s.toManager.Heal()
	}
}

// ended names the daemons that have ended though nobody ended them.
func (f *fleet) ended() (all []string) {
	for _, c := range append([]*trial.Child{f.managerNow(), f.simulation}, f.daemons()...) {
		if c.HasEnded() {
			all = append(all, c.Name)
		}
	}
	return all
}

func (f *fleet) daemons() (all []*trial.Child) {
	for _, s := range f.real {
		all = append(all, s.now())
	}
	return all
}

// stop ends what was started.
func (f *fleet) stop() {
	for _, c := range append([]*trial.Child{f.managerNow(), f.simulation}, f.daemons()...) {
		if c != nil {
			c.Resume()
			c.Kill()
		}
	}
	for _, g := range f.simulated {
		g.proxy.Close()
	}
	for _, s := range f.real {
		s.toSlave.Close()
		if s.toManager != nil {
			s.toManager.Close()
		}
	}
}
