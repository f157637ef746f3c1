package duration

import (
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestADurationMayHaveDaysFirst(t *testing.T) {
	for s, want := range map[string]time.Duration{
		"0": 0, "0s": 0, "90s": 90 * time.Second, "1h30m": 90 * time.Minute, "-2h": -2 * time.Hour, "1.5h": 90 * time.Minute,
		"7d": 7 * day, "1d12h": 36 * time.Hour, "0d5m": 5 * time.Minute, "2d30h": 78 * time.Hour, "36600d": 36600 * day,
	} {
		got, err := Parse(s)
		assert.NoError(t, err, s)
		assert.Equal(t, want, got, s)
	}
	for _, s := range []string{"", "d", "7", "7days", "-7d", "+7d", "7d-2h", "2h7d", "1.5d", "36601d", "2562047h", "-2562047h", "1d2562047h", "99999999999999999999d", " 2h", "1d ", "1dd"} {
		_, err := Parse(s)
		assert.EqualError(t, err, `"`+s+`": no duration such as 20s, 1h30m or 7d`)
	}
}

func TestTextIsInDaysWhereTheyAreWhole(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 59 * time.Second: "59s", 23 * time.Hour: "23h", day: "1d", 25 * time.Hour: "25h", 24000 * time.Hour: "1000d", -day: "-24h",
	} {
		assert.Equal(t, want, Text(d))
		back, err := Parse(Text(d))
		assert.NoError(t, err)
		assert.Equal(t, d, back)
	}
}

func TestAFlagIsADurationAndHasItsDefault(t *testing.T) {
	flags := pflag.NewFlagSet("try", pflag.ContinueOnError)
	length, wait := 2*time.Hour, time.Duration(0)
	Flag(flags, &length, "for", "how long")
	Flag(flags, &wait, "wait", "how long before")
	assert.Contains(t, flags.FlagUsages(), "--for duration    how long (default 2h)")
	assert.NotContains(t, flags.FlagUsages(), "before (default")
	require.NoError(t, flags.Parse([]string{"--for", "2d"}))
	assert.Equal(t, []time.Duration{2 * day, 0}, []time.Duration{length, wait})
	var wrong *pflag.InvalidValueError
	assert.ErrorAs(t, flags.Parse([]string{"--for", "soon"}), &wrong)
	assert.Equal(t, 2*day, length)
}
