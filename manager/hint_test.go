package manager

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/slave"
	"renraku/telegram"
	"renraku/telegram/seal"
)

func TestAnUnaskedResponseInSealedModeHasTheSlaveAskedAtOnceAndIsNoAnswer(t *testing.T) {
	c := newSealedControl(t, 1)
	c.run(25 * time.Second)
	require.Equal(t, "app000000 RUNNING ONLINE", c.line(0))
	stopped := c.sealed(hostNumber(t, 0), telegram.Stopped, seal.Trailer{KeyID: 1, Sequence: 1})
	now := c.now
	require.Equal(t, slave.NoDrop, c.take(stopped))
	assert.Equal(t, "app000000 RUNNING ONLINE", c.line(0), "it is a hint")
	q := c.turn()[0]
	assert.Less(t, c.now.Sub(now), 2*time.Second)
	require.Equal(t, slave.NoDrop, c.take(c.sealed(q.Host, telegram.Stopped, q.trailer)))
	assert.Equal(t, "app000000 STOPPED ONLINE", c.line(0))
	assert.Equal(t, slave.DropReplay, c.take(stopped), "it came before")
}

func TestOnlyALaterHintCounts(t *testing.T) {
	c := newSealedControl(t, 1)
	c.run(15 * time.Second)
	h := hostNumber(t, 0)
	hint := func(start, sequence uint64) slave.Drop {
		c.starts[h] = start
		return c.take(c.sealed(h, telegram.Running, seal.Trailer{KeyID: 1, Sequence: sequence}))
	}
	assert.Equal(t, slave.NoDrop, hint(1, 2))
	assert.Equal(t, slave.DropReplay, hint(1, 2))
	assert.Equal(t, slave.DropReplay, hint(1, 1))
	assert.Equal(t, slave.NoDrop, hint(5, 1), "restarted")
	assert.Equal(t, slave.DropReplay, hint(1, 9))
	c.starts[h] = 6
	c.run(15 * time.Second) // answers of its next start
	assert.Equal(t, slave.DropReplay, hint(5, 100))
	assert.Equal(t, slave.NoDrop, hint(6, 1))
}
