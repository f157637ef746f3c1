package trigger

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/adhocore/gronx"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// firingTimes are the instants in UTC at which triggers fire around each change of the clock. Where the clock goes forward,
// what it skips fires in the first minute after the gap; where it goes back, what it repeats fires once.
var firingTimes = []struct {
	zone, change string // what the wall clock does, and the instant of it in UTC
	from, to     string // of the list, in UTC; to is not in it
	at           string
	want         string // day of the month and time, UTC
}{
	// New York goes from 02:00 (UTC-5) to 03:00 (UTC-4) on 8 March 2026 at 07:00Z.
	{"America/New_York", "forward", "2026-03-07T06:00Z", "2026-03-10T06:00Z", "30 2 * * *", "07T07:30 08T07:00 09T06:30"},
	{"America/New_York", "forward", "2026-03-07T06:00Z", "2026-03-10T05:00Z", "30 1 * * *", "07T06:30 08T06:30 09T05:30"},
	{"America/New_York", "forward", "2026-03-08T05:00Z", "2026-03-08T08:00Z", "*/15 * * * *",
		"08T05:00 08T05:15 08T05:30 08T05:45 08T06:00 08T06:15 08T06:30 08T06:45 08T07:00 08T07:15 08T07:30 08T07:45"},
	{"America/New_York", "forward", "2026-03-08T05:00Z", "2026-03-08T09:00Z", "30 * * * *", "08T05:30 08T06:30 08T07:00 08T07:30 08T08:30"},
	{"America/New_York", "forward", "2026-03-07T00:00Z", "2026-03-10T00:00Z", "0 0 * * *", "07T05:00 08T05:00 09T04:00"},
	{"America/New_York", "forward", "2026-03-08T05:00Z", "2026-03-08T09:00Z", "0,30 2,3 * * *", "08T07:00 08T07:30"},
	// and from 02:00 (UTC-4) back to 01:00 (UTC-5) on 1 November 2026 at 06:00Z.
	{"America/New_York", "back", "2026-10-31T00:00Z", "2026-11-03T00:00Z", "30 1 * * *", "31T05:30 01T05:30 02T06:30"},
	{"America/New_York", "back", "2026-10-31T00:00Z", "2026-11-03T00:00Z", "30 2 * * *", "31T06:30 01T07:30 02T07:30"},
	{"America/New_York", "back", "2026-11-01T04:00Z", "2026-11-01T08:00Z", "*/15 * * * *",
		"01T04:00 01T04:15 01T04:30 01T04:45 01T05:00 01T05:15 01T05:30 01T05:45 01T07:00 01T07:15 01T07:30 01T07:45"},
	{"America/New_York", "back", "2026-11-01T04:00Z", "2026-11-01T09:00Z", "30 * * * *", "01T04:30 01T05:30 01T07:30 01T08:30"},
	{"America/New_York", "back", "2026-10-31T00:00Z", "2026-11-03T00:00Z", "0 0 * * *", "31T04:00 01T04:00 02T05:00"},

	// London goes from 01:00 (UTC) to 02:00 (UTC+1) on 29 March 2026 at 01:00Z.
	{"Europe/London", "forward", "2026-03-28T00:00Z", "2026-03-31T00:00Z", "30 1 * * *", "28T01:30 29T01:00 30T00:30"},
	{"Europe/London", "forward", "2026-03-29T00:00Z", "2026-03-29T02:00Z", "*/15 * * * *",
		"29T00:00 29T00:15 29T00:30 29T00:45 29T01:00 29T01:15 29T01:30 29T01:45"},
	{"Europe/London", "forward", "2026-03-29T00:00Z", "2026-03-29T03:00Z", "30 * * * *", "29T00:30 29T01:00 29T01:30 29T02:30"},
	{"Europe/London", "forward", "2026-03-28T00:00Z", "2026-03-31T00:00Z", "0 0 * * *", "28T00:00 29T00:00 29T23:00 30T23:00"},
	// and from 02:00 (UTC+1) back to 01:00 (UTC) on 25 October 2026 at 01:00Z.
	{"Europe/London", "back", "2026-10-24T00:00Z", "2026-10-27T00:00Z", "30 1 * * *", "24T00:30 25T00:30 26T01:30"},
	{"Europe/London", "back", "2026-10-24T23:00Z", "2026-10-25T03:00Z", "*/15 * * * *",
		"24T23:00 24T23:15 24T23:30 24T23:45 25T00:00 25T00:15 25T00:30 25T00:45 25T02:00 25T02:15 25T02:30 25T02:45"},
	{"Europe/London", "back", "2026-10-24T23:00Z", "2026-10-25T04:00Z", "30 * * * *", "24T23:30 25T00:30 25T02:30 25T03:30"},
	{"Europe/London", "back", "2026-10-24T12:00Z", "2026-10-27T12:00Z", "0 0 * * *", "24T23:00 26T00:00 27T00:00"},

	// Sydney goes from 03:00 (UTC+11) back to 02:00 (UTC+10) on 5 April 2026 at 16:00Z of the day before.
	{"Australia/Sydney", "back", "2026-04-03T12:00Z", "2026-04-06T12:00Z", "30 2 * * *", "03T15:30 04T15:30 05T16:30"},
	{"Australia/Sydney", "back", "2026-04-04T15:00Z", "2026-04-04T18:00Z", "*/15 * * * *",
		"04T15:00 04T15:15 04T15:30 04T15:45 04T17:00 04T17:15 04T17:30 04T17:45"},
	{"Australia/Sydney", "back", "2026-04-04T14:00Z", "2026-04-04T19:00Z", "30 * * * *", "04T14:30 04T15:30 04T17:30 04T18:30"},
	{"Australia/Sydney", "back", "2026-04-03T12:00Z", "2026-04-06T12:00Z", "0 0 * * *", "03T13:00 04T13:00 05T14:00"},
	// and from 02:00 (UTC+10) to 03:00 (UTC+11) on 4 October 2026 at 16:00Z of the day before.
	{"Australia/Sydney", "forward", "2026-10-02T12:00Z", "2026-10-05T12:00Z", "30 2 * * *", "02T16:30 03T16:00 04T15:30"},
	{"Australia/Sydney", "forward", "2026-10-03T15:00Z", "2026-10-03T17:00Z", "*/15 * * * *",
		"03T15:00 03T15:15 03T15:30 03T15:45 03T16:00 03T16:15 03T16:30 03T16:45"},
	{"Australia/Sydney", "forward", "2026-10-03T14:00Z", "2026-10-03T18:00Z", "30 * * * *", "03T14:30 03T15:30 03T16:00 03T16:30 03T17:30"},
	{"Australia/Sydney", "forward", "2026-10-02T12:00Z", "2026-10-05T12:00Z", "0 0 * * *", "02T14:00 03T14:00 04T13:00"},

	// Lord Howe goes from 02:00 (UTC+11) back to 01:30 (UTC+10:30) on 5 April 2026 at 15:00Z of the day before.
	{"Australia/Lord_Howe", "back", "2026-04-03T12:00Z", "2026-04-06T12:00Z", "45 1 * * *", "03T14:45 04T14:45 05T15:15"},
	{"Australia/Lord_Howe", "back", "2026-04-04T14:00Z", "2026-04-04T16:30Z", "*/15 * * * *",
		"04T14:00 04T14:15 04T14:30 04T14:45 04T15:30 04T15:45 04T16:00 04T16:15"},
	{"Australia/Lord_Howe", "back", "2026-04-04T13:00Z", "2026-04-04T18:00Z", "30 * * * *", "04T13:30 04T14:30 04T16:00 04T17:00"},
	{"Australia/Lord_Howe", "back", "2026-04-03T12:00Z", "2026-04-06T12:00Z", "0 0 * * *", "03T13:00 04T13:00 05T13:30"},
	// and from 02:00 (UTC+10:30) to 02:30 (UTC+11) on 4 October 2026 at 15:30Z of the day before.
	{"Australia/Lord_Howe", "forward", "2026-10-02T12:00Z", "2026-10-05T12:00Z", "15 2 * * *", "02T15:45 03T15:30 04T15:15"},
	{"Australia/Lord_Howe", "forward", "2026-10-03T14:30Z", "2026-10-03T16:30Z", "*/15 * * * *",
		"03T14:30 03T14:45 03T15:00 03T15:15 03T15:30 03T15:45 03T16:00 03T16:15"},
	{"Australia/Lord_Howe", "forward", "2026-10-03T14:00Z", "2026-10-03T18:00Z", "30 * * * *", "03T14:00 03T15:00 03T15:30 03T16:30 03T17:30"},
	{"Australia/Lord_Howe", "forward", "2026-10-02T12:00Z", "2026-10-05T12:00Z", "0 0 * * *", "02T13:30 03T13:30 04T13:00"},

	// Tokyo (UTC+9) does not change its clock.
	{"Asia/Tokyo", "none", "2026-03-07T12:00Z", "2026-03-10T12:00Z", "30 2 * * *", "07T17:30 08T17:30 09T17:30"},
	{"Asia/Tokyo", "none", "2026-10-30T12:00Z", "2026-11-02T12:00Z", "30 1 * * *", "30T16:30 31T16:30 01T16:30"},
	{"Asia/Tokyo", "none", "2026-11-01T05:00Z", "2026-11-01T07:00Z", "*/15 * * * *",
		"01T05:00 01T05:15 01T05:30 01T05:45 01T06:00 01T06:15 01T06:30 01T06:45"},
	{"Asia/Tokyo", "none", "2026-03-29T00:00Z", "2026-03-29T03:00Z", "30 * * * *", "29T00:30 29T01:30 29T02:30"},
	{"Asia/Tokyo", "none", "2026-10-24T12:00Z", "2026-10-27T12:00Z", "0 0 * * *", "24T15:00 25T15:00 26T15:00"},

	// Midnight itself is skipped in Cairo (24 April 2026, 22:00Z of the day before) and repeated in Havana (1 November, 05:00Z).
	{"Africa/Cairo", "forward", "2026-04-22T12:00Z", "2026-04-25T12:00Z", "0 0 * * *", "22T22:00 23T22:00 24T21:00"},
	{"Africa/Cairo", "forward", "2026-04-22T12:00Z", "2026-04-25T12:00Z", "59 0 24 4 *", "23T22:00"},
	{"America/Havana", "back", "2026-10-31T00:00Z", "2026-11-03T00:00Z", "0 0 * * *", "31T04:00 01T04:00 02T05:00"},
	// Apia had no 30 December 2011: the whole day is run at 10:00Z, which is the midnight after it.
	{"Pacific/Apia", "forward", "2011-12-29T00:00Z", "2012-01-01T00:00Z", "0 7,19 * * *", "29T05:00 29T17:00 30T05:00 30T10:00 30T17:00 31T05:00 31T17:00"},
	{"Pacific/Apia", "forward", "2011-12-29T00:00Z", "2012-01-01T00:00Z", "0 7 30 * *", "30T10:00"},
	{"UTC", "none", "2026-02-27T00:00Z", "2026-03-02T00:00Z", "0 12 L * *", "28T12:00"},
}

func instant(t testing.TB, s string) minute {
	at, err := time.Parse("2006-01-02T15:04Z", s)
	require.NoError(t, err)
	return minuteOf(at)
}

func TestFiringTimesOverChangesOfTheClock(t *testing.T) {
	for _, c := range firingTimes {
		t.Run(fmt.Sprintf("%s %s %s", c.zone, c.change, c.at), func(t *testing.T) {
			trigger := atTime("P", c.at, c.zone)
			s, err := newSchedule(&trigger)
			require.NoError(t, err)
			walk := func(step func(i, n minute) minute) []string {
				from, to := instant(t, c.from), instant(t, c.to)
				fired := make([]string, to-from)
				for i := range to - from {
					if m := from + step(i, to-from); s.due(m) {
						fired[m-from] = m.time().Format("02T15:04")
					}
				}
				return strings.Fields(strings.Join(fired, " "))
			}
			want := strings.Fields(c.want)
			assert.Equal(t, want, walk(func(i, _ minute) minute { return i }))
			assert.Equal(t, want, walk(func(i, n minute) minute { return n - 1 - i }), "walked back")
			assert.Equal(t, want, walk(func(i, n minute) minute { return i * 7919 % n }), "walked in any order")
		})
	}
}

// Over most of a year in every kind of zone, the last day of a leap year with a rule beyond the table of changes among them, each minute of the wall clock belongs to one minute of the world, and is never
// later than the first that shows it.
func TestEachWallMinuteIsGivenOnce(t *testing.T) {
	for name, from := range map[string]string{"America/New_York": "2060-12-01T00:00Z", "Europe/Dublin": "2026-02-01T00:00Z",
		"Australia/Lord_Howe": "2060-03-01T00:00Z", "Africa/Casablanca": "2026-01-01T00:00Z", "Antarctica/Troll": "2026-03-01T00:00Z",
		"Pacific/Apia": "2011-03-01T00:00Z", "Asia/Tokyo": "2060-12-01T00:00Z", "Pacific/Chatham": "2060-03-01T00:00Z"} {
		location, err := time.LoadLocation(name)
		require.NoError(t, err)
		z := zone{location: location, steady: 1}
		m := instant(t, from)
		_, reached := z.shows(m)
		for end := m + 330*dayMinutes; m < end; {
			m++
			now := m.time().In(location)
			shown := wallAt(time.Date(now.Year(), now.Month(), now.Day(), now.Hour(), now.Minute(), 0, 0, time.UTC).Unix(), 0)
			after, last := z.shows(m)
			switch {
			case shown <= reached && after != last:
				require.FailNow(t, "a minute is given again", "%s %v", name, now)
			case shown > reached && (after != reached || last != shown):
				require.FailNow(t, "a wrong minute is given", "%s %v: %d to %d, want %d to %d", name, now, after, last, reached, shown)
			}
			reached = max(reached, shown)
		}
	}
}

func TestFieldsMeanWhatGronxSays(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, at := range []string{"* * * * *", "*/7 * * * *", "5/15 3-9/2 * * *", "0,30 8-18/2 1-7 * 1", "0 0 L * *", "30 4 15W * *",
		"0 0 * * 5L", "0 0 * * 5#2", "* * 13 * 5", "* * */2 * 1", "0 0 29 2 *", "* * * JAN-MAR MON,wed", "* 0 1,31 * 7", "* * 31 * *"} {
		trigger := atTime("P", at, "UTC")
		s, err := newSchedule(&trigger)
		require.NoError(t, err, at)
		for range 2_000 {
			m := minute(random.Int64N(60 * 365 * dayMinutes))
			want, err := gronx.New().IsDue(at, m.time())
			require.NoError(t, err)
			require.Equal(t, want, s.due(m), "%s at %v", at, m.time())
			if m%3 == 0 { // the next minutes are of the same day
				require.Equal(t, mustDue(at, m+1), s.due(m+1))
			}
		}
	}
}

func mustDue(at string, m minute) bool {
	due, err := gronx.New().IsDue(at, m.time())
	return due && err == nil
}

func TestMinutesBefore1970AreMinutesToo(t *testing.T) {
	at := time.Date(1969, 12, 31, 22, 59, 30, 0, time.UTC)
	assert.Equal(t, at.Truncate(time.Minute), minuteOf(at).time())
	w := wallMinute(minuteOf(at))
	assert.Equal(t, []int{22, 59}, []int{w.hour(), w.minute()})
	assert.Equal(t, at.Truncate(24*time.Hour), w.date())
}
