package manager

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"renraku/telegram"
)

// wireThatComesUp has no slave answer on TCP before up is set.
func (f *fleet) wireThatComesUp() (w *wires, up *atomic.Bool) {
	up = new(atomic.Bool)
	return f.wire(func(s *pretended, q telegram.StatusInquiry) (telegram.Telegram, time.Duration) {
		if !up.Load() {
			return nil, 0
		}
		return replies(0, telegram.Running)(s, q)
	}), up
}

func TestStoppedSlaveThatUDPDoesNotReachComesUpByTCP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, usual(1))
		app := f.slaves[0]
		w, up := f.wireThatComesUp()
		app.silent = true
		f.begin()
		f.at(199 * time.Second)
		assert.Equal(t, []string{"2s START", "10.5s START", "20.5s START", "40.5s START", "1m20.5s START", "2m20.5s START"}, w.inquiries(app),
			"before the first judgement, then at the 1st, 2nd, 4th and 8th inquiry, then each minute")
		assert.Equal(t, "app1 STOPPED NOT-STARTED", f.record(app))
		up.Store(true)
		f.at(201 * time.Second)
		assert.Equal(t, "app1 RUNNING ONLINE", f.record(app))
		assert.Zero(t, f.log.count("UDP is blocked"), "its answer on UDP may be under way")
		f.at(215 * time.Second)
		assert.Equal(t, 1, f.log.count("UDP is blocked"), "no inquiry of the next round was answered on UDP")
		up.Store(false)
		f.at(224 * time.Second)
		assert.Equal(t, "app1 STOPPED ONLINE", f.record(app))
		_, n := f.status.Blocked()
		assert.Zero(t, n, "nobody knows")
		f.at(235 * time.Second)
		assert.Equal(t, "3m50.5s START", w.inquiries(app)[len(w.inquiries(app))-1], "it begins at the first inquiry again")
	})
}

// A slave that has just started may be slow to answer, in sealed mode for the sake of its disk: TCP is asked at half of the response wait.
func TestAStoppedSlaveThatAnswersOnTCPFirstIsNotCalledBlocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, usual(1))
		app := f.slaves[0]
		w, up := f.wireThatComesUp()
		app.silent = true
		f.begin()
		f.at(9 * time.Second)
		assert.Equal(t, "app1 STOPPED NOT-STARTED", f.record(app))
		asked := len(w.inquiries(app))
		up.Store(true)
		f.set(app, func(s *pretended) { s.silent, s.latency = false, 700*time.Millisecond })
		f.at(30 * time.Second)
		assert.Equal(t, "app1 RUNNING ONLINE", f.record(app))
		assert.Len(t, w.inquiries(app), asked+1, "it answered on TCP first")
		assert.Zero(t, f.log.count("UDP is blocked"))
	})
}

func TestTurnOfAStoppedSlaveComesAfterAllOthersHadTheirs(t *testing.T) {
	for _, c := range []struct {
		interval, others time.Duration
		want             []int // inquiries at which it is asked on TCP
	}{
		{10 * time.Second, 0, []int{1, 2, 4, 8, 14, 20}},
		{time.Second, 0, []int{1, 2, 4, 8, 16, 32, 64, 124, 184}},
		{time.Hour, 0, []int{1, 2, 3, 4}},
		{10 * time.Second, 100 * time.Second, []int{1, 11, 21, 31}},
		{7 * time.Second, 13 * time.Minute, []int{1, 113, 225}},
	} {
		var turns tcpTurns
		got := []int{}
		for n := 1; len(got) < len(c.want); n++ {
			if turns.come() {
				turns.take(c.interval, time.Minute, c.others)
				got = append(got, n)
			}
		}
		assert.Equal(t, c.want, got, "%v %v", c.interval, c.others)
	}
}
