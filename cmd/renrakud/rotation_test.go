package main

import (
	"fmt"
	"maps"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"renraku/cmd/internal/cmdtest"
	"renraku/telegram/seal"
)

// lossyPolls is control data for a network that loses much: silence of a slave takes ten lost attempts, and nothing but UDP counts.
const lossyPolls = "interval = \"100ms\"\ntimeout = \"100ms\"\nretries = 9\ntcp_fallback = false"

// keyUses is how many answers of each slave came through its network with each key.
type keyUses struct {
	mu      sync.Mutex
	answers map[string]map[uint16]int // by host and key ID
}

func watchKeys(t *testing.T, n *cmdtest.Network) *keyUses {
	t.Helper()
	k := &keyUses{answers: map[string]map[uint16]int{}}
	for host, p := range n.Proxies {
		k.answers[host] = map[uint16]int{}
		p.Back.Watch(func(b []byte) { k.answered(t, host, b) })
	}
	return k
}

func (k *keyUses) answered(t *testing.T, host string, b []byte) {
	_, trailer, err := seal.Split(b)
	if !assert.NoError(t, err) {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.answers[host][trailer.KeyID]++
}

// ids says how many answers of a host came through with each key.
func (k *keyUses) ids(host string) map[uint16]int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return maps.Clone(k.answers[host])
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
	f.Place(t, loss)
	keys := watchKeys(t, f.Network)
	daemons := map[string]*cmdtest.Daemon{}
	for _, host := range []string{first, second, manager} {
		daemons[host] = f.Start(t, host)
	}
	awaitPolls := func(id uint16) {
		t.Helper()
		before := map[string]int{first: keys.ids(first)[id], second: keys.ids(second)[id]}
		cmdtest.Until(t, aWhile, fmt.Sprintf("answers with the key %d", id), func() bool {
			return keys.ids(first)[id] >= before[first]+polls && keys.ids(second)[id] >= before[second]+polls
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
	for host, p := range f.Network.Proxies {
		assert.Len(t, keys.ids(host), rotations+1, host)
		lost += p.There.Counts().Lost + p.Back.Counts().Lost
	}
	assert.NotZero(t, lost)
}
