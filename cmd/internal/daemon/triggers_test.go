package daemon

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
	"renraku/cmd/internal/control"
	"renraku/cmd/internal/definition"
	"renraku/contactfile"
	"renraku/slave"
	"renraku/slave/trigger"
)

// book keeps what is logged.
type book struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *book) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *book) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// simulated is a manager with five simulated slaves, all RUNNING, and this isolation_hold.
func simulated(t *testing.T, hold, more string) (d *Daemon, s *slave.Simulation, c *control.Client, log *book) {
	t.Helper()
	ports := cmdtest.Ports(t, 2)
	def, err := definition.Parse("renraku.toml", fmt.Appendf(nil, `[manager]
host = "mgr01"
address = %q
[monitor]
interval = "200ms"
timeout = "500ms"
retries = 1
isolation_hold = %q
[[slave]]
host = "sim[1-5]"
address = %q
%s`, local(ports[0]), hold, local(ports[1]), more))
	require.NoError(t, err)
	s, err = slave.NewSimulation("sim", 5)
	require.NoError(t, err)
	packets, listener, err := listenAt(local(ports[1]))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	log = &book{}
	go func() { ended <- s.Serve(ctx, packets, listener, slog.New(slog.DiscardHandler)) }()
	t.Cleanup(func() {
		cancel()
		assert.NoError(t, <-ended)
	})
	o := Options{Definition: def, Host: "mgr01", Dir: filepath.Join(cmdtest.Dir(t), "daemon"), Log: slog.New(slog.NewTextHandler(log, nil))}
	d, _ = run(t, o)
	running := regexp.MustCompile(`sim\d RUNNING`)
	cmdtest.Until(t, 20*time.Second, "all RUNNING", func() bool { return len(running.FindAllString(log.String(), -1)) == 5 })
	return d, s, control.NewClient(o.Dir), log
}

// ordered is what triggers and the operator have ordered so far, such as "sim1 ONLINE OPERATOR".
func ordered(t *testing.T, d *Daemon) map[string]int {
	t.Helper()
	all := map[string]int{}
	for r, err := range contactfile.ReadHistory(filepath.Join(filepath.Dir(d.records.Runs.Path()), slave.HistoryFile)) {
		require.NoError(t, err)
		all[fmt.Sprintf("%s %s %s", r.Host, r.Process, r.Trigger)]++
	}
	return all
}

func TestIsolatedManagerOrdersNothingByTrigger(t *testing.T) {
	t.Parallel()
	d, s, c, log := simulated(t, "1h", `
[[process]]
id = "ONLINE"
command = ["/bin/true"]
[[process]]
id = "ALARM"
command = ["/bin/true"]
[[process]]
id = "RELIEF"
command = ["/bin/true"]
[[trigger]]
process = "ONLINE"
hosts = ["*"]
message = '^go$'
[[trigger]]
process = "ONLINE"
hosts = ["sim1", "mgr01"]
message = '^mgr01 ISOLATED$'
[[trigger]]
process = "ALARM"
hosts = ["mgr01"]
message = '^mgr01 ISOLATED$'
[[trigger]]
process = "RELIEF"
hosts = ["mgr01"]
message = '^mgr01 isolation ended$'
`)
	state := func() control.State {
		state, err := c.State(t.Context())
		require.NoError(t, err)
		return state
	}
	logged := func(words string) func() bool {
		return func() bool { return bytes.Contains([]byte(log.String()), []byte(words)) }
	}
	const patience = 20 * time.Second
	assert.False(t, state().Isolated)
	s.SetSilent(0, 4, true)
	cmdtest.Until(t, patience, "isolation", func() bool { return state().Isolated })
	cmdtest.Until(t, patience, "the alarm", func() bool { return ordered(t, d)["mgr01 ALARM MESSAGE"] == 1 })
	cmdtest.Until(t, patience, "the other trigger on it", logged(`trigger of ONLINE held, not run" host=mgr01 process=ONLINE trigger=MESSAGE cause="message \"mgr01 ISOLATED\""`))

	require.NoError(t, c.Message(t.Context(), "go"))
	cmdtest.Until(t, patience, "the held message", logged(`cause="message \"go\"" reason="the manager is isolated"`))
	zone := time.FixedZone("here", 9*60*60)
	at := time.Date(2026, 11, 22, 14, 0, 0, 0, time.UTC)
	night := trigger.Trigger{Process: "ONLINE", At: "0 23 * * *", Location: zone}
	d.fire(t.Context(), night, trigger.Cause{By: slave.ByTime, At: at})
	assert.Contains(t, log.String(), `"preset time missed, not run" host=mgr01 process=ONLINE at="0 23 * * *" missed=2026-11-22T23:00:00+09:00 reason="the manager is isolated"`)
	assert.EqualValues(t, 3, state().Dropped[slave.DropIsolated.String()])
	assert.NotContains(t, log.String(), "trigger of ONLINE fires")

	require.NoError(t, c.Order(t.Context(), control.Order{Process: "ONLINE", Hosts: []string{"mgr01"}}, func(control.Head) {}, func(control.Row) {}))
	assert.Equal(t, map[string]int{"mgr01 ALARM MESSAGE": 1, "mgr01 ONLINE OPERATOR": 1}, ordered(t, d), "the operator's orders go on")
	assert.NotContains(t, log.String(), " STOPPED")

	s.SetSilent(0, 4, false)
	cmdtest.Until(t, patience, "its end", func() bool { return !state().Isolated })
	cmdtest.Until(t, patience, "the message of it", func() bool { return ordered(t, d)["mgr01 RELIEF MESSAGE"] == 1 })
	require.NoError(t, c.Message(t.Context(), "go"))
	cmdtest.Until(t, patience, "its orders", func() bool { return s.Orders() == 5 })
	assert.NotContains(t, log.String(), " STOPPED")
}

func TestReloadTakesIsolationHoldOver(t *testing.T) {
	t.Parallel()
	d, s, c, _ := simulated(t, "1h", "")
	isolated := func() bool {
		state, err := c.State(t.Context())
		require.NoError(t, err)
		return state.Isolated
	}
	s.SetSilent(0, 4, true)
	cmdtest.Until(t, 20*time.Second, "isolation", isolated)
	next := *d.current.Load()
	next.Monitor.IsolationHold = 0
	require.NoError(t, d.takeOver(&next))
	assert.False(t, isolated())
}

func TestManagerThatIsNotToSuspectItselfNeverDoes(t *testing.T) {
	t.Parallel()
	_, s, _, log := simulated(t, "0", "")
	s.SetSilent(0, 4, true)
	stopped := regexp.MustCompile(`sim\d STOPPED`)
	cmdtest.Until(t, 20*time.Second, "all STOPPED", func() bool { return len(stopped.FindAllString(log.String(), -1)) == 5 })
	assert.NotContains(t, log.String(), "ISOLATED")
	assert.NotContains(t, log.String(), "isolation ended")
}

// A daemon does not say that a trigger fires which is for others.
func TestALocalTriggerIsOfTheServersThatHaveItsProcess(t *testing.T) {
	t.Parallel()
	d, _, c, log := simulated(t, "0", `
[[process]]
id = "THERE"
command = ["/bin/true"]
hosts = ["sim1"]
[[process]]
id = "HERE"
command = ["/bin/true"]
[[trigger]]
process = "THERE"
local = true
message = '^go$'
[[trigger]]
process = "THERE"
local = true
hosts = ["*"]
message = '^go$'
[[trigger]]
process = "HERE"
local = true
message = '^go$'
`)
	require.NoError(t, c.Message(t.Context(), "go"))
	cmdtest.Until(t, 20*time.Second, "its own process", func() bool { return ordered(t, d)["mgr01 HERE MESSAGE"] == 1 })
	assert.NotContains(t, log.String(), "trigger of THERE fires")
	slaves := Daemon{host: "sim1", Role: definition.SlaveRole}
	assert.Len(t, slaves.triggersOf(d.current.Load()), 3)
	slaves.host = "sim2"
	assert.Len(t, slaves.triggersOf(d.current.Load()), 1)
}
