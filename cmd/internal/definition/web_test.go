package definition

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const oneManager = "[manager]\nhost = \"m\"\naddress = \"m\"\n"

func TestWebIsOffWhereTheTableIsNotThere(t *testing.T) {
	d, err := Parse("f", []byte(oneManager))
	require.NoError(t, err)
	assert.Equal(t, Web{}, d.Web)
	assert.False(t, d.Web.Exposed())
}

func TestWebIsAsWritten(t *testing.T) {
	d, err := Parse("f", []byte(oneManager+`[web]
listen = "127.0.0.1:8080"
token_file = "/etc/renraku/web-token"
names = ["Desk.example.net", "mgr01"]
host_metrics = true
`))
	require.NoError(t, err)
	assert.Equal(t, Web{Listen: "127.0.0.1:8080", TokenFile: "/etc/renraku/web-token", Names: []string{"desk.example.net", "mgr01"},
		HostMetrics: true}, d.Web)
}

func TestListenIsCompletedAndKnownToBeExposedOrNot(t *testing.T) {
	for _, c := range []struct {
		written, full string
		exposed       bool
	}{
		{"127.0.0.1", "127.0.0.1:10380", false},
		{"127.8.0.1:80", "127.8.0.1:80", false},
		{"localhost", "localhost:10380", false},
		{"::1", "[::1]:10380", false},
		{"[::1]", "[::1]:10380", false},
		{"[::1]:81", "[::1]:81", false},
		{"0.0.0.0:10380", "0.0.0.0:10380", true},
		{"::", "[::]:10380", true},
		{"192.0.2.10", "192.0.2.10:10380", true},
		{"mgr01.example.net:82", "mgr01.example.net:82", true},
	} {
		t.Run(c.written, func(t *testing.T) {
			d, err := Parse("f", []byte(oneManager+"[web]\nlisten = \""+c.written+"\"\n"))
			require.NoError(t, err)
			assert.Equal(t, c.full, d.Web.Listen)
			assert.Equal(t, c.exposed, d.Web.Exposed())
		})
	}
}

// One mistake each, as wrongTexts.
var webWrongTexts = []wrongText{
	{"web: no listen", "[web]\ntoken_file = \"/t\"\n",
		`4: web.listen: missing: an address and a port of this machine such as "127.0.0.1:10380" is right`},
	{"web: unknown key", "[web]\nlisten = \"127.0.0.1\"\ntoken = \"x\"\n",
		`6: web.token: unknown key: known here are host_metrics, listen, names, token_file`},
	{"web: host_metrics in quotes", "[web]\nlisten = \"127.0.0.1\"\nhost_metrics = \"true\"\n",
		`6: web.host_metrics: "true" is neither true nor false: one of these, without quotes, is right`},
	{"web: no port", "[web]\nlisten = \"127.0.0.1:\"\n",
		`5: web.listen: "127.0.0.1:" is not an address to listen on (its port "" is not 1 to 65535): an address and a port of this machine such as "127.0.0.1:10380" is right`},
	{"web: no host", "[web]\nlisten = \":10380\"\n",
		`5: web.listen: ":10380" is not an address to listen on (it has no host): an address and a port of this machine such as "127.0.0.1:10380" is right`},
	{"web: port zero", "[web]\nlisten = \"[::1]:0\"\n",
		`5: web.listen: "[::1]:0" is not an address to listen on (its port "0" is not 1 to 65535): an address and a port of this machine such as "127.0.0.1:10380" is right`},
	{"web: many colons", "[web]\nlisten = \"a:b:c\"\n",
		`5: web.listen: "a:b:c" is not an address to listen on (a host, a colon and a port are missing): an address and a port of this machine such as "127.0.0.1:10380" is right`},
	{"web: a multicast address", "[web]\nlisten = \"224.0.0.1\"\n",
		`5: web.listen: "224.0.0.1" is not an address to listen on (no single server has this IP address): an address and a port of this machine such as "127.0.0.1:10380" is right`},
	{"web: a URL", "[web]\nlisten = \"http://mgr01\"\n",
		`5: web.listen: "http://mgr01" is not an address to listen on (its port "//mgr01" is not 1 to 65535): an address and a port of this machine such as "127.0.0.1:10380" is right`},
	{"web: a relative token file", "[web]\nlisten = \"127.0.0.1\"\ntoken_file = \"token\"\n",
		`6: web.token_file: "token" is not an absolute path: an absolute path such as "/etc/renraku/web-token" is right`},
	{"web: a zero byte in the token file", "[web]\nlisten = \"127.0.0.1\"\ntoken_file = \"/t\\u0000\"\n",
		`6: web.token_file: "/t\x00" has a zero byte: an absolute path such as "/etc/renraku/web-token" is right`},
	{"web: a name with a port", "[web]\nlisten = \"127.0.0.1\"\nnames = [\"mgr01:10380\"]\n",
		`6: web.names: "mgr01:10380" is not a host name (it is not an IPv6 address, and has more than one colon): a list of host names such as ["mgr01.example.net"] is right`},
	{"web: an address for a name", "[web]\nlisten = \"127.0.0.1\"\nnames = [\"192.0.2.1\"]\n",
		`6: web.names: "192.0.2.1" is not a host name (an IP address needs no name here): a list of host names such as ["mgr01.example.net"] is right`},
	{"web: an empty name", "[web]\nlisten = \"127.0.0.1\"\nnames = [\"\"]\n",
		`6: web.names: empty: a list of host names such as ["mgr01.example.net"] is right`},
	{"web: a list", "[[web]]\nlisten = \"127.0.0.1\"\n",
		`4: web: a list of tables is not a table: [web] in single brackets, once, is right`},
}
