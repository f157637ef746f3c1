package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

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
		assert.Contains(t, d.Log(), `key_ids="[2 3]"`, host)
	}

	// One that is started now has no other keys than these: each of those that were there takes them on UDP too.
	for _, host := range []string{second, manager} {
		require.Equal(t, 0, daemons[host].Terminate(t), host)
		f.Start(t, host)
		f.AwaitManager(t, aWhile, "mgr01 RUNNING NOT-STARTED", "app01 RUNNING ONLINE", "app02 RUNNING ONLINE")
	}
}

// heardAt gives all that the first connection to the port brings. Nothing is answered.
func heardAt(t *testing.T, port int) <-chan string {
	t.Helper()
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	heard := make(chan string, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(aWhile))
		first := make([]byte, 4096)
		n, _ := conn.Read(first)
		conn.(*net.TCPConn).CloseWrite()
		rest, _ := io.ReadAll(conn)
		heard <- string(first[:n]) + string(rest)
	}()
	return heard
}

func TestASealedManagerDoesNotOrderAPlainSlave(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, noPolls)
	text, err := os.ReadFile(f.Config)
	require.NoError(t, err)
	plainConfig := cmdtest.WriteDefinition(t, cmdtest.Dir(t), string(text))
	f.Seal(t)
	daemons := f.StartAll(t)
	daemons[first].Kill(t) // so that the manager takes it for RUNNING still
	plain := cmdtest.Start(t, plainConfig, first, f.Dir(first))
	text, err = os.ReadFile(f.Config)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(plainConfig, text, 0o640))
	plain.Signal(t, syscall.SIGHUP)
	cmdtest.Until(t, aWhile, "the mode refused", func() bool {
		return strings.Contains(plain.Log(), "definition not read again; everything stays as it was") &&
			strings.Contains(plain.Log(), "a running daemon cannot change it")
	})

	order := func() {
		require.Contains(t, f.Contact(t, manager), first+" RUNNING NOT-STARTED")
		out := f.Renraku(t, manager, "run", "ONLINE", "--host", first)
		assert.Equal(t, 1, out.Code)
		assert.Regexp(t, first+` +UNREACHABLE +NOT-STARTED +no TLS: .*its mode may be plain`, out.Stdout)
	}
	order()
	cmdtest.Until(t, aWhile, "the connection ended", func() bool { return strings.Contains(plain.Log(), `msg="connection ended"`) })
	assert.NotContains(t, plain.Log(), "ONLINE")
	assert.NoFileExists(t, f.File(first, "ONLINE.runs"))

	plain.Kill(t)
	heard := heardAt(t, f.Ports[first])
	order()
	got := <-heard
	assert.Equal(t, "\x16\x03", got[:min(2, len(got))], "a handshake of TLS")
	assert.NotContains(t, got, "ONLINE")
	assert.NotContains(t, got, first+strings.Repeat(" ", 59), "nothing of a telegram")
	unreachable := first + " ONLINE OPERATOR UNREACHABLE NOT-STARTED"
	assert.Equal(t, []string{unreachable, unreachable}, f.History(t, manager))
	orderOnline(t, f, second)
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
