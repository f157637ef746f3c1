//go:build interop

package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
	"renraku/slave/credentials"
)

// Between renrakud in sealed mode and Python there are inquiries and their answers, since Python has no TLS.

// keysOf is the keys that renraku keygen made for a host of the fleet.
func keysOf(t *testing.T, f *cmdtest.Fleet, host string) credentials.Keys {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(f.Dir("keys"), host, credentials.KeysFile))
	require.NoError(t, err)
	keys, err := credentials.ParseKeys(credentials.KeysFile, text)
	require.NoError(t, err)
	return keys
}

// pythonKeysOf writes them as slave.py reads them.
func pythonKeysOf(t *testing.T, f *cmdtest.Fleet, host string) string {
	t.Helper()
	var text strings.Builder
	for _, k := range keysOf(t, f, host).SlaveKeys {
		fmt.Fprintf(&text, "%d %x %x\n", k.ID, k.ToSlave[:], k.ToManager[:])
	}
	return secretFile(t, text.String())
}

func TestASealedManagerMonitorsAPythonSlave(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, pythonQuickPolls+"\ntcp_fallback = false")
	f.Seal(t)
	f.Start(t, cmdtest.First)
	python := pythonSlave(t, f, cmdtest.Second, "--keys", pythonKeysOf(t, f, cmdtest.Second))
	manager := f.Start(t, cmdtest.Manager)
	awaitPythonFleet(t, f, "RUNNING NOT-STARTED", "RUNNING NOT-STARTED")
	awaitAsked(t, python, "START", "CHECK")
	assert.Empty(t, pythonEnd(t, python), "it dropped nothing")
	cmdtest.Until(t, pythonLimit, "its word that it ends", func() bool { return strings.Contains(manager.Log(), "it said so") })

	f.Keygen(t, "--rotate")
	python = pythonSlave(t, f, cmdtest.Second, "--keys", pythonKeysOf(t, f, cmdtest.Second))
	awaitSecond(t, f, "RUNNING NOT-STARTED") // with the key of before, which it has too
	pythonKill(t, python)
	awaitSecond(t, f, "STOPPED NOT-STARTED")
	cmdtest.Until(t, pythonLimit, "why it is STOPPED", func() bool { return strings.Contains(manager.Log(), "no answer to ") })
}

func TestAPythonManagerMonitorsSealedSlaves(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, pythonQuickPolls)
	f.Seal(t)
	first, second := f.Start(t, cmdtest.First), f.Start(t, cmdtest.Second)
	manager := pythonManager(t, f, "--interval", "3600", "--master", pythonMasterFile(t, keysOf(t, f, cmdtest.Manager).Masters...))
	awaitPythonFleet(t, f, "RUNNING NOT-STARTED", "RUNNING NOT-STARTED")
	assert.Zero(t, second.Terminate(t))
	awaitSecond(t, f, "STOPPED NOT-STARTED") // there is no poll in this hour: it has said that it ends, and was asked
	assert.Empty(t, pythonEnd(t, manager))
	assert.Contains(t, first.Log(), `msg="monitoring ends" host=app01 reason="END from the manager"`)
}
