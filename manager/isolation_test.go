package manager

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// suspicious is monitors without sockets or files, of which the first run.
func suspicious(slaves, running int) (*isolation, []*monitor) {
	i := &isolation{hold: 30 * time.Second}
	i.reset()
	var all []*monitor
	for n := range slaves {
		m := &monitor{record: recordNumber(n), interval: 10 * time.Second, timeout: time.Second, retries: 2}
		all = append(all, m)
		if n < running {
			i.answered(m, true)
			m.judge(true)
		}
	}
	i.measure(all)
	return i, all
}

// silence has the monitors let the response waits of a round pass, and gives what becomes of the last one's judgement.
func silence(i *isolation, now time.Time, monitors ...*monitor) (held, begins bool) {
	for _, m := range monitors {
		i.missed(m)
	}
	return i.holdsFor(now, monitors[len(monitors)-1])
}

func TestMoreThanHalfOfTheRunningAndThreeAtLeastMakeASuspicion(t *testing.T) {
	for _, c := range []struct {
		slaves, running, silent int
		want                    bool
	}{
		{2, 2, 2, false}, {3, 3, 2, false}, {3, 3, 3, true},
		{4, 4, 2, false}, {4, 4, 3, true}, {5, 5, 3, true},
		{6, 6, 3, false}, {6, 6, 4, true}, {7, 7, 4, true},
		{100, 5, 3, true}, {100, 6, 3, false},
		{1000, 1000, 500, false}, {1000, 1000, 501, true},
	} {
		i, all := suspicious(c.slaves, c.running)
		held, begins := silence(i, epoch, all[:c.silent]...)
		name := fmt.Sprintf("%d of %d running of %d", c.silent, c.running, c.slaves)
		assert.Equal(t, c.want, held, name)
		assert.Equal(t, c.want, begins, name)
		assert.Equal(t, c.want, i.isolated(), name)
	}
}

func TestWithoutAHoldNobodyIsSuspected(t *testing.T) {
	i, all := suspicious(5, 5)
	i.hold = 0
	held, _ := silence(i, epoch, all...)
	assert.False(t, held)
	assert.Empty(t, i.silent, "nothing is kept for nothing")
}

func TestOnlyWhoFellSilentWithinOneIntervalCounts(t *testing.T) {
	for _, c := range []struct {
		name   string
		slaves int
		later  time.Duration
		back   bool // the first ones answer again meanwhile
		want   bool
	}{
		{"within it", 10, 10 * time.Second, false, true},
		{"after it", 10, 10*time.Second + 1, false, false},
		{"within it, but the first are back", 8, 10 * time.Second, true, false},
	} {
		i, all := suspicious(c.slaves, c.slaves)
		for _, m := range all[:3] {
			i.missed(m)
			held, _ := i.holdsFor(epoch, m)
			assert.False(t, held, c.name)
			i.fallen(epoch, m)
			m.judge(false)
		}
		if c.back {
			for _, m := range all[:3] {
				i.answered(m, true)
				m.judge(true)
			}
		}
		held, _ := silence(i, epoch.Add(c.later), all[3:6]...)
		assert.Equal(t, c.want, held, c.name)
	}
}

func TestSlaveThatSaysStoppedDoesNotCountAsSilent(t *testing.T) {
	i, all := suspicious(6, 6)
	for _, m := range all[:3] {
		i.missed(m)
		i.answered(m, false)
		m.judge(false)
	}
	silent, of := i.count(epoch)
	assert.Equal(t, []int{0, 3}, []int{silent, of})
	held, _ := silence(i, epoch, all[3:5]...)
	assert.False(t, held, "two of three, and three would be needed")
}

func TestSlaveThatLeavesCountsNoMore(t *testing.T) {
	i, all := suspicious(6, 6)
	silence(i, epoch, all[:4]...)
	assert.True(t, i.isolated())
	i.left(all[0])
	assert.False(t, i.recovers(epoch), "three of five")
	i.left(all[1])
	assert.True(t, i.recovers(epoch), "two of four")
}

func TestHoldEndsAtItsTimeAndJudgesWhomItHeld(t *testing.T) {
	i, all := suspicious(5, 5)
	silence(i, epoch, all[:3]...)
	for _, m := range []*monitor{all[1], all[0]} {
		held, begins := i.holdsFor(epoch.Add(time.Second), m)
		assert.True(t, held)
		assert.False(t, begins)
	}
	assert.Equal(t, epoch.Add(i.hold), i.wake(epoch.Add(time.Hour)))
	assert.Equal(t, epoch.Add(i.hold), i.wake(time.Time{}))
	assert.Equal(t, epoch.Add(1), i.wake(epoch.Add(1)))
	assert.False(t, i.over(epoch.Add(i.hold-1)))
	end := epoch.Add(i.hold)
	assert.True(t, i.over(end))
	i.answered(all[1], true) // between the end and its judgement
	assert.Equal(t, []*monitor{all[0], all[2], nil}, []*monitor{i.verdict(), i.verdict(), i.verdict()}, "in the order of their records")
	held, _ := silence(i, end.Add(i.interval+i.bound-1), all[3], all[4])
	assert.False(t, held, "those that fell silent with them are judged without another hold")
	for _, m := range all {
		i.answered(m, true)
	}
	held, _ = silence(i, end.Add(i.interval+i.bound), all...)
	assert.True(t, held, "a while later a hold can begin again")
}

func TestHoldEndsWhenNoMoreThanHalfAreSilent(t *testing.T) {
	i, all := suspicious(6, 6)
	silence(i, epoch, all[:5]...)
	assert.False(t, i.recovers(epoch), "five of six")
	assert.True(t, i.answered(all[0], true))
	assert.False(t, i.recovers(epoch), "four of six")
	assert.False(t, i.answered(all[5], true), "it was never silent")
	assert.True(t, i.answered(all[1], true))
	assert.True(t, i.recovers(epoch), "three of six")
	assert.False(t, i.isolated())
	assert.False(t, i.over(epoch.Add(i.hold)))
	assert.Equal(t, all[2:5], i.allSilent())
	assert.True(t, i.wake(time.Time{}).IsZero())
}

func TestNoSilenceIsHeldLongerThanOneHold(t *testing.T) {
	recovered := func() (*isolation, []*monitor) {
		i, all := suspicious(5, 5)
		silence(i, epoch, all[:3]...)
		i.answered(all[0], true)
		assert.True(t, i.recovers(epoch.Add(time.Second)))
		held, _ := i.holdsFor(epoch.Add(time.Second), all[2])
		assert.False(t, held, "no more than half are silent")
		return i, all
	}
	for n, last := range []int{2, 3} { // one that was held, and another
		i, all := recovered()
		held, begins := silence(i, epoch.Add(10*time.Second), all[0], all[1], all[5-last], all[last])
		assert.True(t, held && begins, n)
		assert.Equal(t, epoch.Add(i.hold), i.until, "the hold goes on, to its end")
	}
	i, all := recovered()
	held, begins := silence(i, epoch.Add(i.hold), all[0], all[1], all[3], all[2])
	assert.False(t, held || begins, "at its end, those that were held are judged")
	held, begins = i.holdsFor(epoch.Add(i.hold), all[3])
	assert.True(t, held && begins, "the others are not")
	assert.Equal(t, epoch.Add(2*i.hold), i.until)
	held, _ = i.holdsFor(epoch.Add(i.hold), all[2])
	assert.False(t, held)
	i.answered(all[2], true)
	held, _ = silence(i, epoch.Add(i.hold), all[2])
	assert.True(t, held, "it has answered since, and this is another silence")

	i, all = recovered()
	for _, m := range all {
		i.answered(m, true)
	}
	held, begins = silence(i, epoch.Add(10*time.Second), all...)
	assert.True(t, held && begins)
	assert.Equal(t, epoch.Add(10*time.Second+i.hold), i.until, "all have answered since, and this is another hold")
	i.answered(all[0], true)
	i.left(all[1])
	assert.Equal(t, 1, i.held)
}

func TestOthersAreAskedWhereHalfOfWhoWasDueIsSilent(t *testing.T) {
	for _, c := range []struct {
		name            string
		silent, answers int
		counted, wants  bool
	}{
		{"nobody was due but it", 1, 0, true, true},
		{"its only attempt is not over", 0, 0, false, true},
		{"one answered", 1, 1, true, true},
		{"more answered", 1, 2, true, false},
		{"a rack is down, and the rest answers", 4, 40, true, false},
		{"most are silent", 4, 3, true, true},
	} {
		i, all := suspicious(100, 100)
		for _, m := range all[:c.silent] {
			m.answersBefore = i.answers
			i.missed(m)
		}
		for _, m := range all[50 : 50+c.answers] {
			i.answered(m, true)
		}
		m := all[0]
		m.answersBefore = i.answers - uint32(c.answers)
		assert.Equal(t, c.wants, i.wantsToAsk(epoch, m), c.name)
	}
	i, all := suspicious(2, 2)
	all[0].answersBefore = i.answers
	assert.False(t, i.wantsToAsk(epoch, all[0]), "two can be no three")
	i, all = suspicious(5, 3)
	all[0].answersBefore, all[4].answersBefore = i.answers, i.answers
	assert.True(t, i.wantsToAsk(epoch, all[0]))
	assert.False(t, i.wantsToAsk(epoch, all[4]), "it does not run")
	i.askedAt = epoch
	assert.False(t, i.wantsToAsk(epoch.Add(i.interval-1), all[0]), "once in an interval")
	assert.True(t, i.wantsToAsk(epoch.Add(i.interval), all[0]))
}

func TestWhoIsAskedBeforeHisTimeCountsOnceHeCouldAnswer(t *testing.T) {
	i, all := suspicious(5, 5)
	i.missed(all[0])
	for _, m := range all[1:4] {
		i.asked[m] = true
	}
	i.askedUntil = epoch
	held, _ := i.holdsFor(epoch.Add(-1), all[0])
	assert.False(t, held)
	held, _ = i.holdsFor(epoch, all[0])
	assert.True(t, held)
	i.missed(all[1])
	silent, _ := i.count(epoch)
	assert.Equal(t, 4, silent, "each counts once")
	i.answered(all[2], true)
	i.answered(all[3], true)
	assert.True(t, i.recovers(epoch))
}

// What the silence of one slave costs, from its first missed wait to its verdict, is the same however many there are.
func BenchmarkSilence(b *testing.B) {
	for _, n := range []int{1000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for done := 0; done < b.N; done += n {
				b.StopTimer()
				i, all := suspicious(n, n)
				b.StartTimer()
				for _, m := range all {
					i.missed(m)
				}
				for _, m := range all {
					i.holdsFor(epoch, m)
				}
				end := epoch.Add(i.hold)
				i.over(end)
				for m := i.verdict(); m != nil; m = i.verdict() {
					i.fallen(end, m)
					m.judge(false)
				}
			}
		})
	}
}
