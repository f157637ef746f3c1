package daemon

import (
	"runtime"
	"testing"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
	"renraku/cmd/internal/definition"
)

func TestSlavesOfARangeShareOneIPAddressAndHaveANameEach(t *testing.T) {
	d, err := definition.Parse("f", []byte(`[manager]
host = "mgr01"
address = "192.0.2.10"
[[slave]]
host = "a[1-3]"
address = "192.0.2.11"
interval = "5s"
[[slave]]
host = "b[1-2]"
address = "192.0.2.[11-12]"
retries = 7
[[slave]]
host = "c[1-2]"
address = "app.example.net"
`))
	require.NoError(t, err)
	slaves, err := slavesOf(d)
	require.NoError(t, err)
	var said []string
	for _, s := range slaves {
		said = append(said, s.Host.String()+" "+s.Address.String()+" "+s.Interval.String())
	}
	assert.Equal(t, []string{
		"a1 192.0.2.11:10320 5s", "a2 192.0.2.11:10320 5s", "a3 192.0.2.11:10320 5s",
		"b1 192.0.2.11:10320 10s", "b2 192.0.2.12:10320 10s",
		"c1 app.example.net:10320 10s", "c2 app.example.net:10320 10s"}, said)
	assert.Equal(t, []int{5, 7}, []int{slaves[2].Retries, slaves[3].Retries})
	assert.Same(t, slaves[0].Address, slaves[2].Address)
	assert.NotSame(t, slaves[3].Address, slaves[4].Address)
	assert.NotSame(t, slaves[5].Address, slaves[6].Address, "each is looked up, and asked once its name is known")
}

func TestDaemonKeepsNoDefinitionThatAnotherOneHasFollowed(t *testing.T) {
	manager := local(cmdtest.Ports(t, 1)[0])
	o := options(t, "mgr01", manager, local(1))
	next := options(t, "mgr01", manager, local(2)).Definition
	d := open(t, o)
	before := weak.Make(o.Definition)
	o = Options{}
	require.NoError(t, d.takeOver(next))
	runtime.GC()
	assert.Nil(t, before.Value())
}
