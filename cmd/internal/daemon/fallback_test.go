package daemon

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
	"renraku/cmd/internal/control"
	"renraku/cmd/internal/definition"
	"renraku/slave"
	"renraku/slave/slavetest"
)

// fallbackDefinition is that of mgr01 and app01, whose silence is found out in three seconds or so, with this line of [monitor].
func fallbackDefinition(t *testing.T, manager, slave, line string) *definition.Definition {
	t.Helper()
	d, err := definition.Parse("renraku.toml", fmt.Appendf(nil, `[manager]
host = "mgr01"
address = %q
[monitor]
interval = "300ms"
timeout = "3s"
retries = 0
%s
[[slave]]
host = "app01"
address = %q
`, manager, line, slave))
	require.NoError(t, err)
	return d
}

func TestSlaveWhoseUDPIsBlockedIsNamedByStatusUntilAReloadTakesTheFallbackAway(t *testing.T) {
	t.Parallel()
	const patience = 20 * time.Second
	ports := cmdtest.Ports(t, 2)
	ours, theirs := local(ports[0]), local(ports[1])
	proxy := slavetest.NewProxy(t, theirs, 1, 1, slavetest.Impairment{}, slavetest.Streams{})
	run(t, Options{Definition: fallbackDefinition(t, ours, theirs, ""), Host: "app01", Dir: filepath.Join(cmdtest.Dir(t), "slave"),
		Log: slog.New(slog.DiscardHandler)})
	log := &book{}
	o := Options{Definition: fallbackDefinition(t, ours, proxy.Address, ""), Host: "mgr01", Dir: filepath.Join(cmdtest.Dir(t), "daemon"),
		Log: slog.New(slog.NewTextHandler(log, nil))}
	d, _ := run(t, o)
	logged := func(words string) func() bool {
		return func() bool { return strings.Contains(log.String(), words) }
	}
	cmdtest.Until(t, patience, "app01 RUNNING", logged("app01 RUNNING"))

	client := control.NewClient(o.Dir)
	state := func() control.State { // renraku status prints of it who is blocked
		state, err := client.State(t.Context())
		require.NoError(t, err)
		return state
	}
	assert.Zero(t, state().UDPBlockedCount)
	proxy.There.Set(slavetest.Impairment{Loss: 1})
	cmdtest.Until(t, patience, "rounds on TCP alone", func() bool { return state().Dropped[slave.DropUDP.String()] >= 3 })
	assert.Equal(t, []string{"app01"}, state().UDPBlocked)
	assert.Equal(t, 1, state().UDPBlockedCount)
	assert.NotContains(t, log.String(), "STOPPED")

	require.NoError(t, d.takeOver(fallbackDefinition(t, ours, proxy.Address, "tcp_fallback = false")))
	cmdtest.Until(t, patience, "app01 STOPPED", logged("app01 STOPPED"))
	assert.Zero(t, state().UDPBlockedCount)

	require.NoError(t, d.takeOver(fallbackDefinition(t, ours, proxy.Address, "tcp_fallback = true")))
	cmdtest.Until(t, patience, "app01 RUNNING again", func() bool { return state().UDPBlockedCount == 1 })
}
