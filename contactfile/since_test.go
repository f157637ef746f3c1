package contactfile

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// asPackageTime is what package time makes of s, where that is all that stands there.
func asPackageTime(s string) (time.Time, bool) {
	t, err := time.Parse(timeLayout, s)
	if err != nil || t.Format(timeLayout) != s {
		return time.Time{}, false
	}
	return t, s[len(s)-1] == 'Z'
}

func requireSameTime(t *testing.T, s string) {
	want, wantOK := asPackageTime(s)
	got, ok := timeIn(s)
	require.Equal(t, []any{want, wantOK}, []any{got, ok}, "%q", s)
}

func TestEveryDayIsReadAsPackageTimeReadsIt(t *testing.T) {
	for _, span := range [][2]int{{0, 5}, {99, 101}, {1899, 1905}, {1969, 1973}, {1999, 2029}, {2096, 2101}, {9999, 10000}} {
		last := time.Date(span[1], 1, 1, 0, 0, 0, 0, time.UTC)
		for day := time.Date(span[0], 1, 1, 0, 0, 0, 0, time.UTC); day.Before(last); day = day.AddDate(0, 0, 1) {
			requireSameTime(t, day.Add(23*time.Hour+59*time.Minute+58*time.Second).Format(timeLayout))
		}
	}
}

func TestNoTimeIsReadThatPackageTimeDoesNotRead(t *testing.T) {
	const right = "2024-02-29T10:43:05Z"
	for i := range right {
		for c := range 256 {
			requireSameTime(t, right[:i]+string([]byte{byte(c)})+right[i+1:])
		}
	}
	for _, s := range []string{"1900-02-29T00:00:00Z", "2000-02-29T00:00:00Z", "2023-04-31T00:00:00Z", "2023-00-01T00:00:00Z",
		"2023-13-01T00:00:00Z", "2023-12-32T00:00:00Z", "2023-12-00T00:00:00Z", "2023-12-31T24:00:00Z", "2023-12-31T23:60:00Z",
		"2023-12-31T23:59:60Z", "2023-12-31T1:02:003Z", "-001-12-31T00:00:00Z"} {
		requireSameTime(t, s)
	}
}

func FuzzTime(f *testing.F) {
	f.Add("2026-11-22T10:43:05Z")
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) == sinceLength {
			requireSameTime(t, s)
		}
	})
}
