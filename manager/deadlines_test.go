package manager

import (
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/slave"
	"renraku/telegram"
)

// restoredFleet is a fleet of one slave at a manager whose journal has these orders.
func restoredFleet(t *testing.T, orders ...*sentOrder) (*fleet, *targets) {
	f := newFleet(t, usual(1))
	f.begin()
	k := fleetTargets(t, f)
	k.history = &brokenHistory{history: k.history}
	for _, s := range orders {
		require.NoError(t, k.journal.note(s))
	}
	k.restore(orders)
	f.run(k.keepDeadlines)
	return f, k
}

func recorded(t *testing.T, k *targets) (all []string) {
	for _, r := range k.history.Backwards() {
		all = append(all, r.Host+" "+r.Process+" "+r.Trigger+" "+r.Outcome+" "+r.Application+": "+r.Text)
	}
	return all
}

func TestOrderOfAnEarlierDaemonIsUnknownWhenTheTimeForItIsOver(t *testing.T) {
	const want = "app1 ONLINE TIME UNKNOWN ONLINE: sent, and no response: the time for it is over"
	cases := []struct {
		name        string
		sent, until time.Duration // from the start of this daemon
		after       time.Duration // then it is UNKNOWN
	}{
		{"some time is left", -time.Minute, 10 * time.Second, 10 * time.Second},
		{"it was over before", -time.Hour, -time.Minute, 0},
		{"the clock was set back", 100 * time.Hour, 100*time.Hour + time.Minute, time.Minute},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &sentOrder{target: target{host(t, "app1"), process(t, "ONLINE")}, trigger: slave.ByTime,
					at: now().Add(c.sent), until: now().Add(c.until)}
				f, k := restoredFleet(t, s)
				if c.after > 0 {
					f.at(c.after - time.Millisecond)
					assert.Empty(t, recorded(t, k))
					assert.False(t, s.isDone())
				}
				f.at(c.after + time.Millisecond)
				assert.Equal(t, []string{want}, recorded(t, k))
				assert.True(t, s.isDone())
				f.at(time.Hour)
				assert.Len(t, recorded(t, k), 1)
			})
		})
	}
}

func TestUnknownThatCannotBeRecordedIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var orders []*sentOrder
		for _, id := range []string{"ONLINE", "OTHER"} {
			orders = append(orders, &sentOrder{target: target{host(t, "app1"), process(t, id)}, trigger: slave.ByTime, at: now(), until: now().Add(time.Second)})
		}
		f, k := restoredFleet(t, orders...)
		h := k.history.(*brokenHistory)
		h.fail(syscall.ENOSPC)
		f.at(time.Minute)
		assert.Empty(t, recorded(t, k))
		assert.False(t, orders[0].isDone())
		x := telegram.ExecutionResponse{Host: orders[0].host, Control: telegram.Launched, Process: orders[0].process}
		_, _, err := k.take(&x, nil)
		assert.ErrorIs(t, err, syscall.ENOSPC)
		h.fail(nil)
		_, fresh, err := k.take(&x, nil)
		assert.NoError(t, err)
		assert.True(t, fresh)
		f.at(2 * time.Minute)
		assert.Len(t, recorded(t, k), 2, "the response of one, and UNKNOWN of the other")
		assert.True(t, orders[0].isDone() && orders[1].isDone())
	})
}

func TestOrderWithoutATimeoutIsGivenUpADayAfterItsConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, k := restoredFleet(t)
		at := target{f.slaves[0].host, process(t, "ONLINE")}
		s, err := k.send(k.find(at), at, slave.ByOperator, 0)
		require.NoError(t, err)
		f.at(endlessWait + time.Hour)
		assert.Empty(t, recorded(t, k), "its connection waits for ever")
		k.abandon(s)
		f.at(endlessWait + 2*time.Hour)
		assert.Len(t, recorded(t, k), 1)
	})
}

func TestOfSeveralOrdersOfOneTargetTheLastCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one := &sentOrder{target: target{host(t, "app1"), process(t, "ONLINE")}, trigger: slave.ByTime, at: now(), until: now().Add(time.Minute)}
		two := *one
		two.trigger, two.at = slave.ByOperator, one.at.Add(time.Second)
		f, k := restoredFleet(t, &two, one)
		f.at(2 * time.Minute)
		assert.Equal(t, []string{"app1 ONLINE OPERATOR UNKNOWN ONLINE: sent, and no response: the time for it is over"}, recorded(t, k))
		_, next := k.due(now())
		assert.Zero(t, next)
		k.journal.mu.Lock()
		defer k.journal.mu.Unlock()
		assert.Len(t, k.journal.free, k.journal.slots, "no order is without an outcome")
	})
}
