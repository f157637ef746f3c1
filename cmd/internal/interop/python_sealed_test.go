//go:build interop

package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
	"renraku/telegram"
	"renraku/telegram/seal"
)

// pythonMasters are the master keys of the tests; the last is the newest.
var pythonMasters = []seal.Master{{ID: 7, Secret: seal.Secret{1, 2, 3}}, {ID: 8, Secret: seal.Secret{4, 5, 6}}}

// pythonMasterFile writes master keys as manager.py reads them.
func pythonMasterFile(t *testing.T, masters ...seal.Master) string {
	t.Helper()
	var text strings.Builder
	for _, m := range masters {
		fmt.Fprintf(&text, "%d %x\n", m.ID, m.Secret[:])
	}
	return secretFile(t, text.String())
}

// pythonKeyFile writes the keys of a slave, derived here, as slave.py reads them.
func pythonKeyFile(t *testing.T, host string, masters ...seal.Master) string {
	t.Helper()
	manager, err := telegram.NewHost(cmdtest.Manager)
	require.NoError(t, err)
	slave, err := telegram.NewHost(host)
	require.NoError(t, err)
	var text strings.Builder
	for _, m := range masters {
		keys := m.Derive(manager, slave)
		fmt.Fprintf(&text, "%d %x %x\n", keys.ID, keys.ToSlave[:], keys.ToManager[:])
	}
	return secretFile(t, text.String())
}

func secretFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keys")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func sealedPythonSlave(t *testing.T, f *cmdtest.Fleet, host string, masters ...seal.Master) *cmdtest.Process {
	t.Helper()
	return pythonSlave(t, f, host, "--keys", pythonKeyFile(t, host, masters...))
}

func awaitPythonFleet(t *testing.T, f *cmdtest.Fleet, first, second string) {
	t.Helper()
	f.AwaitManager(t, pythonLimit, "mgr01 RUNNING NOT-STARTED", "app01 "+first, "app02 "+second)
}

func TestPythonSealsAndOpensWithTheKeysThatGoDerives(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, pythonQuickPolls)
	first := sealedPythonSlave(t, f, cmdtest.First, pythonMasters[0])
	second := sealedPythonSlave(t, f, cmdtest.Second, pythonMasters...)
	manager := pythonManager(t, f, "--master", pythonMasterFile(t, pythonMasters[0]), "--order", "ONLINE@app01")
	awaitPythonFleet(t, f, "RUNNING ONLINE", "RUNNING NOT-STARTED")
	awaitAsked(t, first, "START", "CHECK")
	awaitAsked(t, second, "START", "CHECK")
	pythonEnd(t, manager)
	awaitAsked(t, second, "START", "CHECK", "END")

	manager = pythonManager(t, f, "--master", pythonMasterFile(t, pythonMasters...))
	awaitPythonFleet(t, f, "STOPPED NOT-STARTED", "RUNNING NOT-STARTED")
	awaitAsked(t, second, "START", "CHECK", "END", "START", "CHECK")
	dropped := pythonEnd(t, first)
	assert.Positive(t, dropped["unknown key"], "it has not the newest key")
	assert.Len(t, dropped, 1)
	assert.Empty(t, pythonEnd(t, second))
	pythonEnd(t, manager)
}

// There is no poll in this hour, and nobody is STOPPED for silence in this minute: the manager asks since the slave says that it ends
// and that it is back, and believes the answers.
func TestSealedPythonSlaveSaysThatItEndsAndThatItIsBack(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, pythonNoPolls)
	sealedPythonSlave(t, f, cmdtest.First, pythonMasters[0])
	second := sealedPythonSlave(t, f, cmdtest.Second, pythonMasters[0])
	manager := pythonManager(t, f, "--interval", "3600", "--wait", "60", "--master", pythonMasterFile(t, pythonMasters[0]))
	awaitPythonFleet(t, f, "RUNNING NOT-STARTED", "RUNNING NOT-STARTED")
	assert.Empty(t, pythonEnd(t, second))
	awaitPythonFleet(t, f, "RUNNING NOT-STARTED", "STOPPED NOT-STARTED")
	again := sealedPythonSlave(t, f, cmdtest.Second, pythonMasters[0])
	awaitPythonFleet(t, f, "RUNNING NOT-STARTED", "RUNNING NOT-STARTED")
	awaitAsked(t, again, "START")

	sendUDP(t, "127.0.0.1", pythonAddress(f, cmdtest.Second), laidOut("app02", "SQ", 0x0004, ""))
	awaitDropped(t, again, map[string]int{"trailer": 1})
	sendUDP(t, "127.0.0.1", pythonAddress(f, cmdtest.Manager), laidOut("app02", "SR", 0x0020, fmt.Sprintf("%-24s%-104s", "ONLINE", "")))
	awaitDropped(t, manager, map[string]int{"trailer": 1})
	awaitPythonFleet(t, f, "RUNNING NOT-STARTED", "RUNNING NOT-STARTED")
	assert.Equal(t, []string{"app02 RUNNING NOT-STARTED"}, f.Contact(t, cmdtest.Second))

	pythonKill(t, manager)
	began := time.Now()
	pythonEnd(t, again)
	assert.GreaterOrEqual(t, time.Since(began), time.Second, "it stays to be asked")
}

func TestPythonSlaveWithAnothersKeysIsNotBelieved(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, pythonQuickPolls)
	sealedPythonSlave(t, f, cmdtest.First, pythonMasters[0])
	second := pythonSlave(t, f, cmdtest.Second, "--keys", pythonKeyFile(t, cmdtest.First, pythonMasters[0]))
	pythonManager(t, f, "--master", pythonMasterFile(t, pythonMasters[0]))
	awaitPythonFleet(t, f, "RUNNING NOT-STARTED", "STOPPED NOT-STARTED")
	dropped := pythonEnd(t, second)
	assert.Positive(t, dropped["wrong MAC"])
	assert.Len(t, dropped, 1)
}
