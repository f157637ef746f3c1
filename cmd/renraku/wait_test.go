package main

import (
	"net"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"renraku/cmd/internal/cmdtest"
	"renraku/cmd/internal/control"
)

func TestACommandSaysThatItWaitsForADaemonThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	dir := cmdtest.Dir(t)
	deaf, err := net.Listen("unix", filepath.Join(dir, control.SocketName))
	require.NoError(t, err)
	defer deaf.Close()
	all := map[string]*cmdtest.Process{}
	for _, args := range [][]string{
		{"run", "ONLINE", "--all"}, {"stop"}, {"start"}, {"maintain"}, {"message", "text"}, {"set-status", "ONLINE"},
	} {
		all[args[0]] = cmdtest.Begin(t, exec.Command(cmdtest.Binary(t, "renraku"), append(args, "--dir", dir)...))
	}
	for name, p := range all {
		said := "renraku: " + name + ": no answer yet from the daemon in " + dir + ": still waiting; Ctrl-C ends the wait, not what was begun\n"
		cmdtest.Until(t, aWhile, said, func() bool { return p.Stderr() == said })
		p.Signal(t, unix.SIGINT)
		assert.Equal(t, 1, p.Wait(t))
		assert.Equal(t, said+"renraku: "+name+": talk to the daemon in "+dir+": interrupted; what it was told before that goes on\n", p.Stderr())
	}
}
