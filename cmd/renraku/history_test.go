package main

import (
	"bytes"
	"context"
	"io"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/contactfile"
	"renraku/slave"
)

func TestSinceIsATimeOrHowLongAgo(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 43, 5, 0, time.UTC)
	for s, want := range map[string]time.Time{
		"0s":                            now,
		"90s":                           now.Add(-90 * time.Second),
		"30m":                           now.Add(-30 * time.Minute),
		"1h30m":                         now.Add(-90 * time.Minute),
		"7d":                            now.Add(-7 * 24 * time.Hour),
		"1d12h":                         now.Add(-36 * time.Hour),
		"36600d":                        now.Add(-36600 * 24 * time.Hour),
		"2026-11-20":                    time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC),
		"2026-11-20 08:15":              time.Date(2026, 11, 20, 8, 15, 0, 0, time.UTC),
		"2026-11-20T08:15":              time.Date(2026, 11, 20, 8, 15, 0, 0, time.UTC),
		"2026-11-20 08:15:30":           time.Date(2026, 11, 20, 8, 15, 30, 0, time.UTC),
		"2026-11-20T08:15:30.5":         time.Date(2026, 11, 20, 8, 15, 30, 5e8, time.UTC),
		"2026-11-20T08:15:30.123Z":      time.Date(2026, 11, 20, 8, 15, 30, 123e6, time.UTC),
		"2026-11-20T08:15:30.123+09:00": time.Date(2026, 11, 19, 23, 15, 30, 123e6, time.UTC),
	} {
		got, err := parseSince(s, now)
		assert.NoError(t, err, s)
		assert.True(t, want.Equal(got), "%s: %v", s, got)
	}
	for _, s := range []string{"", "d", "7", "7days", "-2h", "-7d", "7d-2h", "1d-1h", "2h7d", "1.5d", "36601d", "99999999999999999999d",
		"2562047h", "2026-11-31", "2026-11", "08:15", "yesterday", " 2h"} {
		_, err := parseSince(s, now)
		assert.Error(t, err, "%q", s)
	}
}

func TestInterruptedHistoryEnds(t *testing.T) {
	path := filepath.Join(t.TempDir(), slave.HistoryFile)
	h, _, err := contactfile.OpenHistory(path)
	require.NoError(t, err)
	defer h.Close()
	r := contactfile.HistoryRecord{Time: time.Now(), Host: "app01", Trigger: "OPERATOR", Outcome: "SET"}
	_, err = h.Append(r, r, r)
	require.NoError(t, err)

	ctx, cancel := context.WithCancel(context.Background())
	shown := 0
	err = (&historyReader{ctx: ctx, path: path}).each(io.Discard, func(*contactfile.HistoryRecord) {
		shown++
		cancel()
	})
	assert.EqualError(t, err, "interrupted")
	assert.Equal(t, 1, shown)

	var out bytes.Buffer
	assert.EqualError(t, printHistoryJSON(&out, &historyReader{ctx: ctx, path: path}, io.Discard), "interrupted")
	assert.JSONEq(t, "[]", out.String())
}
