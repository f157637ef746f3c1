//go:build interop

package interop

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
	"renraku/cmd/internal/control"
	"renraku/slave/credentials"
	"renraku/slave/slavetest"
	"renraku/telegram"
	"renraku/telegram/seal"
)

// pythonSealedPolls are those of a sealed fleet in which some have no TLS, so that nobody is asked over TCP.
const pythonSealedPolls = pythonQuickPolls + "\ntcp_fallback = false"

// keygenKeys are the keys in a host's folder of a sealed fleet.
func keygenKeys(t *testing.T, f *cmdtest.Fleet, host string) credentials.Keys {
	t.Helper()
	path := f.File("keys", host+"/"+credentials.KeysFile)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	keys, err := credentials.ParseKeys(path, text)
	require.NoError(t, err)
	return keys
}

// keygenKeyFile writes the keys of a host's folder as slave.py reads them.
func keygenKeyFile(t *testing.T, f *cmdtest.Fleet, host string) string {
	t.Helper()
	var text strings.Builder
	for _, k := range keygenKeys(t, f, host).SlaveKeys {
		fmt.Fprintf(&text, "%d %x %x\n", k.ID, k.ToSlave[:], k.ToManager[:])
	}
	return secretFile(t, text.String())
}

// wire is the way between the manager and a slave, and all that has passed there.
type wire struct {
	proxy *slavetest.Proxy

	mu             sync.Mutex
	asked, answers [][]byte
}

func newWire(t *testing.T, f *cmdtest.Fleet, host string) *wire {
	t.Helper()
	w := &wire{proxy: slavetest.NewProxy(t, pythonAddress(f, host), 1, 1, slavetest.Impairment{}, slavetest.Streams{})}
	record := func(to *[][]byte) func([]byte) {
		return func(b []byte) {
			w.mu.Lock()
			defer w.mu.Unlock()
			*to = append(*to, slices.Clone(b))
		}
	}
	w.proxy.There.Watch(record(&w.asked))
	w.proxy.Back.Watch(record(&w.answers))
	return w
}

// definition is the definition of the fleet with the slave where the wire has it, for the manager.
func (w *wire) definition(t *testing.T, f *cmdtest.Fleet, host string) string {
	t.Helper()
	text, err := os.ReadFile(f.Config)
	require.NoError(t, err)
	return cmdtest.WriteDefinition(t, t.TempDir(), strings.Replace(string(text), pythonAddress(f, host), w.proxy.Address, 1))
}

// recorded are the telegrams so far: the inquiries with that control, and all answers.
func (w *wire) recorded(t *testing.T, control telegram.Control) (inquiries, answers []string) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, b := range w.asked {
		plain, _, err := seal.Split(b)
		require.NoError(t, err)
		var q telegram.StatusInquiry
		require.NoError(t, q.Decode(plain))
		if q.Control == control {
			inquiries = append(inquiries, string(b))
		}
	}
	for _, b := range w.answers {
		answers = append(answers, string(b))
	}
	require.NotEmpty(t, inquiries)
	require.NotEmpty(t, answers)
	return inquiries, answers
}

func sendAll(t *testing.T, to string, all []string) {
	t.Helper()
	for _, b := range all {
		sendUDP(t, "127.0.0.1", to, b)
	}
}

// goDropped waits until a daemon has dropped so many telegrams for that reason, and gives all that it dropped.
func goDropped(t *testing.T, f *cmdtest.Fleet, host, reason string, n int) map[string]uint64 {
	t.Helper()
	var dropped map[string]uint64
	cmdtest.Until(t, pythonLimit, fmt.Sprintf("%s has dropped %d: %s", host, n, reason), func() bool {
		state, err := control.NewClient(f.Dir(host)).State(t.Context())
		require.NoError(t, err)
		dropped = state.Dropped
		return dropped[reason] >= uint64(n)
	})
	return dropped
}

// pythonDropped is what a Python program has dropped so far.
func pythonDropped(t *testing.T, p *cmdtest.Process) map[string]int {
	t.Helper()
	before := strings.Count(completeLines(p.Stdout()), `{"dropped": `)
	p.Signal(t, syscall.SIGUSR1)
	cmdtest.Until(t, pythonLimit, "the counts", func() bool { return strings.Count(completeLines(p.Stdout()), `{"dropped": `) > before })
	var last struct{ Dropped map[string]int }
	for line := range strings.Lines(completeLines(p.Stdout())) {
		if strings.HasPrefix(line, `{"dropped": `) {
			last.Dropped = nil
			require.NoError(t, json.Unmarshal([]byte(line), &last))
		}
	}
	return last.Dropped
}

func awaitPythonDropped(t *testing.T, p *cmdtest.Process, reason string, n int) {
	t.Helper()
	cmdtest.Until(t, pythonLimit, fmt.Sprintf("dropped %d: %s", n, reason), func() bool { return pythonDropped(t, p)[reason] >= n })
}

func TestSealedGoManagerPollsAPythonSlave(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, pythonSealedPolls)
	f.Seal(t)
	w := newWire(t, f, cmdtest.Second)
	f.Start(t, cmdtest.First)
	keys := keygenKeyFile(t, f, cmdtest.Second)
	python := pythonSlave(t, f, cmdtest.Second, "--keys", keys)
	cmdtest.Start(t, w.definition(t, f, cmdtest.Second), cmdtest.Manager, f.Dir(cmdtest.Manager))
	awaitSecond(t, f, "RUNNING NOT-STARTED")
	awaitAsked(t, python, "START", "CHECK")

	out := f.Renraku(t, cmdtest.Manager, "stop")
	require.Equal(t, 0, out.Code, "%s%s", out.Stdout, out.Stderr)
	assert.Equal(t, []string{"START", "CHECK", "END"}, pythonAsked(t, python))
	assert.Empty(t, f.Contact(t, cmdtest.Second))
	assert.Empty(t, pythonDropped(t, python))
	out = f.Renraku(t, cmdtest.Manager, "start")
	require.Equal(t, 0, out.Code, "%s%s", out.Stdout, out.Stderr)
	awaitSecond(t, f, "RUNNING NOT-STARTED")

	ends, answers := w.recorded(t, telegram.End)
	sendAll(t, pythonAddress(f, cmdtest.Second), ends)
	awaitPythonDropped(t, python, "replayed", len(ends))
	sendAll(t, pythonAddress(f, cmdtest.Manager), answers)
	assert.NotContains(t, goDropped(t, f, cmdtest.Manager, "replayed", len(answers)), "wrong MAC")
	assert.Equal(t, []string{"app02 RUNNING NOT-STARTED"}, f.Contact(t, cmdtest.Second))

	pythonEnd(t, python)
	awaitSecond(t, f, "STOPPED NOT-STARTED")
	again := pythonSlave(t, f, cmdtest.Second, "--keys", keys)
	awaitSecond(t, f, "RUNNING NOT-STARTED")
	sendAll(t, pythonAddress(f, cmdtest.Second), ends)
	awaitPythonDropped(t, again, "replayed", len(ends))
	assert.Equal(t, []string{"app02 RUNNING NOT-STARTED"}, f.Contact(t, cmdtest.Second), "also after a restart")
	assert.Equal(t, map[string]int{"replayed": len(ends)}, pythonEnd(t, again))
}

func TestSealedGoManagerDoesNotBelieveAPythonSlaveWithAnothersKeys(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, pythonSealedPolls)
	f.Seal(t)
	f.Start(t, cmdtest.First)
	f.Start(t, cmdtest.Manager)
	f.AwaitManager(t, pythonLimit, "mgr01 RUNNING", "app01 RUNNING", "app02 STOPPED")
	python := pythonSlave(t, f, cmdtest.Second, "--keys", keygenKeyFile(t, f, cmdtest.First))
	awaitPythonDropped(t, python, "wrong MAC", 3)
	goDropped(t, f, cmdtest.Manager, "wrong MAC", 1) // it has said that it is back
	awaitSecond(t, f, "STOPPED NOT-STARTED")
	assert.Len(t, pythonEnd(t, python), 1)
}

func TestSealedPythonManagerPollsGoSlaves(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, pythonSealedPolls)
	f.Seal(t)
	w := newWire(t, f, cmdtest.Second)
	f.Start(t, cmdtest.First)
	second := f.Start(t, cmdtest.Second)
	begin := func() *cmdtest.Process {
		return pythonManager(t, f, "--slave", cmdtest.Second+"="+w.proxy.Address,
			"--master", pythonMasterFile(t, keygenKeys(t, f, cmdtest.Manager).Masters...))
	}
	manager := begin()
	awaitPythonFleet(t, f, "RUNNING NOT-STARTED", "RUNNING NOT-STARTED")
	assert.Equal(t, []string{"app02 RUNNING NOT-STARTED"}, f.Contact(t, cmdtest.Second))
	assert.Empty(t, pythonEnd(t, manager), "it dropped nothing")
	assert.Empty(t, f.Contact(t, cmdtest.Second), "it has had END")

	manager = begin()
	awaitPythonFleet(t, f, "RUNNING NOT-STARTED", "RUNNING NOT-STARTED")
	ends, answers := w.recorded(t, telegram.End)
	sendAll(t, pythonAddress(f, cmdtest.Second), ends)
	goDropped(t, f, cmdtest.Second, "replayed", len(ends))
	sendAll(t, pythonAddress(f, cmdtest.Manager), answers)
	awaitPythonDropped(t, manager, "replayed", len(answers))
	assert.Equal(t, []string{"app02 RUNNING NOT-STARTED"}, f.Contact(t, cmdtest.Second))

	require.Equal(t, 0, second.Terminate(t))
	awaitPythonFleet(t, f, "RUNNING NOT-STARTED", "STOPPED NOT-STARTED")
	f.Start(t, cmdtest.Second)
	awaitPythonFleet(t, f, "RUNNING NOT-STARTED", "RUNNING NOT-STARTED")
	sendAll(t, pythonAddress(f, cmdtest.Second), ends)
	assert.Equal(t, map[string]uint64{"replayed": uint64(len(ends))}, goDropped(t, f, cmdtest.Second, "replayed", len(ends)))
	assert.Equal(t, []string{"app02 RUNNING NOT-STARTED"}, f.Contact(t, cmdtest.Second), "also after a restart")
}

func TestSealedPythonManagerDoesNotBelieveAGoSlaveWithAnothersKeys(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, pythonSealedPolls)
	f.Seal(t)
	keys := keygenKeys(t, f, cmdtest.First)
	require.NoError(t, os.WriteFile(f.File("keys", cmdtest.Second+"/"+credentials.KeysFile), keys.Append(nil, cmdtest.Second), 0o600))
	f.Start(t, cmdtest.First)
	manager := pythonManager(t, f, "--master", pythonMasterFile(t, keygenKeys(t, f, cmdtest.Manager).Masters...))
	awaitPythonFleet(t, f, "RUNNING NOT-STARTED", "STOPPED NOT-STARTED")
	f.Start(t, cmdtest.Second)
	goDropped(t, f, cmdtest.Second, "wrong MAC", 3)
	awaitPythonDropped(t, manager, "wrong MAC", 1) // it has said that it is back
	awaitPythonFleet(t, f, "RUNNING NOT-STARTED", "STOPPED NOT-STARTED")
}
