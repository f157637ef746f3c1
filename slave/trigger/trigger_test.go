package trigger

import (
	"log/slog"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/slave"
)

func patterns(t *testing.T, texts ...string) (all []slave.Pattern) {
	for _, text := range texts {
		p, err := slave.ParsePattern(text)
		require.NoError(t, err)
		all = append(all, p)
	}
	return all
}

func TestWrongTriggersAreNamed(t *testing.T) {
	for want, trigger := range map[string]Trigger{
		`trigger of "P": it has neither a time nor a message`:         {},
		`trigger of "P": it has both a time and a message`:            {At: "* * * * *", Location: time.UTC, Message: regexp.MustCompile("x")},
		`trigger of "P": its time has no zone`:                        {At: "* * * * *"},
		`trigger of "P": "60 * * * *" is not five fields of cron`:     {At: "60 * * * *", Location: time.UTC},
		`trigger of "P": "* 24 * * *" is not five fields of cron`:     {At: "* 24 * * *", Location: time.UTC},
		`trigger of "P": "@daily" is not five fields of cron`:         {At: "@daily", Location: time.UTC},
		`trigger of "P": "0 0 0 * * *" is not five fields of cron`:    {At: "0 0 0 * * *", Location: time.UTC},
		`trigger of "P": "0 0 * * MOON" is not five fields of cron`:   {At: "0 0 * * MOON", Location: time.UTC},
		`trigger of "P": "* 0,99 * * *" is not five fields of cron`:   {At: "* 0,99 * * *", Location: time.UTC},
		`trigger of "P": "0-7,99 * * * *" is not five fields of cron`: {At: "0-7,99 * * * *", Location: time.UTC},
	} {
		trigger.Process = "P"
		err := trigger.Validate()
		assert.ErrorIs(t, err, ErrTrigger, want)
		assert.ErrorContains(t, err, want)
		_, err = New(Config{Triggers: []Trigger{trigger}, Fire: (&firings{}).fire, Log: slog.New(slog.DiscardHandler)})
		assert.ErrorIs(t, err, ErrTrigger)
	}
	good := atTime("P", "0 23 * * 1-5", "Asia/Tokyo")
	assert.NoError(t, good.Validate())
	_, err := New(Config{Log: slog.New(slog.DiscardHandler)})
	assert.EqualError(t, err, "triggers: nothing to call when one fires")
	_, err = New(Config{Fire: (&firings{}).fire})
	assert.EqualError(t, err, "triggers: no logger")
}

func TestTheManagerHasWhatIsNotLocalAndEachHostItsOwn(t *testing.T) {
	ordered := Trigger{Hosts: patterns(t, "app*")}
	local := Trigger{Hosts: patterns(t, "app*", "web[001-020]"), Local: true}
	everywhere := Trigger{Local: true}
	for _, c := range []struct {
		host                       string
		manager                    bool
		ordered, local, everywhere bool
	}{
		{"mgr01", true, true, false, true},
		{"app01", false, false, true, true},
		{"app02", true, true, true, true},
		{"web020", false, false, true, true},
		{"web021", false, false, false, true},
	} {
		assert.Equal(t, c.ordered, ordered.Here(c.host, c.manager), c.host)
		assert.Equal(t, c.local, local.Here(c.host, c.manager), c.host)
		assert.Equal(t, c.everywhere, everywhere.Here(c.host, c.manager), c.host)
	}
}
