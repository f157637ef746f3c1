package definition

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAllMistakesAreTold(t *testing.T) {
	d, err := Parse("f", []byte(`[monitor]
retries = 1000
[manager]
host = "m"
[[slave]]
host = "a b"
address = "a:x"
interval = 5
[[process]]
id = "P"
command = ["p", 1]
type = "simple"
hosts = ["x*"]
hots = ["x*"]
[[trigger]]
process = "Q"
at = "* *"
`))
	assert.Nil(t, d)
	var wrong Errors
	require.ErrorAs(t, err, &wrong)
	var got []string
	for _, e := range wrong {
		got = append(got, fmt.Sprintf("%d %s", e.Line, e.Key))
	}
	assert.Equal(t, []string{
		"2 monitor.retries", "3 manager.address", "6 slave.host", "7 slave.address", "8 slave.interval",
		"11 process.command", "14 process.hots", "15 trigger.hosts", "16 trigger.process", "17 trigger.at",
	}, got, "the hosts are not known, so that nothing is said of patterns")
	assert.Len(t, strings.Split(err.Error(), "\n"), len(wrong), "one line each")

	var first *Error
	require.True(t, errors.As(err, &first))
	assert.Equal(t, wrong[0], first)
}

func TestManyMistakesAreCutAndCounted(t *testing.T) {
	for _, more := range []int{0, 1, 2, 10_000} {
		text := head
		for i := range MaxErrors + more {
			text += fmt.Sprintf("[unknown%05d]\n", i)
		}
		_, err := Parse("f", []byte(text))
		var wrong Errors
		require.ErrorAs(t, err, &wrong)
		lines := strings.Split(err.Error(), "\n")
		assert.Equal(t, "f:4: unknown00000: unknown table: known here are manager, monitor, process, security, slave, trigger, web", lines[0])
		assert.True(t, strings.HasPrefix(lines[MaxErrors-1], "f:53: unknown00049: "), lines[MaxErrors-1])
		switch more {
		case 0:
			assert.Len(t, wrong, MaxErrors)
		case 1:
			assert.Equal(t, "f:54: 1 more mistake from here on", lines[MaxErrors])
		default:
			assert.Equal(t, fmt.Sprintf("f:54: %d more mistakes from here on", more), lines[MaxErrors])
			assert.Len(t, wrong, MaxErrors+1)
		}
	}
}

func TestMistakesOfAHostDoNotCauseOthers(t *testing.T) {
	for name, text := range map[string]string{
		"bad interval":        "[[slave]]\nhost = \"a1\"\naddress = \"a\"\ninterval = \"x\"\n",
		"bad address":         "[[slave]]\nhost = \"a1\"\naddress = \"a:x\"\n",
		"bad count":           "[[slave]]\nhost = \"a[1-2]\"\naddress = \"10.0.0.[1-3]\"\n",
		"bad host":            "[[slave]]\nhost = \"a1*\"\naddress = \"a\"\n",
		"one bracket":         "[slave]\nhost = \"a1\"\naddress = \"a\"\n",
		"two slaves the same": "[[slave]]\nhost = \"a1\"\naddress = \"a\"\n[[slave]]\nhost = \"a1\"\naddress = \"a\"\n",
		"bad process hosts":   "[[slave]]\nhost = \"a1\"\naddress = \"a\"\n" + oneProcess + "hosts = [\"x\"]\n" + itsTrigger + "at = \"0 0 * * *\"\nhosts = [\"a1\"]\n",
	} {
		if !strings.Contains(text, oneProcess) {
			text += oneProcess + "hosts = [\"a*\"]\n" + itsTrigger + "at = \"0 0 * * *\"\nhosts = [\"a1\"]\n"
		}
		_, err := Parse("f", []byte(head+text))
		var wrong Errors
		require.ErrorAs(t, err, &wrong, name)
		assert.Len(t, wrong, 1, "%s: %v", name, err)
	}
}

func TestLongValuesAreCutInMessages(t *testing.T) {
	_, err := Parse("f", []byte(head+"[monitor]\ninterval = \""+strings.Repeat("\u00fc", 10_000)+"\"\n"+strings.Repeat("k", maxKeyLen)+" = 1\n"))
	require.Error(t, err)
	assert.Less(t, len(err.Error()), 500)
	assert.Contains(t, err.Error(), "\u00fc\"\u2026 is not a duration")
}

func TestNearestWordIsOneThatMayBeMeant(t *testing.T) {
	known := []string{"host", "address", "interval", "timeout", "retries"}
	for in, want := range map[string]string{
		"hosts": "host", "Host": "host", "adress": "address", "addres": "address", "intervall": "interval", "intreval": "interval", "time_out": "timeout",
		"x": "", "": "", "port": "", "flavour": "", strings.Repeat("host", 1000): "",
	} {
		assert.Equal(t, want, nearest(in, known), in)
	}
}
