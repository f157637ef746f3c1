package runs_test

import (
	"os"
	"testing"

	"renraku/slave/runs"
)

// This binary is the tests, and what they start: parents of runs, daemons that are killed, and programs that are run.
func TestMain(m *testing.M) {
	if runs.IsParent() {
		armParent()
		spoilDisk()
		noteSyncs()
		os.Exit(runs.Parent())
	}
	switch os.Getenv(envMode) {
	case modeDaemon:
		daemonMain()
	case modeCloser:
		closerMain()
	}
	os.Exit(m.Run())
}
