package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheVersionIsThatOfTheTagAndWhatCameAfterIt(t *testing.T) {
	for described, want := range map[string]string{
		"v1.2.3-0-gabcdef0":            "1.2.3",
		"v1.2.3-0-gabcdef0-dirty":      "1.2.3+0.gabcdef0.dirty",
		"v1.2.3-4-gabcdef0":            "1.2.3+4.gabcdef0",
		"v1.2.3-rc.1-4-gabcdef0-dirty": "1.2.3-rc.1+4.gabcdef0.dirty",
		"v0.0.0-197-gabcdef0":          "0.0.0+197.gabcdef0",
		"v1.2-0-gabcdef0":              "",
		"vnext-3-gabcdef0":             "",
	} {
		have, err := versionOfTag(described)
		assert.Equal(t, want, have, described)
		assert.Equal(t, want == "", err != nil, "%s: %v", described, err)
	}
}

func TestAVersionThatWasGivenIsCheckedAndTaken(t *testing.T) {
	for given, right := range map[string]bool{"1.2.3": true, "1.2.3-rc.1": true, "1.2.3+4.gabc": true, "v1.2.3": false, "1.2": false, "1.2.3 ": false, "../1.2.3": false} {
		have, err := versionOf(t.Context(), ".", given)
		assert.Equal(t, right, err == nil, "%q: %v", given, err)
		assert.Equal(t, right, have == given, "%q: %q", given, have)
	}
}

func TestTheDateIsThatOfTheEnvironment(t *testing.T) {
	t.Setenv(epochVariable, "1700000000")
	date, err := dateOf(t.Context(), ".")
	require.NoError(t, err)
	assert.Equal(t, "2023-11-14T22:13:20Z", date.Format("2006-01-02T15:04:05Z07:00"))
	t.Setenv(epochVariable, "yesterday")
	_, err = dateOf(t.Context(), ".")
	assert.EqualError(t, err, `find the date: SOURCE_DATE_EPOCH "yesterday": seconds since 1970 are right`)
}
