package manager

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/slave"
	"renraku/slave/slavetest"
	"renraku/telegram"
	"renraku/telegram/seal"
)

func TestRotationsUnderLossFindNobodyStopped(t *testing.T) {
	const (
		rotations = 10
		slaves    = 20
		loss      = 0.1
		seed      = 10320
	)
	there := slavetest.NewLine(seed, 1, slavetest.Impairment{Loss: loss})
	back := slavetest.NewLine(seed, 2, slavetest.Impairment{Loss: loss})
	c := newSealedControl(t, slaves)
	for _, m := range c.control.monitors {
		m.retries = 9 // so that losses alone make a false STOPPED once in 10⁷ rounds
	}
	ids := map[uint16]int{}
	has := map[telegram.Host][]uint16{} // the slaves take both IDs, one after the other
	for rotation := range rotations {
		next := master(uint16(rotation + 2))
		c.masters = append(c.masters, next)
		switches := c.now.Add(5 * time.Second)
		rotated := false
		for end := c.now.Add(time.Minute); c.now.Before(end); {
			if !rotated && c.now.After(switches) {
				for i := range slaves {
					has[hostNumber(t, i)] = []uint16{next.ID - 1, next.ID}
				}
				c.control.setMasters([]seal.Master{c.masters[rotation], next})
				rotated = true
			}
			for _, q := range c.turn() {
				require.True(t, len(has) == 0 || has[q.Host][0] == q.trailer.KeyID || has[q.Host][1] == q.trailer.KeyID)
				for range there.Carry(q.bytes) {
					for _, answer := range back.Carry(c.answer(&q)) {
						if c.take(answer.Bytes) == slave.NoDrop {
							ids[q.trailer.KeyID]++
						}
					}
				}
			}
		}
		require.NotZero(t, ids[next.ID], "rotation %d", rotation)
	}
	for _, event := range c.events.told() {
		assert.NotContains(t, event, "STOPPED")
	}
	assert.Len(t, ids, rotations+1)
	assert.NotZero(t, there.Counts().Lost)
}

func TestARoundThatHasBegunEndsWithItsKey(t *testing.T) {
	c := newSealedControl(t, 1)
	c.run(15 * time.Second)
	first := c.turn()[0]
	c.masters = append(c.masters, master(2))
	c.control.setMasters(c.masters)
	second := c.turn()[0]
	assert.Equal(t, uint16(1), second.trailer.KeyID, "the next attempt of the same round")
	require.Equal(t, slave.NoDrop, c.take(c.answer(&first)))
	assert.Equal(t, uint16(2), c.turn()[0].trailer.KeyID, "the next round")
}

// Where a server was broken into, the keys are made anew in another directory, and their IDs begin at 1 again.
func TestAnotherMasterKeyOfTheSameIDSealsFromTheNextRoundOn(t *testing.T) {
	c := newSealedControl(t, 1)
	c.run(15 * time.Second)
	c.turn()
	anew := master(2)
	anew.ID = 1
	c.control.setMasters([]seal.Master{anew})
	c.turn() // the next attempt of the same round has the old key still
	c.masters, c.pairs = []seal.Master{anew}, map[keyOf]seal.Pair{}
	m := c.control.monitors[0]
	m.endRound(c.now)
	c.control.schedule.moved(m)
	q := c.turn()[0]
	assert.Equal(t, slave.NoDrop, c.take(c.answer(&q)))
	before := c.control.sealing.master
	c.control.setMasters([]seal.Master{anew})
	assert.Same(t, before, c.control.sealing.master, "the same key again is none to take up")
}

// rotating is a manager and slaves in sealed mode on real sockets, behind a network that loses datagrams both ways.
type rotating struct {
	*watch
	keys    *slavetest.Keys
	names   []string
	slaves  []*slave.Server
	proxies []*slavetest.Proxy
}

func newRotating(t *testing.T, slaves int, loss float64) *rotating {
	t.Helper()
	r := &rotating{keys: slavetest.NewKeys(t, "mgr01")}
	var definition []Slave
	for i := range slaves {
		name := fmt.Sprintf("app%d", i)
		packets, listener, addr := sockets(t, "127.0.0.1")
		file, _ := contact(t)
		server, err := slave.NewServer(slave.Config{Host: host(t, name), Manager: address(t, "127.0.0.1:9"), Security: r.keys.Security(t, name),
			Records: records(t), Log: quiet()}, file, packets, listener)
		require.NoError(t, err)
		inBackground(t, server.Run)
		proxy := slavetest.NewProxy(t, addr, 1, uint64(i), slavetest.Impairment{Loss: loss}, slavetest.Streams{})
		// A round without an answer is one in 10⁷: none is to be expected for losses alone.
		definition = append(definition, Slave{Host: host(t, name), Address: address(t, proxy.Address), Interval: 50 * time.Millisecond,
			Timeout: 100 * time.Millisecond, Retries: 9})
		r.names, r.slaves, r.proxies = append(r.names, name), append(r.slaves, server), append(r.proxies, proxy)
	}
	r.watch = newWatch(t, Config{Slaves: definition, Security: r.keys.Security(t, "mgr01")})
	r.await(slaves, " RUNNING")
	return r
}

// awaitAnswers waits until a round of every slave that began after now has been answered, and says with which keys.
func (r *rotating) awaitAnswers() map[uint16]bool {
	r.t.Helper()
	status := r.server.status
	before, answered, ids := map[*monitor]uint64{}, map[*monitor]bool{}, map[uint16]bool{}
	require.Eventually(r.t, func() bool {
		status.mu.Lock()
		defer status.mu.Unlock()
		for _, m := range status.monitors {
			last, known := before[m]
			switch {
			case m.waiting:
			case !known: // the round that went on has ended
				before[m] = m.association.sequence
			case m.association.sequence > last && m.running:
				answered[m], ids[m.association.master.ID] = true, true
			}
		}
		return len(answered) == len(status.monitors)
	}, patience, time.Millisecond)
	return ids
}

func TestRealServersGoThroughTenRotationsUnderLoss(t *testing.T) {
	t.Parallel()
	const rotations, slaves, loss = 10, 3, 0.1
	r := newRotating(t, slaves, loss)
	until := time.Now().Add(time.Hour)
	for range rotations {
		r.keys.Rotate()
		before, next := r.keys.Masters[0].ID, r.keys.Masters[1].ID
		for i, server := range r.slaves {
			server.SetCredentials(r.keys.Credentials(t, r.names[i], until))
		}
		assert.Equal(t, map[uint16]bool{before: true}, r.awaitAnswers(), "they take the old key still")
		r.server.SetCredentials(r.keys.Credentials(t, "mgr01", until))
		assert.Equal(t, map[uint16]bool{next: true}, r.awaitAnswers())
	}
	lost := 0
	for i, proxy := range r.proxies {
		lost += proxy.There.Counts().Lost + proxy.Back.Counts().Lost
		assert.Empty(t, r.slaves[i].Drops().All(), r.names[i])
	}
	assert.Positive(t, lost)
	assert.Zero(t, r.told(" STOPPED"), "%q", r.events.told())
	assert.Equal(t, slaves, r.told(" RUNNING"))
}
