package cmdtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"renraku/slave/slavetest"
)

// Network is a proxy before each slave of a fleet, through which the manager asks it.
type Network struct {
	Proxies map[string]*slavetest.Proxy // by host
	config  string                      // the definition of the manager, with the slaves where the network has them
}

// Place puts a network that loses this share of the datagrams, in each direction by itself, between the manager and the slaves. Daemons
// that are started later use it; what is defined must be so by then.
func (f *Fleet) Place(t testing.TB, loss float64) {
	t.Helper()
	text, err := os.ReadFile(f.Config)
	require.NoError(t, err)
	definition, seed := string(text), slavetest.Seed(t)
	f.Network = &Network{Proxies: map[string]*slavetest.Proxy{}, config: filepath.Join(f.root, "manager.toml")}
	for i, host := range []string{First, Second} {
		at := fmt.Sprintf("127.0.0.1:%d", f.Ports[host])
		p := slavetest.NewProxy(t, at, seed, uint64(i), slavetest.Impairment{Loss: loss}, slavetest.Streams{})
		f.Network.Proxies[host] = p
		definition = strings.Replace(definition, `"`+at+`"`, `"`+p.Address+`"`, 1)
	}
	require.NoError(t, os.WriteFile(f.Network.config, []byte(definition), 0o640))
}

// Asked is how many inquiries of the manager have come through to a slave so far.
func (n *Network) Asked(host string) int { return n.Proxies[host].There.Counts().Carried }

// Answers is how many answers of a slave have come through so far.
func (n *Network) Answers(host string) int { return n.Proxies[host].Back.Counts().Carried }
