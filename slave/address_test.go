package slave

import (
	"context"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAddressesOfNumbersAreResolvedAtOnce(t *testing.T) {
	cases := []struct{ written, addrPort, text string }{
		{"192.0.2.10:10320", "192.0.2.10:10320", "192.0.2.10:10320"},
		{"[2001:db8::1]:10320", "[2001:db8::1]:10320", "[2001:db8::1]:10320"},
		{"[2001:DB8:0::1]:1", "[2001:db8::1]:1", "[2001:DB8:0::1]:1"},
		{"[::ffff:192.0.2.10]:65535", "192.0.2.10:65535", "[::ffff:192.0.2.10]:65535"},
		{"[fe80::1%eth0]:7", "[fe80::1%eth0]:7", "[fe80::1%eth0]:7"},
	}
	for _, c := range cases {
		a, err := NewAddress(c.written)
		require.NoError(t, err, c.written)
		assert.False(t, a.IsName())
		assert.Equal(t, c.text, a.String())
		got, ok := a.AddrPort()
		assert.True(t, ok)
		assert.Equal(t, netip.MustParseAddrPort(c.addrPort), got)
		assert.True(t, a.Is(got.Addr()))
		require.NoError(t, a.Resolve(context.Background()))
		again, _ := a.AddrPort()
		assert.Equal(t, got, again)
	}
}

func TestAddressesAreComparedWithoutPortAndInOneForm(t *testing.T) {
	a := must(NewAddress("192.0.2.10:10320"))
	assert.True(t, a.Is(netip.MustParseAddr("192.0.2.10")))
	assert.True(t, a.Is(netip.MustParseAddr("::ffff:192.0.2.10")))
	for _, other := range []string{"192.0.2.11", "::c000:20a", "2001:db8::1"} {
		assert.False(t, a.Is(netip.MustParseAddr(other)), other)
	}
	assert.False(t, a.Is(netip.Addr{}))
	assert.False(t, must(NewAddress("mgr01:10320")).Is(netip.Addr{}), "what is not resolved is nobody's address")
}

func TestAddressesThatAreNone(t *testing.T) {
	for _, written := range []string{"", "192.0.2.10", "192.0.2.10:", "192.0.2.10:x", "192.0.2.10:65536", "192.0.2.10:-1", "2001:db8::1:10320", "a:b:c"} {
		_, err := NewAddress(written)
		require.ErrorContains(t, err, "address", written)
	}
}

func TestANameIsResolvedWhenAsked(t *testing.T) {
	a := must(NewAddress("localhost:10320"))
	assert.True(t, a.IsName())
	assert.Equal(t, "localhost:10320", a.String())
	_, ok := a.AddrPort()
	assert.False(t, ok)
	require.NoError(t, a.Resolve(context.Background()))
	got, ok := a.AddrPort()
	assert.True(t, ok)
	assert.Equal(t, netip.MustParseAddrPort("127.0.0.1:10320"), got, "IPv4 goes first")

	over, cancel := context.WithCancel(context.Background())
	cancel()
	missing := must(NewAddress("no-such-host.invalid:10320"))
	require.ErrorContains(t, missing.Resolve(over), "resolve address no-such-host.invalid")
	_, ok = missing.AddrPort()
	assert.False(t, ok)
}
