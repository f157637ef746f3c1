package trigger

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// wall is a wall clock that can be set.
type wall struct{ ahead atomic.Int64 }

func (w *wall) now() time.Time         { return time.Now().Add(time.Duration(w.ahead.Load())) }
func (w *wall) step(d time.Duration)   { w.ahead.Add(int64(d)) }
func (w *wall) attach(r *rig) *wall    { r.wallClock = w.now; return w }
func untilSecond(second time.Duration) { time.Sleep(second); synctest.Wait() } // in a bubble, where time is the test's

// The clock of a bubble begins at 2000-01-01T00:00Z, a Saturday.
func TestEachMinuteFiresWhenItBegins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{Triggers: []Trigger{
			atTime("EACH", "* * * * *", "UTC"), atTime("SECOND", "2 * * * *", "UTC"), atTime("TOKYO", "1 9 * * 6", "Asia/Tokyo"), onMessage("M", "."),
		}})
		end := r.run(t)
		synctest.Wait()
		assert.Equal(t, []string{"EACH TIME 01T00:00"}, r.take(), "a minute that begins with Run is run")
		untilSecond(time.Minute - 1)
		assert.Empty(t, r.take())
		untilSecond(1)
		assert.ElementsMatch(t, []string{"EACH TIME 01T00:01", "TOKYO TIME 01T00:01"}, r.take())
		untilSecond(time.Minute)
		assert.ElementsMatch(t, []string{"EACH TIME 01T00:02", "SECOND TIME 01T00:02"}, r.take())
		require.NoError(t, end())
		assert.Empty(t, r.book.with("level=WARN"))
	})
}

func TestAMinuteThatHasBegunIsNotRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Nanosecond)
		r := newRig(t, Config{Triggers: []Trigger{atTime("P", "* * * * *", "UTC")}})
		defer r.run(t)()
		untilSecond(30 * time.Second)
		assert.Empty(t, r.take())
		untilSecond(30 * time.Second)
		assert.Equal(t, []string{"P TIME 01T00:01"}, r.take())
	})
}

func TestAStepForwardOfThreeHoursFiresEachTriggerOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{Triggers: []Trigger{
			atTime("QUARTER", "*/15 * * * *", "UTC"), atTime("HOUR", "0 * * * *", "UTC"), atTime("LATER", "2 3 * * *", "UTC")}})
		w := (&wall{}).attach(r)
		defer r.run(t)()
		synctest.Wait()
		r.take()
		w.step(MaxStep)
		untilSecond(lookEvery)
		assert.ElementsMatch(t, []string{"QUARTER TIME 01T03:00", "HOUR TIME 01T03:00"}, r.take())
		untilSecond(2 * time.Minute)
		assert.Equal(t, []string{"LATER TIME 01T03:02"}, r.take())
		w.step(90*time.Minute + 30*time.Second)
		untilSecond(lookEvery)
		assert.ElementsMatch(t, []string{"QUARTER TIME 01T04:30", "HOUR TIME 01T04:00"}, r.take())
		assert.Empty(t, r.book.with("missed"))
	})
}

func TestALargerStepForwardIsOnlyNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{Triggers: []Trigger{atTime("HOUR", "30 * * * *", "Asia/Tokyo"), atTime("NOW", "2 3 * * *", "UTC"), atTime("NONE", "0 0 2 * *", "UTC")}})
		w := (&wall{}).attach(r)
		defer r.run(t)()
		synctest.Wait()
		w.step(MaxStep + 2*time.Minute)
		untilSecond(lookEvery)
		assert.Equal(t, []string{"NOW TIME 01T03:02"}, r.take(), "the minute that stands now is run")
		assert.Len(t, r.book.with("missed, not run"), 1)
		assert.Len(t, r.book.with("process=HOUR", `at="30 * * * *"`, "the clock was set forward or the machine slept",
			`"2000-01-01T09:30:00+09:00, 2000-01-01T10:30:00+09:00, 2000-01-01T11:30:00+09:00"`), 1)
	})
}

func TestNoMinuteRunsAgainAfterAStepBackOfThreeHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{Triggers: []Trigger{atTime("P", "* * * * *", "UTC")}})
		w := (&wall{}).attach(r)
		defer r.run(t)()
		untilSecond(5 * time.Minute)
		assert.Len(t, r.take(), 6)
		w.step(-MaxStep)
		untilSecond(MaxStep + time.Minute - 1)
		assert.Empty(t, r.take())
		assert.Len(t, r.book.with("the clock was set back"), 1)
		untilSecond(1)
		assert.Equal(t, []string{"P TIME 01T00:06"}, r.take())
		w.step(-time.Minute)
		untilSecond(2 * time.Minute)
		assert.Equal(t, []string{"P TIME 01T00:07"}, r.take())
		assert.Len(t, r.book.with("the clock was set back"), 2, "each step is said")
	})
}

func TestAfterALargerStepBackTheNewTimeCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{Triggers: []Trigger{atTime("P", "*/10 * * * *", "UTC")}})
		w := (&wall{}).attach(r)
		defer r.run(t)()
		synctest.Wait()
		r.take()
		w.step(-MaxStep - time.Minute)
		untilSecond(lookEvery)
		assert.Empty(t, r.take())
		assert.Len(t, r.book.with("the clock was set back far"), 1)
		untilSecond(time.Minute)
		assert.Equal(t, []string{"P TIME 31T21:00"}, r.take())
		assert.Len(t, r.book.with("the clock was set back"), 1)
	})
}

func TestANewListCountsFromTheNextMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{Triggers: []Trigger{atTime("OLD", "* * * * *", "UTC")}})
		defer r.run(t)()
		synctest.Wait()
		r.take()
		untilSecond(30 * time.Second)
		require.NoError(t, r.Replace([]Trigger{atTime("NEW", "* * * * *", "UTC")}))
		untilSecond(time.Minute)
		assert.Equal(t, []string{"NEW TIME 01T00:01"}, r.take())
		assert.ErrorIs(t, r.Replace([]Trigger{atTime("OLD", "* * * * *", "UTC"), {Process: "X"}}), ErrTrigger)
		untilSecond(time.Minute)
		assert.Equal(t, []string{"NEW TIME 01T00:02"}, r.take(), "after an error everything is as it was")
	})
}

func TestMinutesMissedWhileTheDaemonWasDownAreNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := Config{StatePath: filepath.Join(t.TempDir(), "triggers.dat"), Triggers: []Trigger{
			atTime("EACH", "* * * * *", "UTC"), atTime("ONCE", "4 9 * * *", "Asia/Tokyo"), atTime("TEN", "*/2 * * * *", "UTC"), atTime("NONE", "0 12 * * *", "UTC")}}
		first := newRig(t, c)
		end := first.run(t)
		untilSecond(2*time.Minute + 30*time.Second)
		require.NoError(t, end())
		assert.Equal(t, "2000-01-01T00:02:00Z\n", contents(t, c.StatePath))
		assert.Empty(t, first.book.with("missed"), "a missing file says nothing")

		time.Sleep(20 * time.Minute) // down until 00:22:30
		second := newRig(t, c)
		end = second.run(t)
		synctest.Wait()
		assert.Empty(t, second.take(), "what was missed is not run")
		var each []string
		for m := 3; m <= 12; m++ {
			each = append(each, fmt.Sprintf("2000-01-01T00:%02d:00Z", m))
		}
		assert.Len(t, second.book.with("process=EACH", `missed="`+strings.Join(each, ", ")+` and 10 more"`, "the daemon was down"), 1)
		assert.Len(t, second.book.with("process=ONCE", "missed=2000-01-01T09:04:00+09:00 "), 1)
		assert.Len(t, second.book.with("process=TEN", `00:22:00Z"`), 1)
		assert.Empty(t, second.book.with("process=NONE"))
		assert.Equal(t, "2000-01-01T00:22:00Z\n", contents(t, c.StatePath))
		untilSecond(30 * time.Second)
		assert.Equal(t, []string{"EACH TIME 01T00:23"}, second.take())
		require.NoError(t, end())

		third := newRig(t, c)
		end = third.run(t)
		untilSecond(time.Second)
		assert.Empty(t, third.take(), "a minute of the file is not run again")
		assert.Empty(t, third.book.with("missed"))
		require.NoError(t, end())
	})
}

func TestADaemonThatWasDownForMonthsLooksBackOneMonth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := Config{StatePath: filepath.Join(t.TempDir(), "triggers.dat"), Triggers: []Trigger{atTime("P", "0 0 1 * *", "UTC")}}
		require.NoError(t, os.WriteFile(c.StatePath, []byte("1999-06-15T00:00:00Z\n"), 0o600))
		time.Sleep(time.Second)
		r := newRig(t, c)
		defer r.run(t)()
		synctest.Wait()
		assert.Len(t, r.book.with("not sought further back", "from=1999-12-01T00:01:00.000Z"), 1)
		assert.Len(t, r.book.with("process=P", "missed=2000-01-01T00:00:00Z "), 1)
	})
}

func TestARestartAfterTheClockWasSetBackRunsNothingAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := Config{StatePath: filepath.Join(t.TempDir(), "triggers.dat"), Triggers: []Trigger{atTime("P", "* * * * *", "UTC")}}
		require.NoError(t, os.WriteFile(c.StatePath, []byte("2000-01-01T02:58:00Z\n"), 0o600))
		r := newRig(t, c)
		end := r.run(t)
		untilSecond(178 * time.Minute)
		assert.Empty(t, r.take())
		untilSecond(time.Minute)
		assert.Equal(t, []string{"P TIME 01T02:59"}, r.take())
		require.NoError(t, end())

		require.NoError(t, os.WriteFile(c.StatePath, []byte("2030-01-01T00:00:00Z\n"), 0o600))
		time.Sleep(30 * time.Second)
		r = newRig(t, c)
		defer r.run(t)()
		untilSecond(time.Minute)
		assert.Equal(t, []string{"P TIME 01T03:00"}, r.take(), "the minute that has begun is not run")
		assert.Len(t, r.book.with("the clock was set back far"), 1)
	})
}

func TestAMinuteIsInTheFileBeforeAnythingFires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// Where the file cannot be written, the log says so in the place of the write.
		r := newRig(t, Config{StatePath: filepath.Join(t.TempDir(), "none", "x"), Triggers: []Trigger{atTime("P", "* * * * *", "UTC")}})
		said := false
		r.book.hook = func() { said = true; assert.Zero(t, r.timed.Load(), "firings begun") }
		r.hold = make(chan bool)
		end := r.run(t)
		synctest.Wait()
		assert.True(t, said)
		assert.EqualValues(t, 1, r.timed.Load())
		require.NoError(t, end())
	})
}

func TestAStateThatCannotBeKeptIsSaidOnceAndStopsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "none")
		r := newRig(t, Config{StatePath: filepath.Join(dir, "triggers.dat"), Triggers: []Trigger{atTime("P", "* * * * *", "UTC")}})
		defer r.run(t)()
		untilSecond(5 * time.Minute)
		assert.Len(t, r.take(), 6)
		assert.Len(t, r.book.with("level=ERROR", "the next daemon will not know which minutes it missed", "no such file"), 1)
		require.NoError(t, os.Mkdir(dir, 0o700))
		untilSecond(time.Minute)
		require.NoError(t, os.RemoveAll(dir))
		untilSecond(2 * time.Minute)
		assert.Len(t, r.book.with("level=ERROR"), 2, "and again after it went well")
	})
}

func TestADamagedStateIsSaidAndReplaced(t *testing.T) {
	for _, damage := range []string{"", "2000-01-01T00:02", "2000-01-01T00:02:30Z\n", "2000-01-01T00:02:00Z\nmore", strings.Repeat("x", 1<<16)} {
		synctest.Test(t, func(t *testing.T) {
			c := Config{StatePath: filepath.Join(t.TempDir(), "triggers.dat")}
			require.NoError(t, os.WriteFile(c.StatePath, []byte(damage), 0o600))
			r := newRig(t, c)
			require.NoError(t, r.run(t)())
			assert.Len(t, r.book.with("level=WARN", "missed while the daemon was down are not known", "want a line such as"), 1)
			assert.Equal(t, "2000-01-01T00:00:00Z\n", contents(t, c.StatePath))
		})
	}
}

func TestTheStateIsForItsOwnerAndGroup(t *testing.T) {
	path := filepath.Join(t.TempDir(), "triggers.dat")
	require.NoError(t, (&stateFile{path: path}).store(1))
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o640), info.Mode())
}
