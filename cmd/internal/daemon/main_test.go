package daemon

import (
	"os"
	"testing"

	"renraku/slave/runs"
)

func TestMain(m *testing.M) {
	if runs.IsParent() {
		os.Exit(runs.Parent())
	}
	os.Exit(m.Run())
}
