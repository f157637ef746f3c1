package main

import (
	"fmt"
	"maps"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
	"renraku/slave/slavetest"
	"renraku/telegram/seal"
)

// lossyPolls is control data for a network that loses much: silence of a slave takes ten lost attempts, and nothing but UDP counts.
const lossyPolls = "interval = \"100ms\"\ntimeout = \"100ms\"\nretries = 9\ntcp_fallback = false"

// lossyNetwork is the way between the manager and the slaves of a fleet.
type lossyNetwork struct {
	Config  string // the definition of the manager, with the slaves where the network has them
	Proxies map[string]*slavetest.Proxy

	mu      sync.Mutex
	answers map[string]map[uint16]int // that came through, by host and key ID
}

// newLossyNetwork loses that share of the datagrams, in each direction by itself.
func newLossyNetwork(t *testing.T, f *cmdtest.Fleet, loss float64) *lossyNetwork {
	t.Helper()
	n := &lossyNetwork{Proxies: map[string]*slavetest.Proxy{}, answers: map[string]map[uint16]int{}}
	text, err := os.ReadFile(f.Config)
	require.NoError(t, err)
	definition, seed := string(text), slavetest.Seed(t)
	for i, host := range []string{first, second} {
		at := fmt.Sprintf("127.0.0.1:%d", f.Ports[host])
		p := slavetest.NewProxy(t, at, seed, uint64(i), slavetest.Impairment{Loss: loss}, slavetest.Streams{})
		n.Proxies[host], n.answers[host] = p, map[uint16]int{}
		p.Back.Watch(func(b []byte) { n.answered(t, host, b) })
		definition = strings.Replace(definition, `"`+at+`"`, `"`+p.Address+`"`, 1)
	}
	n.Config = cmdtest.WriteDefinition(t, t.TempDir(), definition)
	return n
}

func (n *lossyNetwork) answered(t *testing.T, host string, b []byte) {
	_, trailer, err := seal.Split(b)
	if !assert.NoError(t, err) {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.answers[host][trailer.KeyID]++
}

// ids says how many answers of a host came through with each key.
func (n *lossyNetwork) ids(host string) map[uint16]int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return maps.Clone(n.answers[host])
}

func TestTenRotationsUnderLossFindNobodyStopped(t *testing.T) {
	t.Parallel()
	const (
		rotations = 10
		loss      = 0.1
		polls     = 2
	)
	f := cmdtest.NewFleet(t, lossyPolls)
	f.Seal(t)
	network := newLossyNetwork(t, f, loss)
	daemons := map[string]*cmdtest.Daemon{first: f.Start(t, first), second: f.Start(t, second)}
	daemons[manager] = cmdtest.Start(t, network.Config, manager, f.Dir(manager))
	awaitPolls := func(id uint16) {
		t.Helper()
		before := map[string]int{first: network.ids(first)[id], second: network.ids(second)[id]}
		cmdtest.Until(t, aWhile, fmt.Sprintf("answers with the key %d", id), func() bool {
			return network.ids(first)[id] >= before[first]+polls && network.ids(second)[id] >= before[second]+polls
		})
	}
	awaitPolls(1)
	for rotation := range uint16(rotations) {
		f.Keygen(t, "--rotate")
		for _, host := range []string{first, second} {
			reread(t, daemons[host])
		}
		awaitPolls(rotation + 1) // as long as the manager has it
		reread(t, daemons[manager])
		awaitPolls(rotation + 2)
		if rotation == rotations/2 {
			orderOnline(t, f, first)
		}
	}
	orderOnline(t, f, second)
	f.AwaitManager(t, atOnce, manager+" RUNNING", first+" RUNNING ONLINE", second+" RUNNING ONLINE")
	assert.NotContains(t, daemons[manager].Log(), "STOPPED")
	lost := 0
	for host, p := range network.Proxies {
		assert.Len(t, network.ids(host), rotations+1, host)
		lost += p.There.Counts().Lost + p.Back.Counts().Lost
	}
	assert.NotZero(t, lost)
}
