package manager

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"

	"renraku/telegram"
)

var epoch = time.Date(2026, 11, 22, 10, 43, 5, 0, time.UTC)

// play is a monitor with a slave, without clock, socket or file; what happens is written down as "1.1s RUNNING".
type play struct {
	m      *monitor
	now    time.Time
	lost   time.Time                               // when an answer may have been lost at the manager
	reply  func(n int, at time.Duration) []arrival // to inquiry n, counted from 1
	coming []arrival
	asked  int
	log    []string
}

// arrival is a response that reaches the manager.
type arrival struct {
	after   time.Duration // since the inquiry; in coming: since the epoch
	control telegram.Control
}

func newPlay(interval, timeout time.Duration, retries int) *play {
	p := &play{m: &monitor{interval: interval, timeout: timeout, retries: int16(retries)}, now: epoch}
	p.m.begin(epoch, epoch.Add(interval))
	return p
}

func (p *play) note(what any) { p.log = append(p.log, fmt.Sprintf("%v %v", p.now.Sub(epoch), what)) }

// until plays on to the given time: whatever is due is done, whatever arrives is taken, each at its own time.
func (p *play) until(end time.Duration) {
	for {
		slices.SortStableFunc(p.coming, func(a, b arrival) int { return int(a.after - b.after) })
		next := p.m.due
		arrives := len(p.coming) > 0 && epoch.Add(p.coming[0].after).Before(next)
		if arrives {
			next = epoch.Add(p.coming[0].after)
		}
		if p.m.ended || next.Sub(epoch) > end {
			return
		}
		p.now = next
		if arrives {
			c := p.coming[0].control
			p.coming = p.coming[1:]
			p.take(c)
			continue
		}
		p.expire()
	}
}

func (p *play) expire() {
	switch p.m.expire(p.now, p.lost) {
	case inquire, inquireLast:
		p.asked++
		p.note(p.m.control())
		if p.reply != nil {
			at := p.now.Sub(epoch)
			for _, r := range p.reply(p.asked, at) {
				p.coming = append(p.coming, arrival{at + r.after, r.control})
			}
		}
	case silent:
		p.note("silent")
		p.m.judge(false)
	}
}

func (p *play) take(c telegram.Control) {
	switch p.m.answer(p.now, c) {
	case isRunning:
		p.note("is RUNNING")
		p.m.judge(true)
	case isStopped:
		p.note("is STOPPED")
		p.m.judge(false)
	case hint:
		p.note("hint")
	case unasked:
		p.note("unasked")
	}
}

// answers gives RUNNING after 100ms to the inquiries numbered, to all where there is no number.
func answers(numbers ...int) func(int, time.Duration) []arrival {
	return func(n int, _ time.Duration) []arrival {
		if len(numbers) == 0 || slices.Contains(numbers, n) {
			return []arrival{{100 * time.Millisecond, telegram.Running}}
		}
		return nil
	}
}

func answersStopped(n int, _ time.Duration) []arrival {
	return []arrival{{100 * time.Millisecond, telegram.Stopped}}
}

func TestMonitorAsksAndJudges(t *testing.T) {
	const second = time.Second
	cases := []struct {
		name              string
		interval, timeout time.Duration
		retries           int
		reply             func(int, time.Duration) []arrival
		unasked           []arrival
		until             time.Duration
		want              []string
	}{
		{"START first and CHECK after the first answer", 10 * second, second, 2, answers(), nil, 21 * second,
			[]string{"0s START", "100ms is RUNNING", "10s CHECK", "10.1s is RUNNING", "20s CHECK", "20.1s is RUNNING"}},
		{"without retries one inquiry is a round", 10 * second, second, 0, nil, nil, 12 * second,
			[]string{"0s START", "1s silent", "10s START", "11s silent"}},
		{"one retry makes two inquiries, and a stopped slave is asked once an interval", 10 * second, second, 1, nil, nil, 32 * second,
			[]string{"0s START", "1s START", "2s silent", "10s START", "11s silent", "20s START", "21s silent", "30s START", "31s silent"}},
		{"five retries make six inquiries", 10 * second, second, 5, nil, nil, 9 * second,
			[]string{"0s START", "1s START", "2s START", "3s START", "4s START", "5s START", "6s silent"}},
		{"a running slave falls silent", 10 * second, second, 2, answers(1), nil, 21 * second,
			[]string{"0s START", "100ms is RUNNING", "10s CHECK", "11s CHECK", "12s CHECK", "13s silent", "20s START", "21s silent"}},
		{"an answer to the first retry ends the round", 10 * second, second, 2, answers(1, 3), nil, 20 * second,
			[]string{"0s START", "100ms is RUNNING", "10s CHECK", "11s CHECK", "11.1s is RUNNING", "20s CHECK"}},
		{"an answer to the last retry ends the round", 10 * second, second, 2, answers(1, 4), nil, 20 * second,
			[]string{"0s START", "100ms is RUNNING", "10s CHECK", "11s CHECK", "12s CHECK", "12.1s is RUNNING", "20s CHECK"}},
		{"a slave that returns is greeted with START", 10 * second, second, 0, answers(1, 3, 4), nil, 30 * second,
			[]string{"0s START", "100ms is RUNNING", "10s CHECK", "11s silent", "20s START", "20.1s is RUNNING", "30s CHECK"}},
		{"STOPPED is believed at once and greeted again", 10 * second, second, 5, answersStopped, nil, 11 * second,
			[]string{"0s START", "100ms is STOPPED", "10s START", "10.1s is STOPPED"}},
		{"STOPPED unasked is believed at once too", 10 * second, second, 5, answers(1, 3), []arrival{{4 * second, telegram.Stopped}}, 12 * second,
			[]string{"0s START", "100ms is RUNNING", "4s is STOPPED", "10s START", "11s silent"}},
		{"RUNNING unasked of a running slave is nothing", 10 * second, second, 2, answers(), []arrival{{4 * second, telegram.Running}}, 11 * second,
			[]string{"0s START", "100ms is RUNNING", "4s unasked", "10s CHECK", "10.1s is RUNNING"}},
		{"RUNNING unasked of a stopped slave has it asked at once, and the slots stay", 10 * second, second, 0, answers(2), []arrival{{4 * second, telegram.Running}}, 11 * second,
			[]string{"0s START", "1s silent", "4s hint", "4s START", "4.1s is RUNNING", "10s CHECK", "11s silent"}},
		{"a hint before the first inquiry's answer is that answer", 10 * second, second, 1, nil, []arrival{{second / 2, telegram.Running}}, 10 * second,
			[]string{"0s START", "500ms is RUNNING", "10s CHECK"}},
		{"an answer that comes after the judgement is a hint", 10 * second, second, 0,
			func(n int, _ time.Duration) []arrival {
				return []arrival{{[]time.Duration{0, 1500, 100}[min(n, 2)] * time.Millisecond, telegram.Running}}
			}, nil, 10 * second,
			[]string{"0s START", "1s silent", "1.5s hint", "1.5s START", "1.6s is RUNNING", "10s CHECK"}},
		{"rounds longer than the interval keep to the grid", 10 * second, 4 * second, 5, answers(1), nil, 41 * second,
			[]string{"0s START", "100ms is RUNNING", "10s CHECK", "14s CHECK", "18s CHECK", "22s CHECK", "26s CHECK", "30s CHECK",
				"34s silent", "40s START"}},
		{"a duplicate answer is unasked", 10 * second, second, 2,
			func(int, time.Duration) []arrival {
				return []arrival{{0, telegram.Running}, {0, telegram.Running}}
			}, nil, 5 * second,
			[]string{"0s START", "0s is RUNNING", "0s unasked"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := newPlay(c.interval, c.timeout, c.retries)
			p.reply, p.coming = c.reply, c.unasked
			p.until(c.until)
			assert.Equal(t, c.want, p.log)
		})
	}
}

func TestMonitorTellsEnd(t *testing.T) {
	const second = time.Second
	cases := []struct {
		name  string
		reply func(int, time.Duration) []arrival
		begin time.Duration
		want  []string
	}{
		{"and is answered", func(n int, _ time.Duration) []arrival {
			if n == 1 {
				return []arrival{{0, telegram.Running}}
			}
			return []arrival{{0, telegram.Stopped}}
		}, 5 * second, []string{"0s START", "0s is RUNNING", "5s END", "5s is STOPPED"}},
		{"again after each response wait, to a running slave", answers(1), 5 * second,
			[]string{"0s START", "100ms is RUNNING", "5s END", "6s END", "7s END", "8s silent"}},
		{"instead of the round in progress", answers(1), 11 * second,
			[]string{"0s START", "100ms is RUNNING", "10s CHECK", "11s END", "12s END", "13s END", "14s silent"}},
		{"once to a stopped slave", nil, 5 * second,
			[]string{"0s START", "1s START", "2s START", "3s silent", "5s END", "6s silent"}},
		{"and takes no RUNNING for an answer", answers(), 5 * second,
			[]string{"0s START", "100ms is RUNNING", "5s END", "5.1s unasked", "6s END", "6.1s unasked", "7s END", "7.1s unasked", "8s silent"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := newPlay(10*second, second, 2)
			p.reply = c.reply
			p.until(c.begin - 1)
			p.m.beginEnd(epoch.Add(c.begin))
			p.until(c.begin + 4*second)
			assert.Equal(t, c.want, p.log)
		})
	}
}

func TestNobodyIsJudgedForAnAnswerThatMayHaveBeenLostHere(t *testing.T) {
	type call struct{ delay, lost time.Duration } // how late expire is called, and how long before an answer may have been lost
	never := time.Hour
	inTime, lostIn, lostBefore, stopped := call{0, never}, call{0, time.Second / 2}, call{0, time.Second}, call{pause + 1, never}
	cases := []struct {
		name    string
		retries int
		calls   []call // of expire after the first inquiry
		want    []string
	}{
		{"nothing lost", 0, []call{inTime}, []string{"0s START", "1s silent"}},
		{"late, but nothing lost", 0, []call{{pause, never}}, []string{"0s START", "2s silent"}},
		{"lost before the inquiry", 0, []call{lostBefore}, []string{"0s START", "1s silent"}},
		{"lost during the response wait", 0, []call{lostIn, inTime}, []string{"0s START", "1s START", "2s silent"}},
		{"lost twice", 0, []call{lostIn, lostIn, inTime}, []string{"0s START", "1s START", "2s START", "3s silent"}},
		{"lost again and again", 0, slices.Repeat([]call{lostIn}, 1+maxExcused), []string{"0s START", "1s START", "2s START", "3s START", "4s START",
			"5s START", "6s START", "7s START", "8s START", "9s silent"}},
		{"the machine was stopped", 0, []call{stopped, inTime}, []string{"0s START", "2.000000001s START", "3.000000001s silent"}},
		{"lost before the retries are used up", 1, []call{lostIn, inTime}, []string{"0s START", "1s START", "2s silent"}},
		{"lost after they are", 1, []call{inTime, lostIn, inTime}, []string{"0s START", "1s START", "2s START", "3s silent"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := newPlay(10*time.Second, time.Second, c.retries)
			p.expire()
			for _, call := range c.calls {
				p.m.endHalf()
				p.now = p.m.due.Add(call.delay)
				p.lost = p.now.Add(-call.lost)
				p.expire()
			}
			assert.Equal(t, c.want, p.log)
		})
	}
}

func TestAnswerToTheAttemptMoreCounts(t *testing.T) {
	p := newPlay(10*time.Second, time.Second, 0)
	p.expire()
	p.m.endHalf()
	p.now = p.m.due.Add(pause + time.Second)
	p.expire()
	p.take(telegram.Running)
	assert.Equal(t, []string{"0s START", "3s START", "3s is RUNNING"}, p.log)
	assert.Equal(t, epoch.Add(10*time.Second), p.m.due)
}

func TestOnlyAttemptHasItsNewResponseWaitFromItsInquiry(t *testing.T) {
	p := newPlay(10*time.Second, 2*time.Second, 0)
	p.expire()
	p.m.redefine(epoch.Add(100*time.Millisecond), &Slave{Interval: 10 * time.Second, Timeout: 4 * time.Second}, 0, 1)
	p.until(9 * time.Second)
	assert.Equal(t, []string{"0s START", "4s silent"}, p.log)
}

func TestLateStartOfARoundSkipsNoMoreSlotsThanHavePassed(t *testing.T) {
	p := newPlay(10*time.Second, time.Second, 0)
	p.reply = answers()
	p.until(time.Second)
	p.now = epoch.Add(35 * time.Second) // the machine slept through the slots at 10s, 20s, 30s
	p.expire()
	assert.EqualValues(t, 2, p.m.skipped, "the round of 30s begins late, those before it never do")
	p.until(41 * time.Second)
	assert.Zero(t, p.m.skipped)
	assert.Equal(t, []string{"0s START", "100ms is RUNNING", "35s CHECK", "35.1s is RUNNING", "40s CHECK", "40.1s is RUNNING"}, p.log)
}

func TestSlotsStayOnTheirGridWhateverTheSlaveDoes(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 0))
		interval := time.Duration(1+random.IntN(20)) * time.Second
		p := newPlay(interval, time.Duration(1+random.IntN(5000))*time.Millisecond, random.IntN(6))
		p.reply = func(int, time.Duration) []arrival {
			r := []arrival{{time.Duration(random.IntN(8000)) * time.Millisecond, telegram.Running}}
			if random.IntN(5) == 0 {
				r[0].control = telegram.Stopped
			}
			return r[:random.IntN(2)]
		}
		for range 300 {
			p.until(p.m.due.Sub(epoch))
			slot, left := p.m.slot.Sub(epoch), p.m.slot.Sub(p.now)
			if slot%interval != 0 || left > interval || !p.m.waiting && left <= 0 {
				t.Fatalf("seed %d: at %v of interval %v: slot %v", seed, p.now.Sub(epoch), interval, slot)
			}
			if !p.m.waiting && !p.m.due.Equal(p.m.slot) && !p.m.due.Equal(p.now) {
				t.Fatalf("seed %d: at %v: due %v, slot %v", seed, p.now.Sub(epoch), p.m.due.Sub(epoch), slot)
			}
		}
	}
}

func TestAnswerSaysField133UnlessAnXRCameSinceItsRoundBegan(t *testing.T) {
	r := &telegram.StatusResponse{Status: status(t, "BATCH")}
	p := newPlay(10*time.Second, time.Second, 1)
	p.expire()
	assert.Equal(t, "BATCH", p.m.applicationOf(r).String(), "no XR yet")
	p.m.overtaken = true
	assert.Nil(t, p.m.applicationOf(r), "an XR in the round")
	p.now = p.m.due
	p.expire()
	assert.Nil(t, p.m.applicationOf(r), "the answer to the retry may be the first one's")
	p.take(telegram.Running)
	p.m.overtaken = true
	p.now = p.m.due
	p.expire()
	assert.Equal(t, "BATCH", p.m.applicationOf(r).String(), "an XR before the round")
}

func TestAMonitorTakesTwoHundredAndFiftySixBytes(t *testing.T) {
	assert.LessOrEqual(t, unsafe.Sizeof(monitor{}), uintptr(256), "Go gives out 288 for more, to each of 100,000")
}
