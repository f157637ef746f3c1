// Package keygen makes the keys and certificates of a fleet, and renews them.
//
// It works on one directory, mode 0700:
//
//	authority.crt, authority.key   the authority that signs all certificates
//	HOST/                          the folder of each host, ready to be copied; package credentials describes it
//	rotation                       the keys that the manager is to have, while a rotation is not done
//
// A secret file that somebody else may read is refused, though the directory keeps him out: a copy of it would be read by others too.
// Whatever run is interrupted can be repeated. Each file is replaced as a whole, and a new folder appears as a whole. A rotation writes down
// first what the manager is to have, then renews the slaves, of whose files the keys come last, and then the manager; the next run finishes
// it with the same keys. Each of these is on the disk before the next begins, and the manager's files before they take the place of those
// before, so that no power cut takes the only copy of a master key.
//
// keygen.go is a run, folder.go a host's folder, disk.go how files are written.
package keygen

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"renraku/cmd/internal/trusted"
	"renraku/slave/credentials"
	"renraku/telegram"
	"renraku/telegram/seal"
)

// Options say what is to be made.
type Options struct {
	Dir      string
	Manager  string   // its host
	Slaves   []string // their hosts
	Rotate   bool     // the next key ID, and a new certificate for every host
	Life     time.Duration
	Now      time.Time
	Progress func(done int) // takes the number of folders that are done, from one goroutine at a time; nil: nobody does
}

// Report is what was done.
type Report struct {
	Authority bool     // it is new
	Made      int      // folders that are new
	Renewed   int      // folders with the next key ID and a new certificate
	Kept      int      // folders that were there
	KeyIDs    []uint16 // the manager uses the last
	Finished  bool     // the rotation was begun by an earlier run
	Ends      []string // certificates that are near their end or past it
}

// ErrName says that a host's name cannot be the name of a folder.
var ErrName = errors.New("no name for a folder")

// Run makes what is missing, and renews everything where a rotation is wanted or not done.
func Run(o Options) (Report, error) {
	hosts, err := hostsOf(&o)
	if err != nil {
		return Report{}, err
	}
	dir, err := openDir(o.Dir)
	if err != nil {
		return Report{}, err
	}
	defer dir.Close()
	g := &generator{Options: o, manager: hosts[0], dir: dir}
	if err := g.prepare(); err != nil {
		return Report{}, err
	}
	if err := g.folders(hosts); err != nil {
		return Report{}, err
	}
	if err := g.sync(); err != nil {
		return Report{}, err
	}
	if g.rotating {
		if err := g.endRotation(); err != nil {
			return Report{}, fmt.Errorf("end the rotation: %w", err)
		}
	}
	for i := range g.masters {
		g.report.KeyIDs = append(g.report.KeyIDs, g.masters[i].ID)
	}
	g.report.Ends = sortEnds(g.report.Ends)
	return g.report, nil
}

// hostsOf is all hosts, the manager first.
func hostsOf(o *Options) ([]telegram.Host, error) {
	hosts := make([]telegram.Host, 0, 1+len(o.Slaves))
	for _, name := range append([]string{o.Manager}, o.Slaves...) {
		host, err := telegram.NewHost(name)
		if err != nil {
			return nil, err
		}
		if err := credentials.CheckFolderName(name); err != nil {
			return nil, fmt.Errorf("host %q: %w: %w", name, ErrName, err)
		}
		hosts = append(hosts, host)
	}
	return hosts, nil
}

// generator is one run.
type generator struct {
	Options
	dir       *os.File
	manager   telegram.Host
	authority *credentials.Authority
	masters   []seal.Master // as the manager is to have them
	rotating  bool

	mu     sync.Mutex
	report Report
	done   int
}

func (g *generator) path(names ...string) string {
	return filepath.Join(append([]string{g.Dir}, names...)...)
}

// prepare finds or makes the authority and the master keys.
func (g *generator) prepare() error {
	manager, masters, err := credentials.FindMasters(g.Dir, trusted.ReadKeyFile)
	fresh := errors.Is(err, credentials.ErrNoManager)
	switch {
	case fresh:
	case err != nil:
		return err
	case manager != g.manager:
		return fmt.Errorf("%s has the keys of the manager %v, and the definition's is %v: another directory is right, since all keys depend on the manager",
			g.Dir, manager, g.manager)
	}
	if err := g.findAuthority(fresh); err != nil {
		return err
	}
	if g.masters = masters; fresh {
		return g.makeMaster()
	}
	return g.prepareRotation()
}

func (g *generator) findAuthority(fresh bool) error {
	certificatePath, keyPath := g.path(credentials.AuthorityCertificateFile), g.path(credentials.AuthorityKeyFile)
	certificate, err := trusted.ReadKeyFile(certificatePath)
	if fresh && errors.Is(err, fs.ErrNotExist) {
		return g.makeAuthority(certificatePath, keyPath)
	}
	if err != nil {
		return err
	}
	key, err := trusted.ReadKeyFile(keyPath)
	if err != nil {
		return err
	}
	g.authority, err = credentials.ParseAuthority(certificatePath, certificate, keyPath, key)
	if err == nil {
		g.noteEnd("the certificate of the authority", g.authority)
	}
	return err
}

func (g *generator) noteEnd(what string, a *credentials.Authority) {
	if end := credentials.End(what, a.Certificate, g.Now); end != "" {
		g.report.Ends = append(g.report.Ends, end)
	}
}

// makeAuthority writes the certificate last: without it there is no authority yet.
func (g *generator) makeAuthority(certificatePath, keyPath string) error {
	var err error
	if g.authority, err = credentials.NewAuthority(g.Now); err != nil {
		return err
	}
	certificate, key, err := g.authority.PEM()
	if err != nil {
		return err
	}
	g.report.Authority = true
	return errors.Join(replaceFile(keyPath, key, secretMode), replaceFile(certificatePath, certificate, publicMode))
}

// makeMaster makes the first key.
func (g *generator) makeMaster() error {
	first, err := newMaster(1)
	g.masters = []seal.Master{first}
	return err
}

// prepareRotation begins a rotation where one is wanted, and takes up the one that is not done.
func (g *generator) prepareRotation() error {
	path := g.path(credentials.RotationFile)
	text, err := trusted.ReadKeyFile(path)
	switch {
	case err == nil:
		keys, err := credentials.ParseKeys(path, text)
		if err != nil {
			return err
		}
		if keys.Role() != credentials.Manager {
			return fmt.Errorf("%s: not the keys of a manager", path)
		}
		g.masters, g.rotating, g.report.Finished = keys.Masters, true, true
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return err
	case !g.Rotate:
		return nil
	}
	last := g.masters[len(g.masters)-1].ID
	if last == math.MaxUint16 {
		return fmt.Errorf("%d is the last key ID there is: another directory is right", last)
	}
	next, err := newMaster(last + 1)
	if err != nil {
		return err
	}
	g.masters = append(g.masters, next)
	g.masters = g.masters[max(0, len(g.masters)-credentials.MaxKeyIDs):]
	g.rotating = true
	keys := credentials.Keys{Masters: g.masters}
	if err := replaceSurely(path, keys.Append(nil, g.Manager), secretMode); err != nil {
		return err
	}
	return g.dir.Sync()
}

// endRotation is for when everything is on the disk.
func (g *generator) endRotation() error {
	if err := os.Remove(g.path(credentials.RotationFile)); err != nil {
		return err
	}
	return g.dir.Sync()
}

// sync waits until all files are on the disk: once, and not for each of very many.
func (g *generator) sync() error {
	if err := unix.Syncfs(int(g.dir.Fd())); err != nil {
		return fmt.Errorf("write %s to the disk: %w", g.Dir, err)
	}
	return nil
}

func newMaster(id uint16) (m seal.Master, err error) {
	m.ID = id
	_, err = rand.Read(m.Secret[:])
	return m, err
}

// folders does the folder of every host: at the first run that of the manager first, which has the master keys, and in a rotation last.
func (g *generator) folders(hosts []telegram.Host) error {
	if !g.rotating {
		if err := g.folder(hosts[0]); err != nil {
			return err
		}
		return g.slaves(hosts[1:])
	}
	if err := g.slaves(hosts[1:]); err != nil {
		return err
	}
	if err := g.sync(); err != nil {
		return err
	}
	return g.folder(hosts[0])
}

// slaves does the folders of all slaves, several at once, until one fails.
func (g *generator) slaves(hosts []telegram.Host) error {
	next := make(chan telegram.Host)
	failed := make(chan error, runtime.GOMAXPROCS(0))
	var all sync.WaitGroup
	for range cap(failed) {
		all.Go(func() {
			for host := range next {
				if err := g.folder(host); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	var err error
	for _, host := range hosts {
		select {
		case next <- host:
			continue
		case err = <-failed:
		}
		break
	}
	close(next)
	all.Wait()
	close(failed)
	for more := range failed {
		err = errors.Join(err, more)
	}
	return err
}
