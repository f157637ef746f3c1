package manager

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"renraku/contactfile"
	"renraku/slave"
	"renraku/slave/credentials"
	"renraku/telegram"
)

// endWait is the time for the answers to END.
const endWait = 30 * time.Second

// Slave is one slave of the server definition, with its control data (16).
type Slave struct {
	Host     telegram.Host
	Address  *slave.Address
	Interval time.Duration
	Timeout  time.Duration // response wait
	Retries  int
}

// Config is what the manager has to know.
type Config struct {
	Host      telegram.Host
	Slaves    []Slave               // in definition order
	Security  *credentials.Security // sealed mode; nil: plain
	Hold      time.Duration         // see StatusControl.SetHold; 0: the manager never suspects itself
	Fallback  bool                  // slaves are asked on TCP before they are called STOPPED for want of an answer on UDP
	Processes []slave.Process
	Records   *slave.Records     // of the manager's own server, and the history of all orders; they stay the caller's
	Tell      func(event string) // takes the daemon's own events for the triggers, and never waits; nil: nobody does
	Begun     func()             // is called once monitoring has begun, or is to begin when the disk takes it; nil: nobody is told
	Log       *slog.Logger
}

// Server is the managing server (100).
type Server struct {
	cfg       Config
	packets   slave.PacketConn
	listener  net.Listener
	status    *StatusControl
	own       *slave.ExecutionControl
	execution *ExecutionControl
	targets   *targets
	responses *responses
	start     *slave.Start // nil in plain mode
	drops     slave.Drops

	unopened error // of the journal of orders
}

// NewServer is a manager on its own contact file, records and sockets, which takes up the orders that an earlier daemon left.
// File and records stay the caller's; Run closes the sockets. Orders leave from the listener's address, which is the one that
// slaves take them from.
func NewServer(cfg Config, file *contactfile.File, packets slave.PacketConn, listener net.Listener) *Server {
	s := &Server{cfg: cfg, packets: packets, listener: listener}
	own := slave.NewOwnRecord(cfg.Host, file, 0)
	own.Remember(cfg.Records.Memory)
	own.Tell(s.tellOwn)
	s.own = slave.NewExecutionControl(slave.ExecutionConfig{
		Host: cfg.Host, Own: own, Processes: cfg.Processes, Records: cfg.Records, Tell: s.tellOwn, Log: cfg.Log})
	s.status = NewStatusControl(own, cfg.Slaves, file, packets, cfg.Log, &s.drops)
	s.status.Tell(cfg.Tell)
	s.status.KeepMaintenance(filepath.Join(cfg.Records.Dir(), MaintenanceFile))
	if cfg.Security != nil {
		s.start = cfg.Records.NextStart(time.Now(), s.status.ownLog)
		s.status.Seal(cfg.Host, cfg.Security.Current().Masters, s.start.Number)
	}
	dialTo := (&net.Dialer{LocalAddr: slave.LocalAddr(listener.Addr()), Control: portAtConnect}).DialContext
	s.status.fallback.connect = dialTo
	if cfg.Security != nil {
		s.status.fallback.bound(cfg.Security.Client)
	}
	s.status.SetHold(cfg.Hold)
	s.status.SetFallback(cfg.Fallback)
	s.cfg.Slaves = nil // the monitors have taken over what it says
	s.takeUpOrders(file)
	s.responses = newResponses(s.targets, cfg.Tell, &s.drops)
	s.responses.sealed = cfg.Security != nil
	c := &courier{
		dialTo:    dialTo,
		dials:     newDials(),
		addresses: s.status.addressOf,
		security:  cfg.Security,
		targets:   s.targets,
		responses: s.responses,
		more:      responseMore,
		log:       cfg.Log,
	}
	s.execution = newExecutionControl(cfg.Host, s.own, c, cfg.Log)
	return s
}

// takeUpOrders opens the journal of orders. Where that fails, Run says so, and nothing is ordered.
func (s *Server) takeUpOrders(file *contactfile.File) {
	j, left, damaged, err := openJournal(s.cfg.Records.Runs.Path())
	if err != nil {
		s.unopened = err
		j = &journal{}
	}
	if damaged > 0 {
		s.cfg.Log.Warn("damaged lines of the journal of orders left out", "host", s.cfg.Host.String(), "file", ordersFile, "lines", damaged)
	}
	defined := &definitions{}
	defined.all.Store(&s.cfg.Processes)
	s.targets = newTargets(&s.cfg, j, s.status, file, defined)
	s.targets.restore(left)
}

// portAtConnect has the system choose the local port when it knows the peer. Otherwise bind takes one port for each order
// for itself, and a bulk order ends when the range of ephemeral ports (some 28,000, each for a minute longer) does.
func portAtConnect(_, _ string, c syscall.RawConn) error {
	return c.Control(func(fd uintptr) { // where the kernel does not know the option, orders still go out
		unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	})
}

// Run begins monitoring and serves until ctx ends; then every slave is told END, the contact file is cleared, and processes
// in progress are waited for a short while. Where the disk is full, that is logged, and monitoring begins once it is not. The error is
// a socket's or the contact file's. Where the cause of ctx's end is slave.ErrKilled, nobody is told anything and the file is left as
// it is.
func (s *Server) Run(ctx context.Context) error {
	defer s.packets.Close()
	defer s.listener.Close()
	defer s.targets.journal.close()
	defer s.own.Stop()
	if s.unopened != nil {
		return s.unopened
	}
	s.own.Recover() // before Begin: without monitoring, nothing is ordered
	services := []func(context.Context) error{
		s.status.Serve, s.serveResponses, s.targets.keepDeadlines, s.status.keepResolved, s.status.keepMaintenance, s.keepFile, s.reportDrops}
	if s.start != nil {
		services = append(services, s.start.Keep)
	}
	switch err := s.status.Begin(); {
	case err == nil:
	case slave.MayPass(err):
		s.cfg.Log.Error("monitoring does not begin; it is tried again", "host", s.cfg.Host.String(), "error", err)
		services = append(services, s.beginWhenPossible)
	default:
		return err
	}
	if s.cfg.Begun != nil {
		s.cfg.Begun()
	}
	return slave.Serve(ctx, s.shutDown, services...)
}

// beginAgain is the pause before monitoring that could not begin is tried again.
const beginAgain = time.Second

// beginWhenPossible begins monitoring once the disk takes the contact file.
func (s *Server) beginWhenPossible(ctx context.Context) error {
	ticker := time.NewTicker(beginAgain)
	defer ticker.Stop()
	for !s.Monitoring() {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
		if err := s.status.Begin(); err != nil && !slave.MayPass(err) {
			return err
		}
	}
	return nil
}

func (s *Server) keepFile(ctx context.Context) error { return slave.KeepFile(ctx, s.status.keepFile) }

func (s *Server) reportDrops(ctx context.Context) error {
	s.drops.Report(ctx, s.status.ownLog)
	return nil
}

func (s *Server) shutDown() error {
	err := s.End(context.Background())
	var unanswered *UnansweredError
	if errors.As(err, &unanswered) { // the log has said it, and the daemon ends all the same
		err = nil
	}
	s.own.ShutDown()
	return err
}

func (s *Server) serveResponses(ctx context.Context) error {
	log := s.status.ownLog
	var accept slave.Accept
	if s.cfg.Security != nil {
		accept = s.cfg.Security.Server
	}
	return slave.AcceptConnections(ctx, s.listener, log, maxSlaveConnections, func(from netip.Addr) slave.Drop {
		if !s.status.knows(from) {
			return slave.DropAddress
		}
		return slave.NoDrop
	}, &s.drops, slave.ServeSealed(accept, &s.drops, log, s.responses.serveConnection))
}

// Begin begins monitoring again on the operator's command.
func (s *Server) Begin() error { return s.status.Begin() }

// End ends monitoring on the operator's command (25–27). It waits for the slaves' answers to END, at most until ctx ends.
func (s *Server) End(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, endWait)
	defer cancel()
	return s.status.End(ctx)
}

// Monitoring says whether monitoring goes on.
func (s *Server) Monitoring() bool { return s.status.Monitoring() }

// Isolated says whether the manager suspects itself: triggers are to order nothing meanwhile.
func (s *Server) Isolated() bool { return s.status.Isolated() }

// Blocked is how many slaves answer on TCP alone, and the names of the first of them.
func (s *Server) Blocked() (first []string, n int) { return s.status.Blocked() }

// Execution orders processes.
func (s *Server) Execution() *ExecutionControl { return s.execution }

// SetProcesses has other definitions of processes stand from now on, for orders, for responses and for the manager's own server.
// Orders and runs in progress go on with those that they began with.
func (s *Server) SetProcesses(processes []slave.Process) {
	s.own.SetProcesses(processes)
	s.execution.SetProcesses(processes)
}

// SetCredentials has other keys and another certificate of sealed mode stand from now on: the newest key from each slave's next round.
func (s *Server) SetCredentials(c *credentials.Credentials) {
	s.cfg.Security.Replace(c)
	s.status.setMasters(c.Masters)
}

// Drops is what was dropped so far, by reason.
func (s *Server) Drops() *slave.Drops { return &s.drops }
