package manager

import (
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/telegram"
)

// stepped is a time as a machine tells it whose wall clock was set by d: its monotonic clock knows nothing of that. Package time has
// no function for it, and a test may not set the clock of its machine: the seconds of the wall clock stand above 30 bits of
// nanoseconds in the first word of a time that has both.
func stepped(t *testing.T, at time.Time, d time.Duration) time.Time {
	if d == 0 {
		return at
	}
	set := at
	*(*uint64)(unsafe.Pointer(&set)) += uint64(int64(d/time.Second)) << 30
	require.Zero(t, set.Sub(at), "the monotonic clock")
	require.Equal(t, at.Unix()+int64(d/time.Second), set.Unix(), "the wall clock")
	return set
}

// Whatever the wall clock is set to, inquiries go on at their intervals, nobody is called STOPPED for it, and silence is found out in
// its time.
func TestAStepOfTheWallClockChangesNoJudgement(t *testing.T) {
	const slaves = 5
	data := Slave{Interval: 10 * time.Second, Timeout: time.Second, Retries: 2}
	for name, step := range map[string]time.Duration{"an hour forward": time.Hour, "an hour back": -time.Hour, "none": 0} {
		t.Run(name, func(t *testing.T) {
			l := newLossyControl(t, slaves, data, 0, 1)
			begun := l.now
			until := func(since time.Duration) {
				for steps := 0; l.now.Sub(begun) < since; steps++ {
					require.Less(t, steps, 1000, "time does not go on")
					l.step()
				}
			}
			until(19 * time.Second)
			l.set = step
			before := l.inquiries
			until(59 * time.Second)
			assert.Equal(t, slaves*4, l.inquiries-before)
			assert.Zero(t, l.unanswered)
			l.deaf = l.control.monitors[0].host
			fell := l.control.monitors[0].due.Sub(begun)
			until(fell + 2*time.Second)
			assert.Zero(t, l.unanswered, "too early")
			until(fell + 3*time.Second + tickLength)
			assert.Equal(t, 1, l.unanswered)
			l.deaf = telegram.Host{}
			l.set = 0
			until(fell + 30*time.Second)
			assert.True(t, l.control.monitors[0].running)
			assert.Equal(t, 1, l.unanswered)
		})
	}
}
