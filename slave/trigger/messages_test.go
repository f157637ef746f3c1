package trigger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAMessageFiresWhatMatchesIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{Triggers: []Trigger{
			onMessage("ONLINE", `^NIGHTBATCH@app01 ended normally$`), onMessage("ALERT", ` STOPPED$`), onMessage("ANY", ""), atTime("T", "1 1 1 1 *", "UTC")}})
		assert.True(t, r.Tell("NIGHTBATCH@app01 ended normally\n"), "before Run it waits")
		end := r.run(t)
		synctest.Wait()
		assert.ElementsMatch(t, []string{"ONLINE MESSAGE NIGHTBATCH@app01 ended normally", "ANY MESSAGE NIGHTBATCH@app01 ended normally"}, r.take())
		assert.True(t, r.Tell("app02 STOPPED"))
		assert.True(t, r.Tell(""))
		assert.True(t, r.Tell("<13>Nov 22 10:59:43 root: x"))
		synctest.Wait()
		assert.ElementsMatch(t, []string{"ALERT MESSAGE app02 STOPPED", "ANY MESSAGE app02 STOPPED",
			"ANY MESSAGE <13>Nov 22 10:59:43 root: x"}, r.take(), "what Tell says has no header")
		require.NoError(t, end())
		assert.False(t, r.Tell("too late"))
		assert.Equal(t, Drops{Messages: 1}, r.Dropped())
	})
}

func TestQueuedMessagesMeetTheNewTriggers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{Triggers: []Trigger{onMessage("OLD", ".")}})
		for i := range 10 {
			assert.True(t, r.Tell(fmt.Sprint(i)))
		}
		require.NoError(t, r.Replace([]Trigger{onMessage("NEW", "^[1-9]$")}))
		end := r.run(t)
		synctest.Wait()
		fired := r.take()
		require.NoError(t, end())
		slices.Sort(fired)
		assert.Len(t, fired, 9)
		assert.Equal(t, "NEW MESSAGE 1", fired[0])
		assert.Zero(t, r.Dropped())
	})
}

func TestWhatNobodyTookIsCountedAtTheEnd(t *testing.T) {
	r := newRig(t, Config{Triggers: []Trigger{onMessage("P", ".")}})
	for range 7 {
		assert.True(t, r.Tell("x"))
	}
	r.enqueue(r.queue.received, "y", false)
	assert.Equal(t, Progress{Received: 1, Told: 7}, r.Progress())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, r.Run(ctx))
	assert.Equal(t, Drops{Messages: 8}, r.Dropped())
	assert.Len(t, r.book.with("messages dropped", "messages=8"), 1)
}

func TestDropsAreSaidOnceInAWhileWithTheirNumber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{Triggers: []Trigger{onMessage("P", "^hold")}})
		for range MaxQueued + 5 {
			r.Tell("x")
		}
		r.hold = make(chan bool)
		end := r.run(t)
		untilSecond(reportEvery - 1)
		assert.Empty(t, r.book.with("dropped"))
		untilSecond(1)
		assert.Len(t, r.book.with("messages dropped", "messages=5"), 1)
		for range MaxFiringsEach + 3 {
			assert.True(t, r.Tell("hold"))
		}
		assert.True(t, r.Tell(strings.Repeat("y", MaxMessage+1)))
		untilSecond(5 * reportEvery)
		assert.Len(t, r.book.with("messages dropped"), 1, "only what is new")
		assert.Len(t, r.book.with("triggers did not fire", "firings=3"), 1)
		assert.Len(t, r.book.with("messages cut", "messages=1", "limit=8192"), 1)
		require.NoError(t, end())
		assert.Equal(t, Drops{Messages: 5, Firings: 3, Cut: 1}, r.Dropped())
	})
}

func TestFiringsAreBoundedAndEndWithRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var triggers []Trigger
		for i := range MaxFirings/MaxFiringsEach + 1 {
			triggers = append(triggers, onMessage(fmt.Sprint("P", i), fmt.Sprintf("^%d$", i)))
		}
		r := newRig(t, Config{Triggers: append(triggers, atTime("T", "1 * * * *", "UTC"))})
		r.hold = make(chan bool)
		end := r.run(t)
		synctest.Wait()
		for i := range triggers {
			for range MaxFiringsEach {
				assert.True(t, r.Tell(fmt.Sprint(i)))
			}
			synctest.Wait()
		}
		assert.Len(t, r.take(), MaxFirings)
		assert.Equal(t, Drops{Firings: MaxFiringsEach}, r.Dropped())
		untilSecond(time.Minute)
		assert.Equal(t, []string{"T TIME 01T00:01"}, r.take(), "messages take nothing from preset times")
		assert.Equal(t, Progress{Timed: 1, ByMessage: MaxFirings}, r.Progress())
		r.hold <- true
		synctest.Wait()
		assert.True(t, r.Tell("64"))
		synctest.Wait()
		assert.Len(t, r.take(), 1, "what ended makes room")
		require.NoError(t, end(), "the ctx of all firings ends")
		assert.Zero(t, r.Progress())
	})
}

// A matcher that has slow expressions to try on each message is slower by far than those who tell.
func slowMatcher() (triggers []Trigger) {
	for range 20 {
		triggers = append(triggers, onMessage("NEVER", `(x+x+)+y(a|b|ab)*c$`))
	}
	return append(triggers, onMessage("P", "^m"))
}

var flood = "m" + strings.Repeat("xx", 100)

func TestAFloodNeverBlocksWhoTellsAndTheCountIsExact(t *testing.T) {
	const senders, each = 8, 12_500
	r := newRig(t, Config{Triggers: slowMatcher()})
	end := r.run(t)
	begun := time.Now()
	var all sync.WaitGroup
	var mu sync.Mutex
	refused, longest := 0, time.Duration(0)
	for range senders {
		all.Go(func() {
			lost, slowest := 0, time.Duration(0)
			for range each {
				at := time.Now()
				if !r.Tell(flood) {
					lost++
				}
				slowest = max(slowest, time.Since(at))
			}
			mu.Lock()
			defer mu.Unlock()
			refused, longest = refused+lost, max(longest, slowest)
		})
	}
	all.Wait()
	t.Logf("%d messages in %v, the slowest %v", senders*each, time.Since(begun), longest)
	assert.Less(t, longest, 5*time.Second)
	assert.EqualValues(t, refused, r.Dropped().Messages, "each refusal is counted")
	assert.Positive(t, refused)
	require.NoError(t, end())
	drops := r.Dropped()
	assert.EqualValues(t, senders*each, uint64(r.count())+drops.Firings+drops.Messages)
}

func TestAFloodOnTheSocketBlocksNoSenderAndLosesNoEventOfTheDaemon(t *testing.T) {
	const sent = 100_000
	socket, err := Listen(t.TempDir())
	require.NoError(t, err)
	defer socket.Close()
	r := newRig(t, Config{Triggers: append(slowMatcher(), onMessage("EVENT", "^app01 STOPPED$")), MessageSocket: socket})
	end := r.run(t)
	client := dial(t, socket)
	require.NoError(t, client.SetWriteDeadline(time.Now().Add(patience)))
	begun := time.Now()
	for i := range sent {
		_, err := client.Write([]byte(flood))
		require.NoError(t, err)
		if i == sent/2 {
			assert.True(t, r.Tell("app01 STOPPED"), "the daemon's own events have room")
		}
	}
	t.Logf("%d datagrams in %v", sent, time.Since(begun))
	assert.Positive(t, r.Dropped().Messages)
	_, err = client.Write([]byte("last"))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return len(r.queue.received) == 0 && len(r.queue.told) == 0 }, patience, time.Millisecond)
	require.NoError(t, end())
	fired := r.take()
	assert.Contains(t, fired, "EVENT MESSAGE app01 STOPPED")
	drops := r.Dropped()
	lost := sent + 1 - int(drops.Messages) - int(drops.Firings) - (len(fired) - 1)
	assert.Contains(t, []int{0, 1}, lost, "all but the last, which fires nothing where it is not dropped")
}

// fakeSocket gives what is in errs, and then waits for its deadline.
type fakeSocket struct {
	net.PacketConn
	errs  []error
	ended chan bool
}

func (f *fakeSocket) SetReadDeadline(time.Time) error { close(f.ended); return nil }

func (f *fakeSocket) ReadFrom(b []byte) (int, net.Addr, error) {
	if len(f.errs) > 0 {
		err := f.errs[0]
		f.errs = f.errs[1:]
		return copy(b, "<13>Nov 22 10:59:43 root: done"), nil, err
	}
	<-f.ended
	return 0, nil, net.ErrClosed
}

func TestAnErrorOfTheSocketThatMayPassIsSaidAndTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		socket := &fakeSocket{errs: []error{io.ErrUnexpectedEOF, nil}, ended: make(chan bool)}
		r := newRig(t, Config{Triggers: []Trigger{onMessage("P", "^done$")}, MessageSocket: socket})
		end := r.run(t)
		untilSecond(time.Second)
		assert.Equal(t, []string{"P MESSAGE done"}, r.take())
		assert.Len(t, r.book.with("message not read", "unexpected EOF"), 1)
		require.NoError(t, end())
	})
}

func TestAClosedSocketEndsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{MessageSocket: &fakeSocket{errs: []error{net.ErrClosed}, ended: make(chan bool)}})
		err := r.Run(t.Context())
		assert.True(t, errors.Is(err, net.ErrClosed))
		assert.ErrorContains(t, err, "read message socket: ")
	})
}
