package daemon

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
	"renraku/cmd/internal/control"
	"renraku/cmd/internal/definition"
)

func TestStateNamesTheFirstServersInMaintenanceInDefinitionOrder(t *testing.T) {
	def, err := definition.Parse("renraku.toml", fmt.Appendf(nil, `[manager]
host = "mgr01"
address = %q
[[slave]]
host = "z[01-12]"
address = "192.0.2.11"
[[slave]]
host = "a01"
address = "192.0.2.12"
`, local(cmdtest.Ports(t, 1)[0])))
	require.NoError(t, err)
	d := open(t, Options{Definition: def, Host: "mgr01", Dir: filepath.Join(cmdtest.Dir(t), "daemon"), Log: slog.New(slog.DiscardHandler)})
	assert.Equal(t, []control.Maintained{}, d.station.State().Maintenance)
	m, err := d.station.Maintain(control.Maintain{Hosts: []string{"*01"}, For: "1h"})
	require.NoError(t, err)
	var hosts []string
	for _, s := range m.Servers {
		hosts = append(hosts, s.Host)
		assert.WithinDuration(t, time.Now().Add(time.Hour), s.Until, time.Minute)
	}
	assert.Equal(t, []string{"mgr01", "z01", "a01"}, hosts)
	assert.Equal(t, m.Servers, d.station.State().Maintenance)
	_, err = d.station.Maintain(control.Maintain{Hosts: []string{"*"}, For: "1h"})
	require.NoError(t, err)
	state := d.station.State()
	assert.Equal(t, 14, state.MaintenanceCount)
	assert.Len(t, state.Maintenance, maxMaintained)
	all, err := d.station.Maintenance()
	require.NoError(t, err)
	assert.Len(t, all.Servers, 14)
	assert.Equal(t, "a01", all.Servers[13].Host)
}
