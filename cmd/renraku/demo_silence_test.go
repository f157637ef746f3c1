package main

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestOnlyALateMachineExcusesTheManager(t *testing.T) {
	const printed = demoInterval + 3*demoTimeout // two retries
	for _, c := range []struct{ lag, want time.Duration }{
		{0, printed},
		{time.Millisecond, printed},
		{5 * time.Millisecond, printed},
		{6 * time.Millisecond, printed + 24*time.Millisecond}, // the interval and three response waits
		{10 * time.Millisecond, printed + 3*demoTimeout + 70*time.Millisecond},
		{100 * time.Millisecond, printed + 3*demoTimeout + 700*time.Millisecond}, // each response wait twice
	} {
		assert.Equal(t, c.want, allowed(printed, c.lag), c.lag)
	}
}

func TestFirstDeathIsNearTheWorstMomentAndTheOthersAreAnyTime(t *testing.T) {
	assert.Equal(t, soonest, momentOfDeath(0))
	seen := map[time.Duration]bool{}
	for n := range 100 {
		at := momentOfDeath(1 + n)
		assert.True(t, soonest <= at && at < demoInterval, at)
		seen[at] = true
	}
	assert.Greater(t, len(seen), 50)
}

func TestLagIsTheWorstOfManyTimersAndOfThePresentOne(t *testing.T) {
	for _, c := range []struct {
		name string
		late []time.Duration // each timer, the last of them for ever
		runs time.Duration
		want time.Duration
	}{
		{"in time", []time.Duration{0}, time.Second, 0},
		{"late once", []time.Duration{0, 7 * time.Millisecond, 3 * time.Millisecond, 0}, time.Second, 7 * time.Millisecond},
		{"late still", []time.Duration{0, 2 * time.Millisecond, time.Hour}, time.Second, time.Second - 5*time.Millisecond},
		{"stopped before the first", []time.Duration{0}, 0, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			n := 0
			end := beginLag(func(d time.Duration) <-chan time.Time {
				d += c.late[min(n, len(c.late)-1)]
				n++
				return time.After(d)
			})
			time.Sleep(c.runs)
			assert.Equal(t, c.want, end(), c.name)
		})
	}
}
