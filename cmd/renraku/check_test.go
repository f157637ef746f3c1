package main

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
	"renraku/cmd/internal/control"
	"renraku/contactfile"
)

func TestCheckSaysThatTheManagerIsIsolated(t *testing.T) {
	t.Parallel()
	dir := manned(t, func() control.State { return control.State{Host: "mgr01", Isolated: true} })
	out := cmdtest.Renraku(t, "check", "--daemon", "--dir", dir)
	assert.Equal(t, 0, out.Code)
	assert.Regexp(t, `^RENRAKU OK - 1 server RUNNING: 1 ONLINE; mgr01 ISOLATED: judgement is held \| `, out.Stdout)
}

func TestCheckSaysThatTheDefinitionIsRefused(t *testing.T) {
	t.Parallel()
	dir := manned(t, func() control.State {
		return control.State{Host: "mgr01", Refused: &control.Refused{Error: "renraku.toml:3: no"}}
	})
	out := cmdtest.Renraku(t, "check", "--dir", dir)
	assert.Equal(t, 0, out.Code)
	assert.Contains(t, out.Stdout, "; definition refused: the one before stands | ")
}

func TestCheckDoesNotWaitForADaemonThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	goOn := make(chan struct{})
	dir := manned(t, func() control.State { <-goOn; return control.State{} })
	t.Cleanup(func() { close(goOn) })
	out := cmdtest.Renraku(t, "check", "--dir", dir)
	assert.Equal(t, 0, out.Code)
	assert.Regexp(t, `^RENRAKU OK - 1 server RUNNING: 1 ONLINE; talk to the daemon in .*: it does not answer: the contact file may be out of date \| `, out.Stdout)
	out = cmdtest.Renraku(t, "check", "--daemon", "--dir", dir)
	assert.Equal(t, 3, out.Code)
	assert.Regexp(t, `^RENRAKU UNKNOWN - talk to the daemon in .*: it does not answer: the contact file may be out of date \| `, out.Stdout)
}

// checked is the result of a check of n servers, all with the longest names and with statuses of their own.
func checked(t *testing.T, n int, operating contactfile.Operating) checkResult {
	t.Helper()
	warn, err := warnPatterns([]string{failedStatus})
	require.NoError(t, err)
	var records []contactfile.Record
	for i := range n {
		records = append(records, contactfile.Record{Host: fmt.Sprintf("%s%06d", strings.Repeat("h", 58), i), Operating: operating,
			Application: fmt.Sprintf("%s%06d-FAILED", strings.Repeat("A", 11), i), Since: noon})
	}
	return resultOf(records, warn, nil)
}

func TestLineOfACheckIsShortHoweverManyServersThereAre(t *testing.T) {
	t.Parallel()
	item := regexp.MustCompile(`^(?:'[^'=|]+'|[A-Za-z0-9_.-]+)=(\d+);\d*;\d*;0(;\d+)?$`)
	for _, c := range []struct {
		servers   int
		operating contactfile.Operating
		text      string
	}{
		{1, contactfile.Stopped, `^RENRAKU CRITICAL - 1 of 1 server STOPPED: h+000000 \| `},
		{5, contactfile.Stopped, `^RENRAKU CRITICAL - 5 of 5 servers STOPPED: (h+00000\d, ){4}h+000004 \| `},
		{6, contactfile.Stopped, `^RENRAKU CRITICAL - 6 of 6 servers STOPPED: (h+00000\d, ){4}h+000004 and 1 more \| `},
		{200_001, contactfile.Stopped, `^RENRAKU CRITICAL - 200001 of 200001 servers STOPPED: (h+00000\d, ){4}h+000004 and 199996 more \| `},
		{42, contactfile.Running, `^RENRAKU WARNING - 42 of 42 servers to warn of: (h+00000\d A+00000\d-FAILED, ){4}h+000004 A+000004-FAILED and 37 more \| `},
	} {
		r := checked(t, c.servers, c.operating)
		line := r.line()
		assert.Regexp(t, c.text, line)
		assert.LessOrEqual(t, len(line), maxCheckLine)
		_, data, _ := strings.Cut(line, " | ")
		sum := 0
		for _, x := range strings.Fields(data) {
			require.Regexp(t, item, x)
			if strings.HasPrefix(x, "application_") || strings.HasPrefix(x, "other_applications=") {
				n, err := strconv.Atoi(item.FindStringSubmatch(x)[1])
				require.NoError(t, err)
				sum += n
			}
		}
		assert.Equal(t, c.servers, sum, "each server counts once: %s", data)
	}
}

func TestTextOfACheckIsCutBetweenCharacters(t *testing.T) {
	t.Parallel()
	for shift := range 3 {
		r := unknown(fmt.Errorf("%s%s", strings.Repeat("x", shift), strings.Repeat("連", maxCheckText)))
		line := r.line()
		assert.True(t, utf8.ValidString(line))
		assert.LessOrEqual(t, len(line), maxCheckText)
		assert.Greater(t, len(line), maxCheckText-4)
		assert.True(t, strings.HasSuffix(line, "連..."), line)
	}
}

func TestCheckIsOneLineWhateverIsWrong(t *testing.T) {
	t.Parallel()
	out := cmdtest.Renraku(t, "check", "--dir", filepath.Join(cmdtest.Dir(t), "a\nb|c"))
	assert.Equal(t, 3, out.Code)
	assert.Regexp(t, `\ARENRAKU UNKNOWN - no contact file in [^\n|]*a; b/c: .*\n\z`, out.Stdout)
}
