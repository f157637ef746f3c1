// Package daemon is one daemon on one directory: its role, its contact file, its sockets, and the operator's commands.
//
// daemon.go opens and runs it, listen.go opens its sockets, security.go its keys in sealed mode, triggers.go is what its triggers order,
// progress.go the orders in progress, web.go is the manager's page, reload.go takes another definition over, limits.go is every limit.
// station.go is what the operator, the triggers and a reload reach; manager.go and slave.go are the two roles; maintenance.go is which
// servers the manager leaves alone.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"renraku/cmd/internal/control"
	"renraku/cmd/internal/definition"
	"renraku/contactfile"
	"renraku/manager"
	"renraku/slave"
	"renraku/slave/credentials"
	"renraku/slave/trigger"
	"renraku/telegram"
)

// ContactFile is the name of the contact file in the daemon's directory.
const ContactFile = "contact.dat"

// DefaultDir is the directory of a daemon that is told no other.
const DefaultDir = "/var/lib/renraku"

// DefaultDefinition is the definition file of a daemon that is told no other.
const DefaultDefinition = "/etc/renraku/renraku.toml"

// parentMode is the mode of directories above the daemon's own that are not there yet.
const parentMode = 0o750

// Options say which daemon it is.
type Options struct {
	Definition *definition.Definition
	Host       string // sought in the definition, which tells the role (12)
	Dir        string
	Ready      func() // is called once monitoring has begun, or is to begin when the disk takes it; nil: nobody is told
	Log        *slog.Logger
}

// server is a manager.Server or a slave.Server.
type server interface {
	Run(ctx context.Context) error
	SetCredentials(c *credentials.Credentials)
}

// Daemon is a daemon whose sockets are open.
type Daemon struct {
	Role definition.Role

	host    string
	address string // its own, of the definition
	current standing
	log     *slog.Logger
	engine  *trigger.Engine

	security *credentials.Security // nil: plain

	lock     *os.File // of the directory
	file     *contactfile.File
	records  *slave.Records
	packets  slave.PacketConn
	listener net.Listener
	control  net.Listener
	messages *trigger.Socket
	page     *page // nil: there is none
	server   server
	station  station

	commands context.Context // of the orders of commands and triggers: it ends when the shutdown is done
	stop     context.CancelFunc
	running  chan struct{} // closed when Run has begun
	kill     context.CancelCauseFunc
}

// Open finds the role of the host (10–12), takes the directory and opens the sockets. The error is contactfile.ErrLocked
// where another daemon has the directory.
func Open(o Options) (*Daemon, error) {
	role, index, ok := o.Definition.Role(o.Host)
	if !ok {
		return nil, fmt.Errorf("host %q is neither the manager nor a slave of %s: --host names another", o.Host, o.Definition.File)
	}
	log := o.Log.With("host", o.Host) // lines about other servers have theirs, and go to o.Log
	security, err := openSecurity(o.Definition, o.Host, log)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(os.MkdirAll(filepath.Dir(o.Dir), parentMode), contactfile.MakeDir(o.Dir)); err != nil {
		return nil, fmt.Errorf("make the directory: %w", err)
	}
	d := &Daemon{Role: role, host: o.Host, address: addressOf(o.Definition, role, index), security: security, log: log,
		running: make(chan struct{})}
	d.current.Store(o.Definition)
	d.commands, d.stop = context.WithCancel(context.Background())
	if err := d.take(o.Dir); err != nil {
		d.close()
		return nil, err
	}
	if d.records, err = slave.OpenRecords(o.Dir, d.log); err != nil {
		d.close()
		return nil, err
	}
	if err := d.open(o); err != nil {
		d.close()
		return nil, err
	}
	d.sayUnprivileged(o.Definition)
	d.records.KeepParent(d.log)
	return d, nil
}

// sayUnprivileged logs the processes of this server that this daemon has no right to run as their user.
func (d *Daemon) sayUnprivileged(def *definition.Definition) {
	if all := slave.Unprivileged(def.Processes, d.host); len(all) > 0 {
		d.log.Error("processes ask for another user: each order of them will be FAILED", "process_ids", strings.Join(all, ", "),
			"reason", "this daemon has no right to run anything as another; start it as root, or have them run as its own user")
	}
}

// take takes the directory: its own lock, which nobody can remove from under the daemon, and then that of the contact file, which
// other programs know. A daemon that was killed while it started a process leaves a copy of a lock for the milliseconds until that
// process has begun.
func (d *Daemon) take(dir string) (err error) {
	for began := time.Now(); ; time.Sleep(lockAgain) {
		if d.lock == nil {
			d.lock, err = lockDirectory(dir)
		}
		if err == nil {
			d.file, err = contactfile.Open(filepath.Join(dir, ContactFile))
		}
		if !errors.Is(err, contactfile.ErrLocked) || time.Since(began) > lockWait {
			return err
		}
	}
}

func lockDirectory(path string) (*os.File, error) {
	dir, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open the directory: %w", err)
	}
	if err := unix.Flock(int(dir.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		dir.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = contactfile.ErrLocked
		}
		return nil, fmt.Errorf("lock directory %s: %w", path, err)
	}
	return dir, nil
}

const (
	lockWait  = time.Second
	lockAgain = 20 * time.Millisecond
)

func (d *Daemon) open(o Options) error {
	packets, listener, err := listen(d.address, d.log)
	if err != nil {
		return err
	}
	d.packets, d.listener = packets, listener
	if d.control, err = control.Listen(o.Dir); err != nil {
		return err
	}
	if err := d.openTriggers(o); err != nil {
		return err
	}
	host, err := telegram.NewHost(o.Host)
	if err != nil {
		return err
	}
	if d.Role == definition.ManagerRole {
		return d.openManager(host, o)
	}
	return d.openSlave(host, o)
}

func (d *Daemon) openManager(host telegram.Host, o Options) error {
	slaves, err := slavesOf(o.Definition)
	if err != nil {
		return err
	}
	cfg := manager.Config{
		Host: host, Slaves: slaves, Security: d.security, Hold: o.Definition.Monitor.IsolationHold,
		Fallback: o.Definition.Monitor.TCPFallback, Processes: o.Definition.Processes, Records: d.records, Tell: d.tell, Begun: o.Ready,
		Log: o.Log}
	m := manager.NewServer(cfg, d.file, d.packets, d.listener)
	d.server = m
	station := &managerStation{current: &d.current, engine: d.engine, server: m}
	d.station = station
	return d.openPage(o, station)
}

func (d *Daemon) openSlave(host telegram.Host, o Options) error {
	address, err := slave.NewAddress(o.Definition.Manager.Address)
	if err != nil {
		return err
	}
	s, err := slave.NewServer(slave.Config{
		Host: host, Manager: address, Security: d.security, Processes: o.Definition.Processes, Records: d.records, Tell: d.tell,
		Begun: o.Ready, Log: o.Log},
		d.file, d.packets, d.listener)
	if err != nil {
		return err
	}
	d.server = s
	d.station = &slaveStation{current: &d.current, engine: d.engine, host: host, server: s}
	return nil
}

// Run serves until ctx ends and the shutdown is done, and gives the directory back.
func (d *Daemon) Run(ctx context.Context) error {
	defer d.close()
	ctx, d.kill = context.WithCancelCause(ctx)
	defer d.kill(nil)
	close(d.running)
	ended := make(chan error, 4)
	go func() { ended <- control.Serve(d.commands, d.control, d.station) }()
	go func() { ended <- d.engine.Run(ctx) }()
	go func() { ended <- d.servePage() }()
	go func() { ended <- d.records.WatchHistory(ctx, d.log) }()
	err := d.server.Run(ctx)
	d.kill(nil) // where the server ended by itself, nothing is to be fired any more
	d.stop()
	return errors.Join(err, <-ended, <-ended, <-ended, <-ended)
}

// Kill ends Run at once: it tells nobody and leaves the contact file, as if the process had been killed.
func (d *Daemon) Kill() {
	<-d.running
	d.kill(slave.ErrKilled)
}

// close closes what is open; the lock of the directory goes last.
func (d *Daemon) close() {
	d.stop()
	if d.packets != nil {
		d.packets.Close()
	}
	if d.listener != nil {
		d.listener.Close()
	}
	if d.control != nil {
		d.control.Close()
	}
	if d.messages != nil {
		d.messages.Close()
	}
	if d.page != nil {
		d.page.listener.Close()
	}
	if d.records != nil {
		d.records.Close()
	}
	if d.file != nil {
		d.file.Close()
	}
	if d.lock != nil {
		d.lock.Close()
	}
}
