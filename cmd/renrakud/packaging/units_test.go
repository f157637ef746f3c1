//go:build interop

package main

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
)

// maxExposure is 2 of 10, in the unit of systemd-analyze security --threshold.
const maxExposure = "20"

func TestTheManagersUnitIsConfined(t *testing.T) {
	out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold="+maxExposure,
		"files/renraku-manager.service").CombinedOutput()
	assert.NoError(t, err, "%s", out)
	assert.Contains(t, string(out), "Overall exposure level for renraku-manager.service")
}

// assertUnits has systemd find nothing wrong with the units that are installed, and with what they name, pages of the manual among it.
func assertUnits(t *testing.T) {
	t.Helper()
	t.Setenv("MANWIDTH", "79") // man keeps what it has formatted for 80
	for _, unit := range []string{"renrakud.service", "renraku-manager.service"} {
		assert.Empty(t, tool(t, "systemd-analyze", "verify", "--man=yes", "/usr/lib/systemd/system/"+unit), unit)
	}
}
