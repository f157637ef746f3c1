package manager

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/contactfile"
	"renraku/slave"
	"renraku/telegram"
)

// happened is the events since the last call.
func (f *fleet) happened() []string {
	synctest.Wait()
	f.events.mu.Lock()
	defer f.events.mu.Unlock()
	all := append([]string{}, f.events.all...)
	f.events.all = nil
	return all
}

func TestEventsOfASlavesLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, usual(1))
		app := f.slaves[0]
		app.silent = true
		f.begin()
		assert.Empty(t, f.happened(), "the creation of the file is no event")
		f.at(3 * time.Second)
		assert.Equal(t, []string{"app1 STOPPED"}, f.happened(), "nobody answered")
		f.at(9 * time.Second)
		f.set(app, func(s *pretended) { s.silent = false })
		f.at(10 * time.Second)
		assert.Equal(t, []string{"app1 RUNNING", "app1 application ONLINE"}, f.happened(), "it is ONLINE, which was not known")
		f.at(39 * time.Second)
		assert.Empty(t, f.happened(), "no news")
		f.set(app, func(s *pretended) { s.status = status(t, "BATCH") })
		f.at(40 * time.Second)
		assert.Equal(t, []string{"app1 application BATCH"}, f.happened())
		f.respond(app, telegram.Stopped, "BATCH")
		assert.Equal(t, []string{"app1 STOPPED"}, f.happened())
		f.respond(app, telegram.Stopped, "ENDED")
		assert.Equal(t, []string{"app1 application ENDED"}, f.happened(), "it is stopped already")
		f.at(50 * time.Second)
		assert.Equal(t, []string{"app1 RUNNING", "app1 application BATCH"}, f.happened())
		f.at(55 * time.Second)
		f.set(app, func(s *pretended) { s.silent = true })
		f.at(90 * time.Second)
		assert.Equal(t, []string{"app1 STOPPED"}, f.happened(), "once, and nothing of field 133")
	})
}

func TestSlaveThatIsFoundAsItsRecordWasCreatedIsOnlyRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, usual(1))
		f.slaves[0].status = status(t, contactfile.NotStarted)
		f.begin()
		assert.Equal(t, []string{"app1 RUNNING"}, f.happened())
	})
}

func TestEventsStandInTheLogAndNoOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, usual(3))
		f.slaves[1].silent, f.slaves[2].stopped = true, true
		f.begin()
		f.at(9 * time.Second)
		f.set(f.slaves[0], func(s *pretended) { s.silent = true })
		f.set(f.slaves[1], func(s *pretended) { s.silent = false })
		f.at(25 * time.Second)
		var logged []string
		for l := range strings.Lines(f.log.text.String()) {
			for _, operating := range []string{"RUNNING", "STOPPED"} {
				for _, s := range f.slaves {
					if event := s.host.String() + " " + operating; strings.Contains(l, fmt.Sprintf("msg=%q", event)) {
						logged = append(logged, event)
					}
				}
			}
		}
		told := slices.DeleteFunc(f.happened(), func(event string) bool { return strings.Contains(event, " application ") })
		assert.Equal(t, []string{"app1 RUNNING", "app3 STOPPED", "app2 STOPPED", "app1 STOPPED", "app2 RUNNING"}, told)
		assert.Equal(t, logged, told)
	})
}

func TestEndOfMonitoringIsNoEventOfTheSlaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, usual(3))
		f.begin()
		f.at(time.Second)
		f.happened()
		f.set(f.slaves[1], func(s *pretended) { s.silent = true })
		f.set(f.slaves[2], func(s *pretended) { s.status = status(t, "BATCH") })
		f.endIn(t.Context(), "app2")
		assert.Equal(t, []string{"app3 application BATCH"}, f.happened(), "but its answer has a new status")
		f.begin()
		f.at(20 * time.Second)
		assert.Equal(t, []string{"app1 RUNNING", "app3 RUNNING", "app2 STOPPED"}, f.happened(), "their statuses are known")
	})
}

func TestXRIsAnEventWhereItChangesField133(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, usual(2))
		app := f.slaves[0]
		f.begin()
		f.at(time.Second)
		f.happened()
		require.NoError(t, f.status.SetApplication(app.host, status(t, "BATCH")))
		require.NoError(t, f.status.SetApplication(app.host, status(t, "BATCH")), "delivered again")
		assert.Equal(t, []string{"app1 application BATCH"}, f.happened())
		f.set(app, func(s *pretended) { s.status = status(t, "BATCH") })
		f.at(21 * time.Second)
		assert.Empty(t, f.happened(), "the next answer says the same")
		require.NoError(t, f.status.SetApplication(host(t, "mgr01"), status(t, "BATCH")))
		require.NoError(t, f.status.SetApplication(host(t, "app9"), status(t, "BATCH")))
		assert.Empty(t, f.happened(), "no slaves")
		f.endIn(t.Context())
		require.NoError(t, f.status.SetApplication(app.host, status(t, "ONLINE")))
		assert.Equal(t, []string{"app1 application ONLINE"}, f.happened(), "without monitoring too")
	})
}

// What could not be written is written with the next answer; it is told once all the same.
func TestChangeThatCouldNotBeWrittenIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, usual(1))
		f.begin()
		f.at(time.Second)
		f.happened()
		require.NoError(t, f.file.Clear())
		require.Error(t, f.status.SetApplication(f.slaves[0].host, status(t, "BATCH")))
		require.Error(t, f.status.SetApplication(f.slaves[0].host, status(t, "BATCH")))
		assert.Equal(t, []string{"app1 application BATCH"}, f.happened())
	})
}

// A trigger on an event asks for the records and orders, on goroutines of its own, and may hold its own lock meanwhile.
func TestWhoIsToldMayCallBackFromAnotherGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, usual(1))
		app := f.slaves[0]
		var told []string
		f.status.Tell(func(event string) {
			told = append(told, event)
			done := make(chan error)
			go func() {
				_, err := f.status.Record(app.host)
				done <- errors.Join(err, f.status.SetApplication(app.host, status(t, "BATCH")))
			}()
			require.NoError(t, <-done) // the bubble ends the test where both wait
		})
		f.begin()
		f.at(time.Second)
		assert.Equal(t, []string{"app1 RUNNING", "app1 application ONLINE", "app1 application BATCH"}, told)
	})
}

func TestEventsAreToldOneAtATimeInTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, usual(1))
		app := f.slaves[0]
		var told []string
		var inTell int
		goOn := make(chan struct{})
		f.status.Tell(func(event string) {
			inTell++
			assert.Equal(t, 1, inTell)
			told = append(told, event)
			<-goOn
			inTell--
		})
		f.begin()
		require.Equal(t, []string{"app1 RUNNING"}, told)
		for i := range 5 { // while somebody is told of the one before, which should not last
			require.NoError(t, f.status.SetApplication(app.host, status(t, fmt.Sprint("S", i))))
		}
		close(goOn)
		synctest.Wait()
		want := []string{"app1 RUNNING", "app1 application ONLINE"}
		for i := range 5 {
			want = append(want, fmt.Sprint("app1 application S", i))
		}
		assert.Equal(t, want, told)
	})
}

func TestSilenceOfManyIsFoundOutAFewAtATime(t *testing.T) {
	const n = 3*maxHandled + 1
	file, _ := contact(t)
	var slaves []Slave
	for i := range n {
		slaves = append(slaves, at(t, hostNumber(t, i).String(), "198.18.0.0:10320"))
	}
	s := NewStatusControl(slave.NewOwnRecord(host(t, "mgr01"), file, 0), slaves, file, nowhere{}, quiet(), &slave.Drops{})
	book := &eventBook{}
	s.Tell(book.tell)
	require.NoError(t, s.Begin())
	now := time.Now().Add(time.Minute)
	for range 2 { // the inquiries, and half of the response wait
		for more := true; more; {
			_, more = s.expire(now, now, slave.NewBatch())
		}
		now = now.Add(time.Hour / 2)
	}
	var toldByTurn []int
	for more := true; more; {
		_, more = s.expire(now, now, slave.NewBatch())
		s.events.deliver()
		toldByTurn = append(toldByTurn, len(book.told()))
	}
	assert.Equal(t, []int{maxHandled, 2 * maxHandled, 3 * maxHandled, n}, toldByTurn)
}

func TestNobodyNeedBeTold(t *testing.T) {
	file, _ := contact(t)
	s := NewStatusControl(slave.NewOwnRecord(host(t, "mgr01"), file, 0), []Slave{at(t, "app01", "198.18.0.0:10320")}, file,
		nowhere{}, slog.New(slog.DiscardHandler), &slave.Drops{})
	s.Tell(nil)
	require.NoError(t, s.Begin())
	require.NoError(t, s.SetApplication(host(t, "app01"), status(t, "BATCH")))
	assert.Empty(t, s.events.queue)
}
