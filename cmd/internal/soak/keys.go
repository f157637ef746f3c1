package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"renraku/cmd/internal/definition"
	"renraku/cmd/internal/keygen"
	"renraku/cmd/internal/trial"
	"renraku/slave/credentials"
	"renraku/telegram/seal"
)

// keys is the directory of renraku keygen, with the folders of the manager and the real slaves, which they have from there. The simulation
// has the master keys. nil is the plain mode.
type keys struct {
	dir     string
	manager string
	slaves  []string

	mu sync.RWMutex // held while keys are made, so that no daemon starts with a half of them
	id uint16       // the newest
}

// makeKeys makes the first keys of the fleet.
func (f *fleet) makeKeys() error {
	f.keys = &keys{dir: filepath.Join(f.dir, "keys"), manager: managerHost}
	for k := range realSlaves {
		f.keys.slaves = append(f.keys.slaves, f.realHost(k))
	}
	return f.keys.generate(false)
}

// generate does what renraku keygen does.
func (k *keys) generate(rotate bool) error {
	report, err := keygen.Run(keygen.Options{Dir: k.dir, Manager: k.manager, Slaves: k.slaves, Rotate: rotate, Life: credentials.HostLife,
		Now: time.Now()})
	if err == nil {
		k.id = report.KeyIDs[len(report.KeyIDs)-1]
	}
	return err
}

// hold keeps the keys as they are until release is called.
func (k *keys) hold() (release func()) {
	if k == nil {
		return func() {}
	}
	k.mu.RLock()
	return k.mu.RUnlock
}

// newest is the ID of the newest keys, 0 in plain mode.
func (k *keys) newest() uint16 {
	if k == nil {
		return 0
	}
	defer k.hold()()
	return k.id
}

// definition is the part of the definition that is about keys.
func (k *keys) definition() string {
	if k == nil {
		return ""
	}
	return fmt.Sprintf("\n[security]\nmode = %q\nkeys = %q\n", definition.Sealed, filepath.Join(k.dir, "{host}"))
}

// takenPatience is how long a slave may take until it has the next keys: it may be stopped.
const takenPatience = weatherMost + reloadWait

const figureRotation = "keys rotated"

// rotate makes the next keys, and has all slaves take them, and then the manager. Nobody whose network is well may be found STOPPED for it.
func (s *soak) rotate() error {
	s.figures.add(figureRotation, 1)
	logs, err := s.renewKeys()
	if err != nil {
		return err
	}
	if err := s.fleet.simulation.Ask(nil); err != nil {
		return err
	}
	for _, r := range s.fleet.real {
		s.await(takenPatience, "the keys were not read again by "+r.host, func() bool {
			return r.now().HasEnded() || s.fleet.keys.taken(s.fleet.log(r.host), logs[r.host])
		})
	}
	return s.rereadManager()
}

// renewKeys makes the next keys and has every real slave that is there read them. It gives how long their logs were before.
func (s *soak) renewKeys() (logs map[string]int64, err error) {
	k := s.fleet.keys
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.generate(true); err != nil {
		return nil, err
	}
	logs = map[string]int64{}
	for _, r := range s.fleet.real {
		info, err := os.Stat(s.fleet.log(r.host))
		if err != nil {
			return nil, err
		}
		logs[r.host] = info.Size()
		if err := r.now().Signal(syscall.SIGHUP); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return nil, err
		}
	}
	return logs, nil
}

// taken says whether the log of a slave says, after so many bytes, that the slave has the newest keys.
func (k *keys) taken(log string, after int64) bool {
	f, err := os.Open(log)
	if err != nil {
		return false
	}
	defer f.Close()
	text, err := io.ReadAll(io.NewSectionReader(f, after, maxLog))
	if err != nil {
		return false
	}
	_, text, found := bytes.Cut(text, fmt.Appendf(nil, `"key_ids":[%d,%d]`, k.id-1, k.id))
	return found && (bytes.Contains(text, []byte(`"msg":"definition read again"`)) || bytes.Contains(text, []byte(`"msg":"ready"`)))
}

// maxLog is more bytes than a slave logs while it takes its keys.
const maxLog = 1 << 20

// claimKeys adds what must hold of the keys: that they were rotated, and that the last answer of each real slave has the newest.
func (s *soak) claimKeys(must *trial.Claims) {
	if s.fleet.keys == nil {
		return
	}
	n := s.figures.of(figureRotation)
	must.Add(n > 0, figureRotation, fmt.Sprint(n), "at least once")
	newest, ids := 0, []uint16{}
	for _, r := range s.fleet.real {
		_, t, _ := seal.Split(r.answered.last())
		ids = append(ids, t.KeyID)
		if t.KeyID == s.fleet.keys.newest() {
			newest++
		}
	}
	must.Add(newest == len(ids), "key of the last answer of each real slave", fmt.Sprint(ids), fmt.Sprint(s.fleet.keys.newest()))
}
