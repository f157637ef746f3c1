//go:build interop

package main

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
)

// maxExposure is the most that systemd-analyze may find of each unit that is not root's: in tenths, of 100.
var maxExposure = map[string]string{"renraku-manager.service": "20", "renraku-slave.service": "40"}

func TestTheUnitsThatAreNotRootsAreConfined(t *testing.T) {
	for unit, most := range maxExposure {
		out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold="+most, "files/"+unit).CombinedOutput()
		assert.NoError(t, err, "%s", out)
		assert.Contains(t, string(out), "Overall exposure level for "+unit)
	}
}

// assertUnits has systemd find nothing wrong with the units that are installed, and with what they name, pages of the manual among it.
func assertUnits(t *testing.T) {
	t.Helper()
	t.Setenv("MANWIDTH", "79") // man keeps what it has formatted for 80
	for _, unit := range []string{"renrakud.service", "renraku-slave.service", "renraku-manager.service"} {
		assert.Empty(t, tool(t, "systemd-analyze", "verify", "--man=yes", "/usr/lib/systemd/system/"+unit), unit)
	}
}
