package slave

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"syscall"
	"time"

	"renraku/contactfile"
	"renraku/slave/credentials"
	"renraku/telegram"
	"renraku/telegram/seal"
)

const (
	resolveFailed = 10 * time.Second // until a name is looked up again after an error
	resolveAgain  = time.Minute      // until a name is looked up again
	stoppedWait   = time.Second      // for an inquiry to answer with STOPPED at the end of the daemon, in sealed mode
	dropReport    = time.Minute      // between two log lines about what was dropped
)

// Config is what a slave has to know.
type Config struct {
	Host      telegram.Host
	Manager   *Address              // whose inquiries and orders are taken
	Security  *credentials.Security // sealed mode; nil: plain
	Processes []Process
	Records   *Records           // they stay the caller's
	Tell      func(event string) // takes the daemon's own events for the triggers, and never waits; nil: nobody does
	Begun     func()             // is called once monitoring has begun, or is to begin when the disk takes it; nil: nobody is told
	Log       *slog.Logger
}

// Server is one slave (200).
type Server struct {
	cfg       Config
	endpoint  endpoint
	own       *OwnRecord
	status    *StatusControl
	execution *ExecutionControl
	outbox    *outbox
	delivery  *delivery
	sealing   *sealing      // nil in plain mode
	start     *Start        // the same
	stopped   chan struct{} // an inquiry was answered with STOPPED
	resolve   chan struct{} // the manager's address is another one
	drops     Drops
}

// NewServer is a slave on its own contact file, records and sockets. File and records stay the caller's; Run closes the sockets.
func NewServer(cfg Config, file *contactfile.File, packets PacketConn, listener net.Listener) (*Server, error) {
	own := cfg.Log.With("host", cfg.Host.String())
	s := &Server{cfg: cfg, own: NewOwnRecord(cfg.Host, file, 0), resolve: make(chan struct{}, 1), stopped: make(chan struct{}, 1)}
	s.own.Remember(cfg.Records.Memory)
	s.own.Tell(cfg.Tell)
	s.status = NewStatusControl(cfg.Host, s.own, file, cfg.Log)
	s.execution = NewExecutionControl(ExecutionConfig{
		Host: cfg.Host, Own: s.own, Processes: cfg.Processes, Records: cfg.Records, Tell: cfg.Tell, Log: cfg.Log})
	var err error
	if s.outbox, err = openOutbox(cfg.Host, cfg.Records, cfg.Log); err != nil {
		return nil, err
	}
	s.execution.outbox = s.outbox
	s.delivery = newDelivery(s.outbox, cfg.Manager, listener.Addr(), &s.drops, own)
	s.delivery.security = cfg.Security
	inquiries := Rate{PerSecond: MaxInquiries, AtOnce: MaxInquiries}.Allowance()
	s.endpoint = endpoint{responder: s, packets: packets, listener: listener, perPeer: MaxPeerConnections, log: own, drops: &s.drops,
		allowance: &inquiries}
	if cfg.Security != nil {
		s.start = cfg.Records.NextStart(time.Now(), own)
		if s.sealing, err = openSealing(cfg.Security.Current().SlaveKeys, s.start.Number, cfg.Records, own); err != nil {
			return nil, errors.Join(err, s.outbox.close())
		}
		s.endpoint.sealer, s.endpoint.accept = s.sealing, cfg.Security.Server
	}
	return s, nil
}

// Run takes up the runs that an earlier daemon left, begins monitoring (31, 32) and serves until ctx ends; then it tells the
// manager STOPPED, clears the contact file and waits a short while for the orders in progress. Where the disk is full, that is
// logged, and the contact file created at an inquiry. The error is a socket's or the contact file's. Where the cause of ctx's end
// is ErrKilled, nobody is told anything and the file is left as it is.
func (s *Server) Run(ctx context.Context) error {
	defer s.outbox.close()
	if s.sealing != nil {
		defer s.sealing.close()
	}
	defer s.execution.Stop()
	defer s.endpoint.packets.Close()
	defer s.endpoint.listener.Close()
	s.execution.Recover() // before Begin: without monitoring, every order is REFUSED
	switch err := s.status.Begin(); {
	case err == nil:
	case MayPass(err):
		s.cfg.Log.Error("contact file not written; it is tried again at each inquiry", "host", s.cfg.Host.String(), "error", err)
	default:
		return err
	}
	if s.cfg.Begun != nil {
		s.cfg.Begun()
	}
	services := []func(context.Context) error{s.endpoint.servePackets, s.endpoint.serveOrders, s.delivery.run, s.execution.Serve,
		s.keepManagerResolved, s.keepFile, s.reportDrops}
	if s.start != nil {
		services = append(services, s.start.Keep)
	}
	return Serve(ctx, s.shutDown, services...)
}

// MayPass says whether the disk may take at another time what it does not take now.
func MayPass(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EIO)
}

// fileLook is the time between two looks at whether the contact file, or the history, is in its place.
const fileLook = time.Second

// KeepFile has look look after a file now and again, until ctx ends.
func KeepFile(ctx context.Context, look func()) error {
	for pause(ctx, fileLook) {
		look()
	}
	return nil
}

func (s *Server) keepFile(ctx context.Context) error { return KeepFile(ctx, s.status.keepFile) }

func (s *Server) reportDrops(ctx context.Context) error {
	s.drops.Report(ctx, s.endpoint.log)
	return nil
}

// shutDown tells the manager first, so that it knows at once.
func (s *Server) shutDown() error {
	select {
	case <-s.stopped:
	default:
	}
	err := s.status.End("the daemon shuts down")
	s.announce()
	if s.sealing != nil && s.status.isBelievedRunning() { // there, what nobody asked for is a hint, and the manager asks now
		select {
		case <-s.stopped:
		case <-time.After(stoppedWait):
		}
	}
	s.execution.ShutDown()
	return err
}

// Begin begins monitoring again on the operator's command, and tells the manager.
func (s *Server) Begin() error {
	if err := s.status.Begin(); err != nil {
		return err
	}
	s.cfg.Log.Info("monitoring begins", "host", s.cfg.Host.String(), "reason", "the operator's command")
	s.announce()
	return nil
}

// End ends monitoring on the operator's command (34–36), and tells the manager.
func (s *Server) End() error {
	err := s.status.End("monitoring ended by the operator")
	s.cfg.Log.Info("monitoring ends", "host", s.cfg.Host.String(), "reason", "the operator's command")
	s.announce()
	return err
}

// Monitoring says whether monitoring goes on.
func (s *Server) Monitoring() bool { return s.status.Monitoring() }

// Execute takes an order of the operator or of a trigger on this server.
func (s *Server) Execute(ctx context.Context, order Order) (Result, error) {
	return s.execution.Execute(ctx, order)
}

// SetStatus corrects field 133 on the operator's word.
func (s *Server) SetStatus(status telegram.Status) error { return s.execution.SetStatus(status) }

// Redefine has another address of the manager (host:port) and other processes stand from now on. Runs in progress end as they
// were launched.
func (s *Server) Redefine(manager string, processes []Process) error {
	if manager != s.cfg.Manager.String() {
		if err := s.cfg.Manager.Set(manager); err != nil {
			return err
		}
		select {
		case s.resolve <- struct{}{}:
		default:
		}
	}
	s.execution.SetProcesses(processes)
	return nil
}

// Drops is what was dropped so far, by reason.
func (s *Server) Drops() *Drops { return &s.drops }

// announce sends the response that nobody asked for, where the manager's address is known.
func (s *Server) announce() {
	if to, ok := s.cfg.Manager.AddrPort(); ok {
		r, one := s.status.Announce(), NewBatch()
		var t seal.Trailer
		if s.sealing != nil {
			t = s.sealing.nextUnasked()
		}
		s.endpoint.add(one, &r, &t, to)
		s.endpoint.send(one)
	}
}

func (s *Server) takesFrom(ip netip.Addr) bool { return s.cfg.Manager.Is(ip) }

func (s *Server) answer(q telegram.StatusInquiry) (telegram.StatusResponse, Drop) {
	if q.Host != s.cfg.Host {
		return telegram.StatusResponse{}, DropForeignHost
	}
	if q.Control == telegram.Start {
		s.delivery.hurry()
	}
	r, drop := s.status.Answer(q)
	if drop == NoDrop && r.Control == telegram.Stopped {
		select {
		case s.stopped <- struct{}{}:
		default:
		}
	}
	return r, drop
}

// SetCredentials has other keys and another certificate of sealed mode stand from now on.
func (s *Server) SetCredentials(c *credentials.Credentials) {
	s.cfg.Security.Replace(c)
	s.sealing.setKeys(c.SlaveKeys)
}

// execute answers an order when the older results that are to be delivered have reached the manager, so that it learns them in
// their order.
func (s *Server) execute(ctx context.Context, q telegram.ExecutionOrder) (*response, Drop) {
	if q.Host != s.cfg.Host {
		return nil, DropForeignHost
	}
	result, index, err := s.execution.execute(ctx, Order{Process: q.Process, Trigger: ByOrder})
	if err != nil {
		return nil, DropEnding
	}
	if index == noRecord {
		return &response{result.Response(), func(bool, string) {}}, NoDrop
	}
	s.delivery.olderTaken(ctx, index)
	answer := result.Response()
	return &response{answer, func(taken bool, why string) {
		if taken {
			s.outbox.taken(index)
			return
		}
		s.cfg.Log.Warn("response not taken by the manager; it is delivered again", "host", s.cfg.Host.String(),
			"process", q.Process.String(), "response", answer.String(), "reason", why)
		s.outbox.release(index)
	}}, NoDrop
}

// keepManagerResolved looks the name of the manager's address up now and again, and announces this slave once it is known.
func (s *Server) keepManagerResolved(ctx context.Context) error {
	announced := false
	for {
		wait := resolveAgain
		if err := s.cfg.Manager.Resolve(ctx); err != nil {
			wait = resolveFailed
			if ctx.Err() == nil {
				s.cfg.Log.Warn("address of the manager not resolved", "host", s.cfg.Host.String(), "error", err)
			}
		} else if !announced {
			announced = true
			s.announce()
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-s.resolve:
			announced = false
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
		timer.Stop()
	}
}
