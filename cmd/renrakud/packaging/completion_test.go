//go:build interop

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
)

// assertCompletion types an order that the installed shells complete, and has them give it.
func assertCompletion(t *testing.T) {
	t.Helper()
	for _, shell := range []struct {
		name, start, first string
	}{
		{"bash", "bash --norc -i", "source /usr/share/bash-completion/bash_completion"},
		{"zsh", "zsh -f -i", "autoload -U compinit; compinit -u -D"},
	} {
		dir := cmdtest.Dir(t)
		out := filepath.Join(dir, "out")
		c := exec.Command("timeout", patienceSeconds, "script", "--quiet", "--command", shell.start, "/dev/null")
		c.Dir, c.Env = dir, append(os.Environ(), "HOME="+dir, "TERM=xterm")
		c.Stdin = strings.NewReader(shell.first + "\nrenraku run HO\t --dry-run --host mg\t >" + out + " 2>&1\nexit\n")
		screen, err := c.CombinedOutput()
		assert.NoError(t, err, "%s\n%s", shell.name, screen)
		have, err := os.ReadFile(out)
		require.NoError(t, err, "%s\n%s", shell.name, screen)
		assert.Regexp(t, `mgr01 +READY`, string(have), "%s\n%s", shell.name, screen)
	}
	assert.Contains(t, tool(t, "fish", "-c", "complete -C 'renraku run HO'"), "HOLD\t/bin/sh -c")
	assert.Equal(t, "mgr01\tRUNNING NOT-STARTED\n", tool(t, "fish", "-c", "complete -C 'renraku run HOLD --host mg'"))
}
