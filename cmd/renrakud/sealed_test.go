package main

import (
	"crypto/tls"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
)

// reread has a daemon read its definition and its keys again.
func reread(t *testing.T, d *cmdtest.Daemon) {
	t.Helper()
	before := strings.Count(d.Log(), "definition read again")
	d.Signal(t, syscall.SIGHUP)
	cmdtest.Until(t, aWhile, d.Host+" has read again", func() bool { return strings.Count(d.Log(), "definition read again") > before })
}

func TestASealedFleetOrdersAndRotatesItsKeysWhileAProcessRuns(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, quickPolls+"\ntcp_fallback = false")
	f.Seal(t)
	f.Place(t, noLoss)
	daemons := f.StartAll(t)
	release := hold(t, f, first)
	run := orderBehind(t, f, daemons[first], first)

	var certificates []string
	shown := func() string { // to somebody who has no certificate
		conn, err := tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", f.Ports[second]), &tls.Config{InsecureSkipVerify: true})
		require.NoError(t, err)
		defer conn.Close()
		return string(conn.ConnectionState().PeerCertificates[0].Raw)
	}
	for range 2 {
		certificates = append(certificates, shown())
		f.Keygen(t, "--rotate")
		for _, host := range []string{first, second, manager} {
			reread(t, daemons[host])
		}
		rounds(t, f)
	}
	certificates = append(certificates, shown())
	assert.NotEqual(t, certificates[0], certificates[1])
	assert.NotEqual(t, certificates[1], certificates[2])
	orderOnline(t, f, second)
	release()
	assert.Equal(t, 0, run.Wait(t), run.Stdout()+run.Stderr())
	assert.Contains(t, run.Stdout(), "LAUNCHED")
	for host, d := range daemons {
		assert.NotContains(t, d.Log(), "STOPPED", host)
		if host != second { // which has refused who has no certificate
			assert.NotContains(t, d.Log(), "level=ERROR", host)
		}
		assert.Contains(t, d.Log(), `ids="[2 3]"`, host)
	}

	// One that is started now has no other keys than these: each of those that were there takes them on UDP too.
	for _, host := range []string{second, manager} {
		require.Equal(t, 0, daemons[host].Terminate(t), host)
		f.Start(t, host)
		f.AwaitManager(t, aWhile, "mgr01 RUNNING NOT-STARTED", "app01 RUNNING ONLINE", "app02 RUNNING ONLINE")
	}
}

func TestASealedManagerDoesNotOrderAPlainSlave(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, noPolls)
	plain := f.Start(t, first) // before the definition says sealed
	f.Seal(t)
	plain.Signal(t, syscall.SIGHUP)
	cmdtest.Until(t, aWhile, "the mode refused", func() bool {
		return strings.Contains(plain.Log(), "definition not read again; everything stays as it was") &&
			strings.Contains(plain.Log(), "a running daemon cannot change it")
	})
	f.Start(t, second)
	f.Start(t, manager)
	f.AwaitManager(t, aWhile, manager+" RUNNING", first+" ", second+" RUNNING")
	orderOnline(t, f, second)
	out := f.Renraku(t, manager, "run", "ONLINE", "--host", first)
	assert.Equal(t, 1, out.Code, out.Stdout)
	assert.NotContains(t, plain.Log(), "ONLINE")
	assert.NoFileExists(t, f.File(first, "ONLINE.runs"))
}

func TestASealedDaemonWithoutItsKeysSaysSoAndEnds(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, noPolls)
	f.Define(t, "\n[security]\nmode = \"sealed\"\nkeys = \"/nowhere/keys\"\n")
	out := cmdtest.Run(t, "renrakud", "--config", f.Config, "--host", first, "--dir", f.Dir(first))
	assert.Equal(t, 1, out.Code)
	assert.Equal(t, "renrakud: the mode of "+f.Config+" is sealed, and the keys of app01, which renraku keygen makes, are not right: "+
		"open /nowhere/keys/keys: no such file or directory\n", out.Stderr)
}
